"""What `ea.plan` returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eval_assets.planning.plan import Plan
from eval_assets.planning.plan_text import plan_text


@dataclass(frozen=True, slots=True)
class PlannedEvaluation:
    """What an evaluation would send.

    Args:
        plan: As `eval-assets plan` makes it.
        said: What `eval-assets plan` prints of it, in the names of the call; null: in its own.
    """

    plan: Plan
    said: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """What `eval-assets plan` prints."""
        return self.said or plan_text(self.plan)

    @property
    def n_to_send(self) -> int:
        """Requests to models, functions and judges; of a verdict the first."""
        return int(self._totals["generate"] + self._totals["judge"])

    @property
    def n_reused(self) -> int:
        """Answers that are at hand."""
        return int(self._totals["reuse"])

    @property
    def cost_usd(self) -> float | None:
        """Estimated; null where something would be sent and no price is known."""
        cost: float | None = self._totals["cost_usd"]
        return cost

    @property
    def _totals(self) -> Mapping[str, Any]:
        totals: Mapping[str, Any] = self.plan.as_json()["totals"]
        return totals
