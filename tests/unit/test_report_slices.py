"""Slices of a report: ranked, bounded in size in every output, and selected by name."""

import re

import polars as pl
import pytest

from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.scores import ExampleGroups
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page import page_slices
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.plain_lines import WIDTH
from eval_assets.reports.rendered.ranked_slices import ranked_slices, selected_slices
from eval_assets.reports.rendered.table import report_table
from tests.report_rows import SHARE, report_of, scored

N_PER_SLICE = 10


def sliced_report(values, scores):
    """A report on as many examples as there are values of the column `topic`; scores are by model."""
    outputs = {model: ["x"] * len(values) for model in scores}
    return report_of(outputs, scores, slices_of={"topic": values})


@pytest.fixture(scope="module")
def many():
    """300 topics of ten examples: on topic t the candidate is t thousandths better, on the last one far worse."""
    values = [f"t{topic:03}" for topic in range(300) for _ in range(N_PER_SLICE)]
    gains = [topic / 1000 for topic in range(299) for _ in range(N_PER_SLICE)] + [-0.5] * N_PER_SLICE
    return sliced_report(values, {"old": [0.5] * len(values), "new": [0.5 + gain for gain in gains]})


def test_the_largest_difference_stands_first_whatever_its_sign(many) -> None:
    first, second, *_ = ranked_slices(many)
    assert (first.title, first.difference, first.differs, first.n_examples) == ("topic = t299", -0.5, "new@p", 10)
    assert (second.title, round(second.difference, 6)) == ("topic = t298", 0.298)
    assert [one["slice_value"] for one in report_json(many)["slices"]][:2] == ["t299", "t298"]
    assert len(report_json(many)["slices"]) == 300


def test_slices_of_few_examples_stand_last_and_are_counted() -> None:
    values = ["large"] * 12 + ["small"] * 2
    report = sliced_report(values, {"old": [0.5] * 14, "new": [0.6] * 12 + [1.0] * 2})
    assert [one.value for one in ranked_slices(report)] == ["large", "small"]  # though 1.0 - 0.5 is more than 0.1
    for render in (report_table, report_markdown, report_html):
        assert "1 slice has fewer than 10 scored examples" in render(report)


def test_terminal_and_markdown_show_the_first_and_count_the_others(many) -> None:
    text = report_table(many)
    rows = [line.split() for line in text.splitlines() if line.strip().startswith("topic = ")]
    assert [row[2:5] for row in rows[:2]] == [["t299", "10", "-50.0"], ["t298", "10", "+29.8"]]
    assert len(rows) == 8
    assert "292 more slices: `eval-assets report trial --slice COLUMN`" in text
    assert max(map(len, text.splitlines())) <= WIDTH
    markdown = report_markdown(many)
    assert len([line for line in markdown.splitlines() if line.startswith("| topic = ")]) == 8
    assert "292 more slices" in markdown


def test_slices_are_selected_by_column_or_by_value(many) -> None:
    found = ranked_slices(many)
    assert len(selected_slices(found, ["topic"])) == 300
    assert [one.value for one in selected_slices(found, ["topic=t007", "topic=t001"])] == ["t007", "t001"]
    for render in (report_table, report_markdown):
        assert "topic = t007" in render(many, slices=["topic=t007"])
        assert "topic = t299" not in render(many, slices=["topic=t007"])
    with pytest.raises(KeyError, match="topc"):
        selected_slices(found, ["topic", "topc"])


def test_a_page_of_many_slices_holds_them_all_and_stays_small(many) -> None:
    page = report_html(many)
    assert page.count("<tr data-column=") == 300
    assert "more slices are in" not in page
    assert len(page.encode()) < 10_000_000
    assert re.search(r'data-value="t299" data-n="10" data-change="-0.5"', page)


def test_more_slices_than_a_page_holds_are_left_out_and_counted(many, monkeypatch) -> None:
    monkeypatch.setattr(page_slices, "MOST_CELLS", 400)
    page = report_html(many)
    assert page.count("<tr data-column=") == 200  # of two candidates
    assert "100 more slices are in <code>eval-assets report trial --format json</code>" in page


def test_a_candidate_that_stands_alone_is_held_against_its_own_mean() -> None:
    report = sliced_report(["a"] * 10 + ["b"] * 10 + ["c"] * 20, {"only": [0.2] * 10 + [0.4] * 10 + [0.5] * 20})
    # the mean of all is (2 + 4 + 10) / 40 = 0.4
    found = [(one.value, round(one.difference, 9), one.differs) for one in ranked_slices(report)]
    assert found == [("a", -0.2, "only@p"), ("c", 0.1, "only@p"), ("b", 0.0, "only@p")]
    assert "furthest from the mean of all first" in " ".join(report_table(report).split())


def test_a_slice_on_which_one_of_the_two_has_no_score_has_no_difference() -> None:
    report = sliced_report(["a"] * 10 + ["b"] * 10, {"old": [0.5] * 20, "new": [None] * 10 + [0.6] * 10})
    assert [(one.value, one.difference is None) for one in ranked_slices(report)] == [("b", False), ("a", True)]
    for render in (report_table, report_markdown, report_html):
        render(report)


def test_the_value_of_a_slice_is_text_wherever_it_stands() -> None:
    hostile = "</td><script>window.ran = 1</script> | \x1b[31m"
    report = sliced_report([hostile] * 10, {"old": [0.5] * 10, "new": [0.6] * 10})
    assert "<script>window" not in report_html(report)
    assert "\x1b" not in report_table(report)
    (row,) = [line for line in report_markdown(report).splitlines() if line.startswith("| topic = ")]
    assert "<script>" not in row
    assert row.count(" | ") == 5  # slice, n, points, of, two means


def test_aggregates_of_a_slice_are_what_the_report_shows() -> None:
    groups = ExampleGroups(pl.DataFrame({"example_id": ["e0", "e1"], "topic": ["a", "b"]}), slices=("topic",))
    rows = aggregate_cell(
        scored([0.25, 0.75]), metric_facts={"token_f1": SHARE}, cell={"evaluation": "trial"}, run_id="r", groups=groups
    )
    report = sliced_report(["a", "b"], {"m": [0.25, 0.75]})
    means = {one.value: one.measure.rows["m@p"]["mean"] for one in ranked_slices(report)}
    assert means == dict(rows.drop_nulls("slice_value").select("slice_value", "mean").rows())
