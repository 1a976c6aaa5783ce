"""The share of a row's own expectations that its output meets. How they are written is in `expectation_forms`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl

from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.errors import MetricError
from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.expectations.expectation_forms import RowExpectation, expectations_in
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.requests.canonical_json import json_text
from eval_assets.tables.cell_tables import PREDICTIONS

EXPECT = "expect"
"""The column that lists expectations where the metric names no other."""
PASSED, FAILED = "passed", "failed"
READ = ("output", "tool_calls", "targets", "example")
NO_TEXT = "the reply holds no text"

Found = Score | str | None
"""How an expectation fares: null if it is met, why it isn't, or the score of a row that can't be told."""


def expectations(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Look for what each row expects of its output: the share of its expectations that hold, `passed` if all do; the
    reason names the others.

    The row's `column` lists them, such as `{contains: Paris}`; a dot reaches into objects. A reply without text meets
    none that is about text.
    """
    column = parameters["column"]
    read = [_read(value_at(rows.example(row), column), column) for row in range(len(rows))]
    expected = {row: each for row, each in enumerate(read) if not isinstance(each, Score)}
    found = iter(_looked(rows, [(row, one) for row, each in expected.items() for one in each]))
    return [each if isinstance(each, Score) else _score(each, list(islice(found, len(each)))) for each in read]


def _read(value: Any, column: str) -> list[RowExpectation] | Score:
    """What a row expects, or why that can't be told."""
    if value is None or value == []:
        return Score(None, outcome="skipped", reason=f"no {column}")
    try:
        return expectations_in(value)
    except ValueError as error:
        return Score(None, outcome="error", reason=f"{column}: {error}")


def _looked(rows: Rows, asked: Sequence[tuple[int, RowExpectation]]) -> list[Found]:
    """How each expectation fares; those that ask the same of several rows are looked at together."""
    alike: defaultdict[str, list[int]] = defaultdict(list)
    found: list[Found] = [None] * len(asked)
    outputs = rows.column("output")
    for place, (row, one) in enumerate(asked):
        if outputs[row] is None and "output" in one.metric.needs:
            found[place] = NO_TEXT
        else:
            alike[f"{one.metric.name} {json_text(dict(one.parameters), sort_keys=True)}"].append(place)
    for places in alike.values():
        metric, parameters = asked[places[0]][1].metric, asked[places[0]][1].parameters
        try:
            scores = metric.scorer(_compared(rows, [asked[place] for place in places]), parameters)
        except MetricError as error:  # of a schema or pattern, which others don't have
            scores = [Score(None, outcome="error", reason=str(error))] * len(places)
        for place, score in zip(places, scores, strict=True):
            given = score if isinstance(score, Score) else Score(float(score))
            found[place] = _fault(asked[place][1], given)
    return found


def _compared(rows: Rows, asked: Sequence[tuple[int, RowExpectation]]) -> Rows:
    """The rows as a metric sees them, each with what it is compared with."""
    texts = {name: rows.column(name) for name in ("output", "tool_calls")}
    targets = [one.target for _, one in asked]
    columns: dict[str, list[Any]] = {
        **{name: [values[row] for row, _ in asked] for name, values in texts.items()},
        "targets": [each if each is None or isinstance(each, str) else json_text(each) for each in targets],
        "example": [json_text({"targets": each}) for each in targets],
    }
    return Rows(pl.DataFrame({name: pl.Series(columns[name], dtype=PREDICTIONS[name]) for name in READ}))


def _fault(one: RowExpectation, score: Score) -> Found:
    if score.score is None:
        return Score(None, outcome="error", reason=f"{one.said}: {score.reason}")
    if one.is_met_by(score.score):
        return None
    return score.reason or (f"got {score.score:g}" if not one.metric.is_binary else "")


def _score(expected: Sequence[RowExpectation], found: Sequence[Found]) -> Score:
    untold = next((fault for fault in found if isinstance(fault, Score)), None)
    if untold is not None:
        return untold
    faults = [
        f"{one.said} ({fault})" if fault else one.said
        for one, fault in zip(expected, found, strict=True)
        if fault is not None
    ]
    share = 1 - len(faults) / len(expected)
    return Score(share, PASSED if not faults else FAILED, reason="; ".join(faults) or None)


METRICS = (
    Metric(
        "expectations",
        expectations,
        needs=(),
        reads=("output", "tool_calls"),
        parameters={"column": Parameter(EXPECT, (str,))},
        libraries=("jsonschema", "regex", "rapidfuzz"),
        modules=("jsonschema",),
    ),
)
