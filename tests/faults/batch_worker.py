"""A run with batches in a process of its own, to be killed: without Dagster, one cell, from submission to predictions.

Its steps are counted as they come: calls of what touches disk or provider. `die_before` kills the process before one.
"""

import os
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from eval_assets.config.settings import settings_from
from eval_assets.errors import ProviderError
from eval_assets.providers.batches import desk, openai_batches, submitting
from eval_assets.providers.batches.desk import BatchDesk
from eval_assets.providers.batches.gathering import Gathering
from eval_assets.providers.identity import lane_of_model
from eval_assets.stages.asking_ahead import AskingAhead
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.place_asking import Asked
from eval_assets.stages.spending import Spending
from eval_assets.storage.replies import batch_ledger, lane_writer
from tests.small_project import project_with

N = 3
CELL = "e:served@ask"
STEPS: tuple[tuple[Any, str], ...] = (
    (batch_ledger.BatchLedger, "add"),
    (batch_ledger, "write_atomically"),
    (batch_ledger.BatchLedger, "_drop_contents"),
    (openai_batches.OpenAIBatches, "upload"),
    (openai_batches.OpenAIBatches, "create"),
    (openai_batches.OpenAIBatches, "status"),
    (openai_batches.OpenAIBatches, "results"),
    (lane_writer.LaneWriter, "append"),
    (lane_writer.LaneWriter, "_write"),
    (batch_ledger.BatchLedger, "finish"),
    (batch_ledger.BatchLedger, "forget"),
)


def batched_project(folder: Path, base_url: str, **fields: str) -> Path:
    """A project with one cell of `N` rows, its files read; its model is asked in batches.

    Args:
        folder: Where.
        base_url: Of the provider.
        fields: Further ones of the model file.
    """
    rows = "".join(f'{{"example_id": "{n}", "inputs": "question {n}"}}\n' for n in range(N))
    model = {"provider": "openai", "model": "m", "base_url": base_url, "mode": "batch", **fields}
    project_with(
        folder,
        **{
            "datasets/qa.jsonl": rows,
            "models/served.yaml": "".join(f"{name}: {value}\n" for name, value in model.items()),
            "evaluations/e.yaml": "dataset: qa\nmodels: [served]\nprompts: [ask]\nmetrics: [exact_match]\n",
        },
    )
    read(folder, eval_datasets="qa", prompts="ask", models="served", evaluations="e")
    return folder


def read(folder: Path, **files: str) -> None:
    """Read files into their tables."""
    with opened(folder) as room:
        for table, name in files.items():
            compute(room, table, name, Spending(), run_id="files")


def opened(folder: Path) -> EngineRoom:
    """The project in a folder, as a process of its own would open it."""
    return EngineRoom.from_settings(settings_from({}, data_dir=folder / "data"))


def dying(folder: Path, die_before: int) -> None:
    """Run, and die before the step with this number, from 1; 0 writes the names of the steps down instead."""
    steps: list[str] = []
    for owner, name in STEPS:
        setattr(owner, name, _counted(getattr(owner, name), name, steps, die_before))
    hurry(setattr)
    run(folder)
    (folder / "steps.txt").write_text("\n".join(steps))


def hurry(put: Callable[[Any, str, float], object]) -> None:
    """Wait for hundredths of a second where it would be seconds."""
    put(desk, "FIRST_LOOK_SECONDS", 0.01)
    put(submitting, "FIRST_BACKOFF_SECONDS", 0.01)
    put(submitting, "SETTLING_SECONDS", 0.1)


def run(folder: Path, spending: Spending = Spending(), *, wait: bool = True) -> int:  # noqa: B008  frozen
    """What `eval-assets run` does about one cell; how many requests it waits for in the end."""
    cell = parse_cell(CELL)
    with opened(folder) as room:
        lanes = {path.parent.name for path in (room.state_dir / "batches").glob("*/*")} | {_lane(room, cell)}
        batches = BatchDesk(room.store, room.open_batches, room.stop, lambda _: None)
        while True:
            batches.bring_in(lanes)
            gathering = Gathering()
            with room.store.taking_together(lanes):
                with closing(AskingAhead(room, spending, gathering)) as ahead:
                    ahead.begin([Asked(cell, ["predictions"], "run-1", 0)])
                    ahead.first_done([cell])
                    n_waiting = ahead.n_waiting(cell)
                    if not n_waiting and ahead.refused(cell) is None:
                        compute(room, "predictions", cell.key, spending, run_id="run-1")
                if refused := batches.submit(gathering):
                    raise ProviderError("; ".join(map(str, refused.values())))
            if not (n_waiting and wait and batches.wait(lanes)):
                return n_waiting


def _lane(room: EngineRoom, cell: Cell) -> str:
    return lane_of_model(room.project.model(cell.model))


def _counted(call: Callable[..., Any], name: str, steps: list[str], die_before: int) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        steps.append(name)
        if len(steps) == die_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    return counted
