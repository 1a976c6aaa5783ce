"""What the reports need to know of each metric and judge of an evaluation: direction, range, whether it was named."""

from collections.abc import Iterable

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.judge import Judge
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
    facts: dict[str, MetricFacts] = {}
    for metric in metrics:
        found = metric.definition
        aggregates = tuple(metric.aggregates)
        facts[metric.label] = MetricFacts(
            metric.greater_is_better, *found.range, found.is_binary, aggregates, metric.named_at
        )
    n_named = 1 + max((known.named_at for known in facts.values() if known.named_at is not None), default=-1)
    for place, judge in enumerate(judges, start=n_named):
        file = judge.file
        facts[judge.name] = MetricFacts(
            file.greater_is_better, *file.scale.bounds, file.is_binary, file.aggregates, place
        )
    return facts
