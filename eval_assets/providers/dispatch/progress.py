"""What an engine did: counts, tokens, dollars, concurrency; a snapshot while it runs, a row of `runs` after."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from eval_assets.providers.dispatch.concurrency import Move
from eval_assets.requests.exchange import Reply
from eval_assets.requests.used_tokens import PARTS, parts_of
from eval_assets.wording.numbers import count_text, money_text, seconds_text

Ended = Literal["complete", "stopped", "budget", "failed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a run. `total` and `eta_seconds` are null when the number of jobs is unknown.

    Costs and tokens are those of requests sent by this run; reused replies cost nothing. `tokens_per_second` counts
    output tokens, over all requests at once. `parts` are the kinds of tokens that `UsedTokens` tells apart,
    `saved_usd` is what the reused replies cost when they were paid.
    """

    seconds: float
    total: int | None
    done: int
    reused: int
    sent: int
    failed: Mapping[str, int]
    retries: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    concurrency: int
    why: str
    tokens_per_second: float
    eta_seconds: float | None
    parts: Mapping[str, int] = field(default_factory=dict)
    n_estimated: int = 0
    saved_usd: float = 0.0

    @classmethod
    def of_all(cls, parts: Sequence["Progress"], seconds: float) -> "Progress":
        """Engines that were asked at the same time, together; those whose total is unknown count as they are."""
        tally = Tally(
            total=sum(part.done if part.total is None else part.total for part in parts),
            done=sum(part.done for part in parts),
            reused=sum(part.reused for part in parts),
            sent=sum(part.sent for part in parts),
            retries=sum(part.retries for part in parts),
            prompt_tokens=sum(part.prompt_tokens for part in parts),
            completion_tokens=sum(part.completion_tokens for part in parts),
            cost_usd=sum(part.cost_usd for part in parts),
            n_estimated=sum(part.n_estimated for part in parts),
            saved_usd=sum(part.saved_usd for part in parts),
        )
        for part in parts:
            tally.failed.update(part.failed)
            tally.parts.update(part.parts)
        latest = parts[-1] if parts else None
        return tally.snapshot(seconds, Move(0.0, latest.concurrency, latest.why) if latest else Move(0.0, 0, ""))

    def __str__(self) -> str:
        """One line for a log or a terminal."""
        total = "" if self.total is None else f" of {self.total:,}"
        failed = f", failed {sum(self.failed.values()):,}" if self.failed else ""
        eta = "" if self.eta_seconds is None else f", about {seconds_text(max(1.0, self.eta_seconds))} left"
        saved = f" ({money_text(self.saved_usd)} saved by reuse)" if self.saved_usd else ""
        tokens = count_text(self.prompt_tokens + self.completion_tokens, "token")
        return (
            f"{self.done:,}{total} answered: {self.reused:,} reused, {self.sent:,} sent{failed}, "
            f"{count_text(self.retries, 'retry', 'retries')}, {tokens}, {money_text(self.cost_usd)}{saved}, "
            f"{self.concurrency} at once ({self.why}){eta}"
        )


@dataclass
class Tally:
    """Running counts of one engine."""

    total: int | None = None
    done: int = 0
    reused: int = 0
    sent: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    n_estimated: int = 0
    saved_usd: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)

    def add_sent(self, reply: Reply) -> None:
        """Count a request that was sent and got its final reply."""
        self.sent += 1
        self.prompt_tokens += reply.prompt_tokens or 0
        self.completion_tokens += reply.completion_tokens or 0
        self.cost_usd += reply.cost_usd or 0.0
        self.n_estimated += bool(reply.tokens_estimated)
        for name, count in parts_of(reply).items():
            if count:
                self.parts[name] += count

    def add_answer(self, reply: Reply, *, reused: bool) -> None:
        """Count an answer given to the caller."""
        self.done += 1
        self.reused += reused
        if reused:
            self.saved_usd += reply.cost_usd or 0.0
        if reply.outcome not in ("ok", "truncated"):
            self.failed[reply.error_kind or reply.outcome] += 1

    def begin_anew(self) -> None:
        """Count answers from here: those so far are given again. What was sent stays counted."""
        self.total, self.done, self.reused, self.saved_usd = None, 0, 0, 0.0
        self.failed.clear()

    def snapshot(self, seconds: float, move: Move) -> Progress:
        """The counts at this moment."""
        n_computed = self.done - self.reused
        left = None if self.total is None else max(0, self.total - self.done)
        return Progress(
            seconds=seconds,
            total=self.total,
            done=self.done,
            reused=self.reused,
            sent=self.sent,
            failed=dict(self.failed),
            retries=self.retries,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.cost_usd,
            concurrency=move.limit,
            why=move.why,
            tokens_per_second=self.completion_tokens / seconds if seconds > 0 else 0.0,
            eta_seconds=left * seconds / n_computed if left is not None and n_computed > 0 else None,
            parts=dict(self.parts),
            n_estimated=self.n_estimated,
            saved_usd=self.saved_usd,
        )


@dataclass(frozen=True, slots=True)
class EngineReport:
    """What one engine did, complete."""

    run_id: str
    started_at: datetime
    finished_at: datetime
    progress: Progress
    moves: tuple[Move, ...]
    n_corrupt: int
    ended: Ended
    message: str

    def as_run_row(self, cell: Mapping[str, str], stage: str) -> dict[str, Any]:
        """The row of the `runs` table.

        Args:
            cell: `evaluation`, `model` and `prompt`.
            stage: `predictions` or `judge_scores`.
        """
        progress = self.progress
        return {
            **cell,
            "run_id": self.run_id,
            "stage": stage,
            "started_at": self.started_at.astimezone(UTC),
            "finished_at": self.finished_at.astimezone(UTC),
            "n_rows": progress.done,
            "n_reused": progress.reused,
            "n_sent": progress.sent,
            "n_failed": sum(progress.failed.values()),
            "n_retries": progress.retries,
            "n_corrupt": self.n_corrupt,
            "failures": json.dumps(dict(progress.failed)),
            "prompt_tokens": progress.prompt_tokens,
            "completion_tokens": progress.completion_tokens,
            **{name: progress.parts.get(name, 0) for name in PARTS},
            "n_estimated": progress.n_estimated,
            "cost_usd": progress.cost_usd,
            "saved_usd": progress.saved_usd,
            "concurrency": json.dumps([asdict(move) for move in self.moves]),
            "ended": self.ended,
            "message": self.message,
        }
