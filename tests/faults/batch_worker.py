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
from eval_assets.providers.batches import desk, openai_batches, submitting
from eval_assets.providers.batches.desk import BatchDesk
from eval_assets.providers.batches.gathering import Gathering
from eval_assets.stages.asking_ahead import AskingAhead
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.place_asking import Asked
from eval_assets.stages.spending import Spending
from eval_assets.storage.replies import batch_ledger, lane_writer

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


def run(folder: Path) -> None:
    """What `eval-assets run --wait` does about one cell, until its predictions are written."""
    cell = parse_cell(CELL)
    with EngineRoom.from_settings(settings_from({}, data_dir=folder / "data")) as room:
        lanes = {path.parent.name for path in (room.state_dir / "batches").glob("*/*")} | {_lane(room, cell)}
        batches = BatchDesk(room.store, room.open_batches, room.stop, lambda _: None)
        n_waiting = -1
        while n_waiting:
            batches.bring_in(lanes)
            gathering = Gathering()
            with room.store.taking_together(lanes):
                with closing(AskingAhead(room, Spending(), gathering)) as ahead:
                    ahead.begin([Asked(cell, ["predictions"], "run-1", 0)])
                    ahead.first_done([cell])
                    n_waiting = ahead.n_waiting(cell)
                    if not n_waiting:
                        compute(room, "predictions", cell.key, Spending(), run_id="run-1")
                assert batches.submit(gathering) == []
            if n_waiting:
                batches.wait(lanes)


def _lane(room: EngineRoom, cell: Cell) -> str:
    from eval_assets.providers.identity import lane_of_model

    return lane_of_model(room.project.model(cell.model))


def _counted(call: Callable[..., Any], name: str, steps: list[str], die_before: int) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        steps.append(name)
        if len(steps) == die_before:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    return counted
