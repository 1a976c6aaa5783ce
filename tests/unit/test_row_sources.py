"""Rows that lie in no file of the project: a Delta table, Parquet elsewhere, a query, what an asset handed over."""

import datetime as dt
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.handing_over import hand_over
from eval_assets.storage.warehouse import Warehouse
from tests.small_project import notes_of, problems_of, project_with

TICKETS = pl.DataFrame({"example_id": ["b", "a"], "inputs": ["Where?", "Why?"], "targets": ["There.", "Because."]})


def with_rows(folder: Path, rows: str) -> Project:
    card = f"task: question-answering\nrows: {rows}\n"
    return project_with(folder, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": None})


def read(project: Project) -> list[tuple[str, str, int]]:
    examples = read_examples(project.dataset("qa"), project.datasets_dir)
    return [(example.example_id, example.columns["inputs"], example.position) for example in examples]


@pytest.fixture
def lake(tmp_path: Path, monkeypatch) -> Path:
    folder = tmp_path / "a lake"
    write_deltalake(folder / "tickets", TICKETS, partition_by=["targets"])
    monkeypatch.setenv("LAKE", str(folder))
    return folder


def test_a_delta_table_is_read_in_the_order_of_its_ids(tmp_path: Path, lake: Path) -> None:
    project = with_rows(tmp_path / "project", "{delta: '${LAKE}/tickets'}")
    assert read(project) == [("a", "Why?", 0), ("b", "Where?", 1)]
    assert problems_of(project) == notes_of(project) == []


def test_a_commit_changes_the_datasets_version_and_a_rewrite_of_the_same_rows_does_not(
    tmp_path: Path, lake: Path
) -> None:
    project = with_rows(tmp_path / "project", "{delta: '${LAKE}/tickets'}")
    first = FileVersions(project).sha256("datasets", "qa")
    write_deltalake(lake / "tickets", TICKETS.reverse(), mode="overwrite")
    assert FileVersions(project).sha256("datasets", "qa") == first
    write_deltalake(lake / "tickets", TICKETS.with_columns(targets=pl.lit("Here.")), mode="overwrite")
    assert FileVersions(project).sha256("datasets", "qa") != first


def test_a_parquet_file_outside_of_the_project_is_read_as_it_stands(tmp_path: Path, lake: Path) -> None:
    TICKETS.write_parquet(lake / "tickets.parquet")
    project = with_rows(tmp_path / "project", "{parquet: '${LAKE}/tickets.parquet'}")
    assert read(project) == [("b", "Where?", 0), ("a", "Why?", 1)]
    first = FileVersions(project).sha256("datasets", "qa")
    TICKETS.head(1).write_parquet(lake / "tickets.parquet")
    assert FileVersions(project).sha256("datasets", "qa") != first


def test_a_query_is_asked_anew_by_each_plan(tmp_path: Path, monkeypatch) -> None:
    database = tmp_path / "tickets.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE tickets (id INTEGER, question TEXT, opened TEXT)")
        connection.execute("INSERT INTO tickets VALUES (7, 'Why?', '2026-01-01'), (3, 'Where?', '2026-01-02')")
    monkeypatch.setenv("DB", f"sqlite:///{database}")
    query = "SELECT id AS example_id, question AS inputs FROM tickets ORDER BY opened"
    project = with_rows(tmp_path / "project", f"{{sql: {{url_env: DB, query: '{query}'}}}}")
    assert read(project) == [("7", "Why?", 0), ("3", "Where?", 1)]
    first = FileVersions(project).sha256("datasets", "qa")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE tickets SET question = 'Who?' WHERE id = 3")
    connection.close()
    assert FileVersions(project).sha256("datasets", "qa") != first


def test_what_an_asset_handed_over_is_read_in_its_order(tmp_path: Path) -> None:
    project = with_rows(tmp_path, "{asset: true}")
    with pytest.raises(DatasetError, match="dataset qa: expected rows that its Dagster asset handed over, there are"):
        read(project)
    warehouse = Warehouse(str(tmp_path / "data" / "warehouse"))
    assert hand_over(warehouse, "qa", TICKETS, asset="tickets", run_id="r") == 2
    assert hand_over(warehouse, "other", TICKETS.head(1), asset="others", run_id="r") == 1
    assert read(project) == [("b", "Where?", 0), ("a", "Why?", 1)]
    assert read(load_project(tmp_path / "data", str(tmp_path / "data" / "warehouse"))) == read(project)


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "rows", "arrow"])
def test_any_kind_of_table_is_taken_with_what_is_missing_as_null(tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame(
        {"example_id": ["a"], "inputs": ["Why?"], "n": [None], "at": [dt.date(2026, 1, 2)]},
        schema_overrides={"n": pl.Int64},
    )
    if kind == "pandas":
        import pandas as pd

        value: object = pd.DataFrame({name: frame[name].to_list() for name in frame.columns})
    else:
        value = {"polars": frame, "lazy": frame.lazy(), "rows": frame.to_dicts(), "arrow": Streaming(frame)}[kind]
    warehouse = Warehouse(str(tmp_path))
    hand_over(warehouse, "qa", value, asset="tickets", run_id="r")
    (row,) = warehouse.scan("handed_rows", {"dataset": "qa"}).collect()["row"]
    assert row.replace('"at":"2026-01-02T00:00:00"', '"at":"2026-01-02"').replace(" ", "") == (
        '{"example_id":"a","inputs":"Why?","n":null,"at":"2026-01-02"}'
    )


class Streaming:
    """A table of another library, which offers Arrow's stream and nothing else."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def test_what_is_no_table_is_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    said = r"asset raw/tickets: expected its IO manager to load a table .* got str; or say in the dataset's card"
    with pytest.raises(DatasetError, match=said):
        hand_over(Warehouse(str(tmp_path)), "qa", "tickets.csv", asset="raw/tickets", run_id="r")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("{delta: a, parquet: b}", "expected one of delta, parquet, sql, asset, got delta, parquet"),
        ("{}", "expected one of delta, parquet, sql, asset, got none"),
        ("{dleta: a}", "delta"),
        ("{delta: ../../../lake/tickets}", "expected a file inside the project folder"),
        ("{delta: /lake/tickets}", "expected a file inside the project folder"),
        ("{parquet: '${LAKE}/../tickets.parquet'}", "expected a path without '..' after the variable"),
        ("{sql: {url_env: 'sqlite:///a.db', query: SELECT 1}}", "url_env"),
    ],
)
def test_a_place_that_is_none_is_refused_with_its_line(tmp_path: Path, rows: str, said: str) -> None:
    broken = with_rows(tmp_path, rows).broken["datasets", "qa"]
    assert broken.startswith("data/datasets/qa.yaml:2: rows")
    assert said in broken


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("{delta: '${NOWHERE}/tickets'}", "expected the environment variable 'NOWHERE' to be set, the card"),
        ("{delta: '${LAKE}/others'}", r"Delta table \$\{LAKE\}/others: expected a Delta table, there is none"),
        ("{delta: tickets}", "Delta table tickets: expected a Delta table, there is none"),
        ("{sql: {url_env: NOWHERE, query: SELECT 1}}", "expected the address of a database in NOWHERE, it isn't set"),
        ("{sql: {url_env: SECRET, query: SELECT 1}}", "expected a database that SQLAlchemy has a driver for, got 'no"),
        ("{sql: {url_env: DB, query: SELECT x FROM y}}", "the database refused: .*no such table: y"),
    ],
)
def test_a_place_without_rows_is_told(tmp_path: Path, lake: Path, monkeypatch, rows: str, said: str) -> None:
    monkeypatch.setenv("SECRET", "nosuch://user:hunter2@host/db")
    monkeypatch.setenv("DB", f"sqlite:///{tmp_path / 'empty.db'}")
    project = with_rows(tmp_path / "project", rows)
    with pytest.raises(ConfigError, match=said) as raised:
        read(project)
    assert "hunter2" not in str(raised.value)


def test_a_row_that_is_wrong_is_named_by_its_number(tmp_path: Path, lake: Path) -> None:
    write_deltalake(lake / "odd", pl.DataFrame({"example_id": ["a", "a"], "inputs": ["Why?", "Who?"]}))
    project = with_rows(tmp_path / "project", "{delta: '${LAKE}/odd'}")
    said = r"Delta table \$\{LAKE\}/odd:2: expected each example_id once, got 'a' again, first in row 1"
    with pytest.raises(DatasetError, match=said):
        read(project)
