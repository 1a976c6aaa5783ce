"""The outputs on the HTML report, for its script: as many as a page can hold, the most telling ones first."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import polars as pl

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.outputs import CandidateOutput, ExampleOutputs
from eval_assets.reports.rendered.measures import side_by_side
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.foreign_text import visible_text

MOST_CHARACTERS = 4000
MOST_BYTES = 6_000_000  # of all examples together, so that the page stays below 10 MB
A_CHUNK = 100
"""Examples looked up at first; then twice as many each time, since each look-up goes through all rows."""
LARGEST_CHUNK = 3_200
"""All of them would be held in memory together."""


@dataclass(frozen=True, slots=True)
class PageExamples:
    """What the page's script pages through.

    Args:
        data: `candidates`, `baseline` (its index), `metrics` as `[name, direction]` with 1, -1 or 0, and `examples` as
            `[id, inputs, targets, context, answers]`, an answer being `[output, outcome, error, n_samples, scores,
            justifications, prediction_id, reasoning, tool_calls, trajectory]` with scores, or labels, in the order of
            `metrics`. Texts of more than 4,000 characters are cut, and say so.
        n_candidates: Candidates shown.
        n_examples: Examples shown.
    """

    data: dict[str, Any]
    n_candidates: int
    n_examples: int


def page_examples(report: EvaluationReport) -> PageExamples:
    """Gather outputs side by side until the page is full; they come in dataset order."""
    names = [candidate.name for candidate in side_by_side(report)]
    directions = {True: 1, False: -1, None: 0}
    places = _by_interest(report, names)
    ordered = places["example_id"].to_list()
    shown: dict[str, str] = {}
    n_bytes, start, n_looked_up = 0, 0, A_CHUNK
    while start < len(ordered):
        chunk = ordered[start : start + n_looked_up]
        written = {example.example_id: _written(example, report.reading_order) for example in _of(report, names, chunk)}
        for example_id in chunk:
            n_bytes += len(written[example_id].encode())
            if n_bytes > MOST_BYTES and shown:
                break
            shown[example_id] = written[example_id]
        if n_bytes > MOST_BYTES:
            break
        start, n_looked_up = start + n_looked_up, min(2 * n_looked_up, LARGEST_CHUNK)
    in_order = places.sort("position", "example_id")["example_id"]
    data = {
        "candidates": names,
        "baseline": names.index(report.baseline) if report.baseline in names else 0,
        "headline": report.headline,
        "metrics": [[metric, directions[report.facts(metric)["greater_is_better"]]] for metric in report.reading_order],
        "examples": [json.loads(shown[example_id]) for example_id in in_order if example_id in shown],
    }
    return PageExamples(data, len(names), len(shown))


def _of(report: EvaluationReport, names: Sequence[str], examples: Sequence[str]) -> Iterator[ExampleOutputs]:
    return report.outputs(names, examples=examples)


def _by_interest(report: EvaluationReport, names: Sequence[str]) -> pl.DataFrame:
    """Examples with their place in the dataset: failed ones, then those on which the headline's scores differ most."""
    mine = CANDIDATE.is_in(names)
    places = (
        report.predictions.filter(mine)
        .group_by("example_id")
        .agg(pl.col("position").min(), failed=(pl.col("outcome") != "ok").any())
    )
    spread = (
        report.scores.filter(mine & (pl.col("metric") == (report.headline or "")))
        .group_by("example_id")
        .agg(spread=pl.col("score").max() - pl.col("score").min())
    )
    return (
        places.join(spread, on="example_id", how="left")
        .with_columns(pl.col("spread").fill_null(0.0))
        .sort(["failed", "spread", "position", "example_id"], descending=[True, True, False, False])
    )


def _written(example: ExampleOutputs, metrics: Sequence[str]) -> str:
    cells = [
        example.example_id,
        cut(example.inputs),
        cut(example.targets),
        cut(example.context),
        [_answer(answer, metrics) for answer in example.answers],
    ]
    return json.dumps(cells, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _answer(answer: CandidateOutput, metrics: Sequence[str]) -> list[Any]:
    return [
        cut(answer.said),
        answer.outcome,
        cut(answer.error),
        answer.n_samples,
        [_value(answer, metric) for metric in metrics],
        {judge: cut(reason) for judge, reason in answer.justifications.items()},
        answer.prediction_id,
        cut(answer.reasoning),
        cut(answer.tool_calls),
        cut(answer.trajectory),
    ]


def cut(text: str | None) -> str | None:
    """Text for the page: visible, and not longer than a page can bear."""
    if text is None or len(text) <= MOST_CHARACTERS:
        return None if text is None else visible_text(text)
    more = f"{len(text) - MOST_CHARACTERS:,} more characters are in the predictions table"
    return f"{visible_text(text[:MOST_CHARACTERS])} … ({more})"


def _value(answer: CandidateOutput, metric: str) -> float | str | None:
    """The score, else the label."""
    score = answer.scores.get(metric)
    if score is None or not isfinite(score):
        return cut(answer.labels.get(metric))
    return round(score, 4)
