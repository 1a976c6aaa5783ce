"""Metrics that are functions of MLflow's kind: called once for all rows, when outputs and our metrics are there."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError, MetricError

if TYPE_CHECKING:
    import pandas as pd

PREDICTION, TARGET = "prediction", "target"
"""Columns of the frame that a function of two arguments is given."""


@dataclass(frozen=True, slots=True)
class MetricValues:
    """The value of a metric, with the names that MLflow's has.

    Args:
        scores: One a row.
        justifications: Likewise.
        aggregate_results: Name of an aggregate → its value.
    """

    scores: Sequence[Any] | None = None
    justifications: Sequence[Any] | None = None
    aggregate_results: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows with their outputs, as functions see them.

    Args:
        frame: Every column of the data.
        outputs: One a row; null where there is no answer.
        targets: Likewise; null without targets.
        predictions_name: The column of the data that holds outputs, if one does.
        targets_name: The column that holds targets, if one does.
        config: Options of the evaluator: `col_mapping` (argument → column), and values of arguments.
    """

    frame: "pd.DataFrame"
    outputs: "pd.Series[Any]"
    targets: "pd.Series[Any] | None"
    predictions_name: str | None
    targets_name: str | None
    config: Mapping[str, Any]

    @property
    def compared(self) -> "pd.DataFrame":
        """Outputs and targets side by side."""
        import pandas as pd

        columns = {PREDICTION: self.outputs, **({} if self.targets is None else {TARGET: self.targets})}
        return pd.DataFrame(columns)


def called_metric(
    metric: Any, answered: Answered, values: Mapping[str, MetricValues], aggregates: Mapping[str, float]
) -> MetricValues:
    """Call the function of a metric as MLflow does.

    Args:
        metric: An object with `name` and `eval_fn`.
        answered: The rows.
        values: Metric, with its version → its values so far.
        aggregates: Every aggregate so far, by its key.

    Raises:
        ConfigError: Nothing fills one of its arguments.
        MetricError: It raised, or returned something else than a number or a value per row.
    """
    arguments = _arguments(metric, answered, values, aggregates)
    try:
        found = metric.eval_fn(*arguments)
    except Exception as error:
        raise MetricError(f"metric {metric.name!r} failed: {type(error).__name__}: {error}") from error
    if isinstance(found, int | float | np.number):
        return MetricValues(aggregate_results={metric.name: float(found)})
    scores = getattr(found, "scores", None)
    if found is None or not hasattr(found, "scores") or (scores is not None and len(scores) != len(answered.outputs)):
        raise MetricError(
            f"metric {metric.name!r}: expected a number, or a MetricValue with {len(answered.outputs)} scores, one a "
            f"row, got {found!r:.80}"
        )
    results = found.aggregate_results
    if results is None and scores and all(isinstance(score, int | float | np.number) for score in scores):
        results = {"mean": np.mean(scores), "variance": np.var(scores), "p90": np.percentile(scores, 90)}
    plain = {name: None if value is None else float(value) for name, value in (results or {}).items()}
    return MetricValues(scores, found.justifications, plain)


def _arguments(
    metric: Any, answered: Answered, values: Mapping[str, MetricValues], aggregates: Mapping[str, float]
) -> list[Any]:
    parameters = inspect.signature(metric.eval_fn).parameters
    names = list(parameters)
    if len(names) == 2 and names[0] != "predictions" and names[1] != "targets":  # noqa: PLR2004  a frame and a mapping
        return [answered.compared, dict(aggregates)]
    filled: list[Any] = []
    for name, parameter in parameters.items():
        column = answered.config.get("col_mapping", {}).get(name, name)
        if column in ("predictions", answered.predictions_name):
            filled.append(answered.outputs.copy())
        elif column in ("targets", answered.targets_name) and answered.targets is not None:
            filled.append(answered.targets.copy())
        elif column == "metrics":
            filled.append(copy.deepcopy(dict(values)))
        elif column in answered.frame.columns:
            filled.append(answered.frame[column].copy())
        elif column in answered.config:
            filled.append(answered.config[column])
        elif found := next((each for key, each in values.items() if column in (key, key.partition("/")[0])), None):
            filled.append(copy.deepcopy(found))
        elif parameter.default is not inspect.Parameter.empty:
            filled.append(parameter.default)
        else:
            known = ["predictions", "targets", "metrics", *map(str, answered.frame.columns), *values]
            raise ConfigError(f"metric {metric.name!r}: nothing fills its argument {name!r}; {nearest(name, known)}")
    return filled
