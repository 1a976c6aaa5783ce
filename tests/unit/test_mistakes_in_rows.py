"""Row files that can't be used: each mistake once, with its place and what to do, in our own words."""

import io
import json
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.datasets.rows import read_examples
from tests.small_project import FILES, problems_of, project_with

CARD = FILES["datasets/qa.yaml"]


def parquet(rows: list[dict[str, object]]) -> bytes:
    content = io.BytesIO()
    pl.DataFrame(rows).write_parquet(content)
    return content.getvalue()


def rows_of(*rows: dict[str, object]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


ASKED = [{"example_id": str(number), "question": "Why?"} for number in range(78)]
SOUND = parquet([{"example_id": str(number), "inputs": f"Why {number}?"} for number in range(500)])
QUOTE = "put texts that hold commas or line breaks in double quotes"
CLOSE = "expected texts in double quotes that close before the next comma, with quotes inside doubled"
EXPORT = "export it again"
MAP = "map other names in the card's `columns`"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "datasets/qa.jsonl",
            rows_of(*ASKED),
            f"data/datasets/qa.jsonl:1: inputs: the column is absent in lines 1, 2, 3 and 75 more; {{}}; {MAP}",
        ),
        (
            "datasets/qa.parquet",
            parquet(ASKED[:4]),
            f"data/datasets/qa.parquet:1: inputs: the column is absent in rows 1, 2, 3 and 1 more; {{}}; {MAP}",
        ),
        (
            "datasets/qa.csv",
            "example_id,question\n1,Why?\n2,How?\n3,When?\n",
            f"data/datasets/qa.csv:2: inputs: the column is absent in lines 2, 3 and 4; {{}}; {MAP}",
        ),
        (
            "datasets/qa.jsonl",
            rows_of(
                {"example_id": "a", "inputs": ""}, {"example_id": "b", "inputs": "x"}, {"example_id": "c", "inputs": ""}
            ),
            "data/datasets/qa.jsonl:1: inputs: expected a value, got '' in lines 1 and 3",
        ),
        (
            "datasets/qa.csv",
            "example_id,inputs,targets\n1,Why?,Because.\n2,Why, oh why?,Because.\n",
            f"data/datasets/qa.csv:3: expected 3 fields as in the first line, got 4; {QUOTE}",
        ),
        (
            "datasets/qa.csv",
            'example_id,inputs,targets\n1,"Why,\nWhy?",Because.\n2,Why\nnot?,Because.\n',
            f"data/datasets/qa.csv:4: expected 3 fields as in the first line, got 2; {QUOTE}",
        ),
        (
            "datasets/qa.csv",
            'example_id,inputs\n1,"Why?\n2,How?\n',
            f"data/datasets/qa.csv:2: {CLOSE}: unexpected end of data",
        ),
        (
            "datasets/qa.csv",
            "",
            "data/datasets/qa.csv: expected a line with the names of the columns, the file is empty",
        ),
        (
            "datasets/qa.parquet",
            b"id,inputs\n1,Why?\n",
            rf"data/datasets/qa.parquet: expected a Parquet file, got one that begins with b'id,inputs\n1,'; {EXPORT}",
        ),
        (
            "datasets/qa.parquet",
            SOUND[:-200],
            "data/datasets/qa.parquet: expected a complete Parquet file, got one that is cut off; export it again",
        ),
        (
            "datasets/qa.parquet",
            b"",
            "data/datasets/qa.parquet: expected a Parquet file, the file is empty; export it again",
        ),
    ],
)
def test_a_mistake_in_a_row_file_is_said_once_in_our_words(
    tmp_path: Path, file: str, content: str | bytes, said: str
) -> None:
    project = project_with(tmp_path, **{"datasets/qa.jsonl": None, file: content})
    assert problems_of(project) == [said.format("valid names: example_id, question")]


def test_a_damaged_parquet_file_is_said_in_one_line(tmp_path: Path) -> None:
    damaged = SOUND[:100] + bytes(200) + SOUND[300:]
    (said,) = problems_of(project_with(tmp_path, **{"datasets/qa.jsonl": None, "datasets/qa.parquet": damaged}))
    assert said.startswith("data/datasets/qa.parquet: expected a sound Parquet file, got a damaged one (")
    assert said.endswith("); export it again")
    assert "\n" not in said


def test_documents_and_labels_that_lack_a_column_are_said_once_too(tmp_path: Path) -> None:
    card = CARD + "documents: {file: handbook.jsonl}\n"
    documents = rows_of(*({"doc_id": str(number), "txt": "Valves."} for number in range(9)))
    (said,) = problems_of(project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/handbook.jsonl": documents}))
    assert said == (
        "data/datasets/handbook.jsonl:1: text: the column is absent in lines 1, 2, 3 and 6 more; did you mean 'txt'?; "
        "name other columns in the card's `documents`"
    )
    labels = rows_of(*({"example_id": "a", "rater": str(number), "lable": "5"} for number in range(5)))
    changed = {"datasets/qa.yaml": CARD + "labels: [{file: labels.jsonl}]\n", "datasets/labels.jsonl": labels}
    (said,) = problems_of(project_with(tmp_path / "labels", **changed))
    assert said == (
        "data/datasets/labels.jsonl:1: label: expected a value, the column is absent in lines 1, 2, 3 and 2 more; "
        "did you mean 'lable'?"
    )


def test_a_mapped_column_hides_one_that_has_our_name_whatever_their_order(tmp_path: Path) -> None:
    card = CARD + "columns: {context: passage}\n"
    for order in (("passage", "context"), ("context", "passage")):
        row = {"example_id": "a", "inputs": "Why?", **{name: f"the {name}" for name in order}}
        changed = {"datasets/qa.yaml": card, "datasets/qa.jsonl": rows_of(row)}
        project = project_with(tmp_path / order[0], **changed)
        (example,) = read_examples(project.dataset("qa"), project.datasets_dir)
        assert example.columns["context"] == "the passage"


def test_long_texts_in_csv_are_no_mistake(tmp_path: Path) -> None:
    text = f'example_id,inputs,note\n1,"{"Why, " * 40_000}",x\n'  # a field beyond what Python's reader takes by itself
    project = project_with(tmp_path, **{"datasets/qa.jsonl": None, "datasets/qa.csv": text})
    assert problems_of(project) == []
