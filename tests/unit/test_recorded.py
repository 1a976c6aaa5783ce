"""Predictions read from a file."""

import asyncio
import json
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.model import RecordedColumns
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.recorded_client import RecordedClient, recorded_file
from eval_assets.providers.clients.recorded_verdicts import recorded_client
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.exchange import Reply, Request

ROWS = [{"example_id": "a", "output": "Paris"}, {"example_id": "b", "output": "Rome"}]


def write(folder: Path, rows: list[dict], suffix: str = ".jsonl") -> Path:
    path = folder / f"run{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif suffix == ".csv":
        pl.DataFrame(rows).write_csv(path)
    else:
        pl.DataFrame(rows).write_parquet(path)
    return path


def reply_of(path: Path, columns: RecordedColumns | None = None, *, sample_index: int = 0, **example) -> Reply:
    client = RecordedClient(path, columns or RecordedColumns())
    request = Request(messages=(), columns={"position": 0, **example}, sample_index=sample_index)
    return asyncio.run(client.complete(request))


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_a_reply_is_found_by_example_id_in_every_format(tmp_path, suffix):
    reply = reply_of(write(tmp_path, ROWS, suffix), example_id="b")
    assert (reply.outcome, reply.output) == ("ok", "Rome")


def test_without_an_id_column_the_position_decides(tmp_path):
    path = write(tmp_path, [{"output": "first"}, {"output": "second"}])
    assert reply_of(path, RecordedColumns(example_id=None), example_id="x", position=1).output == "second"


def test_a_number_as_id_matches_its_text(tmp_path):
    assert reply_of(write(tmp_path, [{"example_id": 7, "output": "seven"}]), example_id="7").output == "seven"


def test_columns_beside_the_output_are_kept_as_code_could_return_them(tmp_path):
    found = [{"doc_id": "fr"}]
    rows = [{"example_id": "a", "output": "Paris", "found": found, "trace": {"steps": 2}}, ROWS[1]]
    columns = RecordedColumns(extra=("found", "trace.steps"))
    assert json.loads(reply_of(write(tmp_path, rows), columns, example_id="a").extra) == {"found": found, "steps": 2}
    assert reply_of(write(tmp_path, rows), columns, example_id="b").extra is None
    assert "extra" not in RecordedColumns().model_dump()  # they are part of request keys


@pytest.mark.parametrize(
    ("name", "said"), [("steps", "no row has a value in column 'steps'"), ("row.targets", "names 'row.targets'")]
)
def test_columns_beside_the_output_that_cannot_be_are_refused(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said):
        reply_of(write(tmp_path, ROWS), RecordedColumns(extra=(name,)), example_id="a")


def test_a_dotted_path_reaches_into_nested_objects(tmp_path):
    path = write(tmp_path, [{"question": "1+1?", "175b_verification": {"solution": "2", "n": [5]}}])
    columns = RecordedColumns(
        example_id=None, output="175b_verification.solution", completion_tokens="175b_verification.n.0"
    )
    reply = reply_of(path, columns)
    assert (reply.output, reply.completion_tokens) == ("2", 5)


def test_measurements_come_from_their_columns(tmp_path):
    path = write(tmp_path, [{"example_id": "a", "output": "x", "s": "0.5", "in": 3, "out": None}])
    reply = reply_of(
        path, RecordedColumns(latency_seconds="s", prompt_tokens="in", completion_tokens="out"), example_id="a"
    )
    assert (reply.latency_seconds, reply.prompt_tokens, reply.completion_tokens) == (0.5, 3, None)


def test_an_output_that_is_no_text_becomes_json(tmp_path):
    assert (
        reply_of(write(tmp_path, [{"example_id": "a", "output": ["d1", "é"]}]), example_id="a").output == '["d1", "é"]'
    )


@pytest.mark.parametrize(
    ("example", "columns"),
    [
        ({"example_id": "zzz"}, RecordedColumns()),
        ({"example_id": "b"}, RecordedColumns()),
        ({"position": 9}, RecordedColumns(example_id=None)),
        ({"example_id": "a", "sample_index": 1}, RecordedColumns()),
    ],
)
def test_an_example_without_an_output_is_a_failed_row(tmp_path, example, columns):
    path = write(tmp_path, [ROWS[0], {"example_id": "b", "output": None}])
    with pytest.raises(RequestFailed, match=r"run\.jsonl") as failure:
        reply_of(path, columns, **example)
    assert failure.value.kind == "not_recorded"


def test_a_count_that_is_no_whole_number_is_null(tmp_path):
    rows = [{"example_id": "a", "output": "x", "s": "NaN", "in": 3.0, "out": 2.5}]
    columns = RecordedColumns(latency_seconds="s", prompt_tokens="in", completion_tokens="out")
    reply = reply_of(write(tmp_path, rows), columns, example_id="a")
    assert (reply.latency_seconds, reply.prompt_tokens, reply.completion_tokens) == (None, 3, None)


def test_a_recorded_output_without_text_is_empty(tmp_path):
    assert reply_of(write(tmp_path, [{"example_id": "a", "output": ""}]), example_id="a").outcome == "empty"


def test_a_measurement_that_is_no_number_is_a_failed_row(tmp_path):
    path = write(tmp_path, [{"example_id": "a", "output": "x", "s": "fast"}])
    with pytest.raises(RequestFailed, match="expected a number in column 's', got 'fast'"):
        reply_of(path, RecordedColumns(latency_seconds="s"), example_id="a")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.jsonl", '{"example_id": "a", "answer": "x"}', "no row has a value in column 'output'"),
        (
            "run.jsonl",
            '{"example_id": "a", "outptu": "x"}',
            "no row has a value in column 'output'; did you mean 'outptu'",
        ),
        (
            "run.jsonl",
            '{"example_id": "a", "output": "x"}\n' * 2,
            r"run\.jsonl:2: expected each 'example_id' once, got 'a' again, first in line 1",
        ),
        ("run.jsonl", '{"example_id": "a", ', r"run\.jsonl:1: not valid JSON: .* at column 20"),
        ("run.json", '{"a": 1}', "expected a list of objects"),
        ("run.jsonl", "", "expected rows with predictions, the file has none"),
        ("run.json", "[]", "expected rows with predictions, the file has none"),
        ("run.txt", "x", r"expected a file of predictions ending in \.jsonl"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_when_the_client_is_made(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        RecordedClient(tmp_path / name, RecordedColumns())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("example_id,output\na,The answer\nis 4\nb,5\n", 3),
        ('example_id,output\na,"one\ntwo"\nb,The answer\nis 4\n', 5),  # the row before takes two lines
        ("example_id,output\r\na,The answer\r\nis 4\r\n", 3),
        ("example_id;output;n\na;The answer\nis 4;1\n", 2),  # now both halves are too short
        ("output\texample_id\nThe answer\nis 4\ta\n", 2),
    ],
)
def test_a_bare_line_break_in_a_recorded_csv_is_refused(tmp_path, text, line):
    (tmp_path / "run.csv").write_bytes(text.encode())
    with pytest.raises(ConfigError, match=rf"run\.csv:{line}: expected \d fields as in the first line, got"):
        RecordedClient(tmp_path / "run.csv", RecordedColumns())


def test_a_line_break_in_quotes_is_part_of_the_output(tmp_path):
    (tmp_path / "run.csv").write_bytes(b'example_id,output\na,"one\r\ntwo, three"\n')
    assert reply_of(tmp_path / "run.csv", example_id="a").output == "one\r\ntwo, three"


def test_the_separator_of_a_recorded_csv_is_told_from_its_lines_or_named(tmp_path):
    (tmp_path / "run.csv").write_text("example_id;output\na;1,5\nb;2,5\n")
    assert reply_of(tmp_path / "run.csv", example_id="b").output == "2,5"
    (tmp_path / "run.csv").write_text("example_id#output\na#x;y\n")
    assert reply_of(tmp_path / "run.csv", RecordedColumns(delimiter="#"), example_id="a").output == "x;y"


def test_a_separator_that_is_not_named_is_no_part_of_the_identity():
    assert "delimiter" not in RecordedColumns().model_dump()
    assert RecordedColumns(delimiter=";").model_dump()["delimiter"] == ";"


def test_an_empty_output_is_recorded_in_quotes_and_a_missing_one_without(tmp_path):
    (tmp_path / "run.csv").write_text('example_id,output\na,""\nb,\nc,x\n')
    assert reply_of(tmp_path / "run.csv", example_id="a").output == ""
    with pytest.raises(RequestFailed, match="expected an output"):
        reply_of(tmp_path / "run.csv", example_id="b")


def test_missing_outputs_are_missing_in_every_format(tmp_path):
    (tmp_path / "run.jsonl").write_text('{"example_id": "a", "output": NaN}\n{"example_id": "b", "output": "x"}\n')
    pl.DataFrame({"example_id": [1, 2], "output": [float("nan"), 0.5]}).write_parquet(tmp_path / "run.parquet")
    for name, example_id in (("run.jsonl", "a"), ("run.parquet", "1")):
        with pytest.raises(RequestFailed, match="expected an output"):
            reply_of(tmp_path / name, example_id=example_id)
    assert reply_of(tmp_path / "run.parquet", example_id="2").output == "0.5"


def test_one_id_matches_in_every_spelling_of_a_number(tmp_path):
    pl.DataFrame({"example_id": [7.0, None], "output": ["seven", None]}).write_parquet(tmp_path / "run.parquet")
    assert reply_of(tmp_path / "run.parquet", example_id="7").output == "seven"


def test_half_a_surrogate_pair_in_a_recorded_output_becomes_the_replacement_character(tmp_path):
    (tmp_path / "run.jsonl").write_text('{"example_id": "a", "output": "cut \\ud83d"}\n')
    assert reply_of(tmp_path / "run.jsonl", example_id="a").output == "cut \ufffd"


def test_a_blank_row_among_rows_that_count_by_position_is_refused(tmp_path):
    columns = RecordedColumns(example_id=None)
    (tmp_path / "run.csv").write_text("output,n\nfirst,1\n,\nsecond,2\n")
    with pytest.raises(ConfigError, match=r"run\.csv:3: expected a prediction in each row"):
        RecordedClient(tmp_path / "run.csv", columns)
    (tmp_path / "run.csv").write_text("output,n\nfirst,1\n\nsecond,2\n\n,\n")  # blank lines are no rows
    assert reply_of(tmp_path / "run.csv", columns, position=1).output == "second"
    (tmp_path / "run.csv").write_text("output\nfirst\n\nthird\n")  # in one column they are missing values
    assert reply_of(tmp_path / "run.csv", columns, position=2).output == "third"


@pytest.mark.parametrize(("value", "tokens"), [("inf", None), ("-1", None), ("1e999", None), (True, 1), ("nan", None)])
def test_a_measurement_that_is_no_count_costs_no_row(tmp_path, value, tokens):
    path = write(tmp_path, [{"example_id": "a", "output": "x", "n": value}])
    reply = reply_of(path, RecordedColumns(completion_tokens="n"), example_id="a")
    assert (reply.output, reply.completion_tokens) == ("x", tokens)


def test_bytes_that_are_not_utf_8_are_refused(tmp_path):
    (tmp_path / "run.jsonl").write_bytes(b'{"output": "\xff"}')
    with pytest.raises(ConfigError, match="expected UTF-8, got byte 0xff"):
        RecordedClient(tmp_path / "run.jsonl", RecordedColumns())


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="the file of predictions doesn't exist"):
        RecordedClient(tmp_path / "run.jsonl", RecordedColumns())


def test_a_path_may_be_relative_absolute_or_start_at_a_variable(monkeypatch):
    monkeypatch.setenv("RUNS", "/srv/runs")
    folder = Path("/project/data/models")
    assert recorded_file("run.csv", folder) == folder / "run.csv"
    assert recorded_file("/tmp/run.csv", folder) == Path("/tmp/run.csv")  # noqa: S108  never opened
    assert recorded_file("${RUNS}/run.csv", folder) == Path("/srv/runs/run.csv")


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("RUNS", raising=False)
    with pytest.raises(ConfigError, match="expected the environment variable 'RUNS' to be set"):
        recorded_file("${RUNS}/run.csv", Path())


def test_a_file_larger_than_memory_should_hold_answers_from_disk(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("eval_assets.storage.spool.HELD_BYTES", 100)
    rows = [{"id": f"e{n}", "output": ["é" * n, n, None][n % 3], "seconds": n / 2} for n in range(90)]
    client = RecordedClient(
        write(tmp_path, rows, ".jsonl"), RecordedColumns(example_id="id", latency_seconds="seconds")
    )
    replies = {n: client.reply_to(Request((), columns={"example_id": f"e{n}"})) for n in (87, 0, 3, 4)}
    assert {n: (reply.output, reply.latency_seconds) for n, reply in replies.items()} == {
        87: ("é" * 87, 43.5),
        0: ("", 0.0),
        3: ("é" * 3, 1.5),
        4: ("4", 2.0),
    }
    assert [line for line, _ in client.outputs()] == [n + 1 for n in range(90) if n % 3 < 2]


def test_a_file_that_was_read_for_the_check_is_not_read_again_for_the_run(tmp_path) -> None:
    path = write(tmp_path, ROWS, ".jsonl")
    first = recorded_client(path, RecordedColumns(), file="data/models/run.jsonl")
    assert recorded_client(path, RecordedColumns()) is first
    path.write_text(path.read_text() + '{"example_id": "new", "output": "Oslo"}\n')
    assert recorded_client(path, RecordedColumns()) is not first
