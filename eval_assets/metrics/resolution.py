"""One choice of an evaluation to the metrics it stands for: parameters filled in and checked, dependencies ordered."""

from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.given import GivenFunction
from eval_assets.errors import MetricError
from eval_assets.metrics.aggregations import AGGREGATES, aggregate_label
from eval_assets.metrics.custom.calls import score_function
from eval_assets.metrics.custom.handed_over import read_given_function
from eval_assets.metrics.custom.source import read_function
from eval_assets.metrics.definition import (
    REQUIRED,
    CustomFunction,
    Metric,
    Parameter,
    ResolvedMetric,
    texts_of,
)
from eval_assets.requests.canonical_json import json_sha256
from eval_assets.tables.cell_tables import LATER_COLUMNS, METRIC_COLUMNS


def resolve_shipped(metric: Metric, choice: MetricChoice) -> list[ResolvedMetric]:
    """Fill in the parameters of a shipped metric.

    Returns:
        One metric, or with a list of values for the parameter it expands (`k: [1, 3]`) one for each.

    Raises:
        MetricError: A parameter is unknown, missing, or of the wrong type.
    """
    if choice.version is not None:
        raise MetricError(f"expected no `version` for {metric.name!r}: shipped metrics carry their own")
    if choice.range is not None:
        raise MetricError(f"expected no `range` for {metric.name!r}: shipped metrics carry their own")
    given = {name: value for name, value in choice.parameters.items() if name != "aggregates"}
    if metric.expands is None:
        return [_resolved(metric, choice, given, choice.label or metric.name)]
    default = metric.parameters[metric.expands].default
    value = given.get(metric.expands, default)
    values = value if isinstance(value, list) else [value]
    base = choice.label or metric.name.removesuffix(f"_{metric.expands}")
    own_label = choice.label is not None and not isinstance(value, list)
    return [
        _resolved(metric, choice, {**given, metric.expands: item}, base if own_label else f"{base}_{item}")
        for item in values
    ]


def resolve_custom(
    choice: MetricChoice,
    labels: Sequence[str],
    project_dir: Path | None = None,
    given: Mapping[str, GivenFunction] | None = None,
) -> ResolvedMetric:
    """Read a metric function of the user and find the metrics whose scores it asks for.

    Args:
        choice: Names the function.
        labels: Labels of all metrics of the evaluation.
        project_dir: The folder that holds `data/`, whose modules may be named.
        given: Functions that Python code hands over.

    Raises:
        MetricError: The function can't be found, may not be named, or can't take its parameters.
    """
    parameters = {name: value for name, value in choice.parameters.items() if name != "aggregates"}
    path = choice.function or ""
    handed_over = (given or {}).get(path)
    if handed_over is None:
        function = read_function(path, parameters, project_dir)
    else:
        function = read_given_function(path, handed_over, parameters)
    by_argument = {label.replace("-", "_").replace(".", "_"): label for label in labels}
    depends_on = {
        name: by_argument[name] for name in function.arguments if name in by_argument and name not in METRIC_COLUMNS
    }
    score_range = _declared_range(choice, function)
    read = ("output" if name == "predictions" else name for name in function.arguments if name not in function.optional)
    metric = Metric(
        choice.metric,
        partial(score_function, measure=function, depends_on=depends_on, score_range=score_range),
        needs=tuple(name for name in read if name in METRIC_COLUMNS and name not in LATER_COLUMNS),
        version=choice.version or "",
        range=score_range or (None, None),
        is_binary=function.returns_boolean,
        takes_any_targets=True,
    )
    return ResolvedMetric(
        definition=metric,
        parameters=parameters,
        label=choice.label or choice.metric,
        version=metric.version,
        # A score outside the range is an error, so the range decides like a parameter.
        parameters_sha256=_sha256_of([parameters, score_range] if score_range else parameters, choice),
        greater_is_better=True if choice.greater_is_better is None else choice.greater_is_better,
        aggregates=_aggregates((), choice),
        signature=f"{function.path} (sha256 {function.code_sha256[:12]})",
        function=function,
        depends_on=depends_on,
        of_field=choice.field,
    )


def _declared_range(choice: MetricChoice, function: CustomFunction) -> tuple[float, float] | None:
    """Lowest and highest score by the evaluation file, or 0 and 1 by an annotation as boolean."""
    if not function.returns_boolean:
        return choice.range
    if choice.range is not None and choice.range != (0, 1):
        raise MetricError(
            f"expected no `range` for metric {choice.metric!r}, or [0, 1], got {list(choice.range)!r}: "
            f"{function.path!r} is annotated to return a boolean"
        )
    return 0.0, 1.0


def in_dependency_order(metrics: Sequence[ResolvedMetric]) -> tuple[ResolvedMetric, ...]:
    """Place each metric after those whose scores it reads, and keep the order otherwise.

    Raises:
        MetricError: Metrics depend on each other in a circle; the message walks it.
    """
    by_label = {metric.label: metric for metric in metrics}
    placed = dict[str, ResolvedMetric]()

    def place(label: str, path: tuple[str, ...]) -> None:
        if label in path:
            circle = " → ".join([*path[path.index(label) :], label])
            raise MetricError(f"expected metrics that don't depend on themselves, got the circle {circle}")
        if label not in placed:
            for dependency in by_label[label].depends_on.values():
                place(dependency, (*path, label))
            placed[label] = by_label[label]

    for metric in metrics:
        place(metric.label, ())
    return tuple(placed.values())


def _resolved(metric: Metric, choice: MetricChoice, given: Mapping[str, Any], label: str) -> ResolvedMetric:
    unknown = set(given) - set(metric.parameters)
    if unknown:
        raise MetricError(
            f"expected parameters of metric {metric.name!r} ({texts_of(metric.parameters) or 'it has none'}), "
            f"got {texts_of(unknown)}"
        )
    parameters = {
        name: _checked(metric, name, parameter, given.get(name, parameter.default))
        for name, parameter in metric.parameters.items()
    }
    if metric.check:
        metric.check(parameters)
    deciding = {
        name: value
        for name, value in parameters.items()
        if metric.parameters[name].decides_score
        and not (metric.parameters[name].came_later and value == metric.parameters[name].default)
    }
    direction = choice.greater_is_better
    return ResolvedMetric(
        definition=metric,
        parameters=parameters,
        label=label,
        version=metric.tokenizer_versions.get(parameters.get("tokenizer", ""), metric.version),
        parameters_sha256=_sha256_of(deciding, choice),
        greater_is_better=metric.greater_is_better if direction is None else direction,
        aggregates=_aggregates(metric.aggregates, choice),
        signature=metric.signature(parameters),
        of_field=choice.field,
    )


def _sha256_of(deciding: Any, choice: MetricChoice) -> str:
    """Hash of what decides a score besides version and code; the field that is scored decides like a parameter."""
    return json_sha256(deciding if choice.field is None else {"of_field": choice.field, "parameters": deciding})


def _checked(metric: Metric, name: str, parameter: Parameter, value: Any) -> Any:
    where = f"parameter {name!r} of metric {metric.name!r}"
    if value == REQUIRED:
        raise MetricError(f"expected {where}, which has no default")
    wrong_type = not isinstance(value, parameter.types) or (isinstance(value, bool) and bool not in parameter.types)
    if wrong_type:
        raise MetricError(f"expected {where} as {texts_of(kind.__name__ for kind in parameter.types)}, got {value!r}")
    if parameter.choices and value not in parameter.choices:
        raise MetricError(f"expected {where} among {texts_of(parameter.choices)}, got {value!r}")
    if isinstance(value, float) and not isfinite(value):
        raise MetricError(f"expected {where} as a finite number, got {value!r}")
    if parameter.minimum is not None and value is not None and value < parameter.minimum:
        raise MetricError(f"expected {where} to be at least {parameter.minimum}, got {value!r}")
    return value


def _aggregates(own: tuple[str, ...], choice: MetricChoice) -> tuple[str, ...]:
    """Read the parameter `aggregates` that every metric has: names, or `module:function` of the user."""
    chosen = choice.parameters.get("aggregates", [])
    wrong = [name for name in chosen if name not in AGGREGATES and ":" not in str(name)]
    if wrong or not isinstance(chosen, list):
        raise MetricError(
            f"expected `aggregates` of metric {choice.metric!r} as a list of {texts_of(AGGREGATES)} "
            f"or `module:function`, got {chosen!r}"
        )
    names = tuple(dict.fromkeys((*own, *chosen)))
    labels = [aggregate_label(name) for name in names]
    repeated = {label for label in labels if labels.count(label) > 1}
    if repeated:
        raise MetricError(
            f"expected aggregates of metric {choice.metric!r} by different names, got {texts_of(repeated)} twice"
        )
    return names
