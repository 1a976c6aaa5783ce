"""Files in `data/`: what is accepted, and how each mistake is said."""

from pathlib import Path

import pytest

from eval_assets.config.datasets.rows import read_examples
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with


def test_a_sound_project_has_no_problems(tmp_path: Path) -> None:
    assert problems_of(project_with(tmp_path)) == []


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("datasets/qa.jsonl", None, ["data/datasets", "expected one row file qa.jsonl or qa.csv or qa.parquet"]),
        ("datasets/qa.jsonl", "", ["data/datasets/qa.jsonl", "at least one row, the file is empty"]),
        (
            "datasets/qa.jsonl",
            FILES["datasets/qa.jsonl"] * 2,
            ["data/datasets/qa.jsonl:2", "expected each example_id once, got 'a' again, first in line 1"],
        ),
        (
            "datasets/qa.jsonl",
            b'{"example_id": "a", "inputs": "Why?"}\n{"example_id": "b", "inputs": "\xff"}\n',
            ["data/datasets/qa.jsonl:2", "expected UTF-8, got byte 0xff"],
        ),
        ("datasets/qa.jsonl", "[1, 2]\n", ["data/datasets/qa.jsonl:1", "expected an object", "[1, 2]"]),
        (
            "datasets/qa.jsonl",
            '{"example_id": "a", "inputs": 5}\n',
            ["data/datasets/qa.jsonl:1: inputs: expected text, an object or a list, got int 5"],
        ),
        (
            "datasets/qa.jsonl",
            '{"example_id": "a", "inputs": "x", "context": 3}\n',
            ["data/datasets/qa.jsonl:1: context: expected text or a list of texts, got int 3"],
        ),
        (
            "datasets/qa.jsonl",
            '{"example_id": "a", "input": "x"}\n',
            ["data/datasets/qa.jsonl:1: inputs: the column is absent; did you mean 'input'?"],
        ),
        ("datasets/qa.jsonl", "{no json\n", ["data/datasets/qa.jsonl:1: not valid JSON"]),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [ecko]\nprompts: [ask]\n",
            ["data/evaluations/e.yaml:2: models[0]: expected a file of data/models, got 'ecko'; did you mean 'echo'?"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [echo]\npromts: [ask]\nprompts: [ask]\n",
            ["data/evaluations/e.yaml:3: promts: unknown field; did you mean 'prompts'?"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nprompts: [ask]\n",
            ["data/evaluations/e.yaml:1: models: this field is required and absent"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [echo]\nprompts: [ask]\nmetrics: [rouge_1]\n",
            ["data/evaluations/e.yaml:4: metrics[0]: ", "got 'rouge_1'", "did you mean 'rouge1'?"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [echo]\nprompts: [ask]\ngates:\n  - {metric: blue, min: 0.1}\n",
            ["data/evaluations/e.yaml:5: gates[0].metric: expected a metric or judge of this evaluation, got 'blue'"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [echo]\nprompts: [ask]\nbaseline: echo@asked\n",
            ["data/evaluations/e.yaml:4: baseline: expected one of the candidates, got 'echo@asked'"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\nmodels: [echo]\nprompts: [ask]\nsamples: many\n",
            ["data/evaluations/e.yaml:4: samples: ", "got 'many'"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: [qa\n",
            ["data/evaluations/e.yaml:1: not valid YAML: the '[' that opens here isn't closed by ']'"],
        ),
        (
            "evaluations/e.yaml",
            "dataset: qa\ndataset: qa\n",
            ["data/evaluations/e.yaml:2: the field 'dataset' stands twice, first in line 1"],
        ),
        ("evaluations/e.yaml", b"dataset: qa\n# \xe9\n", ["data/evaluations/e.yaml:2: expected UTF-8, got byte 0xe9"]),
        (
            "prompts/ask.md",
            "---\ndescription: x\n---\n## user\nAnswer\n{{ inptus }}\n",
            [
                "data/prompts/ask.md:6: inptus: no row of dataset 'qa' provides the template variable",
                "did you mean 'inputs'?",
            ],
        ),
        ("prompts/ask.md", "## sytem\nx\n", ["data/prompts/ask.md:1: unknown role 'sytem'; did you mean 'system'?"]),
        ("prompts/ask.md", "Answer {{ inputs }}\n", ["data/prompts/ask.md:1: expected `## system`, `## user`"]),
        ("models/echo.yaml", "provider: openai\n", ["provider 'openai' needs the field 'model'"]),
        (
            "judges/right.yaml",
            "definition: x\nmodel: gone\n",
            ["data/judges/right.yaml:2: model: expected a file of data/models"],
        ),
    ],
)
def test_a_mistake_is_said_with_its_place(
    tmp_path: Path, file: str, content: str | bytes | None, expected: list[str]
) -> None:
    said = "\n".join(problems_of(project_with(tmp_path, **{file: content})))
    for part in expected:
        assert part in said


def test_a_broken_file_leaves_the_others_usable(tmp_path: Path) -> None:
    project = project_with(tmp_path, **{"models/bad.yaml": "provider: nobody\n"})
    assert project.names("models") == ["bad", "echo"]
    assert project.model("echo").file.provider == "callable"
    with pytest.raises(ConfigError, match=r"data/models/bad.yaml:1: provider: expected 'openai'.*got 'nobody'"):
        project.model("bad")


def test_rows_may_be_csv(tmp_path: Path) -> None:
    project = project_with(
        tmp_path, **{"datasets/qa.jsonl": None, "datasets/qa.csv": "example_id,inputs,targets\n1,Why?,Because.\n"}
    )
    (example,) = read_examples(project.dataset("qa"), project.datasets_dir)
    assert (example.example_id, dict(example.columns)) == ("1", {"inputs": "Why?", "targets": "Because."})


def test_an_example_keeps_its_hash_when_rows_are_added_before_it(tmp_path: Path) -> None:
    first = project_with(tmp_path)
    (before,) = read_examples(first.dataset("qa"), first.datasets_dir)
    added = '{"example_id": "new", "inputs": "How?"}\n' + FILES["datasets/qa.jsonl"]
    second = project_with(tmp_path, **{"datasets/qa.jsonl": added})
    after = list(read_examples(second.dataset("qa"), second.datasets_dir))[1]
    assert (after.position, after.sha256) == (1, before.sha256)


def test_every_duplicate_is_listed(tmp_path: Path) -> None:
    rows = FILES["datasets/qa.jsonl"] * 3
    project = project_with(tmp_path, **{"datasets/qa.jsonl": rows})
    with pytest.raises(DatasetError) as error:
        list(read_examples(project.dataset("qa"), project.datasets_dir))
    assert str(error.value).count("expected each example_id once") == 2


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("models/echo.yaml", FILES["models/echo.yaml"] + "description: said better\n"),
        ("models/echo.yaml", FILES["models/echo.yaml"] + "prices: {request_usd: 0.1}\n"),
        ("models/echo.yaml", FILES["models/echo.yaml"] + "limits: {timeout_seconds: 3}\n"),
        ("prompts/ask.md", "---\ndescription: said better\n---\n" + FILES["prompts/ask.md"]),
        ("evaluations/e.yaml", FILES["evaluations/e.yaml"] + "schedule: {cron: '0 6 * * *'}\n"),
        ("evaluations/e.yaml", FILES["evaluations/e.yaml"] + "max_cost_usd: 3\n"),
        ("judges/right.yaml", FILES["judges/right.yaml"] + "description: said better\n"),
    ],
)
def test_a_change_without_effect_on_results_keeps_the_data_version(tmp_path: Path, file: str, content: str) -> None:
    kind, name = file.split("/", maxsplit=1)[0], Path(file).stem
    before = FileVersions(project_with(tmp_path)).sha256(kind, name)
    assert FileVersions(project_with(tmp_path, **{file: content})).sha256(kind, name) == before


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("models/echo.yaml", FILES["models/echo.yaml"] + "parameters: {temperature: 0.5}\n"),
        ("prompts/ask.md", "## user\nAnswer at once: {{ inputs }}\n"),
        ("evaluations/e.yaml", FILES["evaluations/e.yaml"] + "metrics: [token_f1]\n"),
        ("evaluations/e.yaml", FILES["evaluations/e.yaml"] + "samples: 2\n"),
        ("judges/right.yaml", "definition: Is it wrong?\nmodel: echo\n"),
        ("datasets/qa.jsonl", FILES["datasets/qa.jsonl"] + '{"example_id": "b", "inputs": "How?"}\n'),
    ],
)
def test_a_change_with_effect_on_results_changes_the_data_version(tmp_path: Path, file: str, content: str) -> None:
    kind, name = file.split("/", maxsplit=1)[0], Path(file).stem
    before = FileVersions(project_with(tmp_path)).sha256(kind, name)
    assert FileVersions(project_with(tmp_path, **{file: content})).sha256(kind, name) != before
