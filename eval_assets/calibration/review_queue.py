"""In which order outputs are shown to people who label: pure functions, and what is read for them.

A random part of the examples comes first, the same for every rater: means can be corrected by labels of such outputs.
What comes after it was chosen, for the judges disagree about it, and corrects nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from heapq import nsmallest

import polars as pl

from eval_assets.calibration.given_labels import stored_labels, used_labels
from eval_assets.config.candidate import Candidate
from eval_assets.config.scales import Scale
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.columns import CANDIDATE

RANDOM, DISAGREEMENT = "random", "disagreement"
SWAPPED = 8
"""Of 16 lots those that show a pair the other way round."""
RANDOM_EXAMPLES = 50
"""Fewer than 40 labels of a candidate correct no mean."""


def review_queue(
    items: pl.DataFrame, *, done: Collection[str] = (), seed: int = 0, random_examples: int = RANDOM_EXAMPLES
) -> pl.DataFrame:
    """Put outputs, or pairs of them, into the order in which they are labelled.

    First all items of `random_examples` examples, drawn by the seed and each example's id: those that are added later
    leave the order of the others. Then all other items, those first on which judges disagree the most. Candidates of an
    example stand in an order that says nothing of them.

    Args:
        items: One row each: `item_id`, `example_id`, `disagreement` (null: unknown), and whatever else is to be shown.
        done: Items that the rater has labelled.
        seed: Of the random part and of every order.
        random_examples: How many examples the random part has.

    Returns:
        The rows that are left, in order, with `part` (`random` or `disagreement`) and `is_swapped`: whether the two of
        a pair are shown the other way round.
    """
    drawn = nsmallest(random_examples, items["example_id"].unique(), key=lambda example: _lot(seed, example))
    place = {example: number for number, example in enumerate(drawn)}
    is_random = pl.col("example_id").is_in(drawn)
    random, others = items.filter(is_random), items.filter(~is_random)
    random = random.with_columns(
        place=pl.Series([place[example] for example in random["example_id"]], dtype=pl.Int64),
        lot=pl.Series([int(_lot(seed, item)[-1], 16) for item in random["item_id"]], dtype=pl.UInt64),
        order=pl.Series([_lot(seed, item) for item in random["item_id"]], dtype=pl.String),
    )
    first = random.sort("place", "order").drop("place", "order").with_columns(part=pl.lit(RANDOM))
    # Of all others any order will do that says nothing of them; the digest of a library is drawn at once.
    then = others.with_columns(lot=pl.col("item_id").hash(seed), part=pl.lit(DISAGREEMENT)).sort("lot")
    then = then.sort("disagreement", descending=True, nulls_last=True, maintain_order=True)
    queue = pl.concat([first, then]).with_columns(is_swapped=pl.col("lot") % 16 < SWAPPED).drop("lot")
    return queue.filter(~pl.col("item_id").is_in(list(done))) if done else queue


def outputs_to_review(
    warehouse: Warehouse, evaluation: str, candidates: Sequence[Candidate], scales: Mapping[str, Scale]
) -> pl.DataFrame:
    """Outputs with a text, with how far judges disagree about each: items for `review_queue`.

    Args:
        warehouse: The tables.
        evaluation: Its name.
        candidates: Whose outputs.
        scales: Judge → its scale.
    """
    cells = [{"evaluation": evaluation, **candidate.columns} for candidate in candidates]
    rows = pl.concat([warehouse.scan("predictions", cell) for cell in cells]).filter(pl.col("output").is_not_null())
    outputs = rows.select("prediction_id", "example_id", "sample_index", "model", "prompt", "output").collect()
    verdicts = pl.concat([warehouse.scan("judge_scores", cell) for cell in cells])
    kinds = verdicts.select("judge", "juror", "draw").unique().collect()
    # One verdict on each output disagrees with none.
    scored = verdicts.filter(pl.lit(kinds.height > 1)).select("prediction_id", "judge", "score").collect()
    spread = disagreements(scored, scales)
    return outputs.join(spread, on="prediction_id", how="left", maintain_order="left").with_columns(
        item_id="prediction_id"
    )


def pairs_to_review(outputs: pl.DataFrame, candidate: str, other: str) -> pl.DataFrame:
    """Outputs of two candidates on the same examples and samples, side by side: items for `review_queue`.

    Args:
        outputs: From `outputs_to_review`.
        candidate: `model@prompt`.
        other: Another one.

    Returns:
        The columns of the one whose name comes first, the other's under names that begin with `other_`; equal outputs
        are left out, since nobody can prefer one.
    """
    candidate, other = sorted((candidate, other))
    named = outputs.with_columns(candidate=CANDIDATE)
    on = ["example_id", "sample_index"]
    second = named.filter(pl.col("candidate") == other).select(
        *on,
        *(
            pl.col(name).alias(f"other_{name}")
            for name in ("prediction_id", "model", "prompt", "output", "disagreement")
        ),
    )
    first = named.filter(pl.col("candidate") == candidate).drop("candidate")
    both = first.join(second, on=on, maintain_order="left").filter(pl.col("output") != pl.col("other_output"))
    return both.with_columns(
        item_id=pl.concat_str("prediction_id", pl.lit(" "), "other_prediction_id"),
        disagreement=pl.max_horizontal("disagreement", "other_disagreement"),
    ).drop("other_disagreement")


def disagreements(verdicts: pl.DataFrame, scales: Mapping[str, Scale]) -> pl.DataFrame:
    """How far the lowest and the highest verdict on one output lie apart, of all judges, jurors and draws.

    Args:
        verdicts: `prediction_id`, `judge`, `score`, a row per verdict; null where it has no score.
        scales: Judge → its scale; verdicts of others are left out.

    Returns:
        `prediction_id` and `disagreement`, as a share of the judges' scales, of outputs with at least two verdicts.
    """
    bounds = [{"judge": judge, "low": scale.bounds[0], "high": scale.bounds[1]} for judge, scale in scales.items()]
    schema = {"judge": pl.String(), "low": pl.Float64(), "high": pl.Float64()}
    share = (pl.col("score") - pl.col("low")) / (pl.col("high") - pl.col("low"))
    shares = (
        verdicts.drop_nulls("score")
        .join(pl.DataFrame(bounds, schema=schema), on="judge")
        .filter(pl.col("high") > pl.col("low"))
        .select("prediction_id", share=share)
    )
    return (
        shares.group_by("prediction_id")
        .agg(disagreement=pl.col("share").max() - pl.col("share").min(), n=pl.len())
        .filter(pl.col("n") > 1)
        .drop("n")
    )


def labelled_items(
    warehouse: Warehouse, items: pl.DataFrame, *, dataset: str, rater: str, judge: str | None
) -> set[str]:
    """Items that a rater has labelled for a judge, as they are now: `done` for `review_queue`.

    Args:
        warehouse: The tables.
        items: From `outputs_to_review` or `pairs_to_review`.
        dataset: Of the evaluation.
        rater: Her name.
        judge: The judge; null: labels for every judge.
    """
    used = used_labels(stored_labels(warehouse, dataset)).filter(
        pl.col("rater") == rater, pl.col("judge").eq_missing(pl.lit(judge, dtype=pl.String))
    )
    names = ("example_id", "model", "prompt", "output", "other_model", "other_prompt", "other_output")
    labelled = set(used.select(names).iter_rows())
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in names if name not in items.columns]
    near = items.filter(pl.col("example_id").is_in(used["example_id"].unique().to_list()))
    places = near.with_columns(absent).select("item_id", *names).iter_rows()
    return {item for item, *place in places if tuple(place) in labelled}


def _lot(seed: int, name: str) -> str:
    """What is drawn for a name: the same at any time."""
    return sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).hexdigest()
