"""What stands for each value that a row may hold, in every format: missing, dates, decimals, bytes, and bounds."""

import datetime as dt
import io
import json
import tracemalloc
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from eval_assets.config.datasets.formats.values import MAX_CELL_CHARACTERS
from eval_assets.config.datasets.human_labels import read_labels
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.project import Project
from eval_assets.errors import DatasetError
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.input_files import write_dataset
from eval_assets.storage.warehouse import Warehouse
from tests.small_project import FILES, problems_of, project_with

NAN = float("nan")


def parquet(rows: Mapping[str, Any]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(rows).write_parquet(content)
    return content.getvalue()


def columns_of(project: Project) -> list[dict[str, Any]]:
    return [dict(example.columns) for example in read_examples(project.dataset("qa"), project.datasets_dir)]


def with_rows(folder: Path, name: str, content: str | bytes, **files: str | bytes | None) -> Project:
    return project_with(folder, **{"datasets/qa.jsonl": None, f"datasets/{name}": content, **files})


def test_what_is_missing_is_null_in_every_format_and_dress(tmp_path: Path) -> None:
    lines = (
        '{"example_id": "a", "inputs": "Why?", "targets": NaN, "context": null}\n'
        '{"example_id": "b", "inputs": {"q": "Why?", "hint": NaN}, "targets": ["x", NaN]}\n'
    )
    # Top-level fields without a value are no columns; inside lists and objects null keeps the place.
    assert columns_of(with_rows(tmp_path / "jsonl", "qa.jsonl", lines)) == [
        {"inputs": "Why?"},
        {"inputs": {"q": "Why?", "hint": None}, "targets": ["x", None]},
    ]
    frame = {
        "example_id": ["a", "b"],
        "inputs": ["Why?", "How?"],
        "targets": [NAN, 2.5],
        "asked": [None, dt.datetime(2026, 1, 2, tzinfo=dt.UTC)],  # NaT of pandas
        "scores": [[1.0, NAN], []],
        "meta": [{"p": NAN}, {"p": 0.5}],
    }
    assert columns_of(with_rows(tmp_path / "parquet", "qa.parquet", parquet(frame))) == [
        {"inputs": "Why?", "scores": [1.0, None], "meta": {"p": None}},
        {
            "inputs": "How?",
            "targets": 2.5,
            "asked": "2026-01-02T00:00:00+00:00",
            "scores": [],
            "meta": {"p": 0.5},
        },
    ]
    assert columns_of(with_rows(tmp_path / "csv", "qa.csv", "example_id,inputs,targets\na,Why?,\n")) == [
        {"inputs": "Why?"}
    ]


def test_missing_values_of_pandas_are_null(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "example_id": ["a", "b"],
            "inputs": ["Why?", "How?"],
            "targets": pd.array([pd.NA, 3], dtype="Int64"),
            "asked": [pd.NaT, pd.Timestamp("2026-01-02")],
            "share": [NAN, 0.5],
            "note": [None, "x"],
        }
    )
    in_lines = frame.to_json(orient="records", lines=True, date_format="iso")
    in_csv = frame.to_csv(index=False)
    for name, content in (("qa.jsonl", in_lines), ("qa.csv", in_csv)):
        first, second = columns_of(with_rows(tmp_path / name, name, content))
        assert first == {"inputs": "Why?"}
        assert set(second) == {"inputs", "targets", "asked", "share", "note"}


def test_what_is_missing_in_labels_and_documents_is_said(tmp_path: Path) -> None:
    card = FILES["datasets/qa.yaml"] + "labels: [{file: l.jsonl}]\ndocuments: {file: d.parquet}\n"
    documents = parquet({"doc_id": [1.0, 2.0], "text": ["one", None]})
    label = '{"example_id": "a", "rater": "ann", "label": NaN}\n'
    project = project_with(
        tmp_path, **{"datasets/qa.yaml": card, "datasets/l.jsonl": label, "datasets/d.parquet": documents}
    )
    dataset = project.dataset("qa")
    with pytest.raises(DatasetError, match=r"l\.jsonl:1: label: expected a value, got None"):
        read_labels(dataset, project.datasets_dir, example_ids={"a"})
    with pytest.raises(DatasetError, match=r"d\.parquet:2: text: expected text, got None"):
        read_documents(dataset, project.datasets_dir)


def test_dates_decimals_and_bytes_in_parquet_become_text_and_are_written(tmp_path: Path) -> None:
    frame = {
        "example_id": [1, 2],
        "inputs": [b"Z\xc3\xbcrich?", b"Why?"],
        "targets": [Decimal("1.50"), Decimal("2.00")],
        "asked_on": [dt.date(2026, 1, 2), None],
        "at": [dt.time(3, 4), None],
        "took": [dt.timedelta(minutes=90), None],
        "seen": [[dt.datetime(2026, 1, 2, 3, 4)], []],  # noqa: DTZ001  as Parquet of pandas has it
    }
    project = with_rows(tmp_path, "qa.parquet", parquet(frame))
    first, second = columns_of(project)
    assert first == {
        "inputs": "Zürich?",
        "targets": "1.50",
        "asked_on": "2026-01-02",
        "at": "03:04:00",
        "took": "1:30:00",
        "seen": ["2026-01-02T03:04:00"],
    }
    assert second == {"inputs": "Why?", "targets": "2.00", "seen": []}
    assert problems_of(project) == []
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    written = write_dataset(project, warehouse, "qa", run_id="r", scratch=tmp_path / "scratch")
    assert written.data_version == FileVersions(project).sha256("datasets", "qa")
    stored = warehouse.scan("eval_datasets", {"dataset": "qa"}).sort("position").collect()["example"]
    # What a run reads back from the table is what a plan reads from the file.
    assert [json.loads(text) for text in stored] == [first, second]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "half \\ud83d"}\n',
            r"data/datasets/qa.jsonl:1: inputs: expected whole characters, got half a surrogate pair in 'half \ud83d'",
        ),
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "x"}\n{"example_id": "b", "inputs": "y", "meta": {"by": ["\\udc00"]}}\n',
            r"data/datasets/qa.jsonl:2: meta.by[0]: expected whole characters, got half a surrogate pair in '\udc00'",
        ),
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "x", "\\ud83d": 1}\n',
            r"data/datasets/qa.jsonl:1: \ud83d: expected whole characters",
        ),
        (
            "qa.parquet",
            parquet({"example_id": ["a"], "inputs": ["x"], "image": [b"\x89PNG"]}),
            r"data/datasets/qa.parquet:1: image: expected text, got 4 bytes that are not UTF-8: b'\x89PNG'; leave",
        ),
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "x", "targets": [1, -Infinity]}\n',
            "data/datasets/qa.jsonl:1: targets[1]: expected a finite number, got -inf",
        ),
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "x", "n": 1e999}\n',
            "data/datasets/qa.jsonl:1: n: expected a finite number, got inf",
        ),
        (
            "qa.jsonl",
            f'{{"example_id": "a", "inputs": {"[" * 70}{"]" * 70}}}\n',
            "data/datasets/qa.jsonl:1: inputs: expected lists and objects at most 64 levels deep",
        ),
        (
            "qa.jsonl",
            f'{{"example_id": "a", "inputs": {"[" * 100_000}{"]" * 100_000}}}\n',
            "data/datasets/qa.jsonl:1: expected lists and objects a few levels deep, got hundreds of levels",
        ),
        (
            "qa.jsonl",
            f'{{"example_id": "a", "inputs": "x", "n": {"9" * 5_000}}}\n',
            "data/datasets/qa.jsonl:1: not valid JSON: expected numbers of at most 4,300 digits",
        ),
        (
            "qa.jsonl",
            '{"example_id": "a", "inputs": "x", "inputs": "y"}\n',
            "data/datasets/qa.jsonl:1: not valid JSON: expected each field of an object once, got 'inputs' again",
        ),
    ],
)
def test_a_value_that_no_row_can_have_costs_its_dataset_and_is_named(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    other = {"datasets/sound.yaml": "task: text\n", "datasets/sound.jsonl": '{"example_id": "a", "inputs": "x"}\n'}
    project = with_rows(tmp_path, name, content, **other)
    (found,) = problems_of(project)
    assert found.startswith(said), found
    with pytest.raises(DatasetError):
        FileVersions(project).sha256("datasets", "qa")
    assert FileVersions(project).sha256("datasets", "sound")


def test_a_time_that_python_has_no_value_for_is_said(tmp_path: Path) -> None:
    for kind in (pl.Datetime("us"), pl.Duration("ms")):
        at = pl.Series([0, 2**62]).cast(kind)
        content = parquet({"example_id": [1, 2], "inputs": ["x", "y"], "at": at})
        (said,) = problems_of(with_rows(tmp_path / str(kind), "qa.parquet", content))
        assert said.startswith("data/datasets/qa.parquet: expected times between the years 1 and 9999, got one"), said


def test_a_number_of_any_size_is_kept_as_it_is(tmp_path: Path) -> None:
    line = f'{{"example_id": {10**30}, "inputs": "x", "targets": {10**40}, "half": 0.1}}\n'
    project = with_rows(tmp_path, "qa.jsonl", line)
    (example,) = read_examples(project.dataset("qa"), project.datasets_dir)
    assert (example.example_id, example.columns["targets"], example.columns["half"]) == (str(10**30), 10**40, 0.1)


def test_a_whole_pair_of_surrogates_is_a_character(tmp_path: Path) -> None:
    project = with_rows(tmp_path, "qa.jsonl", '{"example_id": "a", "inputs": "\\ud83d\\ude00"}\n')
    assert columns_of(project) == [{"inputs": "😀"}]


LARGE = "word " * (MAX_CELL_CHARACTERS // 5)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("qa.jsonl", '{{"example_id": "a", "inputs": "x", "note": "{}"}}\n'),
        ("qa.jsonl", '{{"example_id": "a", "inputs": "x", "note": ["x", {{"y": "{}"}}]}}\n'),
        ("qa.csv", 'example_id,inputs,note\na,x,"{}"\n'),
    ],
)
def test_a_cell_above_the_bound_is_refused_by_check_with_its_place(tmp_path: Path, name: str, row: str) -> None:
    assert problems_of(with_rows(tmp_path / "at", name, row.format(LARGE[:-2]))) == []
    (said,) = problems_of(with_rows(tmp_path / "above", name, row.format(LARGE + "xx")))
    line = 2 if name.endswith("csv") else 1
    assert said == (
        f"data/datasets/{name}:{line}: note: expected at most 4,000,000 characters in a cell, got more; "
        "shorten it, or leave the column out"
    )


@pytest.mark.parametrize("name", ["qa.jsonl", "qa.csv"])
def test_a_cell_far_above_the_bound_takes_a_few_times_its_size_to_refuse(tmp_path: Path, name: str) -> None:
    text = "word " * 4_000_000
    row = json.dumps({"example_id": "a", "inputs": text})
    project = with_rows(tmp_path, name, f'example_id,inputs\na,"{text}"\n' if name == "qa.csv" else row)
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="expected at most 4,000,000 characters in a cell, got more"):
            columns_of(project)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * len(text)
