"""The code location: what it defines, and that loading it is cheap and the same under every loader."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.config.settings import settings_from
from eval_assets.definitions import assembled
from eval_assets.names import Names
from eval_assets.stages.engine_room import EngineRoom

CHECKOUT = Path(__file__).resolve().parents[2]

ASSETS = {
    "eval_datasets",
    "prompts",
    "models",
    "judges",
    "evaluations",
    "predictions",
    "heuristic_metrics",
    "judge_scores",
    "pairwise_preferences",
    "judge_agreement",
    "aggregate_reports",
    "changes",
    "comparison",
}
FORBIDDEN = {"pandas", "openai", "transformers", "textstat", "great_expectations", "torch", "ray", "mlflow"}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    settings = settings_from({}, start=CHECKOUT)
    return assembled(EngineRoom.from_settings(settings).project, object(), settings, Names())


def test_the_assets_are_the_public_surface(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert keys == ASSETS


def test_lineage_runs_from_the_comparison_to_the_files(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    ancestors = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey("comparison"))}
    assert {"prompts", "models", "eval_datasets", "judges", "evaluations", "predictions"} <= ancestors


def test_every_asset_says_what_it_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name == "evaluation", key
        assert "deltalake" in node.kinds, key
        assert "dagster/column_schema" in node.metadata, key


def test_a_schedule_in_an_evaluation_file_is_a_schedule(definitions: dg.Definitions) -> None:
    schedule = definitions.resolve_schedule_def("evaluate_qa_full")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 * * *", "Europe/Berlin")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_loading_imports_nothing_heavy_and_needs_no_secret() -> None:
    load = f"import sys, json; sys.path.insert(0, {str(CHECKOUT)!r}); import definitions"
    script = f"{load}; print(json.dumps(sorted(sys.modules)))"
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    loaded = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert FORBIDDEN & set(json.loads(loaded.stdout)) == set()


def test_resolving_imports_no_library_of_a_metric():
    code = (
        "import sys; from eval_assets.metrics.registry import *; resolve_metrics('question-answering');"
        "print(*({'torch', 'transformers', 'textstat', 'nltk', 'sklearn', 'sacrebleu', 'rapidfuzz', 'pyphen', 'pandas',"
        " 'jsonschema', 'bpe_openai', 'dagster', 'sentence_transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_textstat_downloads_nothing_and_is_imported_when_it_is_asked(tmp_path):
    code = (
        "import sys, tests.unit.test_metric_rows as rows\n"
        "assert 'textstat' not in sys.modules and 'nltk' not in sys.modules\n"
        "import nltk\n"
        "def download(*_, **__): raise AssertionError('nothing is downloaded')\n"
        "nltk.download = download\n"
        "print(rows.scores('flesch_reading_ease', ['This is a sentence.']))\n"
    )
    environment = {**os.environ, "NLTK_DATA": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.strip() == "[97.025]", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [["dagster", "definitions", "validate", "-w", "workspace.yaml"], ["dg", "check", "defs"], ["dg", "list", "defs"]],
)
def test_every_loader_takes_the_project(command: list[str], tmp_path: Path) -> None:
    binary = Path(sys.executable).with_name(command[0])
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(
        [str(binary), *command[1:]], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
