"""Examples that changed against the baseline, the words that differ, and outputs side by side."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.reports.computed.scores import score_rows
from eval_assets.reports.flips import flips
from eval_assets.reports.outputs import example_outputs
from eval_assets.reports.word_diff import MAX_WORDS, word_diff
from eval_assets.tables.cell_tables import HEURISTIC_METRICS
from tests.report_rows import answered, judged, scored

PREDICTIONS = pl.concat([answered(["a b", "c", "d", "e"], model="old"), answered(["a x", "c", "D", None], model="new")])


def flipped(old, new, **choices):
    scores = pl.concat([scored(old, model="old"), scored(new, model="new")])
    return flips(scores, PREDICTIONS, metric="token_f1", candidate="new@p", baseline="old@p", **choices)


def test_the_worst_change_comes_first_and_the_better_ones_follow_best_first() -> None:
    found = flipped([0.9, 0.5, 0.5, 0.1], [0.7, 0.0, 0.6, 0.9])
    assert [(flip.example_id, round(flip.improvement, 3)) for flip in found] == [
        ("e1", -0.5),
        ("e0", -0.2),
        ("e3", 0.8),
        ("e2", 0.1),
    ]


def test_an_example_that_one_of_them_has_no_score_for_is_no_flip() -> None:
    assert [flip.example_id for flip in flipped([1.0, 1.0, 1.0, 1.0], [1.0, None, 0.5, None])] == ["e2"]


def test_where_less_is_better_a_higher_score_got_worse() -> None:
    found = flipped([1.0, 1.0, 1.0, 1.0], [2.0, 0.5, 1.0, 1.0], greater_is_better=False)
    assert [(flip.example_id, flip.got_worse) for flip in found] == [("e0", True), ("e1", False)]


def test_at_most_so_many_of_each_direction_are_shown() -> None:
    found = flipped([0.9, 0.5, 0.5, 0.1], [0.7, 0.0, 0.6, 0.9], at_most=1)
    assert [flip.example_id for flip in found] == ["e1", "e3"]


def test_samples_are_averaged_before_two_candidates_are_held_against_each_other() -> None:
    repeated = {"example_id": ["e0", "e0"], "sample_index": [0, 1]}
    scores = pl.concat([scored([1.0, 0.0], model="old", **repeated), scored([0.5, 0.5], model="new", **repeated)])
    assert flips(scores, PREDICTIONS, metric="token_f1", candidate="new@p", baseline="old@p") == ()


def test_a_flip_carries_both_outputs_their_words_and_the_judges_reasons() -> None:
    verdicts = pl.concat([judged([5.0], model="old"), judged([2.0], model="new")])
    scores = score_rows(pl.DataFrame(schema=HEURISTIC_METRICS), verdicts)
    (flip,) = flips(scores, PREDICTIONS, metric="correctness", candidate="new@p", baseline="old@p")
    assert (flip.inputs, flip.targets) == ("question 0", "target 0")
    assert (flip.baseline_output, flip.candidate_output) == ("a b", "a x")
    assert [(part.kind, part.text) for part in flip.difference] == [("same", "a "), ("removed", "b"), ("added", "x")]
    assert {(reason.candidate, reason.text) for reason in flip.justifications} == {
        ("old@p", "because 5"),
        ("new@p", "because 2"),
    }


def test_a_failed_request_differs_from_an_answer_by_all_its_words() -> None:
    assert [(part.kind, part.text) for part in word_diff("gone now", None)] == [("removed", "gone now")]


def test_equal_texts_have_one_part_and_empty_ones_none() -> None:
    assert [part.kind for part in word_diff("a b c", "a b c")] == ["same"]
    assert word_diff("", None) == ()


def test_very_long_texts_are_not_compared_word_by_word() -> None:
    long = "word " * (MAX_WORDS + 1)
    assert [part.kind for part in word_diff(long, long)] == ["removed", "added"]


@given(st.text(), st.text())
def test_the_parts_give_back_the_words_of_both_texts(before: str, after: str) -> None:
    parts = word_diff(before, after)
    assert "".join(part.text for part in parts if part.kind != "added").split() == before.split()
    assert "".join(part.text for part in parts if part.kind != "removed").split() == after.split()


def test_thoughts_and_calls_stand_beside_the_output() -> None:
    rows = answered(["Paris"]).with_columns(reasoning=pl.lit("London? No."), tool_calls=pl.lit('[{"name": "f"}]'))
    (example,) = example_outputs(rows, scored([1.0]), ["m@p"])
    assert (example.answers[0].output, example.answers[0].reasoning) == ("Paris", "London? No.")
    assert example.answers[0].tool_calls == "f()"


def test_an_answer_that_is_nothing_but_calls_is_shown_by_them() -> None:
    calls = pl.lit('[{"name": "f", "arguments": {"n": 1}}]')
    rows = answered(["Paris"]).with_columns(output=pl.lit(None, dtype=pl.String), tool_calls=calls)
    (example,) = example_outputs(rows, scored([1.0]), ["m@p"])
    assert (example.answers[0].output, example.answers[0].said) == (None, "f(n=1)")


def test_outputs_stand_example_outputs_in_dataset_order_with_scores_and_failures() -> None:
    scores = pl.concat([scored([0.1, 0.2, 0.3, 0.4], model="old"), scored([1.0, 1.0, 1.0, None], model="new")])
    found = list(example_outputs(PREDICTIONS, scores, ["old@p", "new@p"]))
    assert [example.example_id for example in found] == ["e0", "e1", "e2", "e3"]
    assert list(example_outputs(PREDICTIONS, scores, ["old@p", "new@p"], limit=2)) == found[:2]
    old, new = found[3].answers
    assert (old.output, old.outcome, old.scores["token_f1"]) == ("e", "ok", 0.4)
    assert (new.output, new.outcome, new.error, new.scores["token_f1"]) == (None, "error", "HTTP 500", None)


def test_a_candidate_without_a_row_for_an_example_is_missing_there() -> None:
    (example,) = example_outputs(answered(["x"], model="old"), scored([1.0], model="old"), ["old@p", "new@p"])
    assert example.answers[1].outcome == "missing"


def test_of_several_samples_the_first_is_shown_with_the_mean_of_all() -> None:
    predictions = answered(["one", "two"], example_id=["e0", "e0"], sample_index=[1, 0])
    scores = scored([1.0, 0.0], example_id=["e0", "e0"], sample_index=[1, 0])
    (example,) = example_outputs(predictions, scores, ["m@p"])
    assert (example.answers[0].output, example.answers[0].n_samples) == ("two", 2)
    assert example.answers[0].scores == {"token_f1": 0.5}
