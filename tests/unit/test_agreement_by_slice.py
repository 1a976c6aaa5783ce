"""Judges on parts of the outputs, with people and with each other; expected values are worked out beside them."""

import json

import polars as pl
import pytest

from eval_assets.calibration.measuring import JudgeFacts, JudgeTables, measure_judge
from eval_assets.calibration.two_raters import FEWEST_EXAMPLES
from eval_assets.reports.judge_trust import judge_trust
from eval_assets.reports.judging_report import JudgingReport
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.judging_text import part_lines
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from tests.report_rows import report_of
from tests.unit.test_calibration import judge, labels, predictions, verdicts

N = 24  # of each of two large slices; a third has two examples
SLICES = pl.DataFrame(
    {
        "example_id": [f"x{index}" for index in range(2 * N + 2)],
        "topic": ["cost"] * N + ["law"] * N + ["rare"] * 2,
    }
)


def measured(given, said, facts=None, *, others=(), slices=SLICES):
    tables = JudgeTables(given, predictions(slices.height), said, slices=slices)
    facts = facts or JudgeFacts(judge())
    return measure_judge(tables, facts, evaluation="e", confidence=0.95, seed=0, run_id="r", others=others).agreement


@pytest.fixture(scope="module")
def by_topic():
    """A judge that is right about `cost`, and says the opposite of people about every other example of `law`."""
    people = [1 + 4 * (index % 2) for index in range(2 * N + 2)]
    said = [6 - score if N <= index < 2 * N and index % 4 < 2 else score for index, score in enumerate(people)]
    return measured(verdicts(said), labels(people))


def at(agreement, statistic, **place):
    place = {"slice_column": None, "slice_value": None, "other_judge": None} | place
    found = agreement.filter(
        pl.col("statistic") == statistic, *(pl.col(name).eq_missing(value) for name, value in place.items())
    )
    (row,) = found.to_dicts()
    return row


def test_agreement_with_people_differs_by_slice(by_topic) -> None:
    # cost: all 24 the same; law: 12 of 24; rare: both; so 38 of 50 in all
    assert at(by_topic, "raw_agreement")["value"] == 38 / 50
    cost, law = (
        at(by_topic, "slice_raw_agreement", slice_column="topic", slice_value=name) for name in ("cost", "law")
    )
    assert (cost["value"], cost["n"]) == (1.0, 24)
    assert (law["value"], law["n"]) == (0.5, 24)
    assert law["ci_low"] < 0.5 < law["ci_high"]
    kappa = at(by_topic, "slice_cohen_kappa_quadratic", slice_column="topic", slice_value="law")
    assert kappa["value"] == pytest.approx(0)  # half the same, where chance gives half
    assert json.loads(law["raters"]) == ["ann"]


def test_a_small_slice_says_so_and_has_no_number(by_topic) -> None:
    for statistic in ("slice_raw_agreement", "slice_cohen_kappa_quadratic"):
        row = at(by_topic, statistic, slice_column="topic", slice_value="rare")
        assert (row["value"], row["ci_low"], row["n"]) == (None, None, 2)
        assert row["method"] == f"too few: 2 of the {FEWEST_EXAMPLES} examples that it takes"


def test_many_outputs_on_few_examples_are_few() -> None:
    slices = pl.DataFrame({"example_id": ["x0", "x1"], "topic": ["cost", "cost"]})
    models = [f"m{number}" for number in range(30)]
    given = pl.concat([verdicts([5, 1], model=model) for model in models])
    outputs = pl.concat([predictions(2, model=model) for model in models])
    tables = JudgeTables(given, outputs, labels([5, 1]), slices=slices)
    agreement = measure_judge(
        tables, JudgeFacts(judge()), evaluation="e", confidence=0.95, seed=0, run_id="r"
    ).agreement
    row = at(agreement, "slice_raw_agreement", slice_column="topic", slice_value="cost")
    assert (row["value"], row["n"]) == (None, 60)
    assert row["method"].startswith("too few: 2 of")


def test_without_labels_there_is_nothing_to_say_of_slices() -> None:
    agreement = measured(verdicts([5] * (2 * N + 2)), labels([]))
    assert agreement.drop_nulls("slice_column").is_empty()


def test_two_judges_are_compared_on_what_both_scored() -> None:
    one = [1 + 4 * (index % 2) for index in range(2 * N)] + [None, None]
    other = [*(6 - score if index % 4 < 2 else score for index, score in enumerate(one[: 2 * N])), 5, 5]
    given = pl.concat([verdicts(one), verdicts(other, name="second")])
    agreement = measured(given, labels([]), others=[JudgeFacts(judge("second"))])
    row = at(agreement, "judges_raw_agreement", other_judge="second")
    assert (row["value"], row["n"], row["raters"]) == (0.5, 2 * N, None)
    law = at(agreement, "judges_slice_raw_agreement", other_judge="second", slice_column="topic", slice_value="law")
    assert (law["value"], law["n"]) == (0.5, N)
    # the two have no verdict on `rare` in common
    assert agreement.filter(slice_value="rare", other_judge="second").is_empty()


def test_judges_of_different_scales_can_agree_on_the_order_alone() -> None:
    scores = [1 + index % 5 for index in range(2 * N + 2)]
    given = pl.concat([verdicts(scores), verdicts([float(score >= 3) for score in scores], name="second")])
    second = JudgeFacts(judge("second", scale={"type": "pass_fail"}))
    agreement = measured(given, labels([]), others=[second])
    assert set(agreement.drop_nulls("other_judge")["statistic"]) == {"judges_spearman", "judges_slice_spearman"}
    assert 0.7 < at(agreement, "judges_spearman", other_judge="second")["value"] < 1


def report_with(agreement):
    trust = judge_trust(agreement.with_columns(judge_sha256=pl.lit("now")), {"grader": "now"})
    report = report_of({"m": ["x"]}, {"m": [0.5]})
    object.__setattr__(report, "judging", JudgingReport(trust))
    return report


def test_every_output_says_where_a_judge_agrees_least(by_topic) -> None:
    report = report_with(by_topic)
    (trusted,) = report.judging.trust
    first, second, small = part_lines(trusted)
    assert first.startswith("with people on topic = law: same score 50 % [")
    assert second.startswith("with people on topic = cost: same score 100 % [")
    assert small == "with people: 1 slice with fewer than 20 examples, too few to tell"
    for render in (report_table, report_markdown):
        text = " ".join(render(report).split())
        assert "same score 50 % [" in text.replace("\\", "")
        assert "too few to tell" in text
    page = report_html(report)
    assert page.index("topic = law") < page.index("topic = cost") < page.index("topic = rare")
    assert "too few: 2 of the 20 examples that it takes" in page
    (as_json,) = report_json(report)["judge_trust"]
    law = next(part for part in as_json["parts"] if part["slice_value"] == "law")
    assert law["statistics"]["raw_agreement"]["value"] == 0.5
    assert (trusted.statistics["raw_agreement"]["value"], trusted.badge) == (38 / 50, "checked")


def test_a_judge_says_how_it_agrees_with_another() -> None:
    scores = [1 + index % 5 for index in range(2 * N + 2)]
    given = pl.concat([verdicts(scores), verdicts(scores, name="second")])
    report = report_with(measured(given, labels([]), others=[JudgeFacts(judge("second"))]))
    (trusted,) = report.judging.trust
    first, *_ = part_lines(trusted)
    assert first.startswith("with the judge second: same score 100 % [")
    assert f"n = {2 * N + 2}" in first
    for render in (report_table, report_markdown, report_html):
        assert "second" in render(report)
