"""`evaluate` with the arguments of `mlflow.genai.evaluate` (MLflow 3)."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eval_assets.api.evaluating import evaluate as evaluate_rows
from eval_assets.api.project_choice import chosen_settings
from eval_assets.api.results.result import EvaluationResult
from eval_assets.compat.mlflow.mlflow_shape import outputs_of
from eval_assets.compat.mlflow.scorers import scorers_of
from eval_assets.config.project_files import load_project
from eval_assets.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("inputs", "outputs", "expectations")


@dataclass(frozen=True, eq=False)
class ScoredResult:
    """A result in the shape of `mlflow.genai`.

    Args:
        metrics: `name/mean` of each scorer.
        result_df: A row per example: `request`, `response`, `name/value`, `name/rationale`.
        result: The result of ours: intervals, comparisons, failed rows.
    """

    metrics: Mapping[str, float]
    result_df: "pd.DataFrame" = field(repr=False)
    result: EvaluationResult = field(repr=False)

    @property
    def run_id(self) -> str:
        """The run under which tables name it."""
        return self.result.sent.run_id

    @property
    def tables(self) -> dict[str, "pd.DataFrame"]:
        """The frame as `eval_results`."""
        return {"eval_results": self.result_df}


def evaluate(
    data: Any,
    scorers: Sequence[Any],
    predict_fn: Callable[..., Any] | None = None,
    model_id: str | None = None,
    *,
    name: str | None = None,
    project: str | os.PathLike[str] | None = None,
) -> ScoredResult:
    """Score outputs, or what a function answers, as `mlflow.genai.evaluate` does; docs/from-mlflow.md compares them.

    Args:
        data: A frame or a list of mappings with `inputs`, `outputs` unless there is a function, and `expectations`.
        scorers: `@scorer` functions or plain ones of `inputs`, `outputs`, `expectations`; built-in scorers, for which a
            judge of the project stands; names of our metrics and judges; `ea.Judge(…)`.
        predict_fn: Called with the fields of each row's `inputs` by name.
        model_id: Refused: nothing is logged to MLflow.
        name: Of the evaluation in tables, as in `ea.evaluate`.
        project: Folder of the project, as in `ea.evaluate`.

    Raises:
        ConfigError: An argument can't be used or honoured; says what was expected, and what to do instead.
    """
    if model_id is not None:
        raise ConfigError(
            f"model_id: not taken here, as nothing is logged to MLflow, got {model_id!r}; `name` names the evaluation"
        )
    frame = _frame_of(data)
    has_outputs = "outputs" in frame.columns
    if has_outputs == (predict_fn is not None):
        got = "both" if has_outputs else "neither"
        raise ConfigError(f"predict_fn: expected a function, or a column 'outputs' in the data, got {got}")
    if not scorers:
        raise ConfigError("scorers: expected at least one, got none")
    settings = chosen_settings(project)
    chosen = scorers_of(scorers, load_project(settings.data_dir, settings.warehouse_root))
    result = evaluate_rows(
        frame,
        "outputs" if predict_fn is None else predict_fn,
        task="text",
        metrics=chosen.metrics,
        judges=chosen.judges,
        name=name,
        project=project,
    )
    return _in_shape(result, frame, chosen.named)


def _in_shape(result: EvaluationResult, frame: "pd.DataFrame", named: Mapping[str, str]) -> ScoredResult:
    import pandas as pd

    report, ids = result.report, result.assembled.rows.ids
    candidate = report.candidates[0]
    columns: dict[str, list[Any]] = {
        "request": frame["inputs"].tolist(),
        "response": outputs_of(result).tolist(),
    }
    by_metric: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in result.scores.iter_rows(named=True):
        by_metric[row["metric"]][row["example_id"]] = row  # of several samples the last
    metrics = {}
    for metric in report.metrics:
        called = named.get(metric, metric)
        found = [by_metric[metric].get(str(example), {}) for example in ids]
        columns[f"{called}/value"] = [_value(row) for row in found]
        reasons = [row.get("justification") or row.get("reason") for row in found]
        if any(reasons):
            columns[f"{called}/rationale"] = reasons
        mean = candidate.metrics[metric]["mean"]
        if mean is not None:
            metrics[f"{called}/mean"] = float(mean)
    return ScoredResult(metrics, pd.DataFrame(columns), result)


def _value(row: Mapping[str, Any]) -> Any:
    score = row.get("score")
    return row.get("label") if score is None else score


def _frame_of(data: Any) -> "pd.DataFrame":
    """Rows with the columns of MLflow's kind, numbered.

    Raises:
        ConfigError: They have no inputs, or are traces.
    """
    import pandas as pd

    if hasattr(data, "to_df"):  # a dataset of mlflow.genai
        data = data.to_df()
    if type(data).__name__ == "DataFrame":
        names = list(data.columns)
        frame = pd.DataFrame({str(name): list(data[name]) for name in names})
    elif isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        names = list(dict.fromkeys(name for row in data for name in row))
        frame = pd.DataFrame({name: pd.Series([row.get(name) for row in data], dtype=object) for name in names})
    else:
        raise ConfigError(f"data: expected a frame or a list of mappings, got {type(data).__name__} {data!r:.60}")
    if "inputs" not in frame.columns:
        hint = "traces aren't read here" if "trace" in frame.columns else f"got {', '.join(map(repr, names)) or 'none'}"
        raise ConfigError(f"data: expected the columns {', '.join(COLUMNS)}, of which inputs has to be there; {hint}")
    return frame
