"""Metrics as MLflow takes them, sorted by who computes them: our metrics, our judges, or the function they carry."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_assets.api.arguments.declared import DeclaredJudge, DeclaredModel
from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.registry import METRICS

SHIPPED = "mlflow.metrics"
"""Where the functions of MLflow's own metrics are."""
JUDGED = f"{SHIPPED}.genai"
RANKED = re.compile(r"(?P<metric>precision|recall|ndcg)_at_(?P<k>\d+)")


@dataclass(frozen=True, slots=True)
class ExtraMetrics:
    """What `ea.evaluate` takes of them, and what is left to be called when outputs are there.

    Args:
        metrics: Items of its `metrics`.
        judges: Items of its `judges`.
        called: Objects with an `eval_fn` that no metric or judge of ours stands for.
        named: Judge of ours → what results call it.
    """

    metrics: list[Any] = field(default_factory=list)
    judges: list[Any] = field(default_factory=list)
    called: list[Any] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)


def extra_metrics_of(given: Sequence[Any], project: Project) -> ExtraMetrics:
    """Sort metrics.

    Args:
        given: `EvaluationMetric` objects, names of metrics or judges, functions as our metrics are, `ea.Judge`.
        project: Whose judges may be named.

    Raises:
        ConfigError: One of them is no metric, or a judge that can't be made of it.
    """
    found = ExtraMetrics()
    for item in given:
        if isinstance(item, DeclaredJudge):
            found.judges.append(item)
        elif isinstance(item, str):
            _add_named(item, project, found)
        elif hasattr(item, "eval_fn") and hasattr(item, "name"):
            _add_object(item, found)
        elif callable(item) or isinstance(item, Mapping):
            found.metrics.append(item)
        else:
            raise ConfigError(
                "extra_metrics: expected EvaluationMetric objects, names, functions such as f(output, targets) or "
                f"ea.Judge, got {item!r:.80}"
            )
    return found


def _add_named(name: str, project: Project, found: ExtraMetrics) -> None:
    """A metric of ours, or a judge of the project; MLflow's names have underscores where files have hyphens."""
    judge = next((each for each in (name, name.replace("_", "-")) if each in project.names("judges")), None)
    if name in METRICS or RANKED.fullmatch(name):
        found.metrics.append(_shipped(name))
    elif judge is not None:
        found.judges.append(judge)
        found.named[judge] = name
    else:
        known = [*METRICS, *project.names("judges")]
        raise ConfigError(f"extra_metrics: there is no metric or judge {name!r}; {nearest(name, known)}")


def _add_object(metric: Any, found: ExtraMetrics) -> None:
    module = getattr(metric.eval_fn, "__module__", None) or ""
    if module.startswith(JUDGED):
        found.judges.append(_judge_of(metric))
    elif module.startswith(SHIPPED) and (metric.name in METRICS or RANKED.fullmatch(metric.name)):
        found.metrics.append(_shipped(metric.name))
    else:
        found.called.append(metric)


def _shipped(name: str) -> Any:
    ranked = RANKED.fullmatch(name)
    if ranked is None:
        return name
    return {"metric": f"{ranked['metric']}_at_k", "parameters": {"k": int(ranked["k"])}}


def ranked_defaults(k: int) -> list[Any]:
    """The metrics of a retriever at another depth than the usual one."""
    return [_shipped(f"{metric}_at_{k}") for metric in ("precision", "recall", "ndcg")]


def _judge_of(metric: Any) -> DeclaredJudge:
    """A judge with the definition, rubric, examples, columns, model and parameters of a metric of `metrics.genai`."""
    said: Mapping[str, Any] = metric.genai_metric_args or {}
    if "definition" not in said:
        raise ConfigError(
            f"extra_metrics: {metric.name!r} carries no definition, as those of `make_genai_metric` do; write it as "
            "`ea.Judge(name, kind='template', prompt='… {{ output }} …', model=…)`"
        )
    columns = said.get("grading_context_columns") or ()
    aggregations = said.get("aggregations")
    return DeclaredJudge(
        metric.name,
        said["definition"],
        model=_model_of(metric.name, said.get("model")),
        rubric=said.get("grading_prompt") or "",
        version=metric.version or "v1",
        columns=[columns] if isinstance(columns, str) else list(columns),
        include_input=bool(said.get("include_input", True)),
        examples=[_example_of(example, columns) for example in said.get("examples") or ()],
        parameters=dict(said.get("parameters") or {}),
        greater_is_better=bool(metric.greater_is_better),
        **({"aggregates": list(aggregations)} if aggregations else {}),
    )


def _example_of(example: Any, columns: str | Sequence[str]) -> dict[str, Any]:
    context = example.grading_context or {}
    if isinstance(context, str):
        context = {columns if isinstance(columns, str) else columns[0]: context}
    given = {"input": example.input} if example.input is not None else {}
    return {
        **given,
        "output": example.output,
        "score": example.score,
        "justification": example.justification or "",
        "columns": {name: str(value) for name, value in context.items()},
    }


def _model_of(name: str, address: str | None) -> DeclaredModel:
    """The judge's model, of an address such as `openai:/gpt-4`, which is what MLflow asks if none is named."""
    provider, found, model = (address or "openai:/gpt-4").partition(":/")
    if provider != "openai" or not found or not model:
        raise ConfigError(
            f"extra_metrics: {name!r} is judged by {address!r}; expected openai:/MODEL, or give "
            "`ea.Judge(name, definition, model=ea.Model('id', base_url=…, api_key_env=…))`"
        )
    return DeclaredModel(model, name=f"{name}-judge", api_key_env="OPENAI_API_KEY")
