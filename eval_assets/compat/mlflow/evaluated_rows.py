"""What `mlflow.models.evaluate` is given as data: a frame, and which of its columns are what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

TARGETS = "targets"
MAPPED = ("inputs", "context", "targets")
"""Our columns that `col_mapping` may give another name; other names in it are arguments of metric functions."""


@dataclass(frozen=True, slots=True)
class EvaluatedRows:
    """Rows as they are evaluated.

    Args:
        frame: Every column as it was given, and `inputs` if those are several columns.
        columns: Our column → theirs, where the names differ.
        features: What a model is shown.
        targets: The column that outputs are compared with.
        predictions: The column that holds outputs.
    """

    frame: "pd.DataFrame"
    columns: Mapping[str, str]
    features: Sequence[str]
    targets: str | None
    predictions: str | None


def evaluated_rows(
    data: Any,
    *,
    targets: Any,
    predictions: str | None,
    feature_names: Sequence[str] | None,
    col_mapping: Mapping[str, Any],
    is_answered: bool,
) -> EvaluatedRows:
    """Bring data into a frame and find out what its columns are.

    Args:
        data: As MLflow takes it: a frame, a dataset of `mlflow.data`, a list or an array of features.
        targets: Name of a column; for lists and arrays the targets themselves.
        predictions: Name of a column with outputs; for a model that returns several columns, which of them it is.
        feature_names: What the model is shown; default all columns but targets and outputs.
        col_mapping: Our column → theirs.
        is_answered: Whether outputs are in the data, as no model is given.

    Raises:
        ConfigError: The data is none of these, or a column isn't there.
    """
    import pandas as pd

    if hasattr(data, "df") and hasattr(data, "targets"):  # a dataset of mlflow.data
        targets = data.targets if targets is None else targets
        predictions = getattr(data, "predictions", None) if predictions is None else predictions
        data = data.df
    frame, is_frame = _frame_of(data, feature_names)
    if targets is not None and not isinstance(targets, str):
        frame, targets = _with_targets(frame, targets, is_frame=is_frame), TARGETS
    names = [str(name) for name in frame.columns]
    _refuse_absent("targets", targets, names)
    if is_answered:
        if predictions is None:
            raise ConfigError(
                "predictions: expected the column that holds outputs, as no model is given, got None; the data has the "
                f"columns {', '.join(map(repr, names))}"
            )
        _refuse_absent("predictions", predictions, names)
    held = predictions if is_answered else None
    features = [name for name in names if name not in (targets, held)]
    if feature_names is not None and is_frame:
        for name in feature_names:
            _refuse_absent("feature_names", name, names)
        features = list(feature_names)
    columns = _columns(col_mapping, targets, names)
    if columns.get("inputs", "inputs") not in names:
        if len(features) == 1:
            columns["inputs"] = features[0]
        elif features:
            frame = frame.assign(inputs=pd.Series(frame[features].to_dict("records"), dtype=object))
        else:
            raise ConfigError(f"data: expected a column with inputs besides {', '.join(map(repr, names))}, got none")
    return EvaluatedRows(frame, columns, features, targets, held)


def _frame_of(data: Any, feature_names: Sequence[str] | None) -> tuple["pd.DataFrame", bool]:
    """A pandas frame whose rows are numbered, and whether the data had named columns."""
    import pandas as pd

    kind = type(data)
    top = kind.__module__.partition(".")[0]
    if isinstance(data, pd.DataFrame):
        return data.reset_index(drop=True), True
    if kind.__name__ == "DataFrame" and top == "polars":
        return pd.DataFrame({name: data[name].to_list() for name in data.columns}), True
    if top == "pyspark":
        raise ConfigError("data: expected rows in memory, got a Spark frame; give `data.toPandas()`")
    rows = data.tolist() if hasattr(data, "tolist") else data
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        raise ConfigError(
            "data: expected a pandas or polars frame, a dataset of mlflow.data, or a list or array of rows, got "
            f"{kind.__name__} {data!r:.60}"
        )
    if all(isinstance(row, Mapping) for row in rows):
        return pd.DataFrame(list(rows)), True
    if any(isinstance(row, list | tuple) for row in rows):
        width = max(len(row) for row in rows)
        names = list(feature_names or [f"feature_{place + 1}" for place in range(width)])
        return pd.DataFrame([list(row) for row in rows], columns=names), False
    return pd.DataFrame({(feature_names or ["inputs"])[0]: list(rows)}), False


def _with_targets(frame: "pd.DataFrame", targets: Any, *, is_frame: bool) -> "pd.DataFrame":
    values = list(targets)
    if is_frame:
        raise ConfigError(
            f"targets: expected the name of a column of the data, got {type(targets).__name__}; columns: "
            f"{', '.join(map(repr, frame.columns))}"
        )
    if len(values) != len(frame):
        raise ConfigError(f"targets: expected {len(frame)} values, one a row, got {len(values)}")
    return frame.assign(**{TARGETS: values})


def _columns(col_mapping: Mapping[str, Any], targets: str | None, names: Sequence[str]) -> dict[str, str]:
    """Our column → theirs."""
    for ours, theirs in col_mapping.items():
        if not isinstance(theirs, str):
            raise ConfigError(f"col_mapping: expected the name of a column for {ours!r}, got {theirs!r:.60}")
        _refuse_absent("col_mapping", theirs, names)
    said = {**col_mapping, **({"targets": targets} if targets is not None else {})}
    return {ours: theirs for ours, theirs in said.items() if ours in MAPPED and ours != theirs}


def _refuse_absent(argument: str, name: str | None, names: Sequence[str]) -> None:
    if name is not None and name not in names:
        raise ConfigError(f"{argument}: the data has no column {name!r}; {nearest(str(name), names)}")
