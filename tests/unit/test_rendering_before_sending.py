"""Prompts tried with the rows they are for: by `check` and by a plan, before anything is sent."""

import json
from pathlib import Path

import pytest

from eval_assets.checking.references import refusals
from eval_assets.checking.remarks import judge_remarks
from eval_assets.checking.trial_rendering import prompt_remarks
from eval_assets.config.settings import Settings
from eval_assets.planning.plan import make_plan
from eval_assets.planning.plan_text import plan_markdown, plan_text
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with

SERVED = "provider: openai\nmodel: m\nbase_url: http://127.0.0.1:9/v1\n"


def rows(*columns: dict) -> str:
    return "".join(json.dumps({"example_id": f"r{n}", **row}) + "\n" for n, row in enumerate(columns))


def remarks(folder: Path, prompt: str, content: str, model: str = SERVED) -> list[str]:
    changed = {"prompts/ask.md": prompt, "datasets/qa.jsonl": content, "models/echo.yaml": model}
    return list(prompt_remarks(project_with(folder, **changed), "e"))


THREE = rows({"inputs": "Why?"}, {"inputs": "How?"}, {"inputs": "Who?"})


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ inputs.question }}", "'str object' has no attribute 'question'"),
        ("{{ inputs[0][1] }}", ""),
        ("{{ inputs | round }}", ""),
        ("{{ inputs + 1 }}", "can only concatenate str"),
        ("{{ inputs * 10**9 }}", "is too large"),
        ("{{ inputs.__class__ }}", "sandbox"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}{{ inputs }}", "calls itself without end"),
        ("{% include 'x' %}{{ inputs }}", "reach other files"),
    ],
)
def test_a_prompt_that_fails_for_every_row_is_refused_with_its_line(tmp_path: Path, template: str, reason: str) -> None:
    changed = {"prompts/ask.md": f"## system\nBe short.\n## user\n\nAnswer:\n{template}\n", "datasets/qa.jsonl": THREE}
    project = project_with(tmp_path, **changed)
    (said,) = problems_of(project)
    assert said.startswith("data/prompts/ask.md:6: rendering fails for all 3 examples of dataset 'qa', 'r0' first: ")
    assert reason in said
    assert refusals(project, "e", FileVersions(project).metrics) == [said]


def test_rows_that_fail_are_counted_where_others_dont(tmp_path: Path) -> None:
    content = rows({"inputs": {"q": "Why?"}}, {"inputs": "How?"}, {"inputs": {"p": "Who?"}}, {"inputs": {"q": "What?"}})
    (said,) = remarks(tmp_path, "## user\n{{ inputs.q }}\n", content)
    assert said.startswith(
        "evaluation e: rendering data/prompts/ask.md fails for 2 of all 4 examples of dataset 'qa', which would become "
        "failed rows; 'r1' first: 'str object' has no attribute 'q'"
    )


@pytest.mark.parametrize(
    ("template", "meant"),
    [
        ("Answer: {inputs}", "line 2 has '{inputs}', which is sent as it stands; did you mean {{ inputs }}?"),
        ("Answer: ${inputs}", "line 2 has '${inputs}'"),
        ("Answer: $inputs", "line 2 has '$inputs'"),
        ("Answer: %(inputs)s", "line 2 has '%(inputs)s'"),
        ("Answer: <inputs>", "line 2 has '<inputs>'"),
        ("Answer: { inputs.question }", "line 2 has '{ inputs.question }'"),
        ("Answer the question.", "name a column in it, as in {{ inputs }}"),
        ("{% if inputs %}Answer.{% endif %}", "name a column in it, as in {{ inputs }}"),
    ],
)
def test_a_prompt_that_says_the_same_to_all_is_remarked(tmp_path: Path, template: str, meant: str) -> None:
    (said,) = remarks(tmp_path, f"## user\n{template}\n", THREE)
    assert said.startswith("evaluation e: data/prompts/ask.md sends the same text 3 times, to all 3 examples; ")
    assert meant in said


def test_a_column_in_one_brace_is_remarked_beside_one_in_two(tmp_path: Path) -> None:
    content = rows({"inputs": "Why?", "context": "A."}, {"inputs": "How?", "context": "B."})
    (said,) = remarks(tmp_path, "## system\nUse {context}.\n## user\n{{ inputs }}\n", content)
    assert said.endswith("line 2 has '{context}', which is sent as it stands; did you mean {{ context }}?")


@pytest.mark.parametrize(
    ("prompt", "content", "model"),
    [
        ('## user\nAnswer in JSON: {"inputs": 1} {{ inputs }}\n', THREE, SERVED),
        ("## user\nUse the <context> below. {{ inputs }}\n", rows({"inputs": "a", "context": "b"}), SERVED),
        ("## user\nNothing of the row.\n", THREE, FILES["models/echo.yaml"]),  # code is shown the row itself
        ("## user\nNothing of the row.\n", rows({"inputs": "Why?"}), SERVED),  # one row, one text
        ("## user\nNothing of the row.\n", rows({"inputs": "Why?"}, {"inputs": "Why?"}), SERVED),
        ("## user\n{{ inputs.text | default('') }}{{ inputs }}\n", THREE, SERVED),
    ],
)
def test_what_only_looks_the_same_is_not_remarked(tmp_path: Path, prompt: str, content: str, model: str) -> None:
    assert remarks(tmp_path, prompt, content, model) == []


def test_only_the_examples_of_the_slice_are_tried(tmp_path: Path) -> None:
    content = rows({"inputs": "Why?", "lang": "en"}, {"inputs": {"q": "Pourquoi ?"}, "lang": "fr"})
    changed = {
        "datasets/qa.jsonl": content,
        "prompts/ask.md": "## user\n{{ inputs.q }}\n",
        "evaluations/e.yaml": FILES["evaluations/e.yaml"] + "slice: {where: {lang: fr}}\n",
    }
    project = project_with(tmp_path, **changed)
    assert problems_of(project) == []
    assert list(prompt_remarks(project, "e")) == []


def test_a_plan_shows_the_remarks(tmp_path: Path) -> None:
    changed = {"prompts/ask.md": "## user\n{inputs}\n", "datasets/qa.jsonl": THREE, "models/echo.yaml": SERVED}
    project_with(tmp_path, **changed)
    settings = Settings(tmp_path / "data", str(tmp_path / "warehouse"), tmp_path / "state")
    with EngineRoom.from_settings(settings) as engine_room:
        plan = make_plan(engine_room, evaluations=["e"])
    said = "evaluation e: data/prompts/ask.md sends the same text 3 times, to all 3 examples; line 2 has '{inputs}'"
    for text in (f"note: {plan.as_json()['notes'][0]}", plan_text(plan), plan_markdown(plan)):
        assert f"note: {said}" in text


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("{lang: fr}", "it has none of those with lang 'fr'; lang is 'en', 'de'"),
        ("{year: '2024'}", "it has none of those with year '2024'; year is 2024, 2025"),
        ("{lang: [fr, it]}", "it has none of those with lang one of 'fr', 'it'; lang is 'en', 'de'"),
        (
            "{lang: en, year: 2025}",
            "it has none of those with lang 'en' and year 2025; lang is 'en', 'de'; year is 2024",
        ),
    ],
)
def test_a_slice_that_selects_nothing_is_said_with_the_values_there_are(tmp_path: Path, where: str, said: str) -> None:
    content = rows({"inputs": "a", "lang": "en", "year": 2024}, {"inputs": "b", "lang": "de", "year": 2025})
    evaluation = FILES["evaluations/e.yaml"] + f"slice:\n  where: {where}\n"
    project = project_with(tmp_path, **{"evaluations/e.yaml": evaluation, "datasets/qa.jsonl": content})
    (found,) = problems_of(project)
    assert found.startswith("data/evaluations/e.yaml:7: slice.where: expected examples of dataset 'qa', ")
    assert said in found
    assert refusals(project, "e", FileVersions(project).metrics) == [found]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ inputs | fromjson }}", "No filter named 'fromjson'; there are abs, attr, batch"),
        ("{{ inputs | uper }}", "No filter named 'uper'; did you mean 'upper'?"),
        ("{{ inputs", "expected '}}' after the variable"),
        ("{{ inputs }", "unexpected '}'; expected '}}' after the variable"),
        ("{% if inputs %}x", "Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else'"),
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", "this is nested too deeply"),
        ("{{ " + "9" * 5_000 + " }}", "a number in it is too long"),
    ],
)
def test_what_is_no_template_is_said_with_what_to_do(tmp_path: Path, template: str, said: str) -> None:
    (found,) = problems_of(project_with(tmp_path, **{"prompts/ask.md": f"## user\nAnswer:\n{template}\n"}))[:1]
    assert found.startswith("data/prompts/ask.md:")
    assert said in found


def test_reading_a_template_computes_nothing_of_it(tmp_path: Path) -> None:
    prompts = {
        "prompts/a.md": "## user\n{{ 'x' * 10**10 }}{{ inputs }}\n",
        "prompts/b.md": "## user\n{{ 'x' | center(10**10) }}{{ inputs }}\n",
        "prompts/c.md": "## user\n{{ 7**7**7**7 }}{{ inputs }}\n",
    }
    assert problems_of(project_with(tmp_path, **prompts)) == []  # no evaluation uses them; 10 GB would be noticed


def test_filler_text_without_end_is_no_variable_of_templates(tmp_path: Path) -> None:
    (said,) = problems_of(project_with(tmp_path, **{"prompts/ask.md": "## user\n{{ lipsum(10**7) }}{{ inputs }}\n"}))
    assert said.startswith("data/prompts/ask.md:2: lipsum: no row of dataset 'qa' provides the template variable")


def test_what_a_judge_is_not_told_is_remarked(tmp_path: Path) -> None:
    judges = {
        "judges/none.yaml": "definition: Right?\nmodel: echo\n",
        "judges/rules.yaml": "definition: Right?\nmodel: echo\nguidelines: [Be kind.]\n",
        "judges/rubric.yaml": "definition: Right?\nmodel: echo\nrubric: '1: bad, 5: good'\n",
        "judges/blind.yaml": "kind: template\nprompt: Judge {output}.\nmodel: echo\n",
        "judges/seeing.yaml": "kind: template\nprompt: Judge {{ output }}.\nmodel: echo\n",
    }
    evaluation = FILES["evaluations/e.yaml"].replace("[right]", "[none, rules, rubric, blind, seeing]")
    said = list(judge_remarks(project_with(tmp_path, **judges, **{"evaluations/e.yaml": evaluation}), "e"))
    assert [line.split("data/judges/")[1].split(".yaml")[0] for line in said] == ["none", "blind"]


CODE = """
class Chain:
    def invoke(self, messages):
        return "x"

def answer(inputs, hint, *, k=1): return inputs
def any_of(inputs, **more): return inputs
def hidden(inputs, targets): return targets
def documented(inputs, documents): return inputs
def request(prompt, messages, columns, sample_index): return prompt
chain = Chain()
"""


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("answer", "callable: nothing fills the argument 'hint' of 'own_arguments_{}:answer'"),
        ("hidden", "callable: nothing fills the argument 'targets' of 'own_arguments_{}:hidden'"),
        ("documented", "callable: nothing fills the argument 'documents' of 'own_arguments_{}:documented'"),
        ("request\nparameters: {k: 3}", "parameters.k: 'own_arguments_{}:request' takes no parameter 'k'; valid names"),
        ("answer\nparameters: {hint: x, kk: 3}", "parameters.kk: 'own_arguments_{}:answer' takes no parameter 'kk'"),
    ],
)
def test_an_argument_of_a_callable_that_nothing_fills_is_said(tmp_path: Path, model: str, said: str) -> None:
    module = f"own_arguments_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(CODE)
    changed = {"models/echo.yaml": f"provider: callable\ncallable: {module}:{model}\n", "datasets/qa.jsonl": THREE}
    project = project_with(tmp_path, **changed)
    found = [line for line in problems_of(project) if line.startswith("data/models/echo.yaml")]
    assert len(found) == 1
    assert said.format(tmp_path.name) in found[0]
    assert found[0] in refusals(project, "e", FileVersions(project).metrics)


@pytest.mark.parametrize("model", ["answer\nparameters: {hint: x}", "any_of\nparameters: {z: 1}", "request", "chain"])
def test_an_argument_that_a_column_or_parameter_fills_is_allowed(tmp_path: Path, model: str) -> None:
    module = f"own_arguments_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(CODE)
    changed = {"models/echo.yaml": f"provider: callable\ncallable: {module}:{model}\n", "datasets/qa.jsonl": THREE}
    assert problems_of(project_with(tmp_path, **changed)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"predictions": {"output": ["So."]}}', "expected a list of objects"),
        ('[{"id": "a", "answer": "So."}]', "no row has a value in column 'example_id'; "),
        ('[{"example_id": "a", "answer": "So."}]', "no row has a value in column 'output'; "),
        ("[", "data/models/run.json:1: not valid JSON"),
        (None, "the file of predictions doesn't exist"),
    ],
)
def test_a_file_of_predictions_of_another_shape_is_found_by_check(
    tmp_path: Path, content: str | None, said: str
) -> None:
    changed = {"models/echo.yaml": "provider: recorded\nfile: run.json\n", "models/run.json": content}
    (found,) = problems_of(project_with(tmp_path, **changed))[:1]
    assert found.startswith("data/models/echo.yaml:2: file: ")
    assert said in found


def test_columns_the_wrong_way_round_are_said_to_be(tmp_path: Path) -> None:
    model = "provider: recorded\nfile: run.jsonl\ncolumns: {Answer text: output}\n"
    (said, *_) = problems_of(project_with(tmp_path, **{"models/echo.yaml": model}))
    found = (
        "columns.Answer text: unknown field; expected our column first, then the file's, as in `output: Answer text`"
    )
    assert said == f"data/models/echo.yaml:3: {found}"


def test_a_mapped_column_that_rows_need_not_have_is_reported_with_those_they_need(tmp_path: Path) -> None:
    card = "task: text\ncolumns: {example_id: id, inputs: question, targets: anwser}\n"
    rows_of = '{"idd": "a", "questions": "Why?", "answer": "So."}\n'
    said = problems_of(project_with(tmp_path, **{"datasets/qa.yaml": card, "datasets/qa.jsonl": rows_of}))
    assert [line for line in said if "columns.targets: no row of the file has the column 'anwser'" in line]
    assert [line for line in said if "id: the column is absent" in line]
