"""Who of an evaluation cost what: the candidates' models together, and each judge; paid, saved, and without reuse.

By candidate it is in `performance`. Judges that compare side by side are not among them: their table tells no reuse.
"""

from dataclasses import dataclass

import polars as pl

from eval_assets.reports.performance import known_sum

CANDIDATES = "candidates"
ALL = "all"


@dataclass(frozen=True, slots=True)
class PaidAndSaved:
    """What the replies cost that an evaluation's results are made of.

    Args:
        who: `candidates`, the name of a judge, or `all`.
        n_replies: Predictions, or verdicts.
        n_reused: Those whose reply was paid for before.
        paid_usd: What the others cost; null where no price is known.
        saved_usd: What the reused ones cost when they were paid for; null likewise.
    """

    who: str
    n_replies: int
    n_reused: int
    paid_usd: float | None
    saved_usd: float | None

    @property
    def without_reuse_usd(self) -> float | None:
        """What it would have cost without any reuse."""
        known = [amount for amount in (self.paid_usd, self.saved_usd) if amount is not None]
        return sum(known) if known else None


def paid_and_saved(predictions: pl.DataFrame, judge_scores: pl.DataFrame) -> tuple[PaidAndSaved, ...]:
    """A row for the candidates, one for each judge, and one for all where there are judges; empty if no price is known.

    Args:
        predictions: Rows of all candidates.
        judge_scores: Their judge scores; may be empty.
    """
    judges = judge_scores["judge"].unique(maintain_order=True)
    rows = [_spent(CANDIDATES, predictions), *(_spent(name, judge_scores.filter(judge=name)) for name in judges)]
    if judges.len():
        columns = ["reused", "cost_usd"]
        rows.append(_spent(ALL, pl.concat([predictions.select(columns), judge_scores.select(columns)])))
    return tuple(rows) if any(row.without_reuse_usd is not None for row in rows) else ()


def _spent(who: str, rows: pl.DataFrame) -> PaidAndSaved:
    reused = pl.col("reused").fill_null(False)
    before = rows.filter(reused)
    return PaidAndSaved(
        who, rows.height, before.height, known_sum(rows.filter(~reused)["cost_usd"]), known_sum(before["cost_usd"])
    )
