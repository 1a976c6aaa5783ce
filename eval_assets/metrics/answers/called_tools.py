"""Calls of tools against those that were expected: names, and arguments as JSON values, of which 1 equals 1.0.

Calls whose arguments are no JSON count as made and match none: that is the model's fault, and stands in the reason.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.metrics.answers.matching import is_same_json
from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.requests.tool_calls import NamedCall, call_in, call_text, calls_in

MOST_NAMED = 3
"""Calls that a reason names of each kind."""


class Calls(NamedTuple):
    """The calls of one row.

    Args:
        made: By the reply.
        expected: By the row.
        n_matched: Of those made, each with one of those expected.
        missed: Expected and not made.
        unexpected: Made and not expected.
    """

    made: Sequence[NamedCall]
    expected: Sequence[NamedCall]
    n_matched: int
    missed: Sequence[NamedCall]
    unexpected: Sequence[NamedCall]

    @property
    def reason(self) -> str | None:
        """What is missing and what is too much; null if nothing is."""
        faults = [call.fault for call in self.made if call.fault is not None]
        said = [_named("not called: ", self.missed), _named("not expected: ", self.unexpected), *faults]
        return "; ".join(filter(None, said)) or None


def tool_call_match(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Compare the calls of a reply with those expected: 1 if they are the same ones, in their order if `ordered`, names
    alone unless `arguments`.

    The row's `column` lists the expected calls with `name` and `arguments`; a dot reaches into objects, an empty list
    says that nothing is to be called.
    """

    def score(calls: Calls) -> float | Score:
        if calls.missed or calls.unexpected:
            return Score(0.0, reason=calls.reason)
        pairs = zip(calls.made, calls.expected, strict=True)
        in_order = all(_is_same(one, other, parameters["arguments"]) for one, other in pairs)
        return 1.0 if in_order or not parameters["ordered"] else Score(0.0, reason="the calls come in another order")

    return [scored if isinstance(scored, Score) else score(scored) for scored in _compared(rows, parameters)]


def tool_call_precision(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Share of the calls made that were expected, in any order; with none made 1 if none was expected, else 0."""
    return [
        scored if isinstance(scored, Score) else _share(scored, len(scored.made))
        for scored in _compared(rows, parameters)
    ]


def tool_call_recall(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Share of the expected calls that were made, in any order; with none expected 1 if none was made, else 0."""
    return [
        scored if isinstance(scored, Score) else _share(scored, len(scored.expected))
        for scored in _compared(rows, parameters)
    ]


def tool_call_validity(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Read the calls of a reply: 1 if each has a name and a JSON object as arguments, else 0 with the reason. A reply
    without calls is skipped.
    """
    return [_validity(calls_in(calls)) for calls in rows.column("tool_calls")]


def expected_calls(value: Any) -> list[NamedCall]:
    """The calls that a row expects.

    Raises:
        ValueError: It is no list of calls with names and readable arguments, nor the JSON of one.

    >>> expected_calls({"name": "weather", "arguments": {"city": "Oslo"}})
    [NamedCall(name='weather', arguments={'city': 'Oslo'}, fault=None)]
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"expected a list of calls with `name` and `arguments`, got {value!r:.80}") from error
    listed = value if isinstance(value, list) else [value]
    calls = [call_in(call) for call in listed]
    if fault := next((call.fault for call in calls if call.fault is not None), None):
        raise ValueError(fault)
    return calls


def _compared(rows: Rows, parameters: Mapping[str, Any]) -> list[Calls | Score]:
    column, arguments = parameters["column"], parameters.get("arguments", True)
    return rows.shared(
        ("tool calls", column, arguments),
        lambda: [
            _row(made, value_at(rows.example(row), column), column, arguments)
            for row, made in enumerate(rows.column("tool_calls"))
        ],
    )


def _row(made: str | None, expected: Any, column: str, arguments: bool) -> Calls | Score:  # noqa: FBT001
    if expected is None:
        return Score(None, outcome="skipped", reason=f"no {column}")
    try:
        return compared_calls(calls_in(made), expected_calls(expected), arguments=arguments)
    except ValueError as error:
        return Score(None, outcome="error", reason=f"{column}: {error}")


def compared_calls(made: Sequence[NamedCall], expected: Sequence[NamedCall], *, arguments: bool = True) -> Calls:
    """Pair the calls made with those expected, each with one at most.

    >>> compared_calls([NamedCall("a", {"n": 1.0})], [NamedCall("a", {"n": 1}), NamedCall("b", {})]).missed
    [NamedCall(name='b', arguments={}, fault=None)]
    """
    missed, unexpected = list(expected), []
    for call in made:
        place = next((at for at, other in enumerate(missed) if _is_same(call, other, arguments)), None)
        if place is None:
            unexpected.append(call)
        else:
            del missed[place]
    return Calls(made, expected, len(made) - len(unexpected), missed, unexpected)


def _is_same(made: NamedCall, expected: NamedCall, arguments: bool) -> bool:  # noqa: FBT001
    if made.fault is not None or made.name != expected.name:
        return False
    return not arguments or is_same_json(made.arguments or {}, expected.arguments or {})


def _share(calls: Calls, n: int) -> float | Score:
    """Of calls that are matched; with none of either kind 1."""
    share = calls.n_matched / n if n else float(not calls.made and not calls.expected)
    return share if calls.reason is None else Score(share, reason=calls.reason)


def _validity(calls: Sequence[NamedCall]) -> float | Score:
    if not calls:
        return Score(None, outcome="skipped", reason="no calls")
    faults = [
        call.fault or f"the arguments of {call.name} are no object: {call.arguments!r:.80}"
        for call in calls
        if call.fault is not None or not isinstance(call.arguments or {}, Mapping)
    ]
    return Score(0.0, reason="; ".join(faults)) if faults else 1.0


def _named(what: str, calls: Sequence[NamedCall]) -> str:
    named = ", ".join(map(call_text, calls[:MOST_NAMED]))
    more = f" and {len(calls) - MOST_NAMED} more" if len(calls) > MOST_NAMED else ""
    return f"{what}{named}{more}" if calls else ""


_COLUMN = Parameter("targets", (str,))
_READS = ("tool_calls",)

METRICS = (
    Metric(
        "tool_call_match",
        tool_call_match,
        needs=(),
        reads=_READS,
        is_binary=True,
        parameters={
            "column": _COLUMN,
            "ordered": Parameter(True, (bool,)),
            "arguments": Parameter(True, (bool,)),
        },
    ),
    Metric("tool_call_precision", tool_call_precision, needs=(), reads=_READS, parameters={"column": _COLUMN}),
    Metric("tool_call_recall", tool_call_recall, needs=(), reads=_READS, parameters={"column": _COLUMN}),
    Metric("tool_call_validity", tool_call_validity, needs=(), reads=_READS, is_binary=True),
)
