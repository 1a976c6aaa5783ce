"""The ranked table and all rows as CSV, workbook and Parquet: the same columns, and no text is ever computed."""

import builtins
import csv
import io
import zipfile
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.errors import ExportError
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.exports import export_files
from eval_assets.reports.exports.export_files import csv_of, write_parquet_file, write_workbook
from eval_assets.reports.exports.export_frames import RANKING, ranking_frame, rows_frame
from eval_assets.reports.exports.spreadsheet_text import FORMULA, csv_text, workbook_text
from eval_assets.starting.workbook import workbook_rows
from tests.report_rows import SHARE, answered, judged, measured, report_of

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1+1", "＝1"]


FACTS = {
    "token_f1": SHARE,
    "contains": MetricFacts(low=0, high=1, is_binary=True),
    "correctness": MetricFacts(low=1, high=5),
}


@pytest.fixture(scope="module")
def report():
    """Two candidates on three examples with a metric, a judge and a failed request."""
    return report_of(
        {"old": ["a", "b", "c"], "new": ["=1+1", None, "line\nbreak, and comma"]},
        {"old": [0.5, 0.5, 0.25], "new": [0.75, None, 1.0]},
        more_scores=[measured([1.0, 1.0, 1.0], model="old", metric="contains"),
                     measured([0.0, None, 1.0], model="new", metric="contains")],
        judge_scores=pl.concat([judged([4, 4, 4], model="old"), judged([5, None, 3], model="new")]),
        facts=FACTS,
    )  # fmt: skip


def test_the_ranked_table_holds_the_numbers_of_the_report(report) -> None:
    frame = ranking_frame(report)
    assert list(frame.schema.items())[: len(RANKING)] == list(RANKING.items())
    rows = {row["candidate"]: row for row in frame.iter_rows(named=True)}
    assert [row["place"] for row in rows.values()] == sorted(row["place"] for row in rows.values())
    new, against = rows["new@p"], report.against_baseline("new@p", "token_f1")
    assert (new["mean"], new["n_scored"], new["n_total"]) == (0.875, 2, 3)
    assert (new["difference"], new["difference_ci_low"]) == (against["difference"], against["difference_ci_low"])
    assert rows["old@p"]["difference"] is None
    assert (new["contains/mean"], new["correctness/mean"], new["is_baseline"]) == (0.5, 4.0, False)


def test_every_row_is_there_with_each_score_and_its_reason(report) -> None:
    frame = rows_frame(report)
    assert frame.height == 6
    rows = {(row["example_id"], row["model"]): row for row in frame.iter_rows(named=True)}
    row = rows["e2", "new"]
    assert (row["inputs"], row["targets"], row["output"]) == ("question 2", "target 2", "line\nbreak, and comma")
    assert (row["token_f1/score"], row["contains/score"], row["correctness/score"]) == (1.0, 1.0, 3.0)
    assert (row["correctness/reason"], row["prediction_id"]) == ("because 3", "new-2")
    failed = rows["e1", "new"]
    assert (failed["outcome"], failed["error"], failed["output"]) == ("error", "HTTP 500", None)
    assert (failed["token_f1/score"], failed["correctness/score"]) == (None, None)


def test_samples_are_rows_and_verdicts_on_the_same_answer_are_one() -> None:
    second = answered(["y"]).with_columns(sample_index=pl.lit(1, pl.Int64), prediction_id=pl.lit("m-0b"))
    scores = pl.concat([measured([0.2]), measured([0.4]).with_columns(sample_index=pl.lit(1, pl.Int64))])
    report = report_of(
        {"m": ["x"]}, {}, more_scores=[scores], judge_scores=pl.concat([judged([4]), judged([2])]), samples=2
    )
    report = replace(report, predictions=pl.concat([report.predictions, second]))
    frame = rows_frame(report)
    assert frame["prediction_id"].to_list() == ["m-0", "m-0b"]
    assert frame["token_f1/score"].to_list() == [0.2, 0.4]
    assert frame["correctness/score"].to_list() == [3.0, None]  # (4 + 2) / 2 of the first, none of the second


def test_the_three_formats_hold_the_same(report, tmp_path) -> None:
    for frame in (ranking_frame(report), rows_frame(report)):
        write_parquet_file(frame, tmp_path / "t.parquet")
        assert pl.read_parquet(tmp_path / "t.parquet").equals(frame)
        from_csv = list(csv.reader(io.StringIO(csv_of(frame))))
        assert from_csv[0] == frame.columns
        assert len(from_csv) == frame.height + 1
        assert write_workbook(frame, tmp_path / "t.xlsx", sheet="rows") is None
        read = [row for _, row in workbook_rows(tmp_path / "t.xlsx")]
        assert list(read[0]) == frame.columns
        for told, row in zip(read, frame.iter_rows(named=True), strict=True):
            # The library writes 16 digits of a number.
            numbers = {name: pytest.approx(value, rel=1e-14) for name, value in row.items() if type(value) is float}
            assert told == row | numbers


def test_numbers_stay_numbers(report, tmp_path) -> None:
    (row, _) = csv.DictReader(io.StringIO(csv_of(ranking_frame(report))))
    assert float(row["mean"]) == 0.875
    frame = pl.DataFrame({"difference": [-0.5], "text": ["-0.5"]})
    assert csv_of(frame) == "difference,text\n-0.5,'-0.5\n"
    write_workbook(frame, tmp_path / "n.xlsx", sheet="n")
    assert [row for _, row in workbook_rows(tmp_path / "n.xlsx")] == [{"difference": -0.5, "text": "-0.5"}]


def test_what_is_no_number_is_an_empty_cell_of_a_workbook(tmp_path) -> None:
    frame = pl.DataFrame({"name": ["a", "b"], "score": [float("nan"), float("inf")]})
    write_workbook(frame, tmp_path / "n.xlsx", sheet="n")
    assert [row["score"] for _, row in workbook_rows(tmp_path / "n.xlsx")] == [None, None]


@pytest.mark.parametrize("formula", FORMULAS)
def test_what_looks_like_a_formula_is_text(formula, tmp_path) -> None:
    frame = pl.DataFrame({formula: [formula]})
    head, cell = list(csv.reader(io.StringIO(csv_of(frame), newline="")))
    assert head[0].startswith("'")
    assert cell[0].startswith("'")
    path = tmp_path / "f.xlsx"
    write_workbook(frame, path, sheet="rows")
    sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count('t="inlineStr"') == 2
    if not formula.startswith("\r"):  # of which the code is written
        assert b'quotePrefix="1"' in zipfile.ZipFile(path).read("xl/styles.xml")


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_no_text_begins_like_a_formula_and_a_quote_taken_away_gives_it_back(text) -> None:
    safe = csv_text(text)
    assert not safe.startswith(FORMULA)
    assert not safe.lstrip(" \xa0").startswith(FORMULA)
    if text.isprintable() and text.isascii():
        assert safe.removeprefix("'") == text


def test_control_characters_are_shown_as_their_code(tmp_path) -> None:
    frame = pl.DataFrame({"output": ["a\x00b\x1b[31m\x0b\ufffe", "two\nlines\tand a tab"]})
    write_workbook(frame, tmp_path / "c.xlsx", sheet="rows")
    read = [row["output"] for _, row in workbook_rows(tmp_path / "c.xlsx")]
    assert read == ["a\\u0000b\\u001b[31m\\u000b\\ufffe", "two\nlines\tand a tab"]
    assert "\x00" not in csv_of(frame)


def test_a_text_longer_than_a_cell_is_cut_with_a_mark_and_counted(tmp_path) -> None:
    frame = pl.DataFrame({"output": ["x" * 32_767, "y" * 32_768, "🙂" * 20_000]})  # an emoji takes two units
    told = write_workbook(frame, tmp_path / "l.xlsx", sheet="rows")
    assert told.startswith("2 texts are longer than the 32,767 characters of a cell and are cut")
    first, second, third = (row["output"] for _, row in workbook_rows(tmp_path / "l.xlsx"))
    assert first == "x" * 32_767
    for cut in (second, third):
        assert cut.endswith(" … [cut]")
        assert 32_760 <= len(cut.encode("utf-16-le")) // 2 <= 32_767
    assert workbook_text("z")[1] is False
    assert len(csv_of(frame)) > 80_000  # whole in CSV


def test_without_xlsxwriter_the_message_names_the_extra(monkeypatch, tmp_path) -> None:
    imported = builtins.__import__

    def without(name, *rest, **more):
        if name == "xlsxwriter":
            raise ModuleNotFoundError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=r"pip install 'eval-assets\[xlsx\]'"):
        write_workbook(pl.DataFrame({"a": [1]}), tmp_path / "x.xlsx", sheet="rows")


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(export_files, "MOST_ROWS", 2)
    with pytest.raises(ExportError, match="at most 2 rows"):
        write_workbook(pl.DataFrame({"a": [1, 2, 3]}), tmp_path / "x.xlsx", sheet="rows")


def test_an_evaluation_without_a_metric_or_a_row_is_exported_too() -> None:
    report = report_of({"m": [None]}, {}, more_scores=[measured([None], model="m")])
    assert rows_frame(report).height == 1
    assert ranking_frame(report)["mean"].to_list() == [None]


def test_a_text_like_a_code_of_a_workbook_comes_back_as_it_was(tmp_path) -> None:
    frame = pl.DataFrame({"output": ["_x000D_", "a_x0041_b", "plain"]})
    write_workbook(frame, tmp_path / "x.xlsx", sheet="rows")
    assert [row["output"] for _, row in workbook_rows(tmp_path / "x.xlsx")] == frame["output"].to_list()
