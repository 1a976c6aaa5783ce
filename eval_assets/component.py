"""A project as a component of somebody's Dagster code location. What it consists of is in `definitions`."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from eval_assets.definitions import build_definitions
from eval_assets.scaffolding import ProjectScaffolder


@dg.scaffold_with(ProjectScaffolder)
class EvaluationProjectComponent(dg.Component, dg.Model, dg.Resolvable):
    """Evaluations of language models, prompts and applications, declared as files of a project folder.

    Brings assets for datasets, prompts, models, predictions, scores, reports and comparisons; jobs, sensors and
    schedules that run what is stale; and its resource. Executor, IO managers and every name of yours stay as they are.
    """

    project: str = Field(description="The project's folder; a relative path begins at the folder of this file.")
    key_prefix: str | list[str] | None = Field(
        None,
        description="Stands before the key of each asset, and before the name of each job, sensor, schedule and "
        "resource; when absent, as the project's `eval-assets.toml` says.",
    )
    group: str | None = Field(
        None, description="Group of the assets; when absent, as `eval-assets.toml` says, else `evaluation`."
    )
    upstream: dict[str, str] = Field(
        default_factory=dict,
        description="Dataset of the project → key of the asset it is made of, such as `warehouse/support_tickets`.",
    )
    gates_on: dict[str, str] = Field(
        default_factory=dict,
        description="Evaluation → key of the asset that its gate is a check of; blocking if one of its gates is "
        "critical.",
    )

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What pickers of components are told."""
        return dg.ComponentTypeSpec(
            produces=["asset", "asset_check", "job", "schedule", "sensor", "resource"],
            tags=["evaluation", "llm"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of the project, under its prefix."""
        return build_definitions(
            Path(context.path) / self.project,
            key_prefix=self.key_prefix,
            group=self.group,
            upstream=self.upstream,
            gates_on=self.gates_on,
        )
