"""What a run of a plan did, as it is told afterwards."""

from dataclasses import dataclass, field


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
    """What a run of a plan did; `seconds` per asset."""

    backfill_id: str = ""
    n_runs: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
