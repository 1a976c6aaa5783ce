"""Lists, objects and conversations in rows: where they are read from texts, named by paths, and said when in doubt."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eval_assets.cli.validating import check
from eval_assets.config.datasets.dataset import DatasetCard
from eval_assets.config.datasets.row_files import file_rows
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from tests.small_project import FILES, notes_of, problems_of, project_with

NO_JSONL: dict[str, str | bytes | None] = {"datasets/qa.jsonl": None}
RETRIEVER = "task: retriever\ncolumns: {targets: gold}\n"
SEARCH: dict[str, str | bytes | None] = {
    "models/found.yaml": "provider: recorded\nfile: found.csv\n",
    "evaluations/e.yaml": "dataset: qa\nmodels: [found]\nprompts: [ask]\n",
}


def columns_of(project: Project) -> list[dict[str, Any]]:
    return [dict(example.columns) for example in read_examples(project.dataset("qa"), project.datasets_dir)]


def with_csv(folder: Path, text: str, card: str, **files: str | bytes | None) -> Project:
    return project_with(folder, **{**NO_JSONL, "datasets/qa.csv": text, "datasets/qa.yaml": card, **files})


def test_a_list_of_ids_in_a_csv_of_a_retriever_is_a_list(tmp_path: Path) -> None:
    text = 'example_id,inputs,gold\n1,a,"[""d1"", ""d2""]"\n2,b,d3\n3,c,[]\n4,d,\n'
    found = 'example_id,output\n1,"[""d1""]"\n2,[]\n3,[]\n4,[]\n'
    project = with_csv(tmp_path, text, RETRIEVER, **SEARCH, **{"models/found.csv": found})
    assert [row.get("targets") for row in columns_of(project)] == [["d1", "d2"], "d3", [], None]
    assert problems_of(project) == []


@pytest.mark.parametrize("cell", ["d4,d5", "d4;d5", "d4|d5", "['d4', 'd5']", '{"d4": 1}', "d4\nd5"])
def test_ids_that_are_no_json_list_are_refused_with_the_remedy(tmp_path: Path, cell: str) -> None:
    text = f'example_id,inputs,gold\n1,a,d1\n2,b,"{cell.replace(chr(34), chr(34) * 2)}"\n'
    with pytest.raises(ConfigError) as failure:
        columns_of(with_csv(tmp_path, text, RETRIEVER))
    assert str(failure.value) == (
        f"data/datasets/qa.csv:3: gold: expected the id of a document, or a JSON list of ids, got {cell!r}; "
        'write a list as ["a", "b"]'
    )


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [
        ("targets", '["Paris", "City of Paris"]', "a JSON list"),
        ("targets", "['Ann', 'Bob']", "a Python list"),
        ("targets", "['Ann', nan]", "a Python list"),
        ("targets", "['Ann' 'Bob']", "a Python list"),
        ("targets", "[1 2 3]", "a Python list"),
        ("targets", "[0.5 -1e-05]", "a Python list"),
        ("targets", "[1 or 2]", None),
        ("targets", "('Ann', None)", None),  # brackets of other kinds are words
        ("context", '[{"text": "one"}]', "a JSON list"),
        ("inputs", '{"question": "Hello?"}', "a JSON object"),
        ("inputs", "{'question': None}", "a Python object"),
        ("inputs", "[Laughter] Why?", None),
        ("inputs", "[sic]", None),
        ("note", '["Paris"]', None),  # no metric and no judge takes it for a list
    ],
)
def test_a_cell_of_a_csv_that_looks_like_a_list_is_a_question_to_the_card(
    tmp_path: Path, column: str, cell: str, what: str | None
) -> None:
    names = dict.fromkeys(["example_id", "inputs", "targets", "context", "note"], "x")
    names[column] = f'"{cell.replace(chr(34), chr(34) * 2)}"'
    text = f"{','.join(names)}\n{','.join(names.values())}\n"
    card = FILES["datasets/qa.yaml"]
    found = problems_of(with_csv(tmp_path / "unsaid", text, card))
    if what is None:
        assert found == []
        return
    (said,) = found
    assert said.startswith(f"data/datasets/qa.csv:2: {column}: the cell holds {what}, and the card doesn't say"), said
    assert f"list {column!r} in the card's `json_columns` to read it, or write `json_columns: []` to keep it" in said
    assert columns_of(with_csv(tmp_path / "kept", text, f"{card}json_columns: []\n"))[0][column] == cell
    if "JSON" in what:
        project = with_csv(tmp_path / "read", text, f"{card}json_columns: [{column}]\n")
        assert columns_of(project)[0][column] == json.loads(cell)
        assert problems_of(project) == []


def test_a_column_that_is_said_to_be_json_has_to_be(tmp_path: Path) -> None:
    card = "task: question-answering\ncolumns: {targets: answers}\njson_columns: [answers]\n"
    text = 'example_id,inputs,answers\n1,a,"[""x"", NaN, 5]"\n2,b,\n3,c,Paris\n'
    project = with_csv(tmp_path, text, card)
    (said,) = problems_of(project)
    assert said.startswith(
        "data/datasets/qa.csv:4: answers: expected JSON, as the card's `json_columns` says, got 'Paris'"
    )
    sound = with_csv(tmp_path / "sound", text.replace("Paris", "7"), card)
    assert [row.get("targets") for row in columns_of(sound)] == [["x", None, 5], None, 7]


def test_a_column_of_json_that_no_row_has_is_said(tmp_path: Path) -> None:
    card = "task: question-answering\njson_columns: [inputs, target]\n"
    found = problems_of(with_csv(tmp_path, 'example_id,inputs,targets\n1,"[""a""]",b\n', card))
    assert (
        "data/datasets/qa.yaml:2: json_columns[1]: no row of the file has the column 'target'; did you mean 'targets'?"
        in found
    )


def test_json_in_texts_of_other_formats_is_read_where_the_card_says_so(tmp_path: Path) -> None:
    row = json.dumps({"example_id": "a", "inputs": '{"question": "Why?"}', "targets": '["x"]'})
    card = FILES["datasets/qa.yaml"]
    kept = project_with(tmp_path / "kept", **{"datasets/qa.jsonl": row, "datasets/qa.yaml": card})
    assert columns_of(kept) == [{"inputs": '{"question": "Why?"}', "targets": '["x"]'}]
    said = {"datasets/qa.jsonl": row, "datasets/qa.yaml": f"{card}json_columns: [inputs, targets]\n"}
    assert columns_of(project_with(tmp_path / "read", **said)) == [{"inputs": {"question": "Why?"}, "targets": ["x"]}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "example_id,output\n1,Paris is\nthe capital, of France\n2,5\n",
            (
                "data/models/r.csv:3: no example of dataset 'qa' has the id 'the capital': not used; "
                "a text with a line break stands in double quotes"
            ),
        ),
        (
            "example_id,output\n1,a\n7,b\n8,c\n9,d\n",
            (
                "data/models/r.csv:3: no example of dataset 'qa' has the id '7', and 2 more rows like it: not used; "
                "a text with a line break stands in double quotes"
            ),
        ),
        ('example_id,output\n1,"Paris is\nthe capital, of France"\n2,b\n', None),
    ],
)
def test_recorded_rows_that_belong_to_no_example_are_told(tmp_path: Path, rows: str, said: str | None) -> None:
    model = {"models/r.yaml": "provider: recorded\nfile: r.csv\n", "models/r.csv": rows}
    evaluation = {"evaluations/e.yaml": FILES["evaluations/e.yaml"].replace("[echo]", "[r]")}
    text = "example_id,inputs,targets\n1,a,x\n2,b,y\n"
    project = with_csv(tmp_path, text, FILES["datasets/qa.yaml"], **model, **evaluation)
    assert problems_of(project) == []
    assert notes_of(project) == ([said] if said else [])


def test_recorded_rows_beyond_the_last_example_are_told(tmp_path: Path) -> None:
    model = {
        "models/r.yaml": "provider: recorded\nfile: r.csv\ncolumns: {example_id: null, output: said}\n",
        "models/r.csv": "said\nParis is\nthe capital\n5\n",
    }
    evaluation = {"evaluations/e.yaml": FILES["evaluations/e.yaml"].replace("[echo]", "[r]")}
    project = with_csv(tmp_path, "example_id,inputs\n1,a\n2,b\n", FILES["datasets/qa.yaml"], **model, **evaluation)
    assert notes_of(project) == [
        (
            "data/models/r.csv:4: no example of dataset 'qa' has the position 2: not used; "
            "a text with a line break stands in double quotes"
        )
    ]


def test_recorded_rankings_that_are_no_lists_are_said_by_check(tmp_path: Path) -> None:
    text = "example_id,inputs,gold\n1,a,d1\n2,b,d2\n3,c,d3\n"
    found = 'example_id,output\n1,"[""d1""]"\n2,"d2,d3"\n3,"[\'d3\']"\n'
    project = with_csv(tmp_path, text, RETRIEVER, **SEARCH, **{"models/found.csv": found})
    assert problems_of(project) == []
    assert notes_of(project) == [
        (
            "data/models/found.csv:3: output: expected a JSON list of document ids, got 'd2,d3', and 1 more such rows; "
            'a ranking is written as ["d1", "d2"], best first'
        )
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "data/models/found.csv: the file of predictions doesn't exist"),
        ("example_id,output\n1,a\nb\n", "data/models/found.csv:3: expected 2 fields as in the first line, got 1"),
        (
            "example_id,output\n1,a\n1,b\n",
            "data/models/found.csv:3: expected each 'example_id' once, got '1' again, first",
        ),
        ("id,output\n1,a\n", "data/models/found.csv: no row has a value in column 'example_id'"),
    ],
)
def test_a_recorded_file_that_can_not_be_used_is_said_by_check(tmp_path: Path, content: str | None, said: str) -> None:
    project = project_with(tmp_path, **SEARCH, **{"models/found.csv": content})
    (found,) = problems_of(project)
    assert found.startswith(f"data/models/found.yaml:2: file: {said}"), found


NESTED = {
    "example_id": "a",
    "inputs": {"messages": [{"role": "user", "content": "Why?"}], "lang": "en"},
    "expectations": {"expected_response": "Because.", "facts": ["sky"]},
    "trace": {"id": {"span": 7}},
}


def test_fields_inside_objects_are_named_by_paths_with_dots(tmp_path: Path) -> None:
    card = (
        "task: question-answering\n"
        "columns: {inputs: inputs.messages, targets: expectations.expected_response, context: expectations.facts}\n"
    )
    project = project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": json.dumps(NESTED)})
    assert problems_of(project) == []
    (example,) = read_examples(project.dataset("qa"), project.datasets_dir)
    assert example.columns == {
        "inputs": [{"role": "user", "content": "Why?"}],
        "targets": "Because.",
        "context": ["sky"],
        "trace": {"id": {"span": 7}},
    }


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("expectations.expected_response", {"expectations": {"expected_response": "SECRET", "facts": ["x"]}}),
        ("answers.0", {"answers": ["SECRET"]}),
        ("reference.best.text", {"reference": {"best": {"text": "SECRET"}, "n": 1}}),
        ("gold.answer", {"gold.answer": "SECRET", "gold": {"n": 1}}),  # a name with a dot, before a path
    ],
)
def test_targets_named_by_a_path_are_hidden_from_models(tmp_path: Path, path: str, row: dict[str, Any]) -> None:
    card = f"task: question-answering\ncolumns: {{targets: {path}}}\n"
    lines = json.dumps({"example_id": "a", "inputs": "Why?", **row})
    project = project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": lines})
    (example,) = read_examples(project.dataset("qa"), project.datasets_dir)
    assert example.columns["targets"] == "SECRET"
    assert "SECRET" not in json.dumps(example.shown)


def test_a_path_that_leads_nowhere_is_said_with_the_paths_there_are(tmp_path: Path) -> None:
    card = "task: question-answering\ncolumns: {targets: expectations.expected_respons}\n"
    found = problems_of(project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": json.dumps(NESTED)}))
    assert (
        "data/datasets/qa.yaml:2: columns.targets: no row of the file has the column 'expectations.expected_respons'; "
        "did you mean 'expectations.expected_response'?" in found
    )


def test_a_mapping_the_wrong_way_round_is_said_as_it_has_to_be(tmp_path: Path) -> None:
    card = "task: question-answering\ncolumns:\n  Question text: inputs\n  Answer: targets\n"
    (said, *_) = problems_of(project_with(tmp_path, **{"datasets/qa.yaml": card}))
    assert "columns.Question text: unknown field; expected our column first, then the file's" in said
    assert "as in `inputs: Question text`" in said


def notes_on(folder: Path, name: str, content: str, card: str = "task: question-answering\n") -> list[str]:
    project = project_with(folder, **{**NO_JSONL, f"datasets/{name}": content, "datasets/qa.yaml": card})
    assert problems_of(project) == []
    return notes_of(project)


def test_doubts_about_rows_are_notes_with_their_lines(tmp_path: Path) -> None:
    text = (
        "example_id,inputs,targets\n"
        "1,Why?,Because.\n"  # line 2
        "2,How?,\n"  # no target
        ",,\n"  # blank
        "3,Why?,Because.\n"  # repeats line 2
        "4,Why?,Therefore.\n"  # contradicts line 2
        '5,"Where\nto?",""\n'  # lines 7 and 8, no target
        "6,When?,NaN\n"
        "7,Who?,nan\n\n"
    )
    at = "data/datasets/qa.csv"
    assert notes_on(tmp_path, "qa.csv", text) == [
        f"{at}: rows that are blank throughout are skipped: line 4",
        f"{at}: targets: 2 of 7 rows have no target, and no score where one is needed: lines 3 and 7",
        f"{at}: targets: 'NaN' is read as a text; leave the cell empty where it means that there is nothing: line 9",
        f"{at}: targets: 'nan' is read as a text; leave the cell empty where it means that there is nothing: line 10",
        f"{at}: rows that ask what an earlier row asks have other targets: line 6 (as 2)",
        f"{at}: rows that repeat an earlier row but for the id count once more: line 5 (as 2)",
    ]


def test_a_file_that_can_not_be_used_hides_no_note_of_another(tmp_path: Path) -> None:
    broken = {
        "datasets/cut.yaml": "task: retriever\n",
        "datasets/cut.jsonl": '{"example_id": "a", "inputs": "half \\ud83d"}\n',
        "evaluations/lost.yaml": "dataset: cut\ntask: retriever\nmodels: [found, absent]\nprompts: [ask]\n",
        "models/found.yaml": "provider: recorded\nfile: found.csv\n",
        "models/found.csv": "example_id,output\na\n",
    }
    project = with_csv(tmp_path, "example_id,inputs\n1,Why?\n2,Why?\n", FILES["datasets/qa.yaml"], **broken)
    assert notes_of(project) == [
        "data/datasets/qa.csv: rows that repeat an earlier row but for the id count once more: line 3 (as 2)"
    ]
    said = "\n".join(problems_of(project))
    assert all(place in said for place in ("cut.jsonl:1: inputs: ", "found.csv:2: expected 2 fields", "'absent'"))


@pytest.mark.parametrize(
    "rows", ['1,a,"[""x""]"\n', '1,"a,b\n', "1,a\n", "1,,b\n", "1,a,b\n1,a,b\n", "1,a,\"['x']\"\n", ""]
)
def test_check_says_each_problem_of_rows_once_and_ends(tmp_path: Path, rows: str) -> None:
    project = with_csv(tmp_path, f"example_id,inputs,targets\n{rows}", FILES["datasets/qa.yaml"])
    said = CliRunner().invoke(check, obj=project.data_dir)
    assert (said.exit_code, type(said.exception)) == (1, SystemExit)
    (problem, count) = (line for line in said.output.splitlines() if not line.startswith(("note: ", "project ")))
    assert problem.startswith("data/datasets/qa.csv")
    assert count == "1 problem"


def test_rows_without_doubts_have_no_notes(tmp_path: Path) -> None:
    assert notes_on(tmp_path / "none", "qa.csv", "example_id,inputs\n1,Why?\n2,How?\n\n") == []  # nothing has targets
    passages = "example_id,inputs,targets,context\n1,Why?,a,one\n2,Why?,b,two\n"  # the same words on another text
    assert notes_on(tmp_path / "context", "qa.csv", passages) == []
    nothing_to_find = (
        '{"example_id": 1, "inputs": "a", "targets": []}\n{"example_id": 2, "inputs": "b", "targets": ["d"]}\n'
    )
    assert notes_on(tmp_path / "lists", "qa.jsonl", nothing_to_find, "task: text\n") == []


def test_targets_that_hold_nothing_are_told_in_every_dress(tmp_path: Path) -> None:
    targets = ['"x"', '""', '" "', '["", null]', "null", "NaN"]
    lines = "".join(f'{{"example_id": {n}, "inputs": "{n}?", "targets": {text}}}\n' for n, text in enumerate(targets))
    assert notes_on(tmp_path, "qa.jsonl", lines) == [
        (
            "data/datasets/qa.jsonl: targets: 5 of 6 rows have no target, and no score where one is needed: "
            "lines 2, 3, 4 and 2 more"
        )
    ]


def test_the_cards_of_the_page_on_datasets_can_be_used() -> None:
    page = (Path(__file__).parents[2] / "docs/datasets.md").read_text("utf-8")
    chats, support = (
        DatasetCard.model_validate(yaml.safe_load(card)) for card in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    )
    assert chats.columns.targets == "expectations.expected_response"
    assert (support.delimiter, support.json_columns) == (";", ("answers",))


def test_check_reads_a_dataset_once_however_many_evaluations_use_it(tmp_path: Path, monkeypatch) -> None:
    n_read = 0

    def counted(*given, **named):
        nonlocal n_read
        for row in file_rows(*given, **named):
            n_read += 1
            yield row

    monkeypatch.setattr("eval_assets.config.datasets.row_places.file_rows", counted)
    rows = "".join(f'{{"example_id": "q{n}", "inputs": "Why {n}?", "targets": "x"}}\n' for n in range(2_000))
    evaluations = {f"evaluations/{name}.yaml": FILES["evaluations/e.yaml"] for name in "efg"}
    assert problems_of(project_with(tmp_path, **{"datasets/qa.jsonl": rows, **evaluations})) == []
    # All rows once; for each of three evaluations the 200 that prompts are tried with, and one that shows the columns.
    assert 2_000 <= n_read <= 2_000 + 3 * (200 + 1)
