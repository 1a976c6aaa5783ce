"""The order in which outputs are labelled: a random part that can correct means, then where judges disagree."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.calibration.review_queue import DISAGREEMENT, RANDOM, disagreements, pairs_to_review, review_queue
from eval_assets.config.scales import IntegerScale, PassFailScale

ITEMS = {"item_id": pl.String(), "example_id": pl.String(), "disagreement": pl.Float64()}


def items(n_examples: int, candidates: str = "ab", disagreement: float | None = None) -> pl.DataFrame:
    rows = [(f"x{number}-{each}", f"x{number}", disagreement) for number in range(n_examples) for each in candidates]
    return pl.DataFrame(rows, schema=ITEMS, orient="row")


@given(st.permutations(range(12)), st.integers(0, 12), st.integers(0, 5))
def test_the_order_does_not_depend_on_that_of_the_rows(order, n_random, seed):
    rows = items(12)
    shuffled = pl.concat([rows[2 * number : 2 * number + 2] for number in order])
    queued = review_queue(rows, seed=seed, random_examples=n_random)
    assert queued.equals(review_queue(shuffled, seed=seed, random_examples=n_random))
    assert queued.filter(part=RANDOM)["example_id"].n_unique() == n_random
    assert sorted(queued["item_id"]) == sorted(rows["item_id"])


def test_the_random_part_has_whole_examples_and_no_candidate_always_comes_first():
    random = review_queue(items(60, "abc"), random_examples=40).filter(part=RANDOM)
    assert random.height == 3 * 40
    blocks = random["example_id"].rle_id().n_unique()
    assert blocks == 40  # all candidates of an example follow one another
    first = random.group_by("example_id", maintain_order=True).first()["item_id"].str.slice(-1).to_list()
    assert {first.count(candidate) > 5 for candidate in "abc"} == {True}


def test_examples_that_are_added_later_leave_the_order_of_the_others():
    before = review_queue(items(30), random_examples=99)["item_id"].to_list()
    later = review_queue(items(50), random_examples=99)["item_id"].to_list()
    assert [item for item in later if item in set(before)] == before
    assert review_queue(items(30), seed=1)["item_id"].to_list() != before


def test_after_the_random_part_the_worst_disagreement_comes_first_and_what_nobody_knows_last():
    rows = items(4, "a").with_columns(disagreement=pl.Series([0.25, None, 1.0, 0.5]))
    queued = review_queue(rows, random_examples=0)
    assert queued["item_id"].to_list() == ["x2-a", "x3-a", "x0-a", "x1-a"]
    assert set(queued["part"]) == {DISAGREEMENT}


def test_what_the_rater_has_labelled_is_left_out_and_moves_nothing():
    whole = review_queue(items(20), random_examples=5)
    done = whole["item_id"].to_list()[:7]
    assert review_queue(items(20), done=done, random_examples=5).equals(whole[7:])


def test_pairs_are_swapped_about_as_often_as_not():
    swapped = review_queue(items(200, "a"), random_examples=200)["is_swapped"]
    assert 70 < swapped.sum() < 130  # of 200, more than four standard deviations of 7


def test_judges_disagree_by_shares_of_their_scales():
    rows = [
        ("p1", "stars", 1.0), ("p1", "stars", 3.0),  # two jurors: half of the scale
        ("p2", "stars", 5.0), ("p2", "right", 0.0),  # two judges: all of it
        ("p3", "stars", 4.0), ("p3", "right", None),  # one verdict: nothing to disagree about
        ("p4", "gone", 1.0), ("p4", "gone", 9.0),  # a judge that left the evaluation
    ]  # fmt: skip
    verdicts = pl.DataFrame(rows, schema=["prediction_id", "judge", "score"], orient="row")
    found = disagreements(verdicts, {"stars": IntegerScale(), "right": PassFailScale(type="pass_fail")})
    assert dict(found.iter_rows()) == {"p1": 0.5, "p2": 1.0}


def test_pairs_are_of_one_example_and_sample_and_have_two_different_outputs():
    rows = [
        ("a-1", "x1", 0, "a", "p", "yes", 0.1), ("b-1", "x1", 0, "b", "p", "no", 0.3),
        ("a-2", "x2", 0, "a", "p", "same", None), ("b-2", "x2", 0, "b", "p", "same", None),
        ("a-3", "x3", 1, "a", "p", "only one", None),
    ]  # fmt: skip
    columns = ["prediction_id", "example_id", "sample_index", "model", "prompt", "output", "disagreement"]
    pairs = pairs_to_review(pl.DataFrame(rows, schema=columns, orient="row"), "a@p", "b@p")
    (pair,) = pairs.to_dicts()
    assert (pair["item_id"], pair["output"], pair["other_output"], pair["disagreement"]) == (
        "a-1 b-1",
        "yes",
        "no",
        0.3,
    )
    assert review_queue(pairs)["part"].to_list() == [RANDOM]


def test_an_empty_evaluation_has_an_empty_queue():
    assert review_queue(items(0)).is_empty()
