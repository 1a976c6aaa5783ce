"""The stage that asks an evaluation's judges about a cell's predictions. What judges are asked is in `judges`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.messages import MESSAGES_VERSION
from eval_assets.judges.panels import judge_predictions
from eval_assets.judges.replies.verdicts import PARSER_VERSION
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.reports.performance import known_count, known_sum
from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.stages.cell_inputs import StoredModel, evaluation_of, read_judge, versioned_rows
from eval_assets.stages.content_hash import RowsHash
from eval_assets.stages.graph import Cell, parse_cell
from eval_assets.stages.metric_facts import facts_of
from eval_assets.stages.stage import Computation
from eval_assets.storage.batches import batches_by_position, staged
from eval_assets.storage.versions import current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance

CODE_VERSION = f"keys-{KEY_SCHEMA}+messages-{MESSAGES_VERSION}+parser-{PARSER_VERSION}"
BATCH_ROWS = 1_000
COUNTED = (
    "judge", "juror", "example_id", "score", "outcome", "reused", "cost_usd", "prompt_tokens", "completion_tokens",
)  # fmt: skip
"""Columns that the facts of a cell are made of."""

CONTENT_COLUMNS = ("score_id", "score", "label", "justification", "outcome", "cost_usd")

EngineOpener = Callable[[StoredModel, Evaluation], AbstractContextManager[Engine]]


def compute_judge_scores(run: Computation) -> Written:
    """Ask the judges of a cell's evaluation."""
    return write_verdicts(
        parse_cell(run.key),
        run.engine,
        formats=run.room.formats,
        warehouse=run.room.warehouse,
        scratch=run.room.scratch,
        run_id=run.run_id,
    )


def write_verdicts(
    cell: Cell,
    open_engine: EngineOpener,
    *,
    formats: FormatMemory,
    warehouse: Warehouse,
    scratch: Path,
    run_id: str,
) -> Written:
    """Judge a cell's predictions and replace its verdicts in one commit.

    Args:
        cell: The cell, whose predictions lie in the warehouse.
        open_engine: Opens the engine of a judge's model.
        formats: Which reply formats the endpoints understand.
        warehouse: Where predictions, judges and verdicts lie.
        scratch: Local folder for frames on their way.
        run_id: The run that writes.

    Raises:
        EvalAssetsError: As the engine does; the former verdicts stay, and replies received are kept.
    """
    stored_evaluation = current_version(warehouse, "evaluations", cell.evaluation)
    evaluation = evaluation_of(stored_evaluation)
    judges = [read_judge(warehouse, name) for name in evaluation.file.judges]
    version, predictions = versioned_rows(warehouse, "predictions", cell.partition)
    inputs = {
        f"predictions/{cell.key}": version,
        f"evaluations/{cell.evaluation}": stored_evaluation.content_sha256,
        **{f"judges/{judge.judge.name}": judge.data_version for judge in judges},
    }
    models: dict[str, StoredModel] = {name: model for judge in judges for name, model in judge.models.items()}
    rows_hash = RowsHash(CONTENT_COLUMNS)
    counts: list[pl.DataFrame] = []

    def frames() -> Iterator[pl.DataFrame]:
        with ExitStack() as stack:
            verdicts = judge_predictions(
                batches_by_position(predictions, batch_rows=BATCH_ROWS),
                [judge.judge for judge in judges],
                {name: stack.enter_context(open_engine(model, evaluation)) for name, model in models.items()},
                models={name: model.model for name, model in models.items()},
                formats=formats,
                run_id=run_id,
                jurors={name: juror for judge in judges for name, juror in judge.jurors.items()},
                judge_versions={judge.judge.name: judge.version for judge in judges},
            )
            for frame in verdicts:
                rows_hash.add(frame)
                counts.append(frame.select(COUNTED))
                yield frame

    with staged(frames() if judges else iter(()), scratch) as read_frames:
        # Reports read the judges' direction and range together with these rows.
        declared = facts_of((), [judge.judge for judge in judges])
        data_version = rows_hash.hexdigest({name: asdict(fact) for name, fact in declared.items()})
        facts = verdict_facts(counts)
        commit = warehouse.replace(
            "judge_scores",
            read_frames,
            cell.partition,
            provenance(run_id=run_id, data_version=data_version, code_version=CODE_VERSION, inputs=inputs, facts=facts),
        )
    return Written(data_version, commit, sum(frame.height for frame in counts), facts)


def verdict_facts(counts: list[pl.DataFrame]) -> dict[str, Any]:
    """Counts, means over examples per judge, tokens and cost of verdict rows, as reports have them."""
    if not counts:
        return {}
    rows = pl.concat(counts)
    by_example = rows.filter(pl.col("juror").is_null()).group_by("judge", "example_id").agg(pl.col("score").mean())
    means = by_example.group_by("judge").agg(pl.col("score").mean()).sort("judge")
    return {
        "outcomes": dict(rows.group_by("outcome").len().iter_rows()),
        "n_reused": int(rows["reused"].sum()),
        "prompt_tokens": known_count(rows["prompt_tokens"]),
        "completion_tokens": known_count(rows["completion_tokens"]),
        "cost_usd": known_sum(rows["cost_usd"]),
        **{f"{judge}_mean": mean for judge, mean in means.iter_rows()},
    }
