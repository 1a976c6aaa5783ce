"""Which client answers for a model file, and what stands behind a local one."""

import asyncio
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError, MissingKeyError
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.identity import implementation_of
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Reply, Request
from eval_assets.user_code.finding import find_module

BASELINES = "eval_assets.providers.baselines"


def model(**fields) -> Model:
    return Model.model_validate({"name": "m", "file": fields})


@pytest.fixture
def models_dir(tmp_path, monkeypatch):
    """`data/models` of an empty project."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def answer(client, **columns) -> Reply:
    async def ask() -> Reply:
        try:
            message = {"role": "user", "content": str(columns.get("inputs"))}
            return await client.complete(Request((message,), columns=columns))
        finally:
            await client.aclose()

    return asyncio.run(ask())


def test_a_callable_model_answers_from_the_columns_of_its_example(models_dir):
    client = open_client(
        model(provider="callable", callable=f"{BASELINES}:best_sentence"),
        Surroundings(models_dir, EmbeddedServers()),
    )
    assert answer(client, inputs="Is snow cold?", context="Rain is wet. Snow is cold.").output == "Snow is cold."


def test_a_module_in_the_project_folder_is_found(models_dir):
    (models_dir.parents[1] / "answers_of_project.py").write_text("def answer(inputs):\n    return inputs.upper()\n")
    client = open_client(
        model(provider="callable", callable="answers_of_project:answer"),
        Surroundings(models_dir, EmbeddedServers()),
    )
    assert answer(client, inputs="loud").output == "LOUD"


def test_a_recorded_model_answers_from_its_file(models_dir):
    (models_dir / "run.jsonl").write_text('{"example_id": "a", "output": "Paris"}\n')
    client = open_client(model(provider="recorded", file="run.jsonl"), Surroundings(models_dir, EmbeddedServers()))
    assert answer(client, example_id="a", position=0).output == "Paris"


def test_an_embedded_model_is_served_and_answers(models_dir):
    with EmbeddedServers(context_tokens=256) as servers:
        embedded_model = model(provider="embedded", model="smollm2-135m-instruct", limits={"max_concurrency": 2})
        reply = answer(open_client(embedded_model, Surroundings(models_dir, servers)), inputs="What is rain?")
    assert reply.outcome in {"ok", "truncated"}
    assert reply.prompt_tokens > 5
    assert reply.completion_tokens > 0


def test_an_openai_model_without_its_key_is_refused_when_opened(models_dir):
    with pytest.raises(MissingKeyError, match="SOME_KEY"):
        open_client(
            model(provider="openai", model="gpt-4o-mini", api_key_env="SOME_KEY"),
            Surroundings(models_dir, EmbeddedServers(), {}),
        )


def test_a_module_of_the_user_counts_by_its_source_and_is_not_imported(models_dir):
    module = models_dir.parents[1] / "answers_by_source.py"
    module.write_text("raise RuntimeError('imported')\n")
    callable_model = model(provider="callable", callable="answers_by_source:answer")
    before = implementation_of(callable_model, models_dir)
    assert implementation_of(callable_model, models_dir) == before
    module.write_text("raise RuntimeError('imported again')\n")
    assert implementation_of(callable_model, models_dir) != before


def test_a_module_in_a_package_of_the_user_is_found_without_importing_the_package(models_dir):
    package = models_dir.parents[1] / "answers_in_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "inner.py").write_text("x = 1\n")
    spec = find_module("answers_in_package.inner", models_dir.parents[1])
    assert Path(spec.origin) == package / "inner.py"
    assert find_module("answers_in_package.other", models_dir.parents[1]) is None
    assert find_module("answers_in_package.inner.more", models_dir.parents[1]) is None


def test_a_module_of_an_installed_package_counts_by_the_version_of_the_package(models_dir):
    installed = model(provider="callable", callable="jinja2.utils:urlize")
    # the distribution is called Jinja2, the module jinja2
    assert implementation_of(installed, models_dir) == f"Jinja2=={importlib.metadata.version('jinja2')}".replace(
        "Jinja2", importlib.metadata.packages_distributions()["jinja2"][0]
    )


def test_a_file_of_predictions_counts_by_its_content(models_dir):
    recorded = model(provider="recorded", file="run.jsonl")
    (models_dir / "run.jsonl").write_text("hello")
    # sha256 of "hello"
    expected = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert implementation_of(recorded, models_dir) == expected


def test_a_served_model_has_no_implementation(models_dir):
    assert implementation_of(model(provider="openai", model="gpt-4o-mini"), models_dir) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"provider": "recorded", "file": "absent.jsonl"}, r"expected a readable file .*absent\.jsonl"),
        (
            {"provider": "callable", "callable": "absent_module:answer"},
            "expected the module 'absent_module' on sys.path",
        ),
        ({"provider": "callable", "callable": "eval_assets.absent:answer"}, "expected the module 'eval_assets.absent'"),
    ],
)
def test_code_or_a_file_that_is_absent_is_an_error_of_configuration(models_dir, fields, message):
    with pytest.raises(ConfigError, match=message):
        implementation_of(model(**fields), models_dir)


def test_no_library_of_a_provider_is_imported_before_it_is_asked():
    script = "import sys, eval_assets.providers.traits; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()).isdisjoint(
        {"openai", "aiohttp", "httpx2", "torch", "transformers", "xllamacpp", "pandas"}
    )
