"""Which cells an edit makes stale: for our plan, for Dagster's own stale status, and for its automation conditions."""

import shutil
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg
import pytest

from eval_assets.errors import ConfigError
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS, STAGES
from eval_assets.storage.versions import all_versions
from tests.dagster_staleness import AutomationSensor, stale_in_dagster
from tests.loopback import LoopbackProvider
from tests.projects import ALL_CELLS, MAIN_CELLS, Lab, echo_or_verdict, write_project

pytestmark = pytest.mark.usefixtures("unchecked")

SHORT_CELLS = ("main:alpha@short", "main:beta@short", "other:alpha@short")
ALPHA_CELLS = ("main:alpha@long", "main:alpha@short", "other:alpha@short")
WHOLE_CELL = list(OF_CELLS)
JOINED = {"judge_agreement": {"main"}, "changes": {"main"}, "comparison": {"main"}}
JUDGED = ["judge_scores", "judge_agreement"]
FROM_JUDGE = ["judge_scores", "aggregate_reports"]
FROM_METRIC = ["heuristic_metrics", "aggregate_reports"]
SCORED = [*FROM_METRIC, "changes", "comparison"]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A project whose every partition is up to date; tests that edit it put it back."""
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(write_project(tmp_path_factory.mktemp("fresh"), provider.base_url), instance)
        assert not lab.run().failed
        yield lab


@contextmanager
def edited(lab):
    """Put the files back, and read them again, after a test has edited them: what stayed stale, the next one meets."""
    copy = lab.files.folder.parent / "copy"
    shutil.copytree(lab.files.folder, copy, ignore=shutil.ignore_patterns("warehouse", "reports"))
    try:
        yield
    finally:
        for path in [path for path in lab.files.folder.rglob("*") if path.is_file() and "warehouse" not in path.parts]:
            path.unlink()
        shutil.copytree(copy, lab.files.folder, dirs_exist_ok=True)
        shutil.rmtree(copy)
        lab.read_files()


EDITS = {
    "prompt": (lambda files: files.edit_prompt("short"), {"prompts/short"}, SHORT_CELLS, ["predictions"], WHOLE_CELL),
    "model parameter": (
        lambda files: files.change_parameter("alpha", temperature=1),
        {"models/alpha"},
        ALPHA_CELLS,
        ["predictions"],
        WHOLE_CELL,
    ),
    "judge": (lambda files: files.edit_rubric(), {"judges/grader"}, MAIN_CELLS, JUDGED, FROM_JUDGE),
    "judge's direction": (
        lambda files: files.change("judges", "grader", greater_is_better=False),
        {"judges/grader"},
        MAIN_CELLS,
        JUDGED,
        FROM_JUDGE,
    ),
    "judge's model": (
        lambda files: files.change_parameter("referee", top_p=0.5),
        {"models/referee", "judges/grader"},
        MAIN_CELLS,
        JUDGED,
        FROM_JUDGE,
    ),
    "dataset": (
        lambda files: files.add_rows(1),
        {"eval_datasets/qa"},
        ALL_CELLS,
        ["predictions", "judge_agreement"],
        WHOLE_CELL,
    ),
    "metric code": (
        lambda files: files.edit_metric_code(),
        {"evaluations/main"},
        MAIN_CELLS,
        SCORED,
        FROM_METRIC,
    ),
    "metric parameter": (
        lambda files: files.change_metric(parameters={"limit": 3}),
        {"evaluations/main"},
        MAIN_CELLS,
        SCORED,
        FROM_METRIC,
    ),
    "metric range": (
        lambda files: files.change_metric(range=[0, 1]),
        {"evaluations/main"},
        MAIN_CELLS,
        ["aggregate_reports", "changes", "comparison"],
        ["aggregate_reports"],
    ),
    "choice of judges": (
        lambda files: files.change("evaluations", "main", judges=[]),
        {"evaluations/main"},
        MAIN_CELLS,
        ["judge_scores", "aggregate_reports", "judge_agreement", "changes", "comparison"],
        FROM_JUDGE,
    ),
    "confidence": (
        lambda files: files.change("evaluations", "main", confidence=0.9),
        {"evaluations/main"},
        MAIN_CELLS,
        ["aggregate_reports", "judge_agreement", "changes", "comparison"],
        ["aggregate_reports"],
    ),
    "samples": (
        lambda files: files.change("evaluations", "main", samples=2),
        {"evaluations/main"},
        MAIN_CELLS,
        ["predictions"],
        WHOLE_CELL,
    ),
    "gate": (
        lambda files: files.change("evaluations", "main", gates=[{"metric": "brevity", "min": 0.5}]),
        {"evaluations/main"},
        [],
        ["comparison"],
        [],
    ),
    "baseline": (
        lambda files: files.change("evaluations", "main", baseline="beta@long"),
        {"evaluations/main"},
        [],
        ["comparison"],
        [],
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_makes_exactly_its_cells_stale_and_requested(fresh, edit):
    make, roots, cells, stale, requested = EDITS[edit]
    sensor = AutomationSensor(fresh)
    assert sensor.tick() == {}
    with edited(fresh):
        make(fresh.files)
        plan = fresh.plan()
        assert {f"{root.table}/{root.name}" for root in plan.roots} == roots
        assert {cell.key for cell in plan.stale_cells} == set(cells)
        of_evaluations = {cell.partition(":")[0] for cell in cells} or {"main"}
        assert plan.comparisons == tuple(sorted(of_evaluations))
        fresh.read_files()
        expected = {table: of_evaluations if table in OF_EVALUATIONS else set(cells) for table in stale}
        assert stale_in_dagster(fresh) == expected
        assert sensor.tick() == {table: set(cells) for table in requested}


def test_descriptions_prices_limits_owners_and_schedules_make_nothing_stale(fresh):
    sensor = AutomationSensor(fresh)
    sensor.tick()
    before = all_versions(fresh.warehouse, "prompts", "short")
    with edited(fresh):
        fresh.files.touch()
        plan = fresh.plan()
        assert plan.is_empty
        for table, name in (
            ("prompts", "short"),
            ("models", "alpha"),
            ("judges", "grader"),
            ("evaluations", "main:comparison"),
        ):
            assert fresh.read(table, name).success
        assert fresh.read("eval_datasets", "qa").success
        assert stale_in_dagster(fresh) == {}
        assert sensor.tick() == {}
        # The file's new text is kept without a new version.
        kept = all_versions(fresh.warehouse, "prompts", "short")
        assert [version.version for version in kept] == [version.version for version in before]
        assert "another description" in kept[-1].source


def test_an_edit_that_is_taken_back_and_a_rerun_with_equal_content_leave_everything_fresh(fresh):
    with edited(fresh):
        fresh.files.edit_prompt("short")
        fresh.read_files()
        assert stale_in_dagster(fresh) != {}
    assert stale_in_dagster(fresh) == {}
    sensor = AutomationSensor(fresh)
    sensor.tick()
    assert fresh.materialize("evaluate_cell", "main:alpha@short").success
    assert stale_in_dagster(fresh) == {}
    assert fresh.plan().is_empty
    assert sensor.tick() == {}


def test_a_change_of_the_computation_makes_every_cell_stale(fresh, monkeypatch):
    sensor = AutomationSensor(fresh)
    sensor.tick()
    monkeypatch.setattr("eval_assets.stages.heuristic_metrics.CODE_VERSION", "next")
    monkeypatch.setitem(STAGES, "heuristic_metrics", replace(STAGES["heuristic_metrics"], code_version="next"))
    assert {cell.key for cell in fresh.plan().stale_cells} == set(ALL_CELLS)
    assert stale_in_dagster(fresh) == {"heuristic_metrics": set(ALL_CELLS)}
    assert sensor.tick() == {table: set(ALL_CELLS) for table in ("heuristic_metrics", "aggregate_reports")}


def test_the_sensor_switched_on_over_a_new_warehouse_runs_everything_once(lab, provider):
    lab.files.change("evaluations", "main", skip=["alpha@long", "beta@short"])
    cells = {"main:alpha@short", "main:beta@long", "other:alpha@short"}
    sensor = AutomationSensor(lab)
    assert sensor.tick() == {}  # nothing can run before the files are read
    lab.read_files()
    requested = sensor.settle()
    assert requested == [
        dict.fromkeys(OF_CELLS, cells),
        {table: {"main", "other"} for table in OF_EVALUATIONS},
    ]
    # 2 candidates x 4 rows; `other` asks what `main` has asked; 8 verdicts.
    assert provider.requests == 16
    assert stale_in_dagster(lab) == {}
    assert lab.plan().is_empty
    lab.files.edit_prompt("long")
    lab.read_files()
    assert sensor.settle() == [{table: {"main:beta@long"} for table in OF_CELLS}, JOINED]
    assert stale_in_dagster(lab) == {}


def test_the_sensor_switched_on_when_files_are_read_runs_everything(lab):
    lab.read_files()
    of_evaluations = {"pairwise_preferences": {"main", "other"}}  # neither asks for it, so it needs no candidate
    assert AutomationSensor(lab).tick() == {table: set(ALL_CELLS) for table in OF_CELLS} | of_evaluations


def test_a_new_prompt_adds_its_cells_and_leaves_the_others_their_predictions(fresh):
    sensor = AutomationSensor(fresh)
    sensor.tick()
    with edited(fresh):
        fresh.files.write_prompt("new", "New: {{ inputs }}")
        fresh.files.change("evaluations", "main", prompts=["short", "long", "new"])
        work = {planned.cell.key: planned.work for planned in fresh.plan().cells}
        assert {key: (planned.generate, planned.reuse) for key, planned in work.items()} == {
            **dict.fromkeys(ALL_CELLS, (0, 4)),
            "main:alpha@new": (4, 0),
            "main:beta@new": (4, 0),
        }
        fresh.read_files()
        requested = sensor.tick()
        assert requested["predictions"] == {"main:alpha@new", "main:beta@new"}


def test_a_deleted_evaluation_takes_its_partitions_along_and_its_history_stays(fresh):
    sensor = AutomationSensor(fresh)
    sensor.tick()
    with edited(fresh):
        fresh.files.remove("evaluations", "other")
        assert fresh.plan().is_empty
        assert {planned.cell.key for planned in fresh.plan().cells} == set(MAIN_CELLS)
        assert stale_in_dagster(fresh) == {}
        assert sensor.tick() == {}
        assert fresh.warehouse.scan("predictions", {"evaluation": "other"}).collect().height == 4
        assert [version.version for version in all_versions(fresh.warehouse, "evaluations", "other")] == [1]


def test_a_renamed_prompt_is_asked_again_by_nobody(fresh):
    before = all_versions(fresh.warehouse, "prompts", "short")
    with edited(fresh):
        fresh.files.write_prompt("brief", "{{ inputs }}")
        fresh.files.remove("prompts", "short")
        with pytest.raises(ConfigError, match="'short'"):
            fresh.plan()
        for name in ("main", "other"):
            prompts = [prompt.replace("short", "brief") for prompt in fresh.files.read("evaluations", name)["prompts"]]
            fresh.files.change("evaluations", name, prompts=prompts)
        work = {planned.cell.key: planned.work for planned in fresh.plan().cells}
        # Requests are known by their content, not by the name of the file they came from.
        assert {key: (planned.generate, planned.judge, planned.reuse) for key, planned in work.items()} == {
            key.replace("short", "brief"): (0, 0, 4) for key in ALL_CELLS
        }
        assert all_versions(fresh.warehouse, "prompts", "short") == before


def test_a_comparison_is_stale_when_a_candidate_leaves(fresh):
    with edited(fresh):
        fresh.files.change("evaluations", "main", skip=["beta@long"])
        plan = fresh.plan(evaluations=["main"])
        assert plan.comparisons == ("main",)
        assert "main:beta@long" not in {planned.cell.key for planned in plan.cells}
