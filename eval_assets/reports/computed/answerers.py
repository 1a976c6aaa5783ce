"""What a reader must know of who answered: a provider may change a model, its servers or its service meanwhile."""

from collections.abc import Iterator

import polars as pl

from eval_assets.reports.note import Note, Weight

CHANGED = "so the provider changed something about it meanwhile"
SAID = {
    "answered_by": ("as", "without a change of the file", Weight.UNTRUSTED),
    "system_fingerprint": ("with the system fingerprints", CHANGED, Weight.DEPENDENT),
    "service_tier": ("in the service tiers", "which differ in speed and price", Weight.KNOWN),
}
"""Column → how its values are introduced, and what that they differ means and weighs."""

MOST_NAMED = 3


def answerer_notes(predictions: pl.DataFrame, judged: pl.DataFrame) -> Iterator[Note]:
    """Say of each model whose replies differ in who gave them how many are whose; nothing where all are one's.

    Args:
        predictions: Rows of all candidates.
        judged: Rows of `judge_scores` of all candidates.
    """
    yield from _of_rows("", predictions, "model")
    yield from _of_rows("judges' ", judged, "judge_model")


def _of_rows(whose: str, rows: pl.DataFrame, model: str) -> Iterator[Note]:
    for column, (introduced, meaning, weight) in SAID.items():
        counts = (
            rows.filter(pl.col(column).is_not_null())
            .group_by(model, column)
            .agg(n=pl.len(), first=pl.col("requested_at").min())
            .sort(model, "first", column)
        )
        for (name,), part in counts.group_by(model, maintain_order=True):
            if part.height > 1:
                listed = [
                    f"{value} ({n:,} since {first:%Y-%m-%d %H:%M})"
                    for value, n, first in part.select(column, "n", "first").head(MOST_NAMED).iter_rows()
                ]
                more = part.height - MOST_NAMED
                others = f" and {more} more" if more > 0 else ""
                said = f"The {whose}model {name} answered {introduced} {', '.join(listed)}{others}, {meaning}."
                yield Note(said, weight)
