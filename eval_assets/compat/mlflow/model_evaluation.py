"""`evaluate` with the arguments of `mlflow.models.evaluate` (MLflow 2.22)."""

import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from eval_assets.api.evaluating import evaluate as evaluate_rows
from eval_assets.api.project_choice import chosen_settings
from eval_assets.api.results.result import EvaluationResult
from eval_assets.compat.mlflow.answering_model import candidate_of
from eval_assets.compat.mlflow.called_metrics import Answered, MetricValues, called_metric
from eval_assets.compat.mlflow.evaluated_rows import EvaluatedRows, evaluated_rows
from eval_assets.compat.mlflow.extra_metrics import ExtraMetrics, extra_metrics_of, ranked_defaults
from eval_assets.compat.mlflow.mlflow_result import MlflowArtifact, MlflowResult
from eval_assets.compat.mlflow.mlflow_shape import flat_metrics, outputs_of, score_columns, values_of
from eval_assets.compat.mlflow.refusals import default_config, refuse_arguments
from eval_assets.config.project_files import load_project
from eval_assets.errors import ConfigError
from eval_assets.metrics.registry import TASK_DEFAULTS
from eval_assets.wording.foreign_text import shortened

LOG = logging.getLogger(__name__)

BEYOND_MLFLOW = ("token_f1",)
"""Defaults of ours that MLflow doesn't compute."""

CustomArtifact = Callable[[Any, Mapping[str, MetricValues], str], Mapping[str, Any] | None]


def evaluate(  # noqa: PLR0913  the arguments of MLflow, in its order
    model: Any = None,
    data: Any = None,
    *,
    model_type: str | None = None,
    targets: Any = None,
    predictions: str | None = None,
    dataset_path: str | None = None,
    feature_names: Sequence[str] | None = None,
    evaluators: str | Sequence[str] | None = None,
    evaluator_config: Mapping[str, Any] | None = None,
    custom_metrics: Sequence[Any] | None = None,
    extra_metrics: Sequence[Any] | None = None,
    custom_artifacts: Sequence[CustomArtifact] | None = None,
    validation_thresholds: Any = None,
    baseline_model: Any = None,
    env_manager: str = "local",
    model_config: Any = None,
    baseline_config: Any = None,
    inference_params: Any = None,
    model_id: str | None = None,
    name: str | None = None,
    project: str | os.PathLike[str] | None = None,
) -> MlflowResult:
    """Evaluate a model, or outputs that are there, as `mlflow.models.evaluate` does; docs/from-mlflow.md compares them.

    Args:
        model: A function or an object with `predict`, which is given pandas frames of features, a part of the rows at a
            time; "model@prompt" of the project; `ea.Model(…)`; null: outputs are in the data.
        data: A pandas or polars frame, a dataset of `mlflow.data`, a list or array of rows.
        model_type: "question-answering", "text-summarization", "text" or "retriever"; null: only `extra_metrics`.
        targets: The column that outputs are compared with; for lists and arrays the targets themselves.
        predictions: The column that holds outputs; of a model's frame, the column that is its answer.
        dataset_path: Refused, as are `validation_thresholds`, `baseline_model`, `model_config`, `baseline_config`,
            `inference_params` and `model_id`: the message says what does the same.
        feature_names: What a model is shown; default all columns but targets and outputs.
        evaluators: "default", the only one.
        evaluator_config: `col_mapping`, `metric_prefix`, `retriever_k`, and arguments of metric functions.
        custom_metrics: As `extra_metrics`, its former name.
        extra_metrics: `EvaluationMetric` objects of MLflow, names of our metrics and judges, functions, `ea.Judge(…)`.
        custom_artifacts: Functions of outputs and targets side by side, the metrics, and a folder.
        validation_thresholds: Refused.
        baseline_model: Refused.
        env_manager: "local", the only one.
        model_config: Refused.
        baseline_config: Refused.
        inference_params: Refused.
        model_id: Refused.
        name: Of the evaluation in tables, as in `ea.evaluate`.
        project: Folder of the project, as in `ea.evaluate`.

    Raises:
        ConfigError: An argument can't be used or honoured; says what was expected, and what to do instead.
        MetricError: A metric function failed. Rows that failed are rows: see `result.result.errors`.
    """
    refused = {
        "dataset_path": dataset_path, "validation_thresholds": validation_thresholds, "baseline_model": baseline_model,
        "baseline_config": baseline_config, "model_config": model_config, "inference_params": inference_params,
        "model_id": model_id,
    }  # fmt: skip
    refuse_arguments(refused, model_type, evaluators, env_manager)
    given = [*(custom_metrics or ()), *(extra_metrics or ())]
    if model_type is None and not given:
        raise ConfigError("model_type: expected a task, or metrics as `extra_metrics`, got neither")
    settings = chosen_settings(project)
    metrics = extra_metrics_of(given, load_project(settings.data_dir, settings.warehouse_root))
    arguments = {argument for metric in metrics.called for argument in signature(metric.eval_fn).parameters}
    config = default_config(evaluator_config, arguments)
    rows = evaluated_rows(
        data,
        targets=targets,
        predictions=predictions,
        feature_names=feature_names,
        col_mapping=config.get("col_mapping", {}),
        is_answered=model is None,
    )
    result = evaluate_rows(
        rows.frame,
        rows.predictions if model is None else candidate_of(model, rows.features, rows.columns, predictions),
        columns=rows.columns,
        task=model_type or "auto",
        metrics=_metrics(model_type, metrics, config),
        judges=metrics.judges,
        name=name,
        project=project,
    )
    return _in_shape(result, rows, metrics, config, predictions, custom_artifacts or ())


def _metrics(model_type: str | None, extra: ExtraMetrics, config: Mapping[str, Any]) -> list[Any]:
    """What is computed: the defaults of the task, if there is one, and what was asked for besides."""
    if model_type is None:
        return extra.metrics
    if model_type == "retriever" and "retriever_k" in config:
        return [*ranked_defaults(int(config["retriever_k"])), *extra.metrics]
    asked = [item.get("metric") if isinstance(item, Mapping) else item for item in extra.metrics]
    of_task = next(names for task, names in TASK_DEFAULTS.items() if task == model_type)
    return [*(name for name in of_task if name not in (*BEYOND_MLFLOW, *asked)), *extra.metrics]


def _in_shape(
    result: EvaluationResult,
    rows: EvaluatedRows,
    metrics: ExtraMetrics,
    config: Mapping[str, Any],
    predictions: str | None,
    custom_artifacts: Sequence[CustomArtifact],
) -> MlflowResult:
    import pandas as pd

    _say_failed(result)
    prefix = str(config.get("metric_prefix", ""))
    values = values_of(result, metrics.named)
    has_targets = rows.targets is not None
    answered = Answered(
        rows.frame,
        outputs_of(result) if rows.predictions is None else rows.frame[rows.predictions],
        rows.frame[rows.targets] if has_targets else None,
        rows.predictions,
        rows.targets,
        config,
    )
    for metric in metrics.called:
        key = f"{metric.name}/{metric.version}" if metric.version else metric.name
        values[key] = called_metric(metric, answered, values, flat_metrics(values, ""))
    shown = {name: rows.frame[name] for name in rows.features}
    if has_targets:
        shown[str(rows.targets)] = rows.frame[rows.targets]
    output_name = rows.predictions or predictions or "outputs" if has_targets else "outputs"
    table = pd.DataFrame({**shown, output_name: answered.outputs, **score_columns(values, prefix)})
    return MlflowResult(flat_metrics(values, prefix), table, _artifacts(custom_artifacts, answered, values), result)


def _artifacts(
    functions: Sequence[CustomArtifact], answered: Answered, values: Mapping[str, MetricValues]
) -> dict[str, MlflowArtifact]:
    found: dict[str, MlflowArtifact] = {}
    for function in functions:
        made = function(answered.compared, dict(values), tempfile.mkdtemp(prefix="eval-assets-artifacts-"))
        if not isinstance(made, Mapping | None):
            raise ConfigError(
                f"custom_artifacts: expected a mapping of names to artifacts from {function!r:.60}, got {made!r:.60}"
            )
        for artifact, content in (made or {}).items():
            is_file = isinstance(content, str | os.PathLike) and os.path.exists(content)  # noqa: PTH110  either kind
            found[artifact] = MlflowArtifact(content, os.fspath(content) if is_file else None)
    return found


def _say_failed(result: EvaluationResult) -> None:
    """MLflow stops at the first row that fails; here it is a row without scores, and that is said."""
    failed = result.report.total.failures
    if failed:
        kinds = ", ".join(f"{count:,} {outcome}" for outcome, count in failed.items())
        LOG.warning("rows without an answer, which have no scores: %s; see `.result.errors`", kinds)
    for metric, row in result.report.candidates[0].metrics.items():
        if not row["n_scored"] and result.report.total.n_answered:
            reason = result.errors.filter(metric=metric)["reason"].drop_nulls()
            LOG.warning(
                "%s: no row has a score: %s", metric, shortened(next(iter(reason), "see `.result.errors`"), 300)
            )
