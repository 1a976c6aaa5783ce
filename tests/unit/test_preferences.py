"""From preferences between outputs to win rates, flip rates and a ranking."""

import polars as pl
import pytest

from eval_assets.reports.computed import pairwise_results as computed
from eval_assets.reports.computed.pairwise_results import pairwise_results
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES, PAIRWISE_RESULTS


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """A hundred draws bound a rate as well as a thousand do, for what is said here."""
    monkeypatch.setattr(computed, "N_RESAMPLES", 100)


def preferences(preferred, a="m@p", b="n@p", flipped=()):
    """The i-th pair is of example `e<i>`; None is a pair without a verdict."""
    rows = [
        {
            "evaluation": "trial",
            "judge": "grader",
            "example_id": f"e{index}",
            "candidate_a": a,
            "candidate_b": b,
            "preferred": choice,
            "preference": {"a": 1.0, "tie": 0.5, "b": 0.0}.get(choice),
            "preferred_in_order": "a" if index in flipped else choice,
            "preferred_in_reverse": "b" if index in flipped else choice,
            "is_flipped": None if choice is None else index in flipped,
            "outcome": "ok" if choice else "error",
        }
        for index, choice in enumerate(preferred)
    ]
    return pl.DataFrame(rows, schema=PAIRWISE_PREFERENCES)


def results(frame):
    return pairwise_results(frame, confidence=0.95, seed=0, run_id="run-1")


def test_a_tie_counts_half_and_a_failed_pair_not_at_all():
    found = results(preferences(["a", "a", "tie", "b", None], flipped={2}))
    assert dict(found.schema) == PAIRWISE_RESULTS
    own = found.filter(model="m", compared_with="n@p").row(0, named=True)
    assert (own["n_total"], own["n_judged"], own["wins"], own["ties"], own["losses"]) == (5, 4, 2, 1, 1)
    assert (own["win_rate"], own["flips"], own["flip_rate"]) == (0.625, 1, 0.25)  # (2 + 1/2) / 4
    assert own["ci_low"] < 0.625 < own["ci_high"]


def test_the_opponent_sees_the_mirror_image():
    found = results(preferences(["a", "a", "tie", "b"]))
    other = found.filter(model="n", compared_with="m@p").row(0, named=True)
    assert (other["wins"], other["losses"], other["win_rate"]) == (1, 2, 0.375)


def test_candidates_are_ranked_by_all_their_comparisons():
    frames = [preferences(["a"] * 5 + ["b"]), preferences(["a"] * 4 + ["b"] * 2, a="n@p", b="o@p")]
    ranking = results(pl.concat(frames)).filter(pl.col("compared_with").is_null()).sort("rank")
    assert ranking["model"].to_list() == ["m", "n", "o"]
    assert ranking["strength"].sum() == pytest.approx(0)
    assert ranking["n_total"].to_list() == [6, 12, 6]


def test_without_preferences_there_are_no_results():
    assert results(preferences([])).is_empty()


def test_when_no_pair_was_judged_nobody_is_ranked():
    found = results(preferences([None, None]))
    assert found["compared_with"].null_count() == 0
    assert found["win_rate"].to_list() == [None, None]


def test_ties_alone_leave_strengths_without_an_interval():
    ranking = results(preferences(["tie"] * 4)).filter(pl.col("compared_with").is_null())
    assert ranking["strength"].to_list() == [0.0, 0.0]
    assert ranking["strength_ci_low"].to_list() == [None, None]
