"""What `report` writes beside terminal, Markdown and page: tables, gates, one example, as much as fits a budget."""

import csv
import io
import json
import re
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from eval_assets.metrics.text.token_counts import TokenCounts
from eval_assets.starting.workbook import workbook_rows


def test_the_ranked_table_and_all_rows_in_each_format(cli_after_run, tmp_path) -> None:
    for more, n_rows in (([], 4), (["--rows"], 16)):  # 4 candidates, 4 examples each
        code, out, err = cli_after_run("report", "main", "--format", "csv", *more)
        assert code == 0, err
        printed = list(csv.DictReader(io.StringIO(out)))
        for style in ("csv", "xlsx", "parquet"):
            file = tmp_path / "new folder" / f"table.{style}"
            code, out, err = cli_after_run("report", "main", "--format", style, *more, "--output", str(file))
            assert (code, out, f"wrote {file}" in err) == (0, "", True)
        tables = tmp_path / "new folder"
        frame = pl.read_parquet(tables / "table.parquet")
        read = [row for _, row in workbook_rows(tables / "table.xlsx")]
        assert [len(rows) for rows in (printed, frame, read)] == [n_rows] * 3
        assert list(printed[0]) == frame.columns == list(read[0])
        assert list(csv.DictReader(io.StringIO((tables / "table.csv").read_text(encoding="utf-8")))) == printed
    assert {"grader/score", "grader/reason", "brevity/score", "prediction_id"} <= set(frame.columns)
    code, out, _ = cli_after_run("trace", frame["prediction_id"][0])
    assert (code, frame["example_id"][0] in out) == (0, True)


def test_a_folder_of_parquet_still_holds_every_table(cli_after_run, tmp_path) -> None:
    assert cli_after_run("report", "main", "--format", "parquet", "--output", str(tmp_path / "tables"))[0] == 0
    names = {file.stem for file in (tmp_path / "tables").glob("*.parquet")}
    assert names == {"aggregates", "comparison", "gates", "history", "predictions", "scores"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "xlsx"], "--format xlsx can't be printed: expected --output with a file"),
        (["--format", "parquet"], "a folder gets every table behind the report"),
        (["--format", "md", "--rows"], "--rows goes with --format csv or xlsx or parquet, got --format md"),
        (["--max-tokens", "2000"], "--max-tokens goes with --format json, got --format table"),
        (["--format", "json", "--max-tokens", "20"], "20 is not in the range x>=200"),
        (["--format", "html", "--slice", "topic"], "--slice goes with --format table or md"),
        (["--slice", "topic"], "with a column that the dataset's card lists in `slices`, got 'topic'"),
        (["--example", "row-99"], "--example: expected the id of one of 4 examples"),
        (["--format", "junit"], "expected `gates`, the conditions a candidate has to meet, got none"),
        (["--candidate", "alfa@short"], "did you mean 'alpha@short'?"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_was_expected(cli_after_run, arguments, said) -> None:
    code, _, err = cli_after_run("report", "main", *arguments)
    assert (code, said in " ".join(err.split())) == (2, True), err


def test_the_commands_that_a_brief_report_names_work(cli_after_run) -> None:
    code, out, err = cli_after_run("report", "main", "--format", "json", "--max-tokens", "600")
    assert (code, TokenCounts().total(out.strip()) <= 600) == (0, True), err
    brief = json.loads(out)
    _, out, _ = cli_after_run("report", "main", "--format", "json", "--max-tokens", "20000")
    whole = json.loads(out)
    assert brief["answer"] == whole["answer"]
    code, out, _ = cli_after_run("report", "main", "--format", "csv", "--rows")
    row = next(csv.DictReader(io.StringIO(out)))
    ids = {"EXAMPLE_ID": row["example_id"], "PREDICTION_ID": row["prediction_id"]}
    for command in brief["more"].values():
        words = [ids.get(word, word) for word in command.split()]
        code, out, err = cli_after_run(*words[1:])
        assert (code, bool(out)) == (0, True), (command, err)


def test_one_example_is_shown_with_every_answer_to_it(cli_after_run) -> None:
    _, out, _ = cli_after_run("report", "main", "--format", "csv", "--rows")
    rows = list(csv.DictReader(io.StringIO(out)))
    example = rows[0]["example_id"]
    mine = [row for row in rows if row["example_id"] == example]
    _, text, _ = cli_after_run("report", "main", "--example", example)
    for row in mine:
        assert row["output"] in text
        assert f"eval-assets trace {row['prediction_id']}" in text
    _, out, _ = cli_after_run("report", "main", "--example", example, "--candidate", "beta@long", "--format", "json")
    (answer,) = json.loads(out)["answers"]
    (row,) = [row for row in mine if row["candidate"] == "beta@long"]
    assert (answer["output"], answer["scores"]["grader"]) == (row["output"], float(row["grader/score"]))


def test_gates_are_written_as_junit_by_report_as_by_gate(cli_after_run, files_after_run) -> None:
    files_after_run.change("evaluations", "main", gates=[{"metric": "grader", "min": 1, "min_scored": 2}])
    code, by_report, err = cli_after_run("report", "main", "--format", "junit")
    assert code == 0, err
    _, by_gate, _ = cli_after_run("gate", "main", "--format", "junit")
    assert by_report == by_gate
    assert ET.fromstring(re.sub(r"^<\?.*\?>", "", by_report.strip())).tag == "testsuite"  # noqa: S314 - our own
