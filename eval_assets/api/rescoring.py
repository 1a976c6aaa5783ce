"""`r.rescore`: other metrics or judges on outputs that are there; only judges are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eval_assets.api.arguments.given_metrics import given_metrics
from eval_assets.api.assembly import Assembled, given_judges, with_evaluation
from eval_assets.api.project_choice import opened_warehouse
from eval_assets.config.settings import Settings
from eval_assets.errors import StorageError
from eval_assets.stages.graph import cells_of


def with_other_scores(together: Assembled, metrics: Any, judges: Sequence[Any] | None) -> Assembled:
    """The same evaluation with other metrics or judges; null keeps those there are.

    Raises:
        ConfigError: A metric or judge can't be used.
    """
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
    return replace(
        together,
        project=with_evaluation(project, together.name, declared),
        declared=declared,
        notes=tuple(dict.fromkeys(notes)),
    )


def refuse_other_outputs(together: Assembled, settings: Settings, versions: Mapping[str, str]) -> None:
    """Refuse tables whose outputs are no longer those that a result shows.

    Args:
        together: The evaluation.
        settings: Where its tables lie.
        versions: Cell → data version of the outputs that are shown.

    Raises:
        StorageError: They hold others.
    """
    stored = opened_warehouse(settings).snapshot("predictions")
    for cell in cells_of(together.project, together.name):
        commit = stored.last_commit(cell.partition)
        if commit is None or commit.metadata["data_version"] != versions[cell.key]:
            label = together.labels[cell.candidate]
            raise StorageError(
                f"rescore: the tables hold other outputs of {label!r} than this result, from a later "
                f"evaluation of the name {together.name!r}; rescore that one, or evaluate again"
            )
