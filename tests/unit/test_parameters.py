"""Sampling parameters of model and judge files: what can't be sent is refused before anything is."""

from pathlib import Path

import pytest

from eval_assets.checking.references import refusals
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with

SERVED = "provider: openai\nmodel: gpt-4o-mini\n"


def said_of(folder: Path, parameters: str) -> list[str]:
    """What `check` and a plan say of a model with these parameters."""
    project = project_with(folder, **{"models/echo.yaml": f"{SERVED}parameters: {{{parameters}}}\n"})
    said = problems_of(project)
    assert said == refusals(project, "e", FileVersions(project).metrics)
    return said


@pytest.mark.parametrize(
    ("parameters", "field", "reason"),
    [
        ("n: 8", "n", "ask for several with `samples`"),
        ("model: other", "model", "a model is a file of its own"),
        ("stream: true", "stream", "write `stream: true` beside `parameters`"),
        ("messages: []", "messages", "they are rendered from the prompt file"),
        ("models: [a, b]", "models", "each model is a file of its own"),
        ("best_of: 4", "best_of", "aren't counted"),
        ("stream_options: {include_usage: true}", "stream_options", "beside `parameters`, which asks for the usage"),
        ("extra_headers: {X: y}", "extra_headers", "write `headers_env` beside `parameters`"),
        ("extra_body: {min_p: 0.1}", "extra_body", "under `parameters` itself"),
        ("timeout: 3", "timeout", "write `limits: {timeout_seconds: …}`"),
        ("n: true", "n", "ask for several with `samples`"),
    ],
)
def test_a_parameter_that_would_ask_for_something_else_is_refused_with_the_reason(
    tmp_path: Path, parameters: str, field: str, reason: str
) -> None:
    (said,) = said_of(tmp_path, parameters)
    assert said.startswith(f"data/models/echo.yaml:3: parameters.{field}: {field!r} can't be a sampling parameter: ")
    assert reason in said


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("max_tokens: -5", "max_tokens: expected a whole number from 1 to 10,000,000, got -5"),
        ("max_tokens: 0", "max_tokens: expected a whole number from 1 to 10,000,000, got 0"),
        ("max_completion_tokens: 1.5", "max_completion_tokens: expected a whole number from 1 to 10,000,000, got 1.5"),
        ("max_tokens: '64'", "max_tokens: expected a whole number from 1 to 10,000,000, got '64'"),
        ("max_tokens: yes", "max_tokens: expected a whole number from 1 to 10,000,000, got True"),
        ("temperature: low", "temperature: expected a number from 0 to 2, got 'low'"),
        ("temperature: -0.1", "temperature: expected a number from 0 to 2, got -0.1"),
        ("temperature: 70", "temperature: expected a number from 0 to 2, got 70"),
        ("top_p: 1.5", "top_p: expected a number from 0 to 1, got 1.5"),
        ("top_k: many", "top_k: expected a whole number from -1, got 'many'"),
        ("presence_penalty: 3", "presence_penalty: expected a number from -2 to 2, got 3"),
        ("seed: first", "seed: expected a whole number from "),
        ("stop: 5", "stop: expected text or a list of texts, got 5"),
        ("logit_bias: [1]", "logit_bias: expected a mapping, got [1]"),
        ("response_format: json", "response_format: expected a mapping, got 'json'"),
        (
            "max_tokens: 5, max_completion_tokens: 9",
            "max_completion_tokens: expected one limit of tokens, got max_tokens",
        ),
    ],
)
def test_a_value_that_no_server_takes_is_refused(tmp_path: Path, parameters: str, said: str) -> None:
    (found,) = said_of(tmp_path, parameters)
    assert found.startswith(f"data/models/echo.yaml:3: parameters.{said}")


@pytest.mark.parametrize(
    "parameters",
    [
        "temperature: 0, top_p: 1.0, max_tokens: 256, seed: -1, stop: ['\\n'], top_k: 4, min_p: 0.1",
        "chat_template_kwargs: {enable_thinking: false}, guided_json: {}, repetition_penalty: 1.1, ignore_eos: true",
        "n: 1, stream: false, max_tokens: null, temperature: 2",
        "response_format: {type: json_object}, reasoning_effort: low, logprobs: true, top_logprobs: 5",
        "tools: [{type: function, function: {name: f}}], tool_choice: auto, logit_bias: {50256: -100}",
    ],
)
def test_what_servers_take_and_parameters_of_their_own_are_allowed(tmp_path: Path, parameters: str) -> None:
    assert said_of(tmp_path, parameters) == []


@pytest.mark.parametrize("name", ["response_format", "tools", "n", "model", "temperature"])
def test_a_judge_may_not_set_what_judging_sets(tmp_path: Path, name: str) -> None:
    values = {"response_format": "{type: json_object}", "tools": "[]", "n": "3", "model": "x", "temperature": "-1"}
    judge = f"{FILES['judges/right.yaml']}parameters: {{{name}: {values[name]}}}\n"
    project = project_with(tmp_path, **{"models/echo.yaml": SERVED, "judges/right.yaml": judge})
    (said,) = problems_of(project)
    assert said.startswith(f"data/judges/right.yaml:3: parameters.{name}: ")


def test_null_takes_a_parameter_of_the_model_away_from_a_judge(tmp_path: Path) -> None:
    judge = FILES["judges/right.yaml"] + "parameters: {max_tokens: null, temperature: null, n: null}\n"
    assert problems_of(project_with(tmp_path, **{"models/echo.yaml": SERVED, "judges/right.yaml": judge})) == []


@pytest.mark.parametrize("name", ["temperature", "max_tokens", "seed", "temprature", "top_p"])
def test_a_parameter_beside_parameters_is_said_to_belong_there(tmp_path: Path, name: str) -> None:
    meant = "temperature" if name == "temprature" else name
    project = project_with(tmp_path, **{"models/echo.yaml": f"{SERVED}{name}: 0\n"})
    said = (
        f"data/models/echo.yaml:3: {name}: unknown field; it belongs under `parameters`, as in `parameters: {{{meant}: "
    )
    assert problems_of(project)[0].startswith(said)


@pytest.mark.parametrize("name", ["api_key", "authorization", "x-api-key", "password"])
def test_a_secret_among_the_parameters_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    project = project_with(tmp_path, **{"models/echo.yaml": f"{SERVED}parameters: {{{name}: hush-hush}}\n"})
    said = project.broken["models", "echo"]  # no table ever sees it
    assert said.startswith(
        f"data/models/echo.yaml:3: parameters.{name}: this is stored and shown, and holds a secret; "
    )
    assert "hush" not in said


def test_code_has_parameters_of_its_own_but_no_secrets_among_them(tmp_path: Path) -> None:
    (tmp_path / "own_model_of_parameters.py").write_text("def answer(inputs, sed, n, api_key=''):\n    return inputs\n")
    model = "provider: callable\ncallable: own_model_of_parameters:answer\nparameters: {sed: 1, n: -8}\n"
    assert problems_of(project_with(tmp_path, **{"models/echo.yaml": model})) == []
    secret = project_with(tmp_path, **{"models/echo.yaml": model.replace("-8", "1, api_key: hush")})
    assert "parameters.api_key: this is stored and shown" in secret.broken["models", "echo"]
    secret = project_with(tmp_path, **{"models/echo.yaml": f"{model}arguments: {{api_key: hush}}\n"})
    assert "arguments.api_key: this is stored and shown" in secret.broken["models", "echo"]
    assert "hush" not in secret.broken["models", "echo"]


@pytest.mark.parametrize(
    ("file", "content", "field"),
    [
        ("judges/right.yaml", FILES["judges/right.yaml"] + "parameters: {apiKey: hush}\n", "parameters.apiKey"),
        (
            "evaluations/e.yaml",
            FILES["evaluations/e.yaml"] + "metrics: [{metric: m, function: 'm:f', parameters: {password: hush}}]\n",
            "metrics[0].parameters.password",
        ),
        ("datasets/qa.yaml", "task: text\nsource: https://ada:hush@host/rows.csv\n", "source"),
        ("models/echo.yaml", SERVED + "parameters: {user: sk-hushhushhushhush1}\n", "parameters.user"),
        (
            "models/echo.yaml",
            SERVED + "parameters: {tools: [{headers: {X: Bearer hush}}]}\n",
            "parameters.tools[0].head",
        ),
    ],
)
def test_a_secret_in_any_field_that_is_shown_is_refused(tmp_path: Path, file: str, content: str, field: str) -> None:
    kind, name = file.split("/", maxsplit=1)
    said = project_with(tmp_path, **{file: content}).broken[kind, name.removesuffix(".yaml")]
    assert f"{field}" in said
    assert "hush" not in said


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("evaluations/e.yaml", "samples: yes"),
        ("evaluations/e.yaml", "max_cost_usd: on"),
        ("evaluations/e.yaml", "slice: {first: true}"),
        ("models/echo.yaml", "limits: {max_retries: no}"),
    ],
)
def test_yes_and_no_are_no_numbers(tmp_path: Path, file: str, field: str) -> None:
    (said,) = problems_of(project_with(tmp_path, **{file: f"{FILES[file]}{field}\n"}))[:1]
    assert said.startswith(f"data/{file}:")
    assert f"expected a number, got {field.rsplit(': ', maxsplit=1)[-1].strip('}')}" in said
