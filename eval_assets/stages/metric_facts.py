"""What the reports need to know of each metric and judge of an evaluation: direction and range."""

from collections.abc import Iterable

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.judge import IntegerScale, Judge, LabelScale, NumberScale, PassFailScale, Scale
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.stages.cell_inputs import read_judge
from eval_assets.stages.file_versions import FileVersions
from eval_assets.storage.warehouse import Warehouse


def stored_facts(versions: FileVersions, warehouse: Warehouse, evaluation: Evaluation) -> dict[str, MetricFacts]:
    """Label of each metric and name of each judge of an evaluation → its facts, of judges as they were last read."""
    judges = [read_judge(warehouse, judge).judge for judge in evaluation.file.judges]
    return facts_of(versions.metrics(evaluation), judges)


def facts_of(metrics: Iterable[ResolvedMetric], judges: Iterable[Judge]) -> dict[str, MetricFacts]:
    """Label of each metric and name of each judge → its facts."""
    return {
        **{metric.label: _facts_of_metric(metric) for metric in metrics},
        **{judge.name: _facts_of_judge(judge) for judge in judges},
    }


def _facts_of_metric(metric: ResolvedMetric) -> MetricFacts:
    low, high = metric.definition.range
    return MetricFacts(
        greater_is_better=metric.greater_is_better,
        low=low,
        high=high,
        is_binary=metric.definition.is_binary,
        aggregates=tuple(metric.aggregates),
    )


def _facts_of_judge(judge: Judge) -> MetricFacts:
    low, high = _range_of(judge)
    return MetricFacts(
        greater_is_better=judge.file.greater_is_better,
        low=low,
        high=high,
        is_binary=_is_pass_or_fail(judge.file.scale) and judge.file.samples == 1 and not judge.file.expected_value,
        aggregates=judge.file.aggregates,
    )


def _is_pass_or_fail(scale: Scale) -> bool:
    """Whether a scale has two scores, 0 and 1."""
    if isinstance(scale, IntegerScale):
        return scale.bounds == (0, 1)
    return isinstance(scale, LabelScale | PassFailScale) and set(scale.labels.values()) == {0, 1}


def _range_of(judge: Judge) -> tuple[float, float]:
    match judge.file.scale:
        case IntegerScale(min=low, max=high) | NumberScale(min=low, max=high):
            return low, high
        case LabelScale(labels=labels):
            return min(labels.values()), max(labels.values())
        case _:
            return 0.0, 1.0
