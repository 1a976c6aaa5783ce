"""Reads an evaluation's report, with what the tables don't tell: the dataset's card, the judges as they stand."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import ConfigError, MetricError
from eval_assets.metrics.overlap.scripts import has_other_letters, unseen_notes
from eval_assets.metrics.targets import acceptable, is_one_ascii_text, target_value
from eval_assets.providers.traits import provider_of
from eval_assets.reports.evaluation_report import EvaluationReport, load_report
from eval_assets.reports.note import Note, Weight
from eval_assets.stages.cell_inputs import evaluation_of, read_judge
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from eval_assets.storage.versions import current_version
from eval_assets.storage.warehouse import Warehouse


def read_report(room: EngineRoom, name: str, *, whole: bool = False, texts: bool = True) -> EvaluationReport:
    """Everything that was computed for an evaluation, ready to be rendered.

    Args:
        room: Project and warehouse.
        name: The evaluation.
        whole: As in `load_report`.
        texts: Likewise.

    Raises:
        StorageError: The evaluation was never read.
    """
    versions, warehouse = room.versions, room.warehouse
    stored = current_version(warehouse, "evaluations", name)
    evaluation = evaluation_of(stored)
    asked = [evaluation.file.pairwise.judge] if evaluation.file.pairwise else []
    judges = dict.fromkeys([*evaluation.file.judges, *asked])
    report = load_report(
        warehouse,
        evaluation,
        generated_at=datetime.now(UTC),
        notes=[*_notes(evaluation, warehouse), *_unseen_texts(evaluation, versions, warehouse)],
        card=room.project.dataset(evaluation.file.dataset).card,
        judges_now={judge: _version_now(versions, judge) for judge in judges},
        whole=whole,
        texts=texts,
    )
    # Candidates that were not run since may hold scores of a metric or judge that left the evaluation.
    named = {*stored.content["metric_fingerprints"], *evaluation.file.judges}
    return replace(report, metrics=tuple(metric for metric in report.metrics if metric in named))


def _version_now(versions: FileVersions, judge: str) -> str | None:
    try:
        return versions.sha256("judges", judge)
    except ConfigError:
        return None


def _unseen_texts(evaluation: Evaluation, versions: FileVersions, warehouse: Warehouse) -> list[Note]:
    """Outputs and targets in scripts that a tokenizer of the evaluation's metrics doesn't see."""
    with suppress(ConfigError, MetricError):  # the files may have changed since; then they are outdated, which is said
        metrics = [metric for metric in versions.metrics(evaluation) if metric.tokenizer]
        if metrics:
            rows = warehouse.scan("predictions", {"evaluation": evaluation.name})
            outputs = rows.filter(outcome="ok").select("output").drop_nulls()
            n_outputs = outputs.select(pl.len()).collect(engine="streaming").item()
            other = outputs.filter(has_other_letters()).collect(engine="streaming")["output"]
            is_plain = is_one_ascii_text()
            odd = pl.when(~is_plain).then(pl.col("targets", "example"))
            examples = (
                rows.select("example_id", odd, is_plain=is_plain).unique("example_id").collect(engine="streaming")
            )
            pairs = examples.filter(~pl.col("is_plain")).select("targets", "example").iter_rows()
            texts = (text for pair in pairs for text in acceptable(target_value(*pair)).texts)
            targets = pl.Series("output", texts, dtype=pl.String)
            n_others = n_outputs - len(other) + int(examples["is_plain"].sum())
            found = unseen_notes(metrics, pl.concat([other, targets]), n_others=n_others)
            return [Note(f"{note}.", Weight.UNSEEN) for note in found]
    return []


def _notes(evaluation: Evaluation, warehouse: Warehouse) -> list[Note]:
    """What to know besides the numbers, whatever was measured."""
    limit = evaluation.limit
    cut = [] if limit is None else [Note(f"These are the first {limit} rows (--limit), no more.", Weight.PARTIAL)]
    tiny = [
        judge
        for judge in evaluation.file.judges
        if any(provider_of(model.model).is_bundled for model in read_judge(warehouse, judge).models.values())
    ]
    if not tiny:
        return cut
    return [
        *cut,
        Note(
            f"{', '.join(tiny)}: judged by the bundled 135M-parameter model, which judges no better than chance. "
            "It shows how judging works; its scores say nothing about the candidates.",
            Weight.UNTRUSTED,
        ),
    ]
