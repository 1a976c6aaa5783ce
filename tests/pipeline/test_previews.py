"""What the UI shows of rows and findings: it can be read there, and do nothing."""

import polars as pl
import pytest

from eval_assets.assets.metadata import rows_preview
from eval_assets.checks.data_quality import _findings_table
from eval_assets.quality.expectations import Expectation
from eval_assets.quality.validation import Finding
from eval_assets.reports.computed.labels import shares_in_words
from tests.unit.test_report_foreign_text import CONTROLS, WILD, acting
from tests.unit.test_report_labels import report_with


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
    assert lines[2:] == ["| 1,235 |", "| 0.000 |", "| 0.000012 |", "| 1.0e200 |"]


def test_what_data_quality_found_holds_no_link() -> None:
    expectation = Expectation(
        "ExpectX", {"column": "score`![](https://example.org)"}, ("metric", "`x` | [a](https://example.org)")
    )
    table = _findings_table([Finding(expectation, 9, 1, (WILD, "q1"))])
    assert acting(table) == []
    assert {line.replace("\\|", "").count("|") for line in table.splitlines()} == {7}


def test_the_ui_shows_shares_in_words() -> None:
    rows = (
        report_with()
        .aggregates.filter(pl.col("metric") == "tone")
        .with_columns(pl.col("labels").map_elements(shares_in_words, return_dtype=pl.String))
    )
    assert "good 75 % \\[53 %, 89 %\\], bad 25 %" in rows_preview(rows, ["metric", "labels"])
