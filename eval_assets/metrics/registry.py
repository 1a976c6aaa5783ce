"""Every shipped metric by name, the defaults of each task type, and what an evaluation makes of them.

Nothing here imports a metric's libraries or the user's code: it runs whenever definitions load.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.given import GivenFunction
from eval_assets.config.problems import hint_at
from eval_assets.errors import MetricError
from eval_assets.metrics.answers import called_tools, json_structure, matching, numeric, refusal, valid_output
from eval_assets.metrics.definition import Metric, ResolvedMetric, texts_of
from eval_assets.metrics.expectations import row_expectations
from eval_assets.metrics.learned import embedding, toxicity
from eval_assets.metrics.overlap import bleu, rouge, spelling, token_f1
from eval_assets.metrics.resolution import in_dependency_order, resolve_custom, resolve_shipped
from eval_assets.metrics.retrieval import context, ranked
from eval_assets.metrics.text import length, log_probabilities, readability, textstat_indices
from eval_assets.requests.canonical_json import json_sha256

_MODULES = (
    *(matching, numeric, json_structure, valid_output, refusal, called_tools),
    *(token_f1, rouge, bleu, spelling),
    *(embedding, toxicity),
    *(readability, textstat_indices, length, log_probabilities),
    *(ranked, context),
    row_expectations,
)

METRICS: Mapping[str, Metric] = {metric.name: metric for module in _MODULES for metric in module.METRICS}
"""Every metric that one of these modules ships, under its name."""

_TEXT = ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count")

TASK_DEFAULTS: Mapping[TaskType, tuple[str, ...]] = {
    "question-answering": ("token_f1", "exact_match", *_TEXT),
    "text-summarization": ("rouge1", "rouge2", "rougeL", "rougeLsum", *_TEXT),
    "text": _TEXT,
    "retriever": ("precision_at_k", "recall_at_k", "ndcg_at_k"),
}


def resolve_metrics(
    task: TaskType,
    choices: tuple[MetricChoice, ...] = (),
    without: tuple[str, ...] = (),
    project_dir: Path | None = None,
    given: Mapping[str, GivenFunction] | None = None,
    further: tuple[str, ...] = (),
) -> tuple[ResolvedMetric, ...]:
    """List the metrics of an evaluation, each after those whose scores it reads.

    Args:
        task: Brings its `TASK_DEFAULTS`.
        choices: Metrics to add. One without a label of its own replaces the default of the same name.
        without: Defaults to leave out, by name or label.
        project_dir: The folder that holds `data/`, whose modules may be named as functions.
        given: Functions that Python code hands over: what stands for them as a `function` → each.
        further: Metrics that prompts bring, beside those of the task.

    Raises:
        MetricError: A name, parameter or function is unknown, two metrics share a label, or metrics depend on each
            other in a circle.

    >>> [metric.label for metric in resolve_metrics("retriever", without=("recall_at_k",))]
    ['precision_at_3', 'ndcg_at_3']
    """
    replaced = {choice.metric.casefold() for choice in choices if choice.label is None}
    choices = tuple(map(_labelled_by_field, choices))
    defaults = [
        metric
        for name in (*TASK_DEFAULTS[task], *further)
        for metric in resolve_shipped(METRICS[name], MetricChoice.model_construct(metric=name))
    ]
    _refuse_unknown(without, task, defaults)
    dropped = {name.casefold() for name in without}
    kept = [
        metric
        for metric in defaults
        if not {metric.definition.name.casefold(), metric.label.casefold()} & dropped
        and metric.definition.name.casefold() not in replaced
    ]
    chosen = [
        replace(metric, named_at=place)
        for place, choice in enumerate(choices)
        if not choice.function
        for metric in resolve_shipped(_shipped(choice), choice)
    ]
    labels = [metric.label for metric in (*kept, *chosen)]
    labels += [choice.label or choice.metric for choice in choices if choice.function]
    repeated = {label for label in labels if labels.count(label) > 1}
    if repeated:
        raise MetricError(
            f"expected each metric once, got {texts_of(repeated)} twice; give one of them another `label`"
        )
    custom = [
        replace(resolve_custom(_custom(choice), labels, project_dir, given), named_at=place)
        for place, choice in enumerate(choices)
        if choice.function
    ]
    return in_dependency_order((*kept, *chosen, *custom))


def metric_fingerprint(resolved: ResolvedMetric) -> str:
    """Hash what decides the scores and aggregates of a metric: its name, version, parameters and code."""
    return json_sha256(
        {
            "metric": resolved.definition.name,
            "label": resolved.label,
            "version": resolved.version,
            "parameters": resolved.parameters_sha256,
            "code": resolved.code_sha256,
            "depends_on": dict(resolved.depends_on),
            **({"of_field": resolved.of_field} if resolved.of_field else {}),
            "greater_is_better": resolved.greater_is_better,
            "aggregates": resolved.aggregates,
        }
    )


def _labelled_by_field(choice: MetricChoice) -> MetricChoice:
    """A metric of a field of the answer, called by both unless it has a label."""
    if choice.field is None or choice.label is not None:
        return choice
    return choice.model_copy(update={"label": f"{choice.metric}.{choice.field}"})


def _shipped(choice: MetricChoice) -> Metric:
    by_folded_name = {name.casefold(): metric for name, metric in METRICS.items()}
    metric = by_folded_name.get(choice.metric.casefold())
    if metric is None:
        raise MetricError(
            f"expected a shipped metric or one with a `function`, got {choice.metric!r}"
            f"{hint_at(choice.metric, METRICS)}; shipped are {texts_of(METRICS)}"
        )
    return metric


def _custom(choice: MetricChoice) -> MetricChoice:
    if choice.metric in METRICS:
        raise MetricError(f"expected another name for your function {choice.function!r}: {choice.metric!r} is shipped")
    return choice


def _refuse_unknown(without: tuple[str, ...], task: TaskType, defaults: list[ResolvedMetric]) -> None:
    names = [name for metric in defaults for name in dict.fromkeys((metric.definition.name, metric.label))]
    for name in without:
        if name.casefold() not in {known.casefold() for known in names}:
            raise MetricError(
                f"expected defaults of task {task!r} to leave out, got {name!r}{hint_at(name, names)}; "
                f"they are {texts_of(names)}"
            )
