"""Rows in files of each format: separators, encodings, true lines, blank rows; and whatever bytes a file may hold."""

import csv
import io
import json
import math
import tracemalloc
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eval_assets.config.datasets.human_labels import read_labels
from eval_assets.config.datasets.row_files import file_rows, is_blank
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.project import Project
from eval_assets.config.recorded_columns import RecordedColumns
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.providers.clients.recorded_client import RecordedClient
from tests.small_project import FILES, problems_of, project_with

NO_JSONL: dict[str, str | bytes | None] = {"datasets/qa.jsonl": None}


def with_csv(folder: Path, text: str | bytes, card: str = FILES["datasets/qa.yaml"]) -> Project:
    return project_with(folder, **{**NO_JSONL, "datasets/qa.csv": text, "datasets/qa.yaml": card})


def questions(project: Project) -> list[tuple[str, Any]]:
    return [
        (example.example_id, example.columns["inputs"])
        for example in read_examples(project.dataset("qa"), project.datasets_dir)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "example_id;inputs;price\n1;Why, oh why?;1,5\n2;How?;2,25\n",
        "example_id\tinputs\tprice\n1\tWhy, oh why?\t1;5\n2\tHow?\t2\n",
        "example_id|inputs\n1|Why, oh why?\n2|How?\n",
        '"example_id";"inputs"\r\n"1";"Why, oh why?"\r\n"2";"How?"\r\n',
        'sep=;\nexample_id;inputs\n1;"Why, oh why?"\n2;How?\n',
        'example_id,inputs\n1,"Why, oh why?"\n2,How?\n',
        'example_id,"inputs"\n\n1,"Why, oh why?"\n,\n  \n2,How?\n\n',
    ],
)
def test_the_separator_of_a_csv_is_told_from_its_first_lines(tmp_path: Path, text: str) -> None:
    project = with_csv(tmp_path, text)
    assert questions(project) == [("1", "Why, oh why?"), ("2", "How?")]
    assert problems_of(project) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("qa.json", '[{"example_id": "1", "inputs": "Why?"}]'),
        ("qa.ndjson", '{"example_id": "1", "inputs": "Why?"}\n'),
        ("qa.tsv", "example_id\tinputs\n1\tWhy?\n"),
    ],
)
def test_rows_of_every_format_are_found_beside_their_card(tmp_path: Path, name: str, text: str) -> None:
    project = project_with(tmp_path, **{**NO_JSONL, f"datasets/{name}": text})
    assert questions(project) == [("1", "Why?")]
    assert problems_of(project) == []


def test_a_file_of_another_format_beside_the_usual_one_changes_nothing(tmp_path: Path) -> None:
    project = project_with(tmp_path, **{"datasets/qa.json": '{"$schema": "of the rows"}'})
    assert questions(project) == [("a", "Why?")]
    both = project_with(tmp_path / "both", **{**NO_JSONL, "datasets/qa.json": "[]", "datasets/qa.tsv": "x"})
    with pytest.raises(DatasetError, match=r"expected one row file qa.jsonl .* or qa.tsv beside it, found 2"):
        questions(both)


def test_a_separator_that_can_not_be_told_is_named_in_the_card(tmp_path: Path) -> None:
    card = FILES["datasets/qa.yaml"] + 'delimiter: "#"\n'
    assert questions(with_csv(tmp_path, "example_id#inputs\n1#Why, or; how?\n", card)) == [("1", "Why, or; how?")]
    wrong = with_csv(tmp_path / "wrong", "example_id,inputs\n1,x\n", card.replace('"#"', "comma"))
    assert 'delimiter: expected one character such as ";" or "\\t", got \'comma\'' in "\n".join(problems_of(wrong))


def test_documents_and_labels_may_have_separators_of_their_own(tmp_path: Path) -> None:
    card = 'task: retriever\ndocuments: {file: d.csv, delimiter: ";"}\nlabels: [{file: l.csv}]\n'
    files = {
        "datasets/d.csv": "doc_id;text\n7;one, two\n\n8;x\n",
        "datasets/l.csv": "example_id\trater\tlabel\na\tann\t4\n",
    }
    project = project_with(tmp_path, **{"datasets/qa.yaml": card, **files})
    dataset = project.dataset("qa")
    assert read_documents(dataset, project.datasets_dir)[0] == {"id": "7", "text": "one, two"}
    (label,) = read_labels(dataset, project.datasets_dir, example_ids={"a"})
    assert (label.rater, label.label) == ("ann", "4")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["qa.csv", "qa.jsonl"])
def test_encodings_that_say_what_they_are_are_read(tmp_path: Path, encoding: str, name: str) -> None:
    text = (
        'example_id,inputs\n1,"Zürich, 漢?"\n' if name == "qa.csv" else '{"example_id": 1, "inputs": "Zürich, 漢?"}\n'
    )
    project = project_with(tmp_path, **{**NO_JSONL, f"datasets/{name}": text.encode(encoding)})
    assert questions(project) == [("1", "Zürich, 漢?")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "example_id,inputs\n1,x\n2,Zürich\n".encode("latin-1"),
            "qa.csv:3: expected UTF-8, got byte 0xfc at byte 4 of",
        ),
        ("example_id,inputs\n1,x\n".encode("utf-16-le"), "qa.csv: expected UTF-8, got UTF-16 without the mark that"),
        ("example_id,inputs\n1,x\n".encode("utf-16-be"), "qa.csv: expected UTF-8, got UTF-16 without the mark that"),
        ("example_id,inputs\n1,x\n".encode("utf-16")[:-1], "qa.csv: expected UTF-16, as the file's first bytes say"),
    ],
)
def test_other_encodings_are_said(tmp_path: Path, content: bytes, said: str) -> None:
    (found,) = problems_of(with_csv(tmp_path, content))
    assert found.startswith(f"data/datasets/{said}"), found
    assert found.endswith("save the file as UTF-8")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (  # the first row stands in lines 2 to 4, the blank line is the fifth
            "qa.csv",
            'example_id,inputs\na,"one\ntwo\nthree"\n\nb,x\na,y\n',
            "qa.csv:7: expected each example_id once, got 'a' again, first in line 2",
        ),
        (
            "qa.csv",
            'example_id,inputs\r\n"a","one\rtwo"\r\nb,\r\n',  # a quoted bare return is a line of its own
            "qa.csv:4: inputs: expected a value, got None",
        ),
        (
            "qa.jsonl",
            '\n{"example_id": "a", "inputs": "x"}\n\n  \n{"example_id": "a", "inputs": "y"}\n',
            "qa.jsonl:5: expected each example_id once, got 'a' again, first in line 2",
        ),
        (
            "qa.json",
            '[\n  {"example_id": "a",\n   "inputs": "x"},\n\n  {"example_id": "a", "inputs": "y"}\n]\n',
            "qa.json:5: expected each example_id once, got 'a' again, first in line 2",
        ),
        (
            "qa.json",
            '[\n  {"example_id": "a", "inputs": "x"},\n  {"example_id": "b"\n   "inputs": 1}\n]\n',
            "qa.json:4: not valid JSON: Expecting ',' delimiter at column 4",
        ),
        (
            "qa.json",
            '[{"example_id": "a", "inputs": "x"}\n {"example_id": "b", "inputs": "y"}]\n',
            "qa.json:2: not valid JSON: expected ',' or ']' after an object",
        ),
        (
            "qa.jsonl",
            '[\n  {"example_id": "a", "inputs": "x"}\n]\n',
            "qa.jsonl:1: expected an object a line, got a list over lines; name the file .json",
        ),
        (
            "qa.csv",
            "example_id,inputs,inputs\na,x,y\n",
            "qa.csv:1: inputs: expected each column once, got it again; rename one",
        ),
        (
            "qa.csv",
            'example_id;inputs\na;"one\ntwo"\nb;x;y\n',
            "qa.csv:4: expected 2 fields as in the first line, got 3; put texts that hold ';' or line breaks in double",
        ),
    ],
)
def test_messages_name_the_line_a_person_finds_the_mistake_in(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    card = f"{FILES['datasets/qa.yaml']}file: {name}\n"
    project = project_with(tmp_path, **{**NO_JSONL, f"datasets/{name}": content.encode(), "datasets/qa.yaml": card})
    (found,) = problems_of(project)
    assert found.startswith(f"data/datasets/{said}"), found


def test_a_repeated_document_is_named_with_both_lines(tmp_path: Path) -> None:
    card = "task: retriever\ndocuments: {file: d.jsonl}\n"
    documents = '{"doc_id": 7, "text": "x"}\n\n{"doc_id": "7", "text": "y"}\n'
    project = project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/d.jsonl": documents})
    with pytest.raises(
        DatasetError, match=r"d\.jsonl:3: expected each document id once, got '7' again, first in line 1"
    ):
        read_documents(project.dataset("qa"), project.datasets_dir)


def test_rows_that_are_blank_throughout_are_skipped_in_every_format(tmp_path: Path) -> None:
    parquet = io.BytesIO()
    pl.DataFrame({"example_id": ["1", None, "2"], "inputs": ["x", None, "y"]}).write_parquet(parquet)
    contents: dict[str, bytes] = {
        "qa.csv": b'example_id,inputs\n1,x\n\n,\n"",""\n  \n2,y\n\n',
        "qa.jsonl": b'{"example_id": 1, "inputs": "x"}\n{}\n{"inputs": null}\n\n{"example_id": 2, "inputs": "y"}\n',
        "qa.parquet": parquet.getvalue(),
    }
    for name, content in contents.items():
        project = project_with(tmp_path / name, **{**NO_JSONL, f"datasets/{name}": content})
        assert questions(project) == [("1", "x"), ("2", "y")]
        assert problems_of(project) == []


def test_a_blank_row_keeps_its_place_and_a_blank_line_has_none(tmp_path: Path) -> None:
    project = with_csv(tmp_path, "example_id,inputs\n1,x\n\n,\n2,y\n")
    examples = read_examples(project.dataset("qa"), project.datasets_dir)
    assert [(example.example_id, example.position) for example in examples] == [("1", 0), ("2", 2)]


def test_a_row_with_anything_in_it_is_not_blank(tmp_path: Path) -> None:
    (found,) = problems_of(with_csv(tmp_path, "example_id,inputs,n\n1,x,0\n,,0\n"))
    assert found.startswith("data/datasets/qa.csv:3: example_id: expected a value, got None"), found


def test_a_folder_or_a_file_of_another_kind_is_said(tmp_path: Path) -> None:
    project = project_with(tmp_path, **{**NO_JSONL, "datasets/qa.csv/x.txt": "x"})
    assert "data/datasets/qa.csv: expected a file, got a folder" in problems_of(project)
    card = FILES["datasets/qa.yaml"] + "file: qa.xlsx\n"
    other = project_with(tmp_path / "other", **{**NO_JSONL, "datasets/qa.yaml": card, "datasets/qa.xlsx": "x"})
    (said, *_) = problems_of(other)
    assert said.startswith("data/datasets/qa.xlsx: expected a file ending in .jsonl, .ndjson, .json, .csv, .tsv")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ["", '"', ",", "\n", "\r\n", "a,b", 'say "x"', "1,5", " ", "漢"]
)


@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=6), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_is_read_as_it_was_written(tmp_path: Path, rows: list[list[str]], quoting: Any) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting).writerows([["first", "second"], *rows])
    path = tmp_path / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    read = [list(row.values()) for _, row in file_rows(path, file="rows.csv", delimiter=",")]
    missing = "" if quoting == csv.QUOTE_ALL else None  # what quotes tell, and their absence doesn't
    assert read == [[cell or missing for cell in row] for row in rows]
    lines = [line for line, _ in file_rows(path, file="rows.csv", delimiter=",")]
    assert lines == sorted(set(lines))


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_csv_gives_the_values_that_polars_gives(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "rows.csv"
    pl.DataFrame(rows, schema=["first", "second"], orient="row").write_csv(path, quote_style="always")
    expected = pl.read_csv(path, infer_schema=False).rows()
    assert [tuple(row.values()) for _, row in file_rows(path, file="rows.csv", delimiter=",")] == expected


LIMIT = 60 * 1024 * 1024


@given(
    st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".parquet"]),
    st.binary(max_size=300)
    | st.text(max_size=200).map(str.encode)
    | st.text(st.sampled_from('[]{}",;\t\n\r:1ae ')).map(str.encode),
)
@example(".csv", b"a,b\n\0,\xef\xbb\xbf")
@example(".json", b"[1")
@example(".json", b'[{"a": 1},')
@example(".csv", b"sep=,\n")
@example(".csv", b'"')
@example(".jsonl", b'{"a": ' + b"[" * 300_000)
@example(".json", b"[" * 300_000)
@example(".csv", b'"' * 300_000)
@example(".csv", b"," * 100_000 + b"\n")
@example(".jsonl", b'{"a": [' + b"0," * 150_000 + b"0]}")
@example(".jsonl", b'{"a": [' + b"{}," * 100_000 + b"0]}")
@example(".parquet", b"PAR1" + bytes(300_000) + b"PAR1")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_any_bytes_are_rows_or_a_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        for line, row in file_rows(path, file=path.name):
            assert line >= 1
            assert json.loads(json.dumps(row)) == row
    except DatasetError as error:
        assert str(error).startswith(path.name)  # noqa: PT017  every message begins with the place
        str(error).encode()
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < LIMIT


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["example_id", "inputs", "targets", "context", "output", "rater", "label", "doc_id", "text", "n"]
)
ROWS = st.lists(st.dictionaries(NAMES, JSON_VALUES, max_size=5), max_size=4)


def is_nan(value: Any) -> bool:
    """Whether a value is read as none."""
    return isinstance(value, float) and math.isnan(value)


@given(ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_rows_of_any_values_are_all_there_or_refused_with_a_sentence(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    card = "task: retriever\ndocuments: {file: qa.jsonl}\nlabels: [{file: qa.jsonl}]\nfile: qa.jsonl\n"
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    project = project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": lines})
    dataset, folder = project.dataset("qa"), project.datasets_dir
    n_rows = sum(not is_blank({name: None if is_nan(value) else value for name, value in row.items()}) for row in rows)
    try:
        n_examples = len(list(read_examples(dataset, folder)))
    except DatasetError as error:
        assert "expected" in str(error) or "absent" in str(error)  # noqa: PT017  a refusal is a sentence
    else:
        assert n_examples == n_rows
    try:
        n_documents = len(read_documents(dataset, folder))
    except DatasetError:
        pass
    else:
        assert n_documents == n_rows
    try:
        ids = {str(row["example_id"]) for row in rows if "example_id" in row}
        n_labels = len(read_labels(dataset, folder, example_ids=ids))
    except DatasetError:
        pass
    else:
        assert n_labels == n_rows
    try:
        n_outputs = len(list(RecordedClient(folder / "qa.jsonl", RecordedColumns()).outputs()))
    except ConfigError:
        pass
    else:
        assert n_outputs <= len(rows)


# The same damages each time: about one in 20,000 has Polars ask for exabytes, which ends the process.
@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, derandomize=True)
def test_a_damaged_parquet_file_is_rows_or_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    content = io.BytesIO()
    frame = {"example_id": ["a", "b"], "inputs": ["x", None], "n": [1.5, float("nan")], "tags": [["a"], None]}
    pl.DataFrame(frame).write_parquet(
        content, compression=data.draw(st.sampled_from(["uncompressed", "zstd", "snappy"]))
    )
    damaged = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "rows.parquet"
    path.write_bytes(damaged)
    try:
        assert all(isinstance(row, dict) for _, row in file_rows(path, file=path.name))
    except DatasetError as error:
        assert str(error).startswith("rows.parquet")  # noqa: PT017  every message begins with the place
