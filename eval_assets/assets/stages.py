"""What all assets that compute have in common: their place in the graph, how the UI shows them, what they may spend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from eval_assets.assets.metadata import table_metadata
from eval_assets.partitions import Partitions
from eval_assets.planning.staleness import CODE_VERSIONS
from eval_assets.stages.graph import CELL_TABLES
from eval_assets.stages.spending import Spending, retry_of

GROUP = "evaluation"
PAID_PER_CELL = ("predictions", "judge_scores")
PAID_PER_EVALUATION = ("pairwise_preferences",)
PAID = (*PAID_PER_CELL, *PAID_PER_EVALUATION)
POOL = "model_requests"
BACKFILL_TAG = "dagster/backfill"
LAYERS = {**dict.fromkeys(PAID, "paid"), "heuristic_metrics": "scores"}


class SpendingConfig(dg.Config):
    """What a run may do about requests; the evaluation file decides where nothing is chosen."""

    cache: str | None = Field(None, description="use: reuse stored replies. refresh: ask again. replay: send nothing.")
    max_cost_usd: float | None = Field(None, description="Stop before the request that could exceed this many dollars.")
    retry: list[str] = Field(
        default_factory=list, description="Outcomes of replies to ask for again: refused, empty, truncated, tool_call."
    )
    retry_before: str | None = Field(
        None, description="ISO time: replies asked for since then have been asked for again. Null: the run's start."
    )

    def spending(self, run: dg.DagsterRun) -> Spending:
        """The core's form of this choice; all runs of a backfill share a budget."""
        return Spending(
            cache=self.cache,
            max_cost_usd=self.max_cost_usd,
            batch=run.tags.get(BACKFILL_TAG),
            retry=retry_of(self.retry, self.retry_before),
        )


@dataclass(frozen=True, slots=True)
class Stages:
    """Makes the assets that compute a table from others, a partition per cell or per evaluation.

    Args:
        partitions: Of the project.
        automation: When Dagster runs a partition by itself.
    """

    partitions: Partitions
    automation: dg.AutomationCondition[Any]

    def stage(self, table: str, description: str) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Decorate the function that computes a partition of a table; those that pay share a pool."""
        is_paid = table in PAID
        return dg.asset(
            name=table,
            description=description,
            partitions_def=(
                self.partitions.by_cell if table in CELL_TABLES else self.partitions.by_name["evaluations"]
            ),
            deps=self.partitions.deps_of(table),
            group_name=GROUP,
            kinds={"deltalake", "openai" if is_paid else "polars"},
            owners=self.partitions.owners("evaluations"),
            metadata=table_metadata(table),
            tags={"layer": LAYERS.get(table, "report")},
            code_version=CODE_VERSIONS[table],
            automation_condition=self.automation,
            pool=POOL if is_paid else None,
        )
