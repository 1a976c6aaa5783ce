"""What a report says of its judges: checked, uncalibrated and why, and whether one always says the same."""

import html
import json
from dataclasses import replace

import polars as pl
import pytest

from eval_assets.reports.judge_trust import judge_trust
from eval_assets.reports.judging_report import JudgingReport
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.judging_text import standing
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from eval_assets.tables.evaluation_tables import JUDGE_AGREEMENT
from tests.report_rows import judged, report_of

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
    assert "Cohen's kappa, quadratic weights 0.60 [0.40, 0.80]" in judge.sentence
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


@pytest.mark.parametrize(
    ("kappa", "badge"),
    [
        ({}, "checked"),
        ({"ci_low": -0.1}, "can't be told from chance"),
        ({"ci_low": 0.0}, "can't be told from chance"),
        ({"ci_low": None, "ci_high": None}, "can't be told from chance"),
        ({"value": -0.045, "ci_low": -0.22, "ci_high": 0.1}, "no better than chance"),
        ({"value": -0.4, "ci_low": -0.6, "ci_high": -0.2}, "no better than chance"),
        ({"value": 0.0, "ci_low": 0.0, "ci_high": 0.0}, "no better than chance"),
    ],
)
def test_a_judge_is_checked_only_where_it_agrees_with_people_better_than_chance(kappa, badge):
    judge = trust({**KAPPA, **kappa}, SPEARMAN, SAME)
    assert judge.badge == badge
    assert standing(judge).startswith(badge)
    assert ("chance." in judge.sentence) == (badge != "checked")


@pytest.mark.parametrize("low", [0.4, -0.1])
def test_no_output_says_that_a_judge_was_checked_that_is_no_better_than_chance(low):
    judge = trust({**KAPPA, "ci_low": low}, SPEARMAN, SAME, judge="correctness", now={"correctness": "sha-1"})
    report = replace(
        report_of({"old": ["x"]}, {"old": [0.5]}, judge_scores=judged([4.0], model="old"), judges=["correctness"]),
        judging=JudgingReport(trust=(judge,)),
    )
    for text in (report_html(report), report_markdown(report), report_table(report), json.dumps(report_json(report))):
        words = " ".join(html.unescape(text).split())
        assert ("checked" in words, "can't be told from chance" in words) == (low > 0, low < 0)
    leaderboard = report_html(report).partition('id="leaderboard"')[2].partition("</section>")[0]
    assert ("can't be told from chance" in html.unescape(leaderboard)) == (low < 0)
    assert report_json(report)["judge_trust"][0]["badge"] == judge.badge


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
