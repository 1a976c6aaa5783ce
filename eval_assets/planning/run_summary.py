"""What a run of a plan did, as it is told afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eval_assets.wording.numbers import count_text


@dataclass(frozen=True, slots=True)
class Failed:
    """One run that failed; `refused` by a blocking check of what it computed, which the same run would meet again.

    `cause` is the class of the error that ended it, empty where none did.
    """

    what: str
    run_id: str
    message: str
    refused: bool
    cause: str = ""


@dataclass
class RunSummary:
    """What a run of a plan did; `seconds` per asset, `n_sent` requests that were sent and answered.

    `waiting`: place → its requests that wait in batches, for which it can't be computed yet. `batches`: those that are
    under way, a line each. `unread`: table and name of files that could not be read.
    `queued`: a backfill of Dagster's queue that was requested and may not be over.
    """

    backfill_id: str = ""
    n_runs: int = 0
    n_sent: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    batches: list[str] = field(default_factory=list)
    unread: set[tuple[str, str]] = field(default_factory=set)
    queued: str = ""


def waiting_lines(waiting: Mapping[str, int]) -> list[str]:
    """What can't be computed before batches are over, a line each.

    >>> waiting_lines({"qa:gpt@short": 400})
    ['qa:gpt@short waits for 400 requests in batches']
    """
    return [f"{place} waits for {count_text(n, 'request')} in batches" for place, n in waiting.items()]
