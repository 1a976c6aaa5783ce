"""What a run may do about requests: cache policy and budgets. Who sends them is in `providers`."""

from dataclasses import dataclass, field
from pathlib import Path

from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import ConfigError
from eval_assets.providers.dispatch.budget import Budget, SharedBudget
from eval_assets.providers.dispatch.engine import Policy
from eval_assets.storage.replies.batch_budgets import batch_budget

POLICIES: tuple[Policy, ...] = ("use", "refresh", "replay")


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run may do about requests. Null: as the evaluation file says.

    Args:
        cache: Cache policy.
        max_cost_usd: Budget, in dollars, of each evaluation: in this run, or in all runs of the batch.
        batch: Id of the backfill that the run belongs to, if it does.
    """

    cache: str | None = None
    max_cost_usd: float | None = None
    batch: str | None = None

    def policy(self, evaluation: Evaluation) -> Policy:
        """The cache policy to follow.

        Raises:
            ConfigError: There is no such policy.
        """
        chosen = self.cache or evaluation.file.cache
        if chosen not in POLICIES:
            raise ConfigError(f"expected the cache policy to be one of {', '.join(POLICIES)}, got {chosen!r}")
        return chosen


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of evaluations in this process, or in all processes of a backfill.

    Args:
        folder: Where backfills keep account; local, shared by the processes of this machine.
    """

    folder: Path
    _own: dict[str, Budget] = field(default_factory=dict)

    def of(self, evaluation: Evaluation, spending: Spending, *, also: Budget | None = None) -> Budget | None:
        """What may be spent on an evaluation: what the run or else its file allows, and another budget besides."""
        limit = evaluation.file.max_cost_usd if spending.max_cost_usd is None else spending.max_cost_usd
        own = None if limit is None else self._of_evaluation(limit, evaluation.name, spending.batch)
        budgets = [budget for budget in (also, own) if budget is not None]
        return SharedBudget(*budgets) if budgets else None

    def _of_evaluation(self, max_usd: float, evaluation: str, batch: str | None) -> Budget:
        if batch is not None:
            return batch_budget(max_usd, self.folder, batch, evaluation)
        return self._own.setdefault(evaluation, Budget(max_usd))
