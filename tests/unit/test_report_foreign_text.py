"""Text of models, datasets and providers in every output: it can be read there, and do nothing."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from markdown_it import MarkdownIt

from eval_assets.reports.computed.gating import overall_verdict
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.note import Note
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import performance
from eval_assets.reports.rendered.gate_formats import gates_json, gates_junit, gates_markdown
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.previews import rows_preview
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.valid_json import valid_json
from tests.report_rows import SHARE, judged, measured, report_of

WILD = "![](https://example.org/?q) \x1b[31mred\x07 \u202edesrever| <img src=x> `code` [a](b)\r\nnext"
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
GATE = {"metric": "token_f1", "min": 0.5, "min_scored": 1}


@pytest.fixture(scope="module")
def report():
    verdicts = pl.concat([judged([1.0, 2.0], model=name) for name in ("old", "new")])
    return report_of(
        {"old": [WILD, "x"], "new": ["y", WILD]},
        {"old": [0.1, 0.2], "new": [0.9, 0.8]},
        judge_scores=verdicts.with_columns(justification=pl.lit(WILD)),
        description=WILD,
        notes=[Note(WILD)],
        gates=[GATE],
    )


def acting(markdown: str) -> list[str]:
    """What in a Markdown text is more than text, and the bare addresses that viewers turn into links."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    inline = [child for token in tokens for child in token.children or ()]
    own = ("<details><summary>Everything else</summary>\n", "</details>\n")  # the fold, written by this package
    found = [
        t.type
        for t in (*tokens, *inline)
        if t.type in ("link_open", "image", "html_inline", "html_block") and t.content not in own
    ]
    linked = [t.content for t in inline if t.type == "text" and re.search(r"https?://|www\.", t.content)]
    return [kind for kind in found if kind != "html_inline"] + linked


@pytest.mark.parametrize(
    "render", [report_table, report_markdown, report_html, lambda found: valid_json(report_json(found))]
)
def test_no_control_or_direction_character_reaches_an_output(report, render) -> None:
    text = render(report)
    assert not CONTROLS.search(text)
    assert "\\u001b" in text  # shown


def test_the_markdown_report_holds_no_link_and_no_picture(report) -> None:
    text = report_markdown(report)
    assert acting(text) == []
    assert "<img" not in text


@pytest.mark.parametrize("column", ["output", "inputs", "example_id", "reason", "justification"])
def test_a_preview_in_the_ui_holds_no_link_no_picture_and_no_html(column: str) -> None:
    preview = rows_preview(
        pl.DataFrame({column: [WILD, None, "`" * 9 + "[x](https://example.org)"], "n": [0.5, None, 1e-13]}),
        [column, "n"],
    )
    assert acting(preview) == []
    assert "<img" not in preview
    assert {line.replace("\\|", "").count("|") for line in preview.splitlines()} == {3}
    assert not CONTROLS.search(preview)


def test_previews_write_numbers_as_reports_do() -> None:
    lines = rows_preview(pl.DataFrame({"n": [1234.5678, -7.6e-13, 0.000012, 1e200]}), ["n"]).splitlines()
    assert lines[2:] == ["| 1,235 |", "| 0 |", "| 0.000012 |", "| 1.0e200 |"]


def test_gates_of_any_name_are_valid_in_every_format(report) -> None:
    rows = report.gates.with_columns(condition=pl.lit(WILD), metric=pl.lit("a\x00\ufffe|b"), reason=pl.lit(WILD))
    suite = ET.fromstring(gates_junit(rows, overall_verdict(rows, [WILD]), evaluation="trial"))  # noqa: S314 - written one line above
    assert len(suite) == rows.height + 1
    assert all("\\u001b" in case.get("name", "") for case in list(suite)[:-1])
    assert acting(gates_markdown(rows, overall_verdict(rows), evaluation="trial")) == []
    assert json.loads(gates_json(rows, overall_verdict(rows), evaluation="trial"))["gates"][0]["condition"] == WILD


@pytest.mark.parametrize("score", [1e75, -1e75, 5e-324, -7.6e-13])
def test_a_score_of_any_size_leaves_every_output_valid(score: float) -> None:
    texts = {name: ["x"] * 4 for name in ("old", "new")}
    rows = [measured([score, 1.0, 2.0, score], model=model, metric="wild") for model in texts]
    facts = {"token_f1": SHARE, "wild": MetricFacts(greater_is_better=True)}
    report = report_of(texts, {name: [0.5] * 4 for name in texts}, more_scores=rows, facts=facts)
    found = read(valid_json(report_json(report)))
    wild = found["candidates"][0]["metrics"]["wild"]
    assert (wild["n_scored"], wild["max"], found["not_finite"]) == (4, max(score, 2.0), {})
    for render in (report_table, report_markdown, report_html):
        assert not re.search(r"\b(inf|nan)\b", render(report))


def test_an_aggregate_beyond_all_numbers_is_null_and_its_place_is_named() -> None:
    report = report_of({"old": ["x"] * 2}, {"old": [0.5, 0.6]})
    infinite = {**report.candidates[0].metrics["token_f1"], "variance": float("inf"), "p90": float("nan")}
    candidate = replace(report.candidates[0], metrics={"token_f1": infinite})
    comparison = report.comparison.with_columns(difference_ci_high=pl.lit(float("-inf")))
    found = read(valid_json(report_json(replace(report, candidates=(candidate,), comparison=comparison))))
    assert found["candidates"][0]["metrics"]["token_f1"]["variance"] is None
    assert found["not_finite"] == {
        "candidates[0].metrics.token_f1.variance": "too large for a number",
        "candidates[0].metrics.token_f1.p90": "not a number",
        "comparisons[0].difference_ci_high": "too large for a number",
    }


def read(text: str):
    """A JSON text, strictly."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_each_outcome_is_told_with_its_own_reason() -> None:
    report = report_of({"old": ["x"] * 12, "new": ["y"] * 12}, {"old": [0.5] * 12, "new": [0.5] * 12})
    mine = pl.col("model") == "new"
    new = report.predictions.filter(mine).with_columns(
        outcome=pl.Series(["refused"] * 4 + ["truncated"] * 4 + ["empty"] + ["ok"] * 3),
        error=pl.Series(["stopped by the content filter"] * 3 + ["asked for a weapon"] + [None] * 8),
    )
    predictions = pl.concat([report.predictions.filter(~mine), new])
    candidates = [
        replace(candidate, performance=performance(predictions.filter(candidate.name == CANDIDATE), judged([])))
        for candidate in report.candidates
    ]
    again = replace(report, predictions=predictions, candidates=tuple(candidates))
    assert [str(note).partition(". ")[0] for note in report_notes(again)] == [
        "new@p: 4 of 12 requests brought no whole answer (truncated)",
        "new@p: 3 of 12 requests brought no whole answer (refused: stopped by the content filter)",
        "new@p: 1 of 12 requests brought no whole answer (refused: asked for a weapon)",
        "new@p: 1 of 12 requests brought no whole answer (empty)",
    ]
