"""Delta tables: partitions are replaced exactly, and former states stay readable."""

from pathlib import Path

import polars as pl
import pytest

from eval_assets.errors import StorageError
from eval_assets.storage import open_tables
from eval_assets.storage.batches import staged
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import PARTITIONED_BY, SCHEMAS


def rows_of(partition: dict[str, str], n: int) -> pl.DataFrame:
    rows = [
        {**dict.fromkeys(SCHEMAS["predictions"]), **partition, "prediction_id": f"p-{i}", "position": i}
        for i in range(n)
    ]
    return pl.DataFrame(rows, schema=SCHEMAS["predictions"])


def partition_of(model: str) -> dict[str, str]:
    return {"evaluation": "e", "model": model, "prompt": "p"}


def test_replacing_a_partition_leaves_the_others(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    for model in ("a", "b"):
        warehouse.replace("predictions", rows_of(partition_of(model), 3), partition_of(model))
    warehouse.replace("predictions", rows_of(partition_of("a"), 1), partition_of("a"))
    assert dict(warehouse.scan("predictions").group_by("model").len().collect().iter_rows()) == {"a": 1, "b": 3}


def test_a_former_state_stays_readable(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    first = warehouse.replace("predictions", rows_of(partition_of("a"), 3), partition_of("a"))
    warehouse.replace("predictions", rows_of(partition_of("a"), 1), partition_of("a"))
    assert warehouse.scan("predictions", version=first.version).collect().height == 3


@pytest.mark.parametrize("name", ["a b", "ü", "o'brien", "100%", "a%20b", "a/b", "x=y", "a#b", "q?", "a:b@c", " lead"])
def test_a_partition_is_read_from_its_files_as_the_whole_table_has_it(tmp_path: Path, name: str) -> None:
    warehouse = Warehouse(str(tmp_path))
    for model in (name, "other"):
        warehouse.replace("predictions", rows_of(partition_of(model), 2), partition_of(model))
    read = warehouse.scan("predictions", partition_of(name)).collect()
    assert read.height == 2
    assert read.equals(warehouse.scan("predictions").filter(pl.col("model") == name).collect())


def test_a_partition_that_is_not_there_has_no_rows_and_all_columns(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace("predictions", rows_of(partition_of("a"), 2), partition_of("a"))
    read = warehouse.scan("predictions", partition_of("b")).collect()
    assert (read.height, dict(read.schema)) == (0, SCHEMAS["predictions"])


def test_a_small_partition_is_read_anew_after_a_commit_of_anyone(tmp_path: Path) -> None:
    reader = Warehouse(str(tmp_path))
    for n in (3, 1, 2):
        Warehouse(str(tmp_path)).replace("predictions", rows_of(partition_of("a"), n), partition_of("a"))
        assert [reader.small_partition("predictions", partition_of("a")).height for _ in range(2)] == [n, n]
    reader.replace("predictions", rows_of(partition_of("a"), 4), partition_of("a"))
    assert reader.small_partition("predictions", partition_of("a")).height == 4


def test_rows_of_a_former_commit_are_those_it_wrote(tmp_path: Path) -> None:
    warehouse, name = Warehouse(str(tmp_path / "a b%é")), partition_of("a")
    commits = [warehouse.replace("predictions", rows_of(name, n), name) for n in (3, 0, *range(1, 12))]
    assert [warehouse.rows_of_commit(commits[at], name).collect().height for at in (0, 1, 8)] == [3, 0, 7]
    # Without its entry the version is opened, from the checkpoint that sums it up.
    (Path(warehouse.root) / "predictions" / "_delta_log" / f"{commits[8].version:020d}.json").unlink()
    assert warehouse.rows_of_commit(commits[8], name).collect().height == 7


def test_rows_of_a_former_commit_whose_file_is_gone_are_refused(tmp_path: Path) -> None:
    warehouse, name = Warehouse(str(tmp_path)), partition_of("a")
    first = warehouse.replace("predictions", rows_of(name, 3), name)
    (file,) = tmp_path.rglob("*.parquet")
    warehouse.replace("predictions", rows_of(name, 1), name)
    file.unlink()
    with pytest.raises(StorageError, match=f"its file .*{file.name} is gone"):
        warehouse.rows_of_commit(first, name)


def test_a_table_that_is_only_read_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = partition_of("a")
    Warehouse(str(tmp_path)).replace("predictions", rows_of(name, 3), name)
    n_opened: list[str] = []

    class Counted(open_tables.NamedTable):
        def __init__(self, uri: str, **options: object) -> None:
            n_opened.append(uri)
            super().__init__(uri, **options)

    monkeypatch.setattr(open_tables, "NamedTable", Counted)
    warehouse = Warehouse(str(tmp_path))
    former = warehouse.scan("predictions", name)
    assert [warehouse.scan("predictions", name).collect().height for _ in range(3)] == [3] * 3
    assert len(n_opened) == 1
    warehouse.replace("predictions", rows_of(name, 1), name)
    assert (former.collect().height, warehouse.scan("predictions", name).collect().height) == (3, 1)


def test_a_small_frame_of_its_own_needs_no_file_and_others_do(tmp_path: Path) -> None:
    frames = [rows_of(partition_of("a"), n) for n in (2, 1)]
    with staged(iter(frames[:1]), tmp_path / "own") as read:
        assert [next(iter(read())).height for _ in range(2)] == [2, 2]
        assert not (tmp_path / "own").exists()
    with staged(iter(frames), tmp_path / "both") as read:
        assert [[frame.height for frame in read()] for _ in range(2)] == [[2, 1]] * 2
        assert [*(tmp_path / "both").rglob("*.parquet")]
    with staged(iter([]), tmp_path / "none") as read:
        assert [*read()] == []


def test_frames_are_streamed_into_one_commit(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    commit = warehouse.replace(
        "predictions", lambda: (rows_of(partition_of("a"), 100) for _ in range(3)), partition_of("a"), {"run_id": "r"}
    )
    assert (commit.version, warehouse.scan("predictions").collect().height) == (1, 300)


@pytest.mark.parametrize("column", ["inputs", "targets", "context", "example", "messages", "output", "error"])
def test_a_long_text_leaves_no_copy_in_the_log(tmp_path: Path, column: str) -> None:
    frame = rows_of(partition_of("a"), 2).with_columns(pl.lit("word " * 20_000).alias(column))
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace("predictions", frame, partition_of("a"))
    log = sum(path.stat().st_size for path in tmp_path.glob("predictions/_delta_log/*.json"))
    assert log < 30_000  # the schema and two commits; one text alone has 100,000 characters
    found = warehouse.scan("predictions").filter(pl.col(column).str.starts_with("word"), position=1).collect()
    assert found[column].str.len_chars().to_list() == [100_000]


def test_a_commit_is_found_by_its_partition(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace("predictions", rows_of(partition_of("a"), 1), partition_of("a"), {"run_id": "first"})
    warehouse.replace("predictions", rows_of(partition_of("b"), 1), partition_of("b"), {"run_id": "second"})
    commit = warehouse.last_commit("predictions", partition_of("a"))
    assert commit is not None
    assert (commit.metadata["run_id"], commit.version) == ("first", 1)
    assert warehouse.last_commit("predictions", partition_of("c")) is None


def test_an_empty_partition_is_a_commit_too(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    warehouse.replace("predictions", rows_of(partition_of("a"), 0), partition_of("a"), {"run_id": "r"})
    assert warehouse.last_commit("predictions", partition_of("a")) is not None


def test_names_with_quotes_are_taken_literally(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    for model in ("it's", "other"):
        warehouse.replace("predictions", rows_of(partition_of(model), 1), partition_of(model))
    warehouse.replace("predictions", rows_of(partition_of("it's"), 2), partition_of("it's"))
    assert dict(warehouse.scan("predictions").group_by("model").len().collect().iter_rows()) == {"it's": 2, "other": 1}


def test_a_partition_with_a_missing_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"expected a value for each of \('evaluation', 'model', 'prompt'\)"):
        Warehouse(str(tmp_path)).replace("predictions", rows_of(partition_of("a"), 1), {"evaluation": "e"})


def test_tables_are_the_public_surface() -> None:
    assert sorted(SCHEMAS) == sorted(PARTITIONED_BY)
    for table, columns in PARTITIONED_BY.items():
        assert set(columns) <= set(SCHEMAS[table])


def test_a_table_written_to_for_long_is_opened_anew_and_says_the_same(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(open_tables, "REOPENED_AFTER", 3)
    opened: list[int] = []
    open_anew = open_tables.OpenTable._opened_anew
    monkeypatch.setattr(open_tables.OpenTable, "_opened_anew", lambda table: opened.append(1) or open_anew(table))
    warehouse, other = Warehouse(str(tmp_path)), Warehouse(str(tmp_path))
    versions = [warehouse.replace("predictions", rows_of(partition_of("a"), n), partition_of("a")) for n in range(1, 8)]
    assert [commit.version for commit in versions] == [1, 2, 3, 4, 5, 6, 7]
    assert len(opened) == 3  # at version 0, 3 and 6
    assert other.version("predictions") == 7
    assert warehouse.scan("predictions").collect().height == 7
    assert [commit.version for commit in warehouse.history("predictions")] == [7, 6, 5, 4, 3, 2, 1, 0]
