"""Arguments of `mlflow.models.evaluate` that can't be honoured, each with what does the same here."""

from collections.abc import Collection, Mapping
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.metrics.registry import TASK_DEFAULTS

INSTEAD = {
    "dataset_path": "where rows came from is recorded with them; give the file itself as `data`",
    "validation_thresholds": "`gates` of an evaluation file, or `r.result.assert_no_regression(…)`",
    "baseline_model": "give both to `ea.evaluate(data, baseline, candidate)`, which compares them example by example",
    "baseline_config": "give both to `ea.evaluate(data, baseline, candidate)`, which compares them example by example",
    "model_config": "load the model with its configuration and give it as `model`",
    "inference_params": "`ea.Model('gpt-4o-mini', prompt='{{ inputs }}', parameters={'max_tokens': 100})` as `model`",
    "model_id": "nothing is logged to MLflow; `name` names the evaluation, `search_runs` finds it",
}
"""Argument → what to do instead; refused unless null."""

HONOURED_CONFIG = ("col_mapping", "metric_prefix", "retriever_k")
NO_MATTER = {"log_model_explainability": False, "log_metrics_with_dataset_info": False}
"""Options of the default evaluator → the value that asks for nothing."""


def refuse_arguments(given: Mapping[str, Any], model_type: str | None, evaluators: Any, env_manager: str) -> None:
    """Refuse what this door can't do.

    Raises:
        ConfigError: Names the argument, and what to do instead.
    """
    for argument, value in given.items():
        if value is not None:
            raise ConfigError(f"{argument}: not taken here, got {value!r:.80}; instead: {INSTEAD[argument]}")
    if model_type is not None and model_type not in TASK_DEFAULTS:
        tasks = ", ".join(map(repr, TASK_DEFAULTS))
        hint = (
            "texts are evaluated here, not labels and numbers: stay with MLflow for those"
            if model_type in ("classifier", "regressor")
            else nearest(model_type, TASK_DEFAULTS)
        )
        raise ConfigError(f"model_type: expected one of {tasks} or None, got {model_type!r}; {hint}")
    listed = [evaluators] if isinstance(evaluators, str) else list(evaluators or ())
    if any(evaluator != "default" for evaluator in listed):
        raise ConfigError(
            f"evaluators: expected 'default', the only one there is, got {evaluators!r}; metrics and judges of your "
            "own are given as `extra_metrics`"
        )
    if env_manager != "local":
        raise ConfigError(
            f"env_manager: expected 'local', got {env_manager!r}; serve the model from its environment and give "
            "`ea.Model(…, base_url=…)` as `model`"
        )


def default_config(evaluator_config: Mapping[str, Any] | None, arguments: Collection[str]) -> dict[str, Any]:
    """The options of the default evaluator, given as they are or under its name.

    Args:
        evaluator_config: As given.
        arguments: Of metric functions, which options may fill.

    Raises:
        ConfigError: One of them can't be honoured.
    """
    config = dict(evaluator_config or {})
    if set(config) == {"default"} and isinstance(config["default"], Mapping):
        config = dict(config["default"])
    known = {*HONOURED_CONFIG, *arguments}
    for option, value in config.items():
        is_off = value is None or (option in NO_MATTER and value is NO_MATTER[option])
        if option not in known and not is_off:
            raise ConfigError(
                f"evaluator_config: {option!r} is no option here and no argument of a metric function, got "
                f"{value!r:.80}; options: {', '.join(HONOURED_CONFIG)}"
            )
    return {option: value for option, value in config.items() if option in known and value is not None}
