"""A warehouse of an earlier release, whose evaluations had one data version each, is brought over for nothing.

`former_warehouse.tar.gz` holds the project of `tests.projects.write_project` with `pairwise` and a gate, run twice, the
gate edited in between, over a provider at 127.0.0.1:48321 that is no longer there: a request would fail.
"""

import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from eval_assets.planning.plan import Plan, make_plan
from eval_assets.planning.present_report import present_report
from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS
from tests.projects import ALL_CELLS, MAIN_CELLS, Files, Lab

FORMER = Path(__file__).parents[1] / "data" / "former_warehouse.tar.gz"
VALUES = {
    "predictions": ("prediction_id", "output", "outcome"),
    "heuristic_metrics": ("score_id", "score"),
    "judge_scores": ("score_id", "score", "justification"),
    "pairwise_preferences": ("example_id", "candidate_a", "candidate_b", "preference"),
}


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Lab]:
    """The project beside its warehouse, opened in a Dagster instance that never saw it."""
    with tarfile.open(FORMER) as archive:
        archive.extractall(tmp_path, filter="data")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Lab(Files(tmp_path, "http://127.0.0.1:48321/v1"), instance)


def plan_of(lab: Lab) -> Plan:
    """What would run, whatever the Dagster instance has seen."""
    with lab.engine_room() as engine_room:
        return make_plan(engine_room)


OF_ALL = ("judge_agreement", "changes", "comparison")


def outdated(cells: tuple[str, ...] = tuple(ALL_CELLS)) -> set[tuple[str, str]]:
    """What this release computes anew, sending nothing: token_f1, a default since, comparisons by another rule, judges
    by slice and with each other, and what changed since the state before.
    """
    by_cell = {(table, cell) for table in ("heuristic_metrics", "aggregate_reports") for cell in cells}
    return by_cell | {(table, cell.partition(":")[0]) for table in OF_ALL for cell in cells}


def test_nothing_of_it_is_stale_but_what_costs_nothing(former: Lab) -> None:
    assert set(plan_of(former).partitions) == outdated()


def test_its_report_is_read_before_anything_of_it_is_computed_anew(former: Lab) -> None:
    with former.engine_room() as engine_room:
        report = present_report(engine_room, "main")
    assert report.headline == "brevity"  # the metric the file names; the former table knows no roles
    assert report.outdated
    assert report.comparison.filter(pl.col("role").is_not_null()).is_empty()
    assert "brevity" in report_table(report)


def test_a_new_instance_takes_it_over_without_one_request_and_with_equal_rows(former: Lab) -> None:
    def rows() -> dict[str, Counter[tuple[object, ...]]]:
        return {
            table: Counter(former.warehouse.scan(table, {}).select(columns).collect().iter_rows())
            for table, columns in VALUES.items()
        }

    before, n_asked = rows(), former.warehouse.scan("responses", {}).collect().height
    assert {planned.cell.key: planned.work.generate + planned.work.judge for planned in former.plan().cells} == (
        dict.fromkeys(ALL_CELLS, 0)
    )
    assert not former.run().failed
    after = rows()
    new_scores = after["heuristic_metrics"] - before["heuristic_metrics"]
    assert after["heuristic_metrics"] - new_scores == before["heuristic_metrics"]
    assert new_scores.total() == former.warehouse.scan("predictions", {}).collect().height  # a token_f1 each
    assert {**after, "heuristic_metrics": before["heuristic_metrics"]} == before
    assert former.warehouse.scan("responses", {}).collect().height == n_asked
    assert former.plan().is_empty


@pytest.mark.parametrize(
    ("fields", "of_cells", "of_evaluation"),
    [
        ({"gates": [{"metric": "brevity", "min": 0.75}]}, [], ["comparison"]),
        ({"confidence": 0.9}, ["aggregate_reports"], list(OF_EVALUATIONS)),
        ({"judges": []}, ["judge_scores", "aggregate_reports"], ["judge_agreement", "changes", "comparison"]),
        ({"samples": 2}, list(OF_CELLS), list(OF_EVALUATIONS)),
    ],
)
def test_an_edit_writes_no_more_than_it_would_have_with_a_warehouse_of_today(
    former: Lab, fields: dict[str, object], of_cells: list[str], of_evaluation: list[str]
) -> None:
    former.files.change("evaluations", "main", **fields)
    expected = {(table, key) for table in of_cells for key in MAIN_CELLS} | {(table, "main") for table in of_evaluation}
    assert set(plan_of(former).partitions) == expected | outdated()
