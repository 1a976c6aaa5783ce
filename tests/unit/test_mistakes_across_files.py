"""What files name and rows, other files or the standard don't have: said by `check`, and by a plan before it runs."""

import json
from pathlib import Path

import pytest

from eval_assets.checking.references import refusals
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.planning.plan import make_plan
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with

CARD = FILES["datasets/qa.yaml"]
EVALUATION = FILES["evaluations/e.yaml"]
SERVED = "provider: openai\nmodel: gpt-4o-mini\n"
NESTED_ROW = json.dumps(
    {"example_id": "a", "inputs": "Why?", "lang": "en", "metadata": {"topic": "cost", "none": None}}
)
SCALES = (
    "expected one of {type: integer, min: 1, max: 5}, {type: number, min: 0, max: 1}, {type: pass_fail}, "
    "{type: labels, labels: {good: 1, bad: 0}}, got "
)

RECORDED = "provider: recorded\nfile: r.csv\n"
VERDICTS = RECORDED + "columns: {candidate: system}\n"
READS = "definition: As published.\nmodel: r\n"

IN_A_RUN_TOO = [  # what is changed, and what is said
    (
        {"models/r.yaml": RECORDED, "judges/j.yaml": READS, "evaluations/e.yaml": EVALUATION.replace("[right]", "[j]")},
        "data/judges/j.yaml:2: model: model 'r' holds recorded predictions; to read verdicts from its file, ",
        "name in its `columns` the `candidate` whose output a verdict is on",
    ),
    (
        {
            "models/r.yaml": VERDICTS,
            "judges/j.yaml": READS + "samples: 3\n",
            "evaluations/e.yaml": EVALUATION.replace("[right]", "[j]"),
        },
        "data/judges/j.yaml:3: samples: a file holds one verdict per example and candidate, ",
        "got samples 3",
    ),
    (
        {"models/r.yaml": VERDICTS, "evaluations/e.yaml": EVALUATION.replace("[echo]", "[echo, r]")},
        "data/evaluations/e.yaml:2: models[1]: expected a model that answers, 'r' holds verdicts on candidates; ",
        "name it in a judge",
    ),
    (
        {
            "models/r.yaml": VERDICTS,
            "judges/j.yaml": READS,
            "evaluations/e.yaml": EVALUATION + "pairwise: {judge: j, against: all}\n",
        },
        "data/evaluations/e.yaml:6: pairwise.against: expected recorded preferences that say who was compared with ",
        "whom; name in the `columns` of model 'r' the `opponent`, or compare with the baseline alone",
    ),
    (
        {"prompts/ask.md": "---\ndescription: inptus?\n---\n## user\nAnswer:\n{{ inptus }}\n"},
        "data/prompts/ask.md:6: inptus: no row of dataset 'qa' provides the template variable 'inptus'; ",
        "did you mean 'inputs'?",
    ),
    (
        {
            "datasets/qa.yaml": CARD + "columns: {inputs: question}\n",
            "datasets/qa.jsonl": '{"example_id": "a", "question": "Why?", "targets": "So."}\n',
            "prompts/ask.md": "## user\n{{ question }}\n",
        },
        "data/prompts/ask.md:2: question: no row of dataset 'qa' provides the template variable 'question'; ",
        "did you mean 'inputs', to which the card maps it?",
    ),
    (
        {"prompts/ask.md": "## user\n{{ inputs }} Right is {{ targets }}.\n"},
        "data/prompts/ask.md:2: targets: prompts are not shown the targets, which outputs are scored against; ",
        "nothing would stand here",
    ),
    (
        {"prompts/ask.md": "## system\nBe short.\n## user\n{% if inputs %}\n{{ inputs }\n"},
        "data/prompts/ask.md:5: not a valid template: unexpected '}'",
    ),
    (
        {"prompts/ask.md": "---\ndescription: x\n---\n\n## user\n\n{{ inputs | lenght }}\n"},
        "data/prompts/ask.md:7: not a valid template: No filter named 'lenght'; did you mean 'length'?",
    ),
    (
        {"judges/right.yaml": "kind: template\nmodel: echo\nprompt: |\n  Judge this:\n  {{ output }\n"},
        "data/judges/right.yaml:5: prompt: not a valid template: unexpected '}'",
    ),
    (
        {"judges/right.yaml": "kind: template\nmodel: echo\nprompt: >\n  Judge\n  this: {{ output }\n"},
        "data/judges/right.yaml:3: prompt: not a valid template: unexpected '}'",
    ),
    (
        {"judges/right.yaml": "kind: template\nmodel: echo\nprompt: |\n  Judge this:\n  {{ outptu }}\n"},
        "data/judges/right.yaml:5: outptu: no row of dataset 'qa' provides the template variable 'outptu'; ",
        "did you mean 'output'?",
    ),
    (
        {"judges/right.yaml": FILES["judges/right.yaml"] + "columns: [target]\n"},
        "data/judges/right.yaml:3: columns[0]: no row of dataset 'qa' has the column 'target'; did you mean 'targets'?",
    ),
    (
        {"datasets/qa.yaml": CARD + "cluster: metadata.topc\n", "datasets/qa.jsonl": NESTED_ROW},
        "data/datasets/qa.yaml:2: cluster: no row of dataset 'qa' has the column 'metadata.topc'; ",
        "did you mean 'metadata.topic'?",
    ),
    (
        {"datasets/qa.yaml": CARD + "slices:\n  - lang\n  - metadata.none\n", "datasets/qa.jsonl": NESTED_ROW},
        "data/datasets/qa.yaml:4: slices[1]: no row of dataset 'qa' has the column 'metadata.none'; ",
        "did you mean 'metadata'?",
    ),
    (
        {"evaluations/e.yaml": EVALUATION + "slice: {where: {langg: en}}\n", "datasets/qa.jsonl": NESTED_ROW},
        "data/evaluations/e.yaml:6: slice.where.langg: no row of dataset 'qa' has the column 'langg'; ",
        "did you mean 'lang'?",
    ),
    (
        {
            "datasets/qa.yaml": CARD + "columns: {targets: anwser}\n",
            "datasets/qa.jsonl": '{"example_id": "a", "inputs": "Why?", "answer": "So."}\n',
        },
        "data/datasets/qa.yaml:2: columns.targets: no row of the file has the column 'anwser'; did you mean 'answer'?",
    ),
    (
        {"models/echo.yaml": SERVED + "parameters:\n  seed: 1\n  temprature: 0\n"},
        "data/models/echo.yaml:5: parameters.temprature: expected a sampling parameter, got 'temprature'; ",
        "did you mean 'temperature'?",
    ),
    (
        {
            "models/echo.yaml": SERVED,
            "judges/right.yaml": FILES["judges/right.yaml"] + "parameters: {maxTokens: 9}\n",
        },
        "data/judges/right.yaml:3: parameters.maxTokens: expected a sampling parameter, got 'maxTokens'; ",
        "did you mean 'max_tokens'?",
    ),
    (
        {"models/echo.yaml": "# a model\nprovider: opnai\nmodel: x\n"},
        "data/models/echo.yaml:2: provider: expected 'openai', 'anthropic', 'embedded', 'transformers', 'callable', ",
        "'mlflow', 'any-llm', 'recorded', got 'opnai'; did you mean 'openai'?",
    ),
    (
        {"models/echo.yaml": None, "models/echo.yml": FILES["models/echo.yaml"]},
        "data/evaluations/e.yaml:2: models[0]: expected a file of data/models, got 'echo'; ",
        "rename data/models/echo.yml to echo.yaml",
    ),
    (
        {"judges/right.yaml": FILES["judges/right.yaml"] + "scale: 1-5\n"},
        f"data/judges/right.yaml:3: scale: {SCALES}'1-5'",
    ),
    (
        {"judges/right.yaml": FILES["judges/right.yaml"] + "scale: [1, 5]\n"},
        f"data/judges/right.yaml:3: scale: {SCALES}[1, 5]",
    ),
    (
        {"judges/right.yaml": FILES["judges/right.yaml"] + "scale: passfail\n"},
        f"data/judges/right.yaml:3: scale: {SCALES}'passfail'; did you mean {{type: pass_fail}}?",
    ),
    (
        {"judges/right.yaml": FILES["judges/right.yaml"] + "scale: {type: lables}\n"},
        f"data/judges/right.yaml:3: scale: {SCALES}{{'type': 'lables'}}; ",
        "did you mean {type: labels, labels: {good: 1, bad: 0}}?",
    ),
    (
        {"evaluations/e.yaml": EVALUATION.replace("toxicity", "toxcity")},
        "data/evaluations/e.yaml:5: without_metrics: expected defaults of task 'question-answering' to leave out, ",
        "got 'toxcity'; did you mean 'toxicity'?",
    ),
    (
        {"evaluations/e.yaml": EVALUATION + "metrics:\n  - contains\n  - rouge_1\n"},
        "data/evaluations/e.yaml:8: metrics[1]: expected a shipped metric or one with a `function`, got 'rouge_1'; ",
        "did you mean 'rouge1'?",
    ),
]

ALLOWED = [
    {"prompts/ask.md": "## user\n{% if context %}Context: {{ context }}{% endif %} {{ inputs }}\n"},
    {"prompts/ask.md": "## user\n{{ hint | default('') }}{% if note is defined %}{{ note }}{% endif %} {{ inputs }}\n"},
    {"models/echo.yaml": SERVED + "parameters: {min_p: 0.1, top_k: 4, chat_template_kwargs: {}, guided_json: {}}\n"},
    {
        "datasets/qa.yaml": CARD + "cluster: metadata.topic\nslices: [lang, metadata]\n",
        "datasets/qa.jsonl": NESTED_ROW,
        "evaluations/e.yaml": EVALUATION + "slice: {where: {lang: en}}\n",
    },
    {
        "datasets/qa.jsonl": FILES["datasets/qa.jsonl"] + '{"example_id": "b", "inputs": "How?", "hint": "Look."}\n',
        "prompts/ask.md": "## user\n{{ inputs }} {{ hint }}\n",
    },
    {"judges/right.yaml": FILES["judges/right.yaml"] + "scale: {min: 0, max: 3}\n"},
]


def refused(project: Project) -> list[str]:
    return refusals(project, "e", FileVersions(project).metrics)


@pytest.mark.parametrize(("changed", "expected"), [(changed, "".join(said)) for changed, *said in IN_A_RUN_TOO])
def test_check_and_the_evaluation_about_to_run_say_a_mistake_in_the_same_words(
    tmp_path: Path, changed: dict[str, str | None], expected: str
) -> None:
    project = project_with(tmp_path, **changed)
    for said in (problems_of(project), refused(project)):
        assert [line for line in said if line.startswith(expected)], said


@pytest.mark.parametrize("changed", ALLOWED)
def test_what_only_looks_like_a_mistake_is_allowed(tmp_path: Path, changed: dict[str, str]) -> None:
    project = project_with(tmp_path, **changed)
    assert problems_of(project) == []
    assert refused(project) == []


def test_a_prompt_is_not_shown_the_documents(tmp_path: Path) -> None:
    changed = {
        "datasets/qa.yaml": CARD + "documents: {file: handbook.jsonl}\n",
        "datasets/handbook.jsonl": '{"doc_id": "1", "text": "Valves."}\n',
        "prompts/ask.md": "## user\n{{ inputs }} {{ documents }}\n",
    }
    (said,) = problems_of(project_with(tmp_path, **changed))
    assert said.startswith("data/prompts/ask.md:2: documents: no row of dataset 'qa' provides the template variable")


def test_a_plan_refuses_what_would_fail_on_every_row(tmp_path: Path) -> None:
    project_with(tmp_path, **{"prompts/ask.md": "## user\n{{ inptus }}\n"})
    data = tmp_path / "data"
    said = r"data/prompts/ask.md:2: inptus: .* did you mean 'inputs'\?"
    settings = Settings(data, str(data / "warehouse"), data / "state")
    with EngineRoom.from_settings(settings) as engine_room, pytest.raises(ConfigError, match=said):
        make_plan(engine_room, evaluations=["e"])


def test_mistakes_in_files_that_an_evaluation_does_not_use_dont_stop_it(tmp_path: Path) -> None:
    unused = {"prompts/other.md": "## user\n{{ }}\n", "models/other.yaml": SERVED + "parameters: {temprature: 0}\n"}
    project = project_with(tmp_path, **unused)
    assert len(problems_of(project)) == 2
    assert refused(project) == []


def test_the_rows_of_a_dataset_are_mended_before_the_names_of_their_columns(tmp_path: Path) -> None:
    rows = {
        "datasets/qa.jsonl": '{"example_id": "a", "input": "Why?"}\n',
        "datasets/qa.yaml": CARD + "cluster: topic\n",
    }
    (said,) = problems_of(project_with(tmp_path, **rows))
    assert said.startswith("data/datasets/qa.jsonl:1: inputs: the column is absent; did you mean 'input'?")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("models/other.yml", "expected a name that ends in .yaml, {}; rename it to other.yaml"),
        ("models/other.YAML", "expected a name that ends in .yaml, {}; rename it to other.yaml"),
        ("prompts/other.txt", "expected a name that ends in .md, {}; rename it to other.md"),
        ("prompts/other.markdown", "expected a name that ends in .md, {}; rename it to other.md"),
        (
            "datasets/other.csv",
            "no dataset card names this file, so it is not read; write the card other.yaml beside it",
        ),
    ],
)
def test_a_file_that_nothing_reads_is_named_with_what_to_do(tmp_path: Path, file: str, said: str) -> None:
    project = project_with(tmp_path, **{file: "anything"})
    (problem,) = problems_of(project)
    assert problem.startswith(f"data/{file}: {said.format('files of other names are not read')}")
    assert refused(project) == []


def test_files_that_cards_name_are_no_strays(tmp_path: Path) -> None:
    card = "file: rows.jsonl\ndocuments: {file: handbook.jsonl}\nlabels: [{file: labels.csv}]\n"
    changed = {
        "datasets/qa.yaml": CARD + card,
        "datasets/qa.jsonl": None,
        "datasets/rows.jsonl": FILES["datasets/qa.jsonl"],
        "datasets/handbook.jsonl": '{"doc_id": "1", "text": "Valves."}\n',
        "datasets/labels.csv": "example_id,rater,label\na,ann,5\n",
        "datasets/notes.txt": "not rows",
        "models/replies.jsonl": "{}\n",
        "prompts/.hidden.txt": "",
    }
    assert problems_of(project_with(tmp_path, **changed)) == []
