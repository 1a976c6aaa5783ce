"""A review as it stands for one rater, and what she may know of the label that she gave last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.calibration.given_labels import fingerprint, stored_labels, used_labels
from eval_assets.calibration.labelling import Labelling
from eval_assets.config.candidate import Candidate
from eval_assets.errors import ViewError
from eval_assets.viewer.review_task import ReviewTask, shown_as, sides_of

Row = Mapping[str, Any]
OUTPUT = ("example_id", "sample_index", "model", "prompt", "output")
OTHER = ("other_model", "other_prompt", "other_output")


@dataclass(frozen=True, slots=True)
class Review:
    """One rater at one task.

    Args:
        labelling: Takes her labels.
        task: What is labelled.
        rater: Her name; empty before she has told it.
        queue: All items in order.
        done: Those that she has labelled.
    """

    labelling: Labelling
    task: ReviewTask
    rater: str
    queue: pl.DataFrame
    done: set[str]

    def item(self, item_id: str) -> Row | None:
        """An item of the queue; null if there is none of that id, as there is when it was answered anew."""
        return next(self.queue.filter(item_id=item_id).iter_rows(named=True), None)

    def next_after(self, item_id: str) -> Row | None:
        """The first item behind another that she has not labelled; without another the first of all.

        Raises:
            ViewError: There is no such item.
        """
        start = self.queue["item_id"].index_of(item_id) if item_id else -1
        if start is None:
            raise ViewError(f"after: expected an output of the review, got {item_id!r:.80}; it was answered anew since")
        left = self.queue[start + 1 :].filter(~pl.col("item_id").is_in(list(self.done)))
        return next(left.iter_rows(named=True), None)

    @property
    def settled(self) -> set[str]:
        """Items of examples of which no item is left to be labelled: of these she may know what the judge says."""
        left = self.queue.filter(~pl.col("item_id").is_in(list(self.done)))["example_id"].unique()
        return set(self.queue.filter(~pl.col("example_id").is_in(left.to_list()))["item_id"])

    @property
    def progress(self) -> dict[str, tuple[int, int]]:
        """Part → how many items she has labelled, and how many there are."""
        is_done = pl.col("item_id").is_in(list(self.done))
        parts = self.queue.group_by("part").agg(is_done.sum(), n=pl.len())
        return {part: (done, n) for part, done, n in parts.sort("part", descending=True).iter_rows()}


@dataclass(frozen=True, slots=True)
class Revealed:
    """One label of the rater, by whose output it is of, and what the judge says of that.

    Args:
        label: What the rater said; of a pair who she prefers, `neither` of a tie.
        candidates: Whose outputs they are, of a pair in the order in which they were shown.
        judge: What the judge says; null where it says nothing.
        why: Its reason.
    """

    label: str | None
    candidates: tuple[str, ...]
    judge: str | float | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """The label that was given last.

    Args:
        item: Of the queue.
        side: The label as it was given, of a pair a side of the screen.
        revealed: All labels of the rater on its example, with the judge's; none while outputs of it are unlabelled.
    """

    item: Row
    side: str
    revealed: tuple[Revealed, ...]

    @property
    def shown(self) -> tuple[str | None, str | None]:
        """Fingerprints of what was on the screen."""
        return fingerprint(self.item["output"]), fingerprint(self.item.get("other_output"))


def given_label(review: Review, label_id: str) -> Given:
    """A label that this rater gave, with what she may know now.

    Outputs of one example come one after the other, and what a judge says of one tells what it says of the next: its
    verdicts are revealed when all of them are labelled.

    Raises:
        ViewError: She gave no such label in this review, or the output was replaced since.
    """
    labels = stored_labels(review.labelling.warehouse, review.labelling.dataset).filter(rater=review.rater)
    mine = labels.filter(pl.col("judge").eq_missing(pl.lit(review.task.judge, dtype=pl.String)))
    for label in mine.filter(pl.col("label").is_not_null(), label_id=label_id).iter_rows(named=True):
        items = review.queue.filter(example_id=label["example_id"]).to_dicts()
        for item in items:
            if _is_of(label, item):
                side = label["label"] if review.task.pair is None else shown_as(item, label["label"])
                is_over = item["item_id"] in review.settled
                used = used_labels(mine).filter(example_id=label["example_id"]).to_dicts() if is_over else []
                found = (_revealed(review, one, each) for each in items for one in used if _is_of(one, each))
                return Given(item, side, tuple(found))
    raise ViewError(f"given: expected a label of {review.rater} in this review, got {label_id!r:.80}")


def _revealed(review: Review, label: Row, item: Row) -> Revealed:
    if review.task.pair is None:
        said, why = _verdict(review, item)
        return Revealed(label["label"], (Candidate.of_row(item),), said, why)
    named = dict(zip(("a", "b", "tie"), (*review.task.pair, "neither"), strict=True))
    preferred, reason = _preference(review, item, review.task.pair)
    shown = tuple(candidate for _, candidate, _ in sides_of(item))
    return Revealed(named.get(label["label"]), shown, named.get(preferred or "", preferred), reason)


def _is_of(label: Row, item: Row) -> bool:
    """Whether a label is of what an item shows."""
    is_pair = "other_model" in item
    named = (*OUTPUT, *OTHER) if is_pair else OUTPUT
    return (label["other_model"] is not None) == is_pair and all(label[name] == item[name] for name in named)


def _verdict(review: Review, item: Row) -> tuple[str | float | None, str | None]:
    """Verdict and reason of the judge on an output."""
    place = {"evaluation": review.labelling.evaluation, **Candidate.of_row(item).columns}
    rows = review.labelling.warehouse.scan("judge_scores", place).filter(
        pl.col("prediction_id") == item["prediction_id"],
        pl.col("judge") == review.task.judge,
        pl.col("juror").is_null(),
    )
    for row in rows.sort("draw").collect().iter_rows(named=True):
        said = (each for each in (row["label"], row["score"], row["outcome"]) if each is not None)
        return next(said, None), row["justification"] or row["reason"]
    return None, None


def _preference(review: Review, item: Row, pair: tuple[Candidate, Candidate]) -> tuple[str | None, str | None]:
    """What the judge prefers of a pair, `a` being the first by name, and why."""
    rows = review.labelling.warehouse.scan("pairwise_preferences", {"evaluation": review.labelling.evaluation}).filter(
        pl.col("judge") == (review.task.judge or ""),
        pl.col("example_id") == item["example_id"],
        pl.col("sample_index") == item["sample_index"],
        pl.col("candidate_a").is_in(pair) & pl.col("candidate_b").is_in(pair),
    )
    for row in rows.collect().iter_rows(named=True):
        turned = {} if row["candidate_a"] == pair[0] else {"a": "b", "b": "a"}
        said = turned.get(row["preferred"], row["preferred"])
        return said or row["outcome"], row["justification_in_order"] or row["reason"]
    return None, None
