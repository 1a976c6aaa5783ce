"""An expectation of a row, as it is written: which metric looks, with what, and which scores meet it.

The forms of other tools are in `foreign_expectations`, looking in `row_expectations`.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import MetricError
from eval_assets.metrics.answers import called_tools, json_structure, matching, numeric, refusal
from eval_assets.metrics.definition import Metric
from eval_assets.metrics.expectations.foreign_expectations import TYPE, form_of_assertion
from eval_assets.metrics.overlap import rouge, token_f1
from eval_assets.metrics.text import length

NOT = "not"
MIN = "min"
MOST_SHOWN = 80
CHARACTERS: Mapping[str, Any] = MappingProxyType({"unit": "characters"})

_SHIPPED: Mapping[str, Metric] = {
    metric.name: metric
    for module in (called_tools, json_structure, length, matching, numeric, refusal, rouge, token_f1)
    for metric in module.METRICS
}


@dataclass(frozen=True, slots=True)
class RowExpectation:
    """One thing that an output is to be.

    Args:
        said: As people read it.
        metric: Who looks.
        parameters: Every parameter of the metric.
        target: What the output is compared with, if anything.
        low: The lowest score that meets it.
        high: The highest.
    """

    said: str
    metric: Metric
    parameters: Mapping[str, Any]
    target: Any = None
    low: float = 1.0
    high: float = math.inf

    def is_met_by(self, score: float) -> bool:
        """Whether a score meets it."""
        return self.low <= score <= self.high


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to write an expectation: `{name: value, option: …}`.

    Args:
        metric: Name of the shipped metric that looks.
        read: Value → the target and the parameters it gives; raises ValueError if it is none.
        options: Names of the metric's parameters that may stand beside the value.
        fixed: Parameters that the kind sets.
        low: Value → lowest score that meets it.
        high: Value → highest score that meets it.
        has_minimum: `min` beside the value is the lowest score that meets it.
    """

    metric: str
    read: Callable[[Any], tuple[Any, dict[str, Any]]]
    options: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    low: Callable[[Any], float] = lambda _: 1.0
    high: Callable[[Any], float] = lambda _: math.inf
    has_minimum: bool = False


def _target(value: Any) -> tuple[Any, dict[str, Any]]:
    if value is None or value in ("", [], {}):
        raise ValueError(f"expected what to compare with, got {value!r}")
    return value, {}


def _texts(value: Any) -> tuple[Any, dict[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(item, str | int | float) and item != "" for item in listed):
        raise ValueError(f"expected text, or a list of texts, got {value!r:.80}")
    return value, {}


def _number(value: Any) -> tuple[Any, dict[str, Any]]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a number, got {value!r:.80}")
    return value, {}


def _length(value: Any) -> tuple[Any, dict[str, Any]]:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a whole number from 0, got {value!r:.80}")
    return None, {}


def _pattern(value: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected a regular expression, got {value!r:.80}")
    return None, {"pattern": value}


def _schema(value: Any) -> tuple[Any, dict[str, Any]]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON schema, got {value!r:.80}")  # noqa: TRY004  of a file
    json_structure.schema_validator(value)
    return None, {"schema": value}


def _yes(value: Any) -> tuple[Any, dict[str, Any]]:
    if value is not True:
        raise ValueError(f"expected true, got {value!r:.80}; `{NOT}: {{…}}` expects the contrary")
    return None, {}


def _calls(value: Any) -> tuple[Any, dict[str, Any]]:
    called_tools.expected_calls(value)
    return value, {"column": "targets"}


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "equals": Kind("exact_match", _target),
        "contains": Kind("contains", _texts, ("case_sensitive",)),
        "contains_all": Kind("contains", _texts, ("case_sensitive",)),
        "matches": Kind("regex_match", _pattern, ("full", "ignore_case")),
        "number": Kind("numeric_match", _number, ("tolerance", "relative_tolerance", "decimal_mark")),
        "is_json": Kind("json_validity", _yes),
        "json_schema": Kind("json_schema", _schema),
        "max_length": Kind("response_length", _length, ("unit",), CHARACTERS, low=lambda _: 0.0, high=float),
        "min_length": Kind("response_length", _length, ("unit",), CHARACTERS, low=float),
        "token_f1": Kind("token_f1", _target, ("tokenizer",), has_minimum=True),
        "rougeL": Kind("rougeL", _target, ("tokenizer", "use_stemmer"), has_minimum=True),
        "refuses": Kind("refusal", _yes, ("pattern",)),
        "calls": Kind("tool_call_match", _calls, ("ordered", "arguments")),
    }
)


def expectations_in(value: Any) -> list[RowExpectation]:
    """What a row expects.

    Args:
        value: A list of expectations, one alone, or the JSON of either.

    Raises:
        ValueError: One of them can't be read; says which, and what is wrong.

    >>> [one.said for one in expectations_in([{"contains_all": ["Oslo", "rain"]}, {"not": {"contains": "snow"}}])]
    ['contains_all "Oslo"', 'contains_all "rain"', 'not contains "snow"']
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"expected a list of expectations such as {{contains: …}}, got {value!r:.80}") from error
    found: list[RowExpectation] = []
    for number, item in enumerate(value if isinstance(value, list) else [value], start=1):
        try:
            found += _read(item)
        except (ValueError, MetricError) as error:
            raise ValueError(f"expectation {number}: {error}") from error
    return found


def _read(item: Any) -> Iterator[RowExpectation]:
    if isinstance(item, Mapping):
        item = {name: value for name, value in item.items() if value is not None}  # Parquet has all fields in each
    if not isinstance(item, Mapping) or not item:
        raise ValueError(f"expected an expectation such as {{contains: …}}, got {item!r:.80}")
    if TYPE in item:
        item = form_of_assertion(item)
    if NOT in item:
        if len(item) > 1:
            raise ValueError(f"expected nothing beside `{NOT}`, got {min(set(item) - {NOT})!r}")
        inner = list(_read(item[NOT]))
        if len(inner) > 1:
            raise ValueError(f"expected one thing in `{NOT}`, got {len(inner)}; write `{NOT}` for each")
        yield from map(_contrary, inner)
        return
    named = [name for name in item if name in KINDS]
    if len(named) != 1:
        unknown = next((str(name) for name in item if name not in KINDS), "")
        raise ValueError(
            f"expected one of {', '.join(KINDS)} in each expectation, got {' and '.join(named) or repr(unknown)}"
            + ("" if named else f"; {_hint(unknown)}")
        )
    name = named[0]
    values = item[name] if name == "contains_all" and isinstance(item[name], list) and item[name] else [item[name]]
    for value in values:
        yield _one(name, value, {option: given for option, given in item.items() if option != name})


def _one(name: str, value: Any, options: dict[str, Any]) -> RowExpectation:
    kind = KINDS[name]
    minimum = options.pop(MIN, None) if kind.has_minimum else None
    if kind.has_minimum:
        _number(minimum)
    allowed = (*kind.options, *((MIN,) if kind.has_minimum else ()))
    if unknown := sorted(set(options) - set(kind.options)):
        raise ValueError(f"`{name}` takes {', '.join(allowed) or 'no options'}, got {unknown[0]!r}")
    metric = _SHIPPED[kind.metric]
    target, given = kind.read(value)
    defaults = {parameter: metric.parameters[parameter].default for parameter in metric.parameters}
    parameters = {**defaults, **kind.fixed, **given, **options}
    for option, chosen in options.items():
        declared = metric.parameters[option]
        if not isinstance(chosen, declared.types) or (declared.choices and chosen not in declared.choices):
            expected = ", ".join(map(str, declared.choices)) or " or ".join(each.__name__ for each in declared.types)
            raise ValueError(f"expected {expected} as `{option}` of `{name}`, got {chosen!r:.80}")
    if metric.check is not None:
        metric.check(parameters)
    low = float(minimum) if minimum is not None else kind.low(value)
    return RowExpectation(_said(name, value, minimum), metric, parameters, target, low, kind.high(value))


def _contrary(expectation: RowExpectation) -> RowExpectation:
    """What a score meets that doesn't meet the expectation, which has one bound."""
    if math.isinf(expectation.high):
        low, high = -math.inf, math.nextafter(expectation.low, -math.inf)
    else:
        low, high = math.nextafter(expectation.high, math.inf), math.inf
    return replace(expectation, said=f"{NOT} {expectation.said}", low=low, high=high)


def _said(name: str, value: Any, minimum: float | None) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"
    at_least = "" if minimum is None else f" of at least {minimum:g}"
    return name if value is True else f"{name} {shown}{at_least}"


def _hint(unknown: str) -> str:
    if unknown in ("expected_facts", "expected_response", "guidelines"):
        return (
            f"MLflow's `{unknown}` is judged, not compared: map it to `targets`, or show it to a judge by its `columns`"
        )
    return nearest(unknown, KINDS)
