"""What a run may do about requests: cache policy, retries and budgets. Who sends them is in `providers`."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.providers.dispatch.jobs import Policy, Retry
from eval_assets.providers.traits import provider_of
from eval_assets.requests.budget import Budget, SharedBudget
from eval_assets.requests.exchange import Outcome
from eval_assets.storage.remote.warehouse_budget import WarehouseBudget
from eval_assets.storage.replies.batch_budgets import batch_budget
from eval_assets.storage.warehouse import Warehouse

SENDINGS = ("in_batches", "at_once")
POLICIES: tuple[Policy, ...] = ("use", "refresh", "replay")
FINAL: tuple[Outcome, ...] = ("refused", "empty", "truncated", "tool_call")
"""Outcomes of replies that came without a whole answer: they are asked for again only when a run is told to."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a run may do about requests. Null: as the evaluation file says.

    Args:
        cache: Cache policy.
        max_cost_usd: Budget, in dollars, of each evaluation: in this run, or in all runs of the batch.
        batch: Id of the backfill that the run belongs to, if it does.
        retry: Stored replies that the run asks for again.
        sending: `in_batches` wherever a provider takes them, `at_once` everywhere.
    """

    cache: str | None = None
    max_cost_usd: float | None = None
    batch: str | None = None
    retry: Retry | None = None
    sending: str | None = None

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as the configuration of runs that spend: all of them together count as one run."""
        chosen: dict[str, Any] = {"cache": self.cache, "max_cost_usd": self.max_cost_usd}
        if self.retry is not None:
            chosen |= {"retry": sorted(self.retry.outcomes), "retry_before": self.retry.before.isoformat()}
        if self.sending is not None:
            chosen["sending"] = self.sending
        return {name: value for name, value in chosen.items() if value is not None}

    def is_in_batches(self, model: Model) -> bool:
        """Whether requests to a model go into batches.

        Raises:
            ConfigError: There is no such way to send.
        """
        if self.sending not in (None, *SENDINGS):
            raise ConfigError(f"expected `sending` to be one of {', '.join(SENDINGS)}, got {self.sending!r}")
        takes_batches = provider_of(model).open_batches is not None
        return takes_batches and (self.sending or model.file.mode) in ("in_batches", "batch")

    def policy(self, evaluation: Evaluation) -> Policy:
        """The cache policy to follow.

        Raises:
            ConfigError: There is no such policy.
        """
        chosen = self.cache or evaluation.file.cache
        if chosen not in POLICIES:
            raise ConfigError(f"expected the cache policy to be one of {', '.join(POLICIES)}, got {chosen!r}")
        if chosen == "replay" and self.retry is not None:
            raise ConfigError("a retry sends requests and cache policy 'replay' sends none; choose one of the two")
        return chosen


def retry_of(outcomes: Collection[str], before: str | None = None) -> Retry | None:
    """Which stored replies to ask for again; null without any.

    Args:
        outcomes: Some of `FINAL`; failed requests are asked again anyway.
        before: ISO time at which the run began; now, when absent.

    Raises:
        ConfigError: Another outcome is named, or the time isn't one.

    >>> retry_of(["refused", "empty"]).outcomes == {"empty", "refused"}
    True
    """
    for outcome in outcomes:
        if outcome not in FINAL:
            known = outcome in get_args(Outcome)
            hint = "a reply with this outcome isn't asked for again by itself" if known else "there is no such outcome"
            if outcome == "error":
                hint = "failed requests are asked again by every run"
            raise ConfigError(f"expected outcomes to retry among {', '.join(FINAL)}, got {outcome!r}: {hint}")
    if not outcomes:
        return None
    try:
        began = datetime.now(UTC) if before is None else datetime.fromisoformat(before)
    except ValueError as error:
        raise ConfigError(f"expected an ISO time at which the retry began, got {before!r}") from error
    return Retry(frozenset(outcome for outcome in FINAL if outcome in outcomes), began.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of evaluations in this process, or in all processes of a backfill.

    Args:
        folder: Where backfills keep account; local, shared by the processes of this machine.
        warehouse: Where they do that instead if it is remote, shared by all machines.
    """

    folder: Path
    warehouse: Warehouse
    _own: dict[tuple[str, str | None], Budget] = field(default_factory=dict)

    def of(self, evaluation: Evaluation, spending: Spending, *, also: Budget | None = None) -> Budget | None:
        """What may be spent on an evaluation: what the run or else its file allows, and another budget besides."""
        limit = evaluation.file.max_cost_usd if spending.max_cost_usd is None else spending.max_cost_usd
        own = None if limit is None else self._of_evaluation(limit, evaluation.name, spending.batch)
        budgets = [budget for budget in (also, own) if budget is not None]
        return SharedBudget(*budgets) if budgets else None

    def _of_evaluation(self, max_usd: float, evaluation: str, batch: str | None) -> Budget:
        if (evaluation, batch) not in self._own:
            shared = None if batch is None else self._shared(max_usd, batch, evaluation)
            self._own[evaluation, batch] = Budget(max_usd) if shared is None else shared
        return self._own[evaluation, batch]

    def _shared(self, max_usd: float, batch: str, evaluation: str) -> Budget:
        if self.warehouse.is_local:
            return batch_budget(max_usd, self.folder, batch, evaluation)
        return WarehouseBudget(max_usd, self.warehouse.objects, f"{batch}.{evaluation}")

    def close(self) -> None:
        """Give back what was set aside in shared accounts and isn't needed."""
        for budget in self._own.values():
            if isinstance(budget, WarehouseBudget):
                budget.close()
