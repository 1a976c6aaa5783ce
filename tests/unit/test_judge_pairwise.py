"""Comparing two candidates: both orders, ties where they disagree, and how often they do."""

import json

import polars as pl
import pytest

from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.pairwise import preference_counts, preferences_between
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES
from tests.unit.test_judge_rows import MODELS, FakeAsker, judge_named, last_user, predictions, reply, verdict


def compared(answer, first=None, second=None):
    first = first if first is not None else predictions({"output": "good"})
    second = second if second is not None else predictions({"output": "bad", "model": "n"})
    asker = FakeAsker(answer)
    options = {"models": MODELS, "formats": FormatMemory(), "run_id": "run-1"}
    return preferences_between(first, second, judge_named(), {"tiny": asker}, **options), asker


def prefers_good(request):
    shown = last_user(request)
    if "good" in shown and "bad" in shown:
        return verdict("A" if shown.index("good") < shown.index("bad") else "B")
    return verdict("tie")


def test_the_better_output_wins_in_both_orders():
    frame, asker = compared(prefers_good)
    row = frame.row(0, named=True)
    assert dict(frame.schema) == PAIRWISE_PREFERENCES
    assert (row["preferred"], row["preferred_in_order"], row["preferred_in_reverse"]) == ("a", "a", "a")
    assert (row["candidate_a"], row["candidate_b"], row["is_flipped"]) == ("m@p", "n@p", False)
    assert row["cost_usd"] == 1.0  # two requests, half a dollar each
    assert len(asker.requests) == 2


def test_a_judge_that_always_takes_the_first_makes_ties_and_flips():
    frame, _ = compared(lambda _: verdict("A"), predictions({}, {}), predictions({}, {}))
    assert frame["preferred"].to_list() == ["tie", "tie"]
    counts = preference_counts(frame)
    assert (counts.flips, counts.flip_rate) == (2, 1.0)
    # The side shown first, which is b in reverse.
    assert frame.select("preferred_in_order", "preferred_in_reverse").rows() == [("a", "b"), ("a", "b")]


def test_a_tie_in_both_orders_is_no_flip():
    frame, _ = compared(lambda _: verdict("tie"))
    assert frame.select("preferred", "is_flipped").row(0) == ("tie", False)


@pytest.mark.parametrize(
    ("second", "outcome"), [({"outcome": "error", "output": None}, "skipped"), ({"output": "silent"}, "error")]
)
def test_a_pair_without_two_verdicts_is_not_counted(second, outcome):
    def answer(request):
        return reply(None, "error", error="down") if "silent" in last_user(request) else verdict("A")

    frame, _ = compared(answer, predictions({}), predictions(second))
    assert frame.select("preferred", "is_flipped", "outcome").row(0) == (None, None, outcome)
    counts = preference_counts(frame)
    assert (counts.n_total, counts.n_judged, counts.flip_rate) == (1, 0, None)


def test_only_examples_of_both_candidates_are_compared():
    frame, asker = compared(prefers_good, predictions({}, {}, {}), predictions({}, {}))
    assert (frame.height, len(asker.requests)) == (2, 4)


@pytest.mark.parametrize("targets", [None, "  ", [], ["", None]])
def test_two_outputs_are_not_compared_by_an_empty_target(targets):
    frame = predictions({"example": json.dumps({"inputs": "Capital?", "targets": targets})})
    asker = FakeAsker(prefers_good)
    options = {"models": MODELS, "formats": FormatMemory(), "run_id": "run-1"}
    preferences = preferences_between(frame, frame, judge_named(columns=("targets",)), {"tiny": asker}, **options)
    assert preferences.select("outcome", "reason").row(0) == ("skipped", "the example has no targets")
    assert asker.requests == []


def test_each_pair_has_the_side_that_was_preferred():
    first = predictions({"output": "good"}, {"output": "good"}, {"output": "bad"}, {"output": "same"})
    second = predictions({"output": "bad"}, {"output": "bad"}, {"output": "good"}, {"output": "same"})
    assert compared(prefers_good, first, second)[0]["preferred"].to_list() == ["a", "a", "b", "tie"]


def test_swapping_the_candidates_mirrors_every_preference():
    first, second = (
        predictions({"output": "good"}, {"output": "bad"}),
        predictions({"output": "bad"}, {"output": "good"}),
    )
    forward, _ = compared(prefers_good, first, second)
    backward, _ = compared(prefers_good, second, first)
    mirrored = backward.select(pl.col("preferred").replace({"a": "b", "b": "a"}))["preferred"]
    assert forward["preferred"].to_list() == mirrored.to_list()
