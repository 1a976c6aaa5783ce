"""The component in a code location that is somebody else's."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster.components.core.package_entry import discover_entry_point_package_objects
from dagster.components.testing.utils import create_defs_folder_sandbox

import eval_assets as ea
from eval_assets.assets.file_reading import reading_config
from eval_assets.errors import ConfigError
from eval_assets.names import Names
from eval_assets.neighbours import newest_event
from tests.dagster_staleness import stale_partitions
from tests.projects import QUIET
from tests.shop import COLOURS, Shop, open_shop
from tests.small_project import project_with

pytestmark = pytest.mark.usefixtures("unchecked")

CHECKOUT = Path(__file__).parents[2]
DATASETS = dg.AssetKey(["evals", "eval_datasets"])


@pytest.fixture
def shop(monkeypatch) -> Iterator[Shop]:
    with open_shop() as shop:
        monkeypatch.setenv("LAKE", str(shop.root / "lake"))
        yield shop


def wanted(shop: Shop, definitions: dg.Definitions, sensor: str) -> list[tuple[str | None, list[dg.AssetKey]]]:
    """What the sensor asks to run: partition and assets."""
    with dg.build_sensor_context(instance=shop.instance, definitions=definitions) as context:
        result = definitions.resolve_sensor_def(sensor)(context)
    return [(request.partition_key, list(request.asset_selection or [])) for request in result.run_requests or []]


def test_two_projects_stand_beside_the_locations_own_assets_executor_and_resource(shop: Shop) -> None:
    before = dict(os.environ)
    with shop.loaded() as definitions:
        dg.Definitions.validate_loadable(definitions)
        assert dict(os.environ) == before
        graph = definitions.resolve_asset_graph()
        tops = {key.path[0] for key in graph.get_all_asset_keys()}
        assert tops == {"evals", "chat_evals", "warehouse", "prompts", "chats", "rag_index", "assistant"}
        assert definitions.executor is dg.multiprocess_executor
        assert set(definitions.resources or {}) == {"workbench", "evals_engine_room", "chat_evals_engine_room"}
        jobs = {job.name for job in definitions.get_repository_def().get_all_jobs()}
        assert {"evals_refresh", "chat_evals_refresh", "evals_evaluate_cell"} <= jobs
        assert graph.get(DATASETS).parent_keys == {dg.AssetKey(["warehouse", "support_tickets"])}
        assert graph.get(dg.AssetKey(["chat_evals", "eval_datasets"])).parent_keys == {dg.AssetKey("chats")}
        assert graph.get(DATASETS).group_name == "evals"


def test_a_new_materialization_of_the_upstream_asset_sends_exactly_the_changed_rows(shop: Shop) -> None:
    with shop.loaded() as definitions:
        assert wanted(shop, definitions, "evals_watch_upstream") == []
        assert shop.materialize(definitions, "warehouse/support_tickets").success
        assert wanted(shop, definitions, "evals_watch_upstream") == [("support", [DATASETS])]
        assert shop.materialize(definitions, "rag_index").success  # its gate evaluates
        assert shop.asked() == [f"Question {number}?" for number in range(8)]
        assert wanted(shop, definitions, "evals_watch_upstream") == []
        assert "support" not in stale_partitions(definitions, shop.instance)["evals/eval_datasets"]

        shop.write_tickets("red", "yellow", *COLOURS[2:], "purple")
        assert shop.materialize(definitions, "warehouse/support_tickets").success
        assert wanted(shop, definitions, "evals_watch_upstream") == [("support", [DATASETS])]
        assert "support" in stale_partitions(definitions, shop.instance)["evals/eval_datasets"]
        assert shop.materialize(definitions, "evals/eval_datasets", partition="support").success
        assert wanted(shop, definitions, "evals_watch_upstream") == []
        assert shop.run(definitions, "evals_refresh").success
        assert shop.asked() == ["Question 1?", "Question 8?"]

        assert shop.materialize(definitions, "warehouse/support_tickets").success  # the same rows
        assert shop.materialize(definitions, "evals/eval_datasets", partition="support").success
        assert shop.run(definitions, "evals_refresh").success
        assert shop.asked() == []


def test_rows_that_an_io_manager_loads_are_handed_over_with_their_asset(shop: Shop) -> None:
    with shop.loaded() as definitions:
        assert shop.materialize(definitions, "chats").success
        asked = [("questions", [dg.AssetKey(["chat_evals", "eval_datasets"])])]
        assert wanted(shop, definitions, "chat_evals_watch_upstream") == asked
        assert shop.materialize(definitions, "chat_evals/eval_datasets", partition="questions").success
        assert wanted(shop, definitions, "chat_evals_watch_upstream") == []
        assert shop.run(definitions, "chat_evals_refresh").success
        key = dg.AssetKey(["chat_evals", "predictions"])
        counts = {
            partition: rows.metadata["dagster/row_count"].value
            for partition in ("first:application@ask", "first:best-sentence@ask")
            if (event := newest_event(shop.instance, key, partition)) and (rows := event.asset_materialization)
        }
        assert counts == {"first:application@ask": 8, "first:best-sentence@ask": 8}
        # A later reading for another reason doesn't hide that the asset is newer.
        assert shop.materialize(definitions, "chats").success
        config = reading_config(Names(("chat_evals",)), ["eval_datasets/questions"])
        assert shop.run(definitions, "chat_evals_read_files", config=config).success
        assert wanted(shop, definitions, "chat_evals_watch_upstream") == asked


def test_a_dataset_that_was_not_handed_over_yet_stops_the_refresh_with_what_to_do(shop: Shop) -> None:
    with shop.loaded() as definitions:
        run = shop.run(definitions, "chat_evals_refresh")
        (failure,) = (event.step_failure_data for event in run.all_events if event.is_step_failure)
        assert failure.error is not None
        assert "materialize the partition 'questions' of eval_datasets" in failure.error.to_string()


def test_the_gate_is_a_check_of_the_asset_which_asks_anew_and_blocks_what_is_below(shop: Shop) -> None:
    with shop.loaded() as definitions:
        assert shop.materialize(definitions, "warehouse/support_tickets", "rag_index", "assistant").success
        assert len(shop.asked()) == 8
        shop.build("bad")
        run = shop.materialize(definitions, "rag_index", "assistant")
        assert not run.success
        assert len(shop.asked()) == 8
        (check,) = run.get_asset_check_evaluations()
        assert (check.asset_key, check.check_name) == (dg.AssetKey("rag_index"), "evals_gate_support")
        assert (check.passed, check.blocking, check.severity) == (False, True, dg.AssetCheckSeverity.ERROR)
        assert check.metadata["verdict"].value == "NO-GO"
        assert check.description is not None
        assert check.description.startswith("NO-GO: ")
        assert not run.asset_materializations_for_node("assistant")
        # By itself the check asks nothing again: the comparison is newer than the asset.
        checks = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("rag_index"), "evals_gate_support"))
        job = dg.define_asset_job("again", selection=checks)
        again = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
        assert not shop.run(again, "again").get_asset_check_evaluations()[0].passed
        assert shop.asked() == []


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"upstream": {"qaa": "a"}}, "upstream: expected a dataset of the project, got 'qaa'; did you mean 'qa'?"),
        ({"gates_on": {"f": "a"}}, "gates_on: expected an evaluation of the project, got 'f'; valid names: e"),
        ({"gates_on": {"e": "a"}}, "gates_on: expected an evaluation with gates, 'e' has none; add some to its file"),
        ({}, "handed.yaml: expected the code location to name the asset that hands the rows over; add `upstream: "),
    ],
)
def test_what_a_project_lacks_is_said_with_what_to_do(tmp_path: Path, chosen: dict, said: str) -> None:
    project_with(tmp_path, **{"datasets/handed.yaml": "task: text\nrows: {asset: true}\n"})
    with pytest.raises(ConfigError, match=re.escape(said)):
        ea.build_definitions(tmp_path, **chosen)


def test_an_asset_with_partitions_cannot_hand_its_rows_over(tmp_path: Path) -> None:
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["2025", "2026"]))
    def tickets() -> list[dict[str, str]]:
        return []

    project_with(tmp_path, **{"datasets/qa.yaml": "task: text\nrows: {asset: true}\n", "datasets/qa.jsonl": None})
    ours = dg.Definitions(assets=[tickets])
    definitions = dg.Definitions.merge(ours, ea.build_definitions(tmp_path, upstream={"qa": "tickets"}))
    with dg.DagsterInstance.ephemeral() as instance:
        run = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey("eval_datasets")],
            partition_key="qa",
            instance=instance,
            run_config=QUIET,
            raise_on_error=False,
        )
    failures = [event.step_failure_data.user_failure_data for event in run.all_events if event.is_step_failure]
    assert failures[0] is not None
    assert failures[0].description == (
        "expected an asset without partitions, got tickets; say in the card of qa where its rows lie: "
        "`rows: {delta: …}`, `{parquet: …}` or `{sql: …}`"
    )


def test_an_asset_may_be_named_as_people_write_keys(tmp_path: Path) -> None:
    project_with(tmp_path)
    for name in ("raw/tickets", ["raw", "tickets"], dg.AssetKey(["raw", "tickets"])):
        graph = ea.build_definitions(tmp_path, upstream={"qa": name}).resolve_asset_graph()
        assert graph.get(dg.AssetKey("eval_datasets")).parent_keys == {dg.AssetKey(["raw", "tickets"])}


def test_scaffolding_writes_a_project_that_runs_as_it_stands(tmp_path: Path) -> None:
    with create_defs_folder_sandbox(project_name="house") as sandbox, dg.instance_for_test() as instance:
        shop = Shop(sandbox, instance)
        shop.add("quality-checks")
        with shop.loaded() as definitions:
            assert shop.run(definitions, "quality_checks_refresh").success
            key = dg.AssetKey(["quality_checks", "comparison"])
            assert instance.get_materialized_partitions(key) == {"first"}
        with pytest.raises(ConfigError, match="expected no folder, or an empty one, to write a project into"):
            shop.add("quality-checks")


def test_scaffolding_takes_a_project_that_is_there(shop: Shop) -> None:
    (shop.evals / "eval-assets.toml").write_text('key_prefix = ["evals", "support"]\n')
    params = {"project": str(shop.evals)}
    path = shop._sandbox.scaffold_component(ea.EvaluationProjectComponent, "more", scaffold_params=params)
    assert yaml.safe_load((path / "defs.yaml").read_text())["attributes"] == {
        "project": "{{ context.project_root }}/evals",
        "key_prefix": ["evals", "support"],
        "group": "more",
    }
    with pytest.raises(ConfigError, match="expected a project, a folder that holds data/evaluations/"):
        shop._sandbox.scaffold_component(
            ea.EvaluationProjectComponent, "none", scaffold_params={"project": str(shop.root / "nowhere")}
        )


def test_dg_finds_the_component_by_its_entry_point(tmp_path: Path, monkeypatch) -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    (group, named), *_ = declared["entry-points"].items()
    installed = tmp_path / "eval_assets-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: eval-assets\nVersion: 0\n")
    points = "".join(f"{name} = {module}\n" for name, module in named.items())
    (installed / "entry_points.txt").write_text(f"[{group}]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)
    found = {key.to_typename() for key in discover_entry_point_package_objects()}
    assert "eval_assets.EvaluationProjectComponent" in found


@pytest.mark.slow
def test_an_asset_runs_by_itself_under_the_locations_executor(shop: Shop) -> None:
    shop.make_launchable()
    binary = Path(sys.executable).with_name("dg")
    command = [str(binary), "launch", "--assets", 'key:"evals/prompts"', "--partition", "ask"]
    modules = os.pathsep.join([str(CHECKOUT), str(shop.root / "src")])
    environment = {**os.environ, "DAGSTER_HOME": str(shop.instance.root_directory), "PYTHONPATH": modules}
    done = subprocess.run(command, cwd=shop.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Launching subprocess for" in done.stdout + done.stderr
    event = newest_event(shop.instance, dg.AssetKey(["evals", "prompts"]), "ask")
    assert event is not None


def test_the_page_lists_the_attributes() -> None:
    page = (CHECKOUT / "docs" / "dagster.md").read_text("utf-8")
    table = page.partition("| attribute | is |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(ea.EvaluationProjectComponent.model_fields)
