"""What a report says about its judges: how far each can be trusted, and which outputs they prefer side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.judge_trust import JudgeTrust, judge_trust
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.evaluation_tables import JUDGE_DISAGREEMENTS, PAIRWISE_RESULTS


@dataclass(frozen=True, slots=True)
class JudgingReport:
    """The judges of one evaluation.

    Args:
        trust: How far each judge can be trusted, in the evaluation's order.
        disagreements: Rows of `judge_disagreements`, worst first.
        preferences: Rows of `pairwise_results`.
    """

    trust: tuple[JudgeTrust, ...] = ()
    disagreements: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=JUDGE_DISAGREEMENTS))
    preferences: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAIRWISE_RESULTS))

    @property
    def ranking(self) -> pl.DataFrame:
        """Each candidate's place among all that were compared side by side, best first; empty if none were."""
        return self.preferences.filter(pl.col("compared_with").is_null()).sort("judge", "rank", nulls_last=True)

    def duels(self, evaluation: Evaluation) -> pl.DataFrame:
        """Each pair of candidates once, from the side from which the evaluation compares them."""
        sides = [f"{candidate}\0{other}" for candidate, other in evaluation.compared_pairs]
        side = pl.concat_str(CANDIDATE, pl.lit("\0"), "compared_with")
        return self.preferences.filter(side.is_in(sides))


def load_judging(warehouse: Warehouse, evaluation: Evaluation, judges_now: Mapping[str, str | None]) -> JudgingReport:
    """Read what is known about an evaluation's judges; parts that were never computed are empty.

    Args:
        warehouse: Where the tables are.
        evaluation: The evaluation.
        judges_now: Judge → its data version as its file stands now; null if that can't be told.
    """
    partition = {"evaluation": evaluation.name}
    agreement, disagreements, preferences = (
        warehouse.scan(table, partition).collect()
        for table in ("judge_agreement", "judge_disagreements", "pairwise_results")
    )
    return JudgingReport(judge_trust(agreement, judges_now), disagreements.sort("judge", "rank"), preferences)
