"""Gates that hold a candidate against its own state before, or the released one: on its answers alone."""

import polars as pl
import pytest
from pydantic import ValidationError

from eval_assets.config.evaluation import Evaluation, EvaluationFile, Gate
from eval_assets.reports.computed.former_scores import FormerScores
from eval_assets.reports.computed.gating import evaluate_gates
from eval_assets.reports.computed.state_effects import FORMER_ANSWERS, NOT_TOLD_APART, PRESENT_ANSWERS, SAME
from eval_assets.tables.change_tables import PAIRED_SCORES
from tests.report_rows import SHARE, scored

N = 400


def pairs(before, now, *, between=None, scoring=SAME, row="same", otherwise=True, since="previous") -> pl.DataFrame:
    """Rows of `paired_scores` of the candidate m@p: the same scores on every example."""
    one = {
        "evaluation": "trial", "model": "m", "prompt": "p", "since": since, "row": row, "metric": "token_f1",
        "is_answered_otherwise": otherwise if row == "same" else None, "before": before, "between": between, "now": now,
        "scoring": scoring,
    }  # fmt: skip
    return pl.DataFrame([{**one, "example_id": f"e{number}"} for number in range(N)], schema=PAIRED_SCORES)


def asked(rows: pl.DataFrame, against: str = "previous", **gate: float) -> tuple[str, str]:
    """Verdict and reason of one gate; the candidate is the baseline, and alone."""
    declared = Gate(metric="token_f1", against=against, **(gate or {"max_drop": 0.05}))
    file = EvaluationFile(dataset="d", models=("m",), prompts=("p",), gates=(declared,))
    found = evaluate_gates(
        Evaluation(name="trial", file=file),
        scored([0.5] * N),
        metric_facts={"token_f1": SHARE},
        run_id="run-2",
        former=FormerScores(rows),
    )
    (row,) = found.iter_rows(named=True)
    assert row["tier"] == "critical"  # the baseline is held against its own past like any other
    return row["verdict"], row["reason"]


def test_a_drop_within_the_threshold_is_go_and_a_larger_one_is_not() -> None:
    assert asked(pairs(0.50, 0.51))[0] == "GO"
    assert asked(pairs(0.90, 0.50))[0] == "NO-GO"
    assert asked(pairs(0.90, 0.50), max_drop_relative=0.1)[0] == "NO-GO"
    assert asked(pairs(0.90, 0.95), non_inferiority_margin=0.05)[0] == "GO"


def test_where_the_scoring_changed_the_answers_alone_are_judged() -> None:
    stricter = pairs(0.9, 0.5, between=0.5, scoring=FORMER_ANSWERS)  # the former answers score as low today
    assert asked(stricter)[0] == "GO"
    milder = pairs(0.9, 0.9, between=0.5, scoring=PRESENT_ANSWERS)  # the present ones scored low by the former scale
    assert asked(milder)[0] == "NO-GO"


def test_answers_and_scoring_that_cannot_be_told_apart_settle_nothing() -> None:
    verdict, reason = asked(pairs(0.9, 0.5, scoring=NOT_TOLD_APART))
    assert verdict == "INCONCLUSIVE"
    assert "change one of the two and run, then the other" in reason


def test_answers_that_are_the_same_could_not_drop_however_few_they_are() -> None:
    few = pairs(0.9, 0.5, scoring=NOT_TOLD_APART, otherwise=False).head(3)
    assert asked(few) == ("GO", "all 3 rows that are the same in both states are answered as before")


def test_rows_that_are_in_one_state_alone_or_were_edited_count_for_nothing() -> None:
    for row in ("added", "removed", "edited"):
        verdict, reason = asked(pairs(0.9, 0.1, row=row))
        assert (verdict, reason) == ("INCONCLUSIVE", "no row is the same in the previous state and now")
        assert asked(pl.concat([pairs(0.5, 0.5), pairs(0.9, 0.1, row=row)]))[0] == "GO"


@pytest.mark.parametrize(
    ("against", "said"),
    [("previous", "there is no former state to compare with"), ("released", "no state of it was released")],
)
def test_without_the_former_state_nothing_is_settled(against: str, said: str) -> None:
    verdict, reason = asked(pairs(0.5, 0.5).clear(), against)
    assert verdict == "INCONCLUSIVE"
    assert reason.startswith(said)


def test_the_released_state_is_another_one_than_the_one_before() -> None:
    rows = pl.concat([pairs(0.5, 0.6), pairs(0.9, 0.6, since="released")])
    assert [asked(rows, against)[0] for against in ("previous", "released")] == ["GO", "NO-GO"]


def test_a_gate_against_a_former_state_that_asks_for_no_drop_is_refused() -> None:
    with pytest.raises(ValidationError, match="`against: previous` is about drops: expected one of 'max_drop'"):
        Gate(metric="token_f1", min=0.5, against="previous")


def test_a_gate_against_the_baseline_is_written_as_ever_so_that_nothing_becomes_stale() -> None:
    assert "against" not in Gate(metric="token_f1", min=0.5).model_dump(mode="json")
    assert Gate(metric="token_f1", max_drop=0.5, against="released").model_dump(mode="json")["against"] == "released"
