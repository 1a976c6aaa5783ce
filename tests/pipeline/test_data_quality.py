"""Checks run with their assets and alone: what they say of good rows, and which examples they name of bad ones."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import polars as pl
import pytest

from eval_assets.checks.data_quality import _findings_table
from eval_assets.plan_runs import QUIET
from eval_assets.quality.expectations import Expectation
from eval_assets.quality.screening import rows_as_expected
from eval_assets.quality.validation import Finding, _asked
from tests.loopback import Fault, LoopbackProvider
from tests.projects import Lab, echo_or_verdict, write_project
from tests.unit.test_report_foreign_text import WILD, acting

CELL = "main:alpha@short"
PARTITION = {"evaluation": "main", "model": "alpha", "prompt": "short"}


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """One cell of `main` from file to aggregate report: four examples, a custom metric, a judge."""
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        files = write_project(tmp_path_factory.mktemp("evaluated"), provider.base_url)
        for model in ("alpha", "referee"):
            files.change("models", model, limits={"timeout_seconds": 60, "max_retries": 1})
        lab = Lab(files, instance)
        lab.read_files()
        yield lab, lab.materialize("evaluate_cell", CELL)


@pytest.fixture
def evaluated(once, tmp_path):
    """The same cell with a copy of its project and warehouse, free to be spoilt."""
    return once[0].copied(tmp_path)


def said(result):
    """Asset and check → its evaluation."""
    return {
        (found.asset_key.to_user_string(), found.check_name): found for found in result.get_asset_check_evaluations()
    }


def metadata_of(evaluation):
    return {name: value.value for name, value in evaluation.metadata.items()}


def checked(lab, asset, partition):
    """Run the checks of an asset alone, over the rows that lie there."""
    with lab.engine_room() as engine_room:
        alone = dg.define_asset_job("alone", selection=dg.AssetSelection.checks_for_assets(asset))
        definitions = dg.Definitions.merge(lab.definitions(engine_room), dg.Definitions(jobs=[alone]))
        # A job of checks alone has no partitions of its own in Dagster 1.13: the partition comes with the run's tag.
        result = definitions.resolve_job_def("alone").execute_in_process(
            tags={"dagster/partition": partition}, instance=lab.instance, run_config=QUIET, raise_on_error=False
        )
    return {name: found for (_, name), found in said(result).items()} if result.success else result


def spoil(lab, table, partition, change):
    """Replace the rows of a partition by changed ones, as a bug would."""
    with lab.engine_room() as engine_room:
        warehouse = engine_room.warehouse
        commit = warehouse.last_commit(table, partition)
        rows = change(warehouse.scan(table, partition).sort("position").collect())
        warehouse.replace(table, rows, partition, {"data_version": commit.metadata["data_version"]})


def of_example(example_id, column, value):
    """An expression that puts a value into a column of one example."""
    return pl.when(pl.col("example_id") == example_id).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def test_the_checks_of_a_cell_run_with_it_and_pass_on_good_rows(once):
    found = said(once[1])
    assert set(found) == {
        ("predictions", "every_example_answered"),
        ("predictions", "few_failed"),
        ("predictions", "plausible_latency_and_cost"),
        ("heuristic_metrics", "scores_in_range"),
        ("heuristic_metrics", "null_only_when_not_ok"),
        ("judge_scores", "scores_in_range"),
        ("judge_scores", "null_only_when_not_ok"),
    }
    assert [name for name, evaluation in found.items() if not evaluation.passed] == []
    assert {evaluation.partition for evaluation in found.values()} == {CELL}
    answered = metadata_of(found["predictions", "every_example_answered"])
    assert (answered["n_rows"], answered["n_unexpected"], answered["n_examples"]) == (4, 0, 4)


def test_a_missing_and_a_double_prediction_are_named(evaluated):
    def one_twice_and_one_never(rows):
        kept = rows.filter(pl.col("example_id") != "q3")
        return pl.concat([kept, kept.filter(pl.col("example_id") == "q1")])

    spoil(evaluated, "predictions", PARTITION, one_twice_and_one_never)
    found = checked(evaluated, "predictions", CELL)["every_example_answered"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert (metadata_of(found)["n_unexpected"], metadata_of(found)["example_ids"]) == (2, ["q3", "q1"])


def test_more_than_a_tenth_of_failed_requests_is_a_warning_that_names_examples(lab, provider):
    provider.faults = lambda body: Fault(400) if "question 2" in body["messages"][-1]["content"] else None
    lab.read_files()
    result = lab.materialize("evaluate_cell", CELL)
    found = said(result)["predictions", "few_failed"]
    assert result.success
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (metadata_of(found)["n_unexpected"], metadata_of(found)["example_ids"]) == (1, ["q2"])
    # A failed prediction is unscored, so its scores are null and that is right.
    assert said(result)["heuristic_metrics", "null_only_when_not_ok"].passed


def test_a_latency_beyond_all_timeouts_and_a_negative_cost_are_a_warning(evaluated):
    # The model is asked twice at most, for 60 seconds each.
    spoil(
        evaluated,
        "predictions",
        PARTITION,
        lambda rows: rows.with_columns(of_example("q0", "latency_seconds", 120.1), of_example("q1", "cost_usd", -0.1)),
    )
    found = checked(evaluated, "predictions", CELL)["plausible_latency_and_cost"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert metadata_of(found)["example_ids"] == ["q0", "q1"]


@pytest.mark.parametrize("table", ["heuristic_metrics", "judge_scores"])
def test_a_null_score_that_claims_to_be_ok_fails(evaluated, table):
    spoil(evaluated, table, PARTITION, lambda rows: rows.with_columns(of_example("q2", "score", None)))
    found = checked(evaluated, table, CELL)["null_only_when_not_ok"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert metadata_of(found)["example_ids"] == ["q2"]


def test_a_score_without_an_ok_outcome_fails(evaluated):
    spoil(evaluated, "judge_scores", PARTITION, lambda rows: rows.with_columns(of_example("q2", "outcome", "unparsed")))
    assert not checked(evaluated, "judge_scores", CELL)["null_only_when_not_ok"].passed


def test_a_score_outside_its_scale_fails_and_the_table_names_the_judge(evaluated):
    spoil(evaluated, "judge_scores", PARTITION, lambda rows: rows.with_columns(of_example("q1", "score", 100.0)))
    found = checked(evaluated, "judge_scores", CELL)["scores_in_range"]
    assert not found.passed
    assert (metadata_of(found)["n_rows"], metadata_of(found)["n_unexpected"]) == (4, 1)
    line = metadata_of(found)["expectations"].splitlines()[2]
    assert "min_value=1, max_value=5" in line
    assert line.endswith("| `metric = 'grader'` | 4 | 1 | q1 |")


def test_an_infinite_score_is_out_of_range_where_a_metric_has_no_bounds(evaluated):
    spoil(
        evaluated,
        "heuristic_metrics",
        PARTITION,
        lambda rows: rows.with_columns(of_example("q1", "score", float("inf"))),
    )
    assert metadata_of(checked(evaluated, "heuristic_metrics", CELL)["scores_in_range"])["example_ids"] == ["q1"]


def test_duplicate_ids_and_empty_inputs_of_a_dataset_fail(evaluated):
    spoil(
        evaluated,
        "eval_datasets",
        {"dataset": "qa"},
        lambda rows: rows.with_columns(of_example("q1", "example_id", "q0"), of_example("q3", "inputs", "  ")),
    )
    found = checked(evaluated, "eval_datasets", "qa")
    assert (found["unique_ids"].passed, metadata_of(found["unique_ids"])["n_unexpected"]) == (False, 2)
    assert metadata_of(found["unique_ids"])["example_ids"] == ["q0"]
    assert (found["inputs_not_empty"].passed, metadata_of(found["inputs_not_empty"])["example_ids"]) == (False, ["q3"])
    assert found["targets_where_needed"].passed


def test_at_most_five_examples_are_named(lab, files):
    files.write_rows(0, 8)
    path = files.data / "datasets" / "qa.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps({**row, 'targets': None})}\n" for row in rows))
    found = said(lab.read("eval_datasets", "qa"))["eval_datasets", "targets_where_needed"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert metadata_of(found)["n_unexpected"] == 8
    assert metadata_of(found)["example_ids"] == ["q0", "q1", "q2", "q3", "q4"]
    assert metadata_of(found)["evaluations_that_need_targets"] == ["main", "other"]


def test_targets_are_only_needed_of_the_examples_that_an_evaluation_chooses(lab, files):
    path = files.data / "datasets" / "qa.jsonl"
    first, *others = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [first, *({**row, "targets": []} for row in others)]))
    for evaluation in ("main", "other"):
        files.change("evaluations", evaluation, slice={"first": 2})
    found = said(lab.read("eval_datasets", "qa"))["eval_datasets", "targets_where_needed"]
    # Without a target there is nothing for exact_match to equal, so an empty list counts as none.
    assert metadata_of(found)["example_ids"] == ["q1"]


def test_checks_of_a_partition_that_was_never_written_say_what_to_do(lab):
    lab.read_files()
    result = checked(lab, "predictions", CELL)
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert "materialize it first" in failure.user_failure_data.description


def test_great_expectations_leaves_no_files_and_prints_nothing(evaluated, tmp_path, monkeypatch, capfd):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert checked(evaluated, "heuristic_metrics", CELL)["scores_in_range"].passed
    assert not list(empty.iterdir())
    assert "Calculating" not in capfd.readouterr().err


@pytest.fixture(scope="module")
def two_cells(tmp_path_factory):
    """The cells of alpha and beta, run but not compared."""
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        files = write_project(tmp_path_factory.mktemp("two_cells"), provider.base_url)
        files.change("evaluations", "main", prompts=["short"], judges=[])
        lab = Lab(files, instance)
        lab.read_files()
        for model in ("alpha", "beta"):
            assert lab.materialize("evaluate_cell", f"main:{model}@short").success
        yield lab


def gated(two_cells, tmp_path, **gate):
    """The comparison of alpha and beta under one gate on brevity, which is 1 for every reply of either."""
    lab = two_cells.copied(tmp_path)
    lab.files.change("evaluations", "main", gates=[{"metric": "brevity", **gate}])
    lab.read_files()
    return lab.materialize("compare_candidates", "main")


def test_a_critical_gate_that_is_not_met_fails_the_check_and_the_run(two_cells, tmp_path):
    # All replies are brief.
    result = gated(two_cells, tmp_path, max=0.01)
    found = said(result)["comparison", "gate"]
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert metadata_of(found)["verdict"] == "NO-GO"
    assert "| ❌ NO-GO |" in metadata_of(found)["gates"]
    assert not result.success


def test_an_advisory_gate_that_is_not_met_fails_nothing(two_cells, tmp_path):
    result = gated(two_cells, tmp_path, max=0.01, tier="advisory")
    assert result.success
    assert said(result)["comparison", "gate"].passed
    assert "advisory conditions not met" in said(result)["comparison", "gate"].description


def test_what_data_quality_found_holds_no_link() -> None:
    expectation = Expectation(
        "ExpectX", {"column": "score`![](https://example.org)"}, ("metric", "`x` | [a](https://example.org)")
    )
    table = _findings_table([Finding(expectation, 9, 1, (WILD, "q1"))])
    assert acting(table) == []
    assert {line.replace("\\|", "").count("|") for line in table.splitlines()} == {7}


def expected_of_one_column() -> Iterator[Expectation]:
    column = {"column": "x"}
    for where in (None, ("kind", "a")):
        yield Expectation("ExpectColumnValuesToNotBeNull", column, where)
        yield Expectation("ExpectColumnValuesToBeNull", column, where)
        yield Expectation("ExpectColumnValuesToBeUnique", column, where)
        yield Expectation("ExpectColumnValuesToBeBetween", {**column, "min_value": 0, "max_value": 1}, where)
        yield Expectation("ExpectColumnPairValuesToBeEqual", {"column_A": "x", "column_B": "y"}, where)
        yield Expectation("ExpectColumnValuesToBeInSet", {"column": "text", "value_set": ["ok"], "mostly": 0.9}, where)
        yield Expectation("ExpectColumnValuesToMatchRegex", {"column": "text", "regex": r"\S"}, where)


@pytest.mark.parametrize("numbers", [[0.5, 1.0], [None, None], [0.5, None], [0.5, 0.5], [2.0, 0.0], [math.inf, 0.0]])
@pytest.mark.parametrize("text", ["ok", " \x1c", "other", None])
def test_what_the_columns_settle_great_expectations_finds_too(numbers, text) -> None:
    rows = pl.DataFrame(
        {"example_id": ["q0", "q1"], "x": numbers, "y": [0.5, 1.0], "kind": ["a", "b"], "text": ["ok", text]},
        schema_overrides={"x": pl.Float64, "text": pl.String},
    )
    expectations = list(expected_of_one_column())
    for expectation, asked in zip(expectations, _asked(rows, expectations), strict=True):
        n_rows = rows_as_expected(rows, expectation)
        assert (n_rows is None) is (asked.n_unexpected > 0), expectation
        assert n_rows in (None, asked.n_rows), expectation


def test_rows_that_are_as_expected_cost_no_import_of_great_expectations() -> None:
    code = (
        "import sys, polars as pl\n"
        "from eval_assets.quality.expectations import dataset_expectations\n"
        "from eval_assets.quality.validation import validate\n"
        "rows = pl.DataFrame({'example_id': ['a'], 'inputs': ['b'], 'targets': ['c'], 'needs_targets': [True]})\n"
        "found = validate(rows, dataset_expectations())\n"
        "assert all(finding.passed and finding.n_rows == 1 for rule in found.values() for finding in rule)\n"
        "assert not {'great_expectations', 'pandas'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
