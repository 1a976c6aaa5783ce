"""Datasets, models and prompts that stand in an evaluation: used like files, and told apart from them."""

from pathlib import Path

import pytest

from eval_assets.checking.remarks import remarks
from eval_assets.config.project import Project
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.stages.edges import part_versions
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.graph import all_cells
from tests.small_project import problems_of, project_with

WHOLE = """\
dataset:
  task: question-answering
  columns: {example_id: id, inputs: question, targets: answer}
models:
  - name: lead
    provider: callable
    callable: eval_assets.providers.baselines:lead_sentence
  - echo
prompts:
  - name: short
    system: Be brief.
    user: |
      Question:
      {{ inputs }}
  - ask
without_metrics: [toxicity]
"""
ROWS = {
    "datasets/e.csv": "id;question;answer\n1;Why, oh why?;So.\n",
    "evaluations/e.yaml": WHOLE,
    "judges/right.yaml": None,
}


def edited(folder: Path, old: str, new: str) -> Project:
    assert old in WHOLE
    return project_with(folder, **{**ROWS, "evaluations/e.yaml": WHOLE.replace(old, new)})


def test_definitions_are_partitions_like_files_and_mix_with_them(tmp_path: Path) -> None:
    project = project_with(tmp_path, **ROWS)
    assert problems_of(project) == []
    assert (project.names("models"), project.names("prompts")) == (["echo", "lead"], ["ask", "short"])
    assert [cell.key for cell in all_cells(project)] == ["e:lead@short", "e:lead@ask", "e:echo@short", "e:echo@ask"]
    assert project.evaluation("e").file.dataset == "e"  # a dataset without a name has that of its evaluation
    short = project.prompt("short").messages
    assert [(message.role, message.template) for message in short] == [
        ("system", "Be brief."),
        ("user", "Question:\n{{ inputs }}"),
    ]


def test_a_definition_is_the_same_version_as_a_file_that_says_the_same(tmp_path: Path) -> None:
    inline = FileVersions(project_with(tmp_path / "inline", **ROWS))
    files = FileVersions(
        project_with(
            tmp_path / "files",
            **{
                **ROWS,
                "evaluations/e.yaml": "dataset: e\nmodels: [lead]\nprompts: [short]\nwithout_metrics: [toxicity]\n",
                "datasets/e.yaml": "task: question-answering\n"
                "columns: {example_id: id, inputs: question, targets: answer}\n",
                "models/lead.yaml": "provider: callable\ncallable: eval_assets.providers.baselines:lead_sentence\n",
                "prompts/short.md": "## system\nBe brief.\n## user\nQuestion:\n{{ inputs }}\n",
            },
        )
    )
    for kind, name in (("datasets", "e"), ("models", "lead"), ("prompts", "short")):
        assert inline.sha256(kind, name) == files.sha256(kind, name)


def test_an_edited_prompt_is_no_change_of_the_evaluation_or_of_anything_beside_it(tmp_path: Path) -> None:
    before = FileVersions(project_with(tmp_path, **ROWS))
    after = FileVersions(edited(tmp_path, "Be brief.", "Be very brief."))
    assert part_versions(before, "e") == part_versions(after, "e")
    changed = {
        (kind, name)
        for kind, name in (("prompts", "short"), ("prompts", "ask"), ("models", "lead"), ("evaluations", "e"))
        if before.sha256(kind, name) != after.sha256(kind, name)
    }
    assert changed == {("prompts", "short")}


def test_the_text_of_a_definition_is_kept_alone(tmp_path: Path) -> None:
    project = project_with(tmp_path, **ROWS)
    prompt = FileVersions(project).version("prompts", "short")
    assert prompt.source == "name: short\nsystem: Be brief.\nuser: |\n  Question:\n  {{ inputs }}\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("provider: callable", "provider: calable", "data/evaluations/e.yaml:6: provider: "),
        ("    callable:", "    temperature: 0\n    callable:", "data/evaluations/e.yaml:7: temperature: unknown field"),
        (
            "- name: short\n    system",
            "- system",
            "data/evaluations/e.yaml:10: expected a `name` beside the other fields",
        ),
        ("- name: short", "- name: 3", "data/evaluations/e.yaml:10: expected text as `name`, got 3"),
        ("- name: short", "- name: Short one", "data/evaluations/e.yaml:10: prompts[0]"),
        ("{{ inputs }}", "{{ inputs }", "data/evaluations/e.yaml:14: user: not a valid template"),
        ("{{ inputs }}", "{{ topic }}", "data/evaluations/e.yaml:14: topic: no row of dataset 'e' provides"),
        (
            "    user: |\n      Question:\n      {{ inputs }}\n",
            "",
            "data/evaluations/e.yaml:10: expected the field 'user'",
        ),
        ("targets: answer", "targets: antwort", "data/evaluations/e.yaml:3: columns.targets: no row of the file has"),
    ],
)
def test_what_is_wrong_in_a_definition_is_said_with_its_line_in_the_evaluation(tmp_path, old, new, said) -> None:
    problems = problems_of(edited(tmp_path, old, new))
    assert any(said in problem for problem in problems), problems


def test_a_name_that_a_file_has_too_is_refused_with_both_places(tmp_path: Path) -> None:
    problems = problems_of(edited(tmp_path, "name: short", "name: ask"))
    said = "data/evaluations/e.yaml:10: the prompt 'ask' is defined here, and otherwise in data/prompts/ask.md; "
    assert said in "\n".join(problems)


def test_two_evaluations_may_define_the_same_and_not_two_things_of_one_name(tmp_path: Path) -> None:
    shared = WHOLE.replace("dataset:", "dataset:\n  name: e", 1)
    project = project_with(tmp_path, **{**ROWS, "evaluations/f.yaml": shared, "evaluations/e.yaml": shared})
    assert problems_of(project) == []
    other = shared.replace("Be brief.", "Be long.")
    project = project_with(tmp_path, **{**ROWS, "evaluations/f.yaml": other, "evaluations/e.yaml": shared})
    said = "\n".join(problems_of(project))
    assert (
        "data/evaluations/e.yaml:11: the prompt 'short' is defined here, and otherwise in data/evaluations/f.yaml:11"
        in said
    )
    assert (
        "data/evaluations/f.yaml:11: the prompt 'short' is defined here, and otherwise in data/evaluations/e.yaml:11"
        in said
    )


def test_a_broken_definition_costs_its_own_partition(tmp_path: Path) -> None:
    project = edited(tmp_path, "provider: callable", "provider: nobody")
    assert ("models", "lead") in project.broken
    assert project.names("models") == ["echo", "lead"]
    assert "e:lead@short" in [cell.key for cell in all_cells(project)]


def test_all_messages_can_be_written_out(tmp_path: Path) -> None:
    turns = [f"      - {{role: {role}, template: '{{{{ inputs }}}}'}}\n" for role in ("user", "assistant", "user")]
    project = edited(
        tmp_path, WHOLE[WHOLE.index("system: Be") : WHOLE.index("  - ask")], "messages:\n" + "".join(turns)
    )
    assert problems_of(project) == []
    assert [message.role for message in project.prompt("short").messages] == ["user", "assistant", "user"]


def test_a_remark_on_a_prompt_names_which_it_is(tmp_path: Path) -> None:
    rows = {"datasets/e.csv": "id;question;answer\n1;Why?;So.\n2;How?;So.\n"}
    text = WHOLE.replace("      {{ inputs }}\n", "      {inputs}\n").replace("callable: eval", "callable: eval")
    text = text.replace(
        "provider: callable\n    callable: eval_assets.providers.baselines:lead_sentence",
        "provider: openai\n    model: m",
    )
    project = project_with(tmp_path, **{**ROWS, **rows, "evaluations/e.yaml": text})
    said = list(remarks(project, FileVersions(project), ["e"], DialectMemory()))
    assert any("'short' in data/evaluations/e.yaml sends the same text 2 times" in remark for remark in said), said
    assert any("line 14 has '{inputs}'" in remark for remark in said), said


def test_rows_without_ids_are_known_by_what_they_ask(tmp_path: Path) -> None:
    no_ids = "columns: {example_id: null, inputs: question, targets: answer}"
    first = WHOLE.replace("columns: {example_id: id, inputs: question, targets: answer}", no_ids)
    project = project_with(tmp_path, **{**ROWS, "evaluations/e.yaml": first})
    assert problems_of(project) == []
