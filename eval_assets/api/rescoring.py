"""`r.rescore`: other metrics or judges on outputs that are there; only judges are asked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eval_assets.api.arguments.given_metrics import given_metrics
from eval_assets.api.assembly import Assembled, given_judges, with_evaluation
from eval_assets.api.evaluating import evaluated
from eval_assets.api.results.result import EvaluationResult
from eval_assets.errors import StorageError
from eval_assets.stages.graph import cells_of
from eval_assets.stages.spending import Spending
from eval_assets.storage.snapshots import partition_name
from eval_assets.storage.warehouse import Warehouse


def rescored(result: EvaluationResult, metrics: Any, judges: Sequence[Any] | None) -> EvaluationResult:
    """Score the outputs of a result anew; arguments as in `EvaluationResult.rescore`.

    Raises:
        StorageError: The tables hold other outputs by now.
        ConfigError: A metric or judge can't be used.
    """
    together = result.assembled
    _refuse_other_outputs(result)
    changed: dict[str, Any] = {}
    project, notes = together.project, list(together.notes)
    if metrics is not None:
        chosen = given_metrics(metrics, together.task, project)
        changed |= {"metrics": list(chosen.choices), "without_metrics": list(chosen.without)}
        project = replace(project, given={**project.given, **chosen.given})
        notes += chosen.notes
    if judges is not None:
        named, models = given_judges(judges, project)
        changed["judges"] = [judge.item.name for judge in named]
        project = replace(
            project,
            judges={**project.judges, **{judge.item.name: judge for judge in named}},
            models={**project.models, **{model.item.name: model for model in models}},
        )
    declared = {**together.declared, **changed}
    anew: Assembled = replace(
        together,
        project=with_evaluation(project, together.name, declared),
        declared=declared,
        notes=tuple(dict.fromkeys(notes)),
    )
    return evaluated(result.settings, anew, Spending(), without=("predictions",))


def _refuse_other_outputs(result: EvaluationResult) -> None:
    """Refuse tables whose outputs are no longer those that the result shows."""
    warehouse = Warehouse(result.settings.warehouse_root, result.settings.storage_options)
    commits = warehouse.snapshot("predictions").last_commits()
    for cell in cells_of(result.assembled.project, result.name):
        commit = commits.get(partition_name(cell.partition))
        if commit is None or commit.metadata["data_version"] != result.output_versions[cell.key]:
            raise StorageError(
                f"rescore: the tables hold other outputs of {result.labels[str(cell.candidate)]!r} than this result, "
                f"from a later evaluation of the name {result.name!r}; rescore that one, or evaluate again"
            )
