"""How a run ends: the lines that name what failed and what gates say, and the exit code that follows from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval_assets.cli.exit_codes import ExitCode
from eval_assets.cli.options import Allowed
from eval_assets.errors import ConfigError, MissingKeyError
from eval_assets.planning.run_summary import waiting_lines
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.numbers import count_text, seconds_text, share_text

if TYPE_CHECKING:
    import polars as pl

    from eval_assets.planning.failed_rows import FailedRows
    from eval_assets.reports.computed.gating import OverallVerdict
    from eval_assets.up_to_date import RunOutcome

REASON_CHARACTERS = 300
MOST_ASSETS = 3
"""Of how many assets the end of a run says how long they took."""


@dataclass(frozen=True, slots=True)
class RunEnding:
    """Everything the exit code of a run depends on.

    Args:
        outcome: How the run ended.
        allowed: How many failed rows are tolerated.
        asks_gates: Whether what gates say counts.
    """

    outcome: "RunOutcome"
    allowed: Allowed
    asks_gates: bool = True

    @property
    def code(self) -> ExitCode:
        """The exit code; see `ExitCode` for what comes first."""
        crashed = [run for run in self.outcome.summary.failed if not run.refused]
        if self.outcome.was_stopped:
            return ExitCode.STOPPED
        if self.outcome.plan.refused or any(run.cause in _file_errors() for run in crashed):
            return ExitCode.USAGE
        if crashed or self.outcome.summary.skipped:
            return ExitCode.CRASHED
        if self.outcome.summary.waiting or self.outcome.summary.queued:
            return ExitCode.UNDER_WAY
        if not self.allowed.covers(self.outcome.failed):
            return ExitCode.ROWS_FAILED
        codes = {overall.exit_code for overall, _ in self._gates.values()}
        return next((code for code in (ExitCode.NO_GO, ExitCode.INCONCLUSIVE) if code in codes), ExitCode.DONE)

    @property
    def _gates(self) -> "Mapping[str, tuple[OverallVerdict, pl.DataFrame]]":
        return self.outcome.gates if self.asks_gates else {}

    def lines(self) -> Iterator[str]:
        """What a person has to know, what matters most last."""
        for rows in self.outcome.failed:
            yield failed_text(rows)
        if self.outcome.failed and self.allowed.covers(self.outcome.failed):
            yield "so many failed rows are allowed by --allow-failed"
        for name, (overall, results) in self._gates.items():
            yield from gate_lines(name, overall, results)
        yield from self.outcome.summary.batches
        yield from waiting_lines(self.outcome.summary.waiting)
        yield from self.outcome.unfinished
        if self.outcome.summary.n_runs:
            n_failed = sum(not run.refused for run in self.outcome.summary.failed)
            yield f"{count_text(self.outcome.summary.n_runs, 'run')}, {n_failed:,} failed; {self._time_spent()}"
            n_reused = sum(planned.work.reuse for planned in self.outcome.plan.cells)
            sent = count_text(self.outcome.summary.n_sent, "request")
            yield f"{sent} sent, {count_text(n_reused, 'prediction')} reused"

    def _time_spent(self) -> str:
        """The assets that took longest, and all others together."""
        longest_first = sorted(self.outcome.summary.seconds.items(), key=lambda spent: -spent[1])
        named, others = longest_first[:MOST_ASSETS], longest_first[MOST_ASSETS:]
        rest = [("all else", sum(seconds for _, seconds in others))] if others else []
        return ", ".join(f"{what} {seconds_text(seconds)}" for what, seconds in (*named, *rest))


def failed_text(rows: "FailedRows") -> str:
    """One kind of failed rows: how many, why, which first, and where to look.

    >>> from eval_assets.planning.failed_rows import FailedRows
    >>> failed_text(FailedRows("e:m@p", "predictions", 300, {"http_500": 4}, "HTTP 500", ("q1", "q2", "q3"), "p-1"))
    'failed rows: e:m@p: 4 of 300 predictions (1 %), http_500: HTTP 500; first q1, q2, q3; see `eval-assets trace p-1`'
    """
    kinds = ", ".join(
        rows.kinds if len(rows.kinds) == 1 else (f"{count:,} {kind}" for kind, count in rows.kinds.items())
    )
    reason = f": {shortened(rows.reason, REASON_CHARACTERS)}" if rows.reason else ""
    where = f"; see `eval-assets trace {rows.trace_id}`" if rows.trace_id else ""
    return (
        f"failed rows: {rows.place}: {rows.n_failed:,} of {rows.n_total:,} {rows.what} ({share_text(rows.share)}), "
        f"{kinds}{reason}; first {', '.join(rows.example_ids)}{where}"
    )


def gate_lines(evaluation: str, overall: "OverallVerdict", results: "pl.DataFrame") -> Iterator[str]:
    """What gates say where it isn't GO: together, then each critical condition that is not met or undecided."""
    from eval_assets.reports.rendered.gate_formats import condition_text

    if overall.exit_code == ExitCode.DONE:
        return
    yield f"gate of {evaluation}: {overall.verdict.value}: {overall.note}"
    for row in results.iter_rows(named=True):
        if row["verdict"] != "GO" and row["tier"] == "critical":
            yield f"  {row['verdict']} {condition_text(row)}"


def _file_errors() -> set[str]:
    """Names of the errors by which a file or the environment, not the run, is at fault."""
    known = [ConfigError, MissingKeyError]
    for error in known:
        known += error.__subclasses__()
    return {error.__name__ for error in known}
