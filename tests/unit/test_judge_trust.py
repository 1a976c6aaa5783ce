"""What a report says of its judges: checked, uncalibrated and why, and whether one always says the same."""

import json

import polars as pl
import pytest

from eval_assets.reports.judge_trust import judge_trust
from eval_assets.reports.judging_text import standing
from eval_assets.storage.judging_schemas import JUDGE_AGREEMENT

NOW = {"grader": "sha-1"}
KAPPA = {"statistic": "cohen_kappa_quadratic", "value": 0.6, "ci_low": 0.4, "ci_high": 0.8}
SPEARMAN = {"statistic": "spearman", "value": 0.7, "ci_low": 0.5, "ci_high": 0.9}
SAME = {"statistic": "raw_agreement", "value": 0.75, "ci_low": 0.6, "ci_high": 0.9}


def agreement(*rows, **fields):
    common = {
        "judge": "grader",
        "judge_sha256": "sha-1",
        "judge_version": 1,
        "n": 20,
        "method": "m",
        "raters": '["ann"]',
    }
    return pl.DataFrame([{**common, **row, **fields} for row in rows], schema=JUDGE_AGREEMENT)


def trust(*rows, now=NOW, **fields):
    (judge,) = judge_trust(agreement(*rows, **fields), now)
    return judge


def test_a_judge_measured_as_it_stands_is_calibrated():
    judge = trust(KAPPA, SPEARMAN, SAME)
    assert judge.uncalibrated is None
    assert standing(judge) == "checked against 20 outputs labelled by ann"
    assert "same score on 75 %" in judge.sentence
    assert "Cohen's kappa, quadratic weights 0.600 [0.400, 0.800]" in judge.sentence
    assert "can't be told from chance" not in judge.sentence


@pytest.mark.parametrize(
    ("rows", "fields", "expected"),
    [
        ((), {}, "uncalibrated: its agreement with people was never measured"),
        ((SPEARMAN,), {"value": None, "method": "uncalibrated: no human labels"}, "uncalibrated: no human labels"),
        ((KAPPA, SPEARMAN), {"judge_sha256": None}, "uncalibrated: its verdicts come from several versions of it"),
        (
            (KAPPA, SPEARMAN),
            {"judge_sha256": "sha-0"},
            "uncalibrated: agreement was measured with version 1, before it changed",
        ),
        (
            (KAPPA, SPEARMAN),
            {"value": None, "method": "the measure is undefined"},
            "uncalibrated: the measure is undefined",
        ),
    ],
)
def test_a_judge_is_uncalibrated_for_a_reason(rows, fields, expected):
    judge = trust(*rows, **fields)
    assert judge.uncalibrated == expected
    assert judge.sentence.startswith(f"grader: {expected}.")
    assert standing(judge) == expected


def test_a_judge_whose_file_cannot_be_read_is_uncalibrated():
    assert trust(KAPPA, SPEARMAN, SAME, now={"grader": None}).uncalibrated is not None


def test_agreement_whose_interval_holds_zero_is_said_to_be_chance():
    assert "can't be told from chance" in trust({**KAPPA, "ci_low": -0.1}, SPEARMAN, SAME).sentence


def test_a_judge_that_says_the_same_of_everything_is_shown_to_do_so():
    frequent = {"statistic": "most_frequent_score_share", "value": 0.72, "detail": json.dumps({"score": 2.0})}
    copied = {"statistic": "copied_justification_share", "value": 0.34}
    sentence = trust(KAPPA, SPEARMAN, SAME, frequent, copied).sentence
    assert "It gives the score 2 to 72 % of the outputs." in sentence
    assert "34 % of its justifications are copied" in sentence


def test_means_that_cannot_be_corrected_are_said_to_be():
    few = {
        "statistic": "corrected_mean",
        "model": "m",
        "prompt": "p",
        "method": "none: 20 human labels, at least 40 are needed",
    }
    judge = trust(KAPPA, SPEARMAN, SAME, few)
    assert "No mean can be corrected for its errors: 20 human labels, at least 40 are needed." in judge.sentence
    assert list(judge.corrected) == ["m@p"]
