"""How each condition of the gates was decided, step by step, for `gate --explain`. What gates ask is in `gating`."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.config.candidate import Candidate
from eval_assets.reports.computed.gated_slices import COST, LATENCY
from eval_assets.reports.computed.gating import may_ship
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import bounds_text
from eval_assets.wording.foreign_text import markdown_text
from eval_assets.wording.numbers import count_text, interval_text, number_text, plain_number, share_text

RULE = (
    "A condition is GO where the whole interval is on the good side of the threshold, NO-GO where it is on the other, "
    "else INCONCLUSIVE. Too few scores, too many failed rows, or failed rows that could turn the verdict make it "
    "INCONCLUSIVE too. Rows without a target are no failed rows. Critical conditions decide together: one NO-GO stops, "
    "else one INCONCLUSIVE holds."
)


def gates_explained(report: EvaluationReport) -> str:
    """Write how the verdict came about: the rule, each condition with its numbers, and who may ship.

    Args:
        report: Of an evaluation with gates.
    """
    lines = [RULE, ""]
    for row in report.gates.iter_rows(named=True):
        lines += [f"- {markdown_text(f'{Candidate.of_row(row)}, {_asked(row)}')}: {row['verdict']}"]
        lines += [f"  - {markdown_text(step)}" for step in _steps(row)]
    passing, n_asked = may_ship(report.gates)
    named = ", ".join(f"`{name}`" for name in passing) or "none"
    ships = (
        f"Of {count_text(n_asked, 'candidate')} asked, {named} may ship." if n_asked else "No condition is critical."
    )
    return "\n".join([*lines, "", ships]) + "\n"


def _asked(row: Mapping[str, Any]) -> str:
    tier = "advisory, decides nothing" if row["tier"] == "advisory" else "critical"
    return f"{row['metric']}, {row['condition']} ({tier})"


def _steps(row: Mapping[str, Any]) -> Iterator[str]:
    """From the observed value to the verdict."""
    within = (row["ci_low"], row["ci_high"])
    if row["observed"] is not None:
        interval = "" if row["ci_low"] is None else f", interval {interval_text(*within)}"
        over = "" if row["n_scored"] is None else f", over {count_text(row['n_scored'], 'example')}"
        threshold = f", threshold {plain_number(row['threshold'])}"
        yield f"observed {number_text(row['observed'], within=within)}{interval}{threshold}{over}"
    if row["metric"] in (COST, LATENCY):
        yield "as measured: what was paid and waited has no interval"
    if row["failed_share"]:
        yield f"{share_text(row['failed_share'])} of the rows have no score: {_had_they(row)}"
    yield f"{row['verdict']}: {row['reason']}"


def _had_they(row: Mapping[str, Any]) -> str:
    return bounds_text(row["observed_if_failed_worst"], row["observed_if_failed_best"])
