"""Tools in prompts and examples: what is sent, how replies that call them end, and who can't be sent them."""

import json
from pathlib import Path
from typing import Any

from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.replies.reading import Reading
from eval_assets.requests.keys import ModelIdentity, request_key
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.file_changes import version_change
from eval_assets.stages.file_versions import FileVersions
from eval_assets.storage.versions import StoredVersion
from tests.engines import answered, engine_on, question
from tests.loopback import TOOL_CALLS, Fault, LoopbackProvider
from tests.small_project import compute_everything, problems_of, project_with

WEATHER = {"name": "get_weather", "description": "Of today.", "parameters": {"type": "object"}}
SENT = {"type": "function", "function": WEATHER}
ROWS = [
    {"example_id": "a", "inputs": "Rain?", "targets": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]},
    {"example_id": "b", "inputs": "Hello", "targets": []},
]


def calls_for_rain(body: Any) -> Fault | None:
    return Fault("tool_calls") if "Rain" in str(body["messages"]) and "tools" in body else None


def files(base_url: str, *, tools: str, model: str = "") -> dict[str, str]:
    return {
        "datasets/qa.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
        "prompts/ask.md": f"---\ntools: {tools}\n---\n## user\n{{{{ inputs }}}}\n",
        "models/echo.yaml": model or f"provider: openai\nmodel: tiny\nbase_url: {base_url}\n",
        "evaluations/e.yaml": "dataset: qa\nmodels: [echo]\nprompts: [ask]\nmetrics: [tool_call_match, contains]\n"
        "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count, exact_match]\n",
    }


def test_a_reply_that_calls_the_tools_it_was_given_is_an_answer(tmp_path: Path) -> None:
    with LoopbackProvider(faults=calls_for_rain) as provider:
        project = project_with(tmp_path, **files(provider.base_url, tools=json.dumps([WEATHER])))
        assert problems_of(project) == []
        warehouse = compute_everything(tmp_path, run_id="run-1")
        assert [body["tools"] for body in provider.bodies] == [[SENT], [SENT]]
    called, said = warehouse.scan("predictions").sort("example_id").collect().to_dicts()
    assert (called["outcome"], called["output"], called["error"]) == ("ok", None, None)
    assert json.loads(called["tool_calls"]) == TOOL_CALLS
    assert (said["outcome"], said["output"], said["tool_calls"]) == ("ok", "echo: Hello", None)
    scores = warehouse.scan("heuristic_metrics").filter(metric="tool_call_match").collect()
    assert scores["score"].to_list() == [1.0, 1.0]


def test_the_same_reply_without_tools_calls_instead_of_answering(tmp_path: Path) -> None:
    given = Job(question("Rain?", tools=(SENT,)), 0)
    bare = Job(question("Rain?"), 1)
    with LoopbackProvider(faults=lambda _: Fault("tool_calls")) as provider, engine_on(provider, tmp_path) as engine:
        answers = answered(engine, [given, bare])
        assert [answers[tag].reply.outcome for tag in (0, 1)] == ["ok", "tool_call"]
        again = answered(engine, [given])[0]  # read anew from the store
        assert (again.reply.outcome, again.reused) == ("ok", True)
    with engine_on(provider, tmp_path, reading=Reading(calls_are_answers=True)) as engine:
        output = answered(engine, [given])[0].reply.output
    assert output == '[{"name":"get_weather","arguments":{"city":"Oslo"}}]'


def test_tools_are_part_of_the_key_only_where_there_are_any() -> None:
    identity = ModelIdentity("openai", "https://api.openai.com/v1", "gpt-4o-mini")
    # As it was before requests knew tools.
    assert request_key(identity, question("Why?"))[:16] == KEY_WITHOUT_TOOLS
    assert request_key(identity, question("Why?", tools=(SENT,)))[:16] != KEY_WITHOUT_TOOLS


KEY_WITHOUT_TOOLS = "4b043d78f00ce506"


def test_an_example_may_bring_its_own_tools(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "toolbox": [WEATHER]}, ROWS[1], {**ROWS[1], "example_id": "c", "toolbox": "get_weather"}]
    with LoopbackProvider() as provider:
        written = files(provider.base_url, tools="toolbox")
        written["datasets/qa.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows)
        project_with(tmp_path, **written)
        warehouse = compute_everything(tmp_path, run_id="run-1")
        assert sorted(("tools" in body, body["messages"][0]["content"]) for body in provider.bodies) == [
            (False, "Hello"),
            (True, "Rain?"),
        ]
    failed = warehouse.scan("predictions").filter(example_id="c").collect().to_dicts()[0]
    assert (failed["outcome"], failed["error_kind"]) == ("error", "template")
    assert "column 'toolbox': expected a list of tools with `name` and `parameters` each" in failed["error"]


def test_a_function_is_given_the_tools_by_name(tmp_path: Path) -> None:
    (tmp_path / "apps.py").write_text(
        "def agent(inputs, tools):\n"
        "    return {'tool_calls': [{'name': tools[0]['function']['name'], 'args': {'city': 'Oslo'}}]}\n"
    )
    model = "provider: callable\ncallable: apps:agent\n"
    project = project_with(tmp_path, **files("", tools=json.dumps([WEATHER]), model=model))
    assert problems_of(project) == []
    warehouse = compute_everything(tmp_path, run_id="run-1")
    assert warehouse.scan("predictions").collect()["outcome"].to_list() == ["ok", "ok"]
    scores = warehouse.scan("heuristic_metrics").filter(metric="tool_call_match").collect()
    assert scores["score"].to_list() == [1.0, 0.0]  # `b` expects no call


def test_who_takes_no_tools_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    tools = json.dumps([WEATHER])
    embedded = "provider: embedded\nmodel: smollm2-135m-instruct\n"
    (said,) = problems_of(project_with(tmp_path / "a", **files("", tools=tools, model=embedded)))
    assert "e.yaml:2: models[0]: model 'echo' of provider 'embedded' takes no tools; those of openai, " in said
    both = "provider: openai\nmodel: tiny\nparameters: {tools: []}\n"
    (said,) = problems_of(project_with(tmp_path / "b", **files("", tools=tools, model=both)))
    assert "`tools` among its `parameters`, and the prompt gives others; keep one of them" in said


def test_odd_tools_are_said_with_their_field(tmp_path: Path) -> None:
    for number, (tools, expected) in enumerate(
        {
            "[{description: x}]": "expected a tool's `name` of letters",
            "[{name: get weather}]": "expected a tool's `name` of letters",
            "[]": "expected a list of tools with `name` and `parameters` each, got []",
            "[{name: a}, {name: a}]": "expected each tool once, got 'a' again",
            "[{name: a, parameters: city}]": "expected the JSON schema of its arguments as `parameters` of 'a'",
            "[{name: a, schema: {}}]": "tool 'a' has the unknown field 'schema'",
            "toolbox": "no row of dataset 'qa' provides the column of `tools` 'toolbox'",
        }.items()
    ):
        found = problems_of(project_with(tmp_path / str(number), **files("", tools=tools)))
        assert any(expected in said and "ask.md" in said for said in found), (tools, found)


def test_a_metric_that_reads_a_column_of_no_row_is_refused(tmp_path: Path) -> None:
    written = files("", tools="[{name: a}]")
    metric = "{metric: tool_call_recall, parameters: {column: expected.calls}}"
    written["evaluations/e.yaml"] = written["evaluations/e.yaml"].replace("tool_call_match", metric)
    (said,) = problems_of(project_with(tmp_path, **written))
    assert "e.yaml:4: metrics[0].parameters.column: no row of dataset 'qa' has the column 'expected.calls'" in said


def test_expected_calls_that_can_not_be_read_are_said_with_their_row(tmp_path: Path) -> None:
    written = files("", tools="[{name: a}]")
    odd = {**ROWS[1], "example_id": "c", "targets": [{"arguments": {}}]}
    written["datasets/qa.jsonl"] += json.dumps(odd) + "\n"
    (said,) = problems_of(project_with(tmp_path, **written))
    assert said == "data/datasets/qa.jsonl:3: targets: expected a call with a name, got {'arguments': {}}"


def test_a_prompt_inside_an_evaluation_gives_tools_too(tmp_path: Path) -> None:
    with LoopbackProvider() as provider:
        written = files(provider.base_url, tools="[{name: a}]")
        prompt = "[{name: quick, user: '{{ inputs }}', tools: [{name: b}]}]"
        written["evaluations/e.yaml"] = written["evaluations/e.yaml"].replace("[ask]", prompt)
        assert problems_of(project_with(tmp_path, **written)) == []
        compute_everything(tmp_path, run_id="run-1")
        assert provider.bodies[0]["tools"] == [{"type": "function", "function": {"name": "b"}}]


def test_tools_are_another_version_of_a_prompt_and_none_leave_it_as_it_was(tmp_path: Path) -> None:
    bare = "## user\n{{ inputs }}\n"
    texts = (bare, f"---\ntools: [{{name: a}}]\n---\n{bare}", f"---\ntools: [{{name: b}}]\n---\n{bare}")
    projects = [
        project_with(tmp_path / str(number), **{**files("", tools="x"), "prompts/ask.md": text})
        for number, text in enumerate(texts)
    ]
    found = [FileVersions(project).version("prompts", "ask") for project in projects]
    # As it was before prompts knew tools.
    assert found[0].sha256 == content_sha256([{"role": "user", "template": "{{ inputs }}"}])
    assert "tools" not in found[0].content
    assert len({version.sha256 for version in found}) == 3
    stored = StoredVersion("ask", 1, found[1].sha256, found[1].content, texts[1], "run-1")
    assert version_change("prompts", "ask", stored, found[2], 2) == "prompt ask v1 → v2: tools changed"
