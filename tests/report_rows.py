"""Rows of a small evaluation for the tests of reports; a test names only the scores and outcomes it is about."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import polars as pl

from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.gating import evaluate_gates
from eval_assets.reports.computed.labels import with_labels
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, score_rows
from eval_assets.reports.evaluation_report import DatasetFacts, EvaluationReport, Provenance, assemble_report
from eval_assets.tables.cell_tables import HEURISTIC_METRICS, JUDGE_SCORES, PREDICTIONS
from eval_assets.tables.evaluation_tables import AGGREGATE_HISTORY

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHARE = MetricFacts(greater_is_better=True, low=0, high=1)


def measured(scores: Sequence[float | None], *, model="m", prompt="p", metric="token_f1", **columns) -> pl.DataFrame:
    """Rows of `heuristic_metrics` of one candidate: the i-th score is of example `e<i>`; None is a failed request."""
    rows = [
        {
            "evaluation": "trial",
            "model": model,
            "prompt": prompt,
            "example_id": f"e{index}",
            "position": index,
            "sample_index": 0,
            "metric": metric,
            "version": "v1",
            "score": score,
            "outcome": "ok" if score is not None else "error",
            "run_id": "run-1",
        }
        | {name: values[index] for name, values in columns.items()}
        for index, score in enumerate(scores)
    ]
    return pl.DataFrame(rows, schema=HEURISTIC_METRICS)


def scored(scores: Sequence[float | None], **fields) -> pl.DataFrame:
    """Score rows of one candidate, as `measured` makes them."""
    return score_rows(measured(scores, **fields), pl.DataFrame(schema=JUDGE_SCORES))


def judged(scores: Sequence[float | None], *, model="m", prompt="p", judge="correctness", juror=None) -> pl.DataFrame:
    """Rows of `judge_scores` of one candidate; None is a reply without a score."""
    rows = [
        {
            "evaluation": "trial",
            "model": model,
            "prompt": prompt,
            "example_id": f"e{index}",
            "sample_index": 0,
            "judge": judge,
            "version": "v1",
            "judge_model": "judge-model",
            "juror": juror,
            "score": score,
            "justification": None if score is None else f"because {score:g}",
            "outcome": "ok" if score is not None else "unparsed",
        }
        for index, score in enumerate(scores)
    ]
    return pl.DataFrame(rows, schema=JUDGE_SCORES)


def answered(outputs: Sequence[str | None], *, model="m", prompt="p", **columns) -> pl.DataFrame:
    """Predictions of one candidate; None is a failed request."""
    rows = [
        {
            "evaluation": "trial",
            "model": model,
            "prompt": prompt,
            "prediction_id": f"{model}-{index}",
            "example_id": f"e{index}",
            "position": index,
            "sample_index": 0,
            "inputs": f"question {index}",
            "targets": f"target {index}",
            "example": json.dumps({"inputs": f"question {index}"}),
            "example_sha256": f"sha-{index}",
            "output": output,
            "outcome": "ok" if output is not None else "error",
            "error": None if output is not None else "HTTP 500",
            "reused": False,
            "run_id": "run-1",
        }
        | {name: values[index] for name, values in columns.items()}
        for index, output in enumerate(outputs)
    ]
    return pl.DataFrame(rows, schema=PREDICTIONS)


def trial(*models: str, baseline: str | None = None, **fields) -> Evaluation:
    """An evaluation named `trial` with one prompt `p`; the first model is the baseline."""
    file = EvaluationFile(dataset="d", models=models, prompts=("p",), baseline=baseline, **fields)
    return Evaluation(name="trial", file=file)


def aggregated(
    scores: pl.DataFrame, facts: Mapping[str, MetricFacts], groups: ExampleGroups | None = None
) -> pl.DataFrame:
    """Aggregate reports of every cell in the scores."""
    return pl.concat(
        aggregate_cell(
            rows,
            metric_facts=facts,
            cell={"evaluation": "trial", "model": model, "prompt": prompt},
            run_id="run-1",
            groups=groups,
        )
        for (model, prompt), rows in scores.group_by("model", "prompt", maintain_order=True)
    )


def report_of(
    outputs: Mapping[str, Sequence[str | None]],
    scores: Mapping[str, Sequence[float | None]],
    *,
    more_scores: Sequence[pl.DataFrame] = (),
    judge_scores: pl.DataFrame | None = None,
    history: pl.DataFrame | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, MetricFacts] | None = None,
    slices_of: Mapping[str, Sequence[str]] | None = None,
    **fields,
) -> EvaluationReport:
    """A report of an evaluation with a candidate per model, built by the functions that build real ones.

    Args:
        outputs: Model → its outputs; None is a failed request.
        scores: Model → its token_f1; None where unscored.
        more_scores: Rows of `heuristic_metrics` of other metrics.
        judge_scores: Rows of `judge_scores`.
        history: Rows of `aggregate_history`.
        notes: Notes of the report.
        facts: Of the metrics; default token_f1 from 0 to 1 and the judge correctness from 1 to 5.
        slices_of: Column → its value of each example, by which results are split.
        fields: Of the evaluation file.
    """
    facts = facts or {"token_f1": SHARE, "correctness": MetricFacts(greater_is_better=True, low=1, high=5)}
    evaluation = trial(*outputs, **fields)
    verdicts = pl.DataFrame(schema=JUDGE_SCORES) if judge_scores is None else judge_scores
    heuristic = pl.concat([*(measured(values, model=model) for model, values in scores.items()), *more_scores])
    rows = score_rows(heuristic, verdicts)
    examples = pl.DataFrame({name: list(values) for name, values in (slices_of or {}).items()})
    ids = pl.Series("example_id", [f"e{index}" for index in range(examples.height)], dtype=pl.String)
    groups = ExampleGroups(examples.with_columns(ids), slices=tuple(slices_of)) if slices_of else None
    aggregates = aggregated(rows, facts, groups)
    frames = {
        "predictions": pl.concat(answered(texts, model=model) for model, texts in outputs.items()),
        "heuristic_metrics": heuristic,
        "judge_scores": verdicts,
        "aggregate_reports": aggregates,
        "comparison": with_labels(
            compare_candidates(evaluation, rows, aggregates, metric_facts=facts, run_id="run-2"), rows, evaluation
        ),
        "gate_results": evaluate_gates(evaluation, rows, metric_facts=facts, run_id="run-2"),
        "aggregate_history": pl.DataFrame(schema=AGGREGATE_HISTORY) if history is None else history,
    }
    return assemble_report(
        evaluation,
        frames,
        dataset=DatasetFacts("d", n_examples=len(next(iter(outputs.values()))), sha256="ab" * 32),
        provenance=Provenance(NOON, ("run-1", "run-2"), dict.fromkeys(frames, 3)),
        notes=notes,
    )
