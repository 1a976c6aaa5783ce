"""A metric or judge leaves an evaluation, and one cell is run: the others' old scores don't stop it, nor count."""

import dagster as dg
import pytest

from eval_assets.stages.report_reading import read_report
from tests.loopback import LoopbackProvider
from tests.projects import Files, Lab, echo_or_verdict, write_project

pytestmark = pytest.mark.usefixtures("unchecked")


def without_a_metric(files: Files) -> set[str]:
    files.change("evaluations", "main", metrics=[])
    return {"grader"}


def with_a_renamed_metric(files: Files) -> set[str]:
    files.change_metric(label="shortness")
    return {"shortness", "grader"}


def without_a_judge(files: Files) -> set[str]:
    files.change("evaluations", "main", judges=[])
    return {"brevity"}


def with_a_renamed_judge(files: Files) -> set[str]:
    files.write("judges", "marker", files.read("judges", "grader"))
    files.change("evaluations", "main", judges=["marker"])
    return {"brevity", "marker"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Two cells after a run, for copies."""
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        files = write_project(tmp_path_factory.mktemp("ran"), provider.base_url)
        files.change("evaluations", "main", models=["alpha"])
        lab = Lab(files, instance)
        assert not lab.run(evaluations=["main"]).failed
        yield lab


@pytest.mark.slow
@pytest.mark.parametrize("edit", [without_a_metric, with_a_renamed_metric, without_a_judge, with_a_renamed_judge])
def test_one_cell_runs_after_a_metric_or_judge_left(ran: Lab, tmp_path, edit) -> None:
    lab = ran.copied(tmp_path)
    named = edit(lab.files)
    summary = lab.run(evaluations=["main"], prompts=["short"])
    assert not summary.failed, summary.failed
    with lab.engine_room() as engine_room:
        report = read_report(engine_room, "main")
    custom = {"brevity", "shortness", "grader", "marker"}
    assert set(report.metrics) & custom == named
    compared = set(lab.warehouse.scan("comparison", {"evaluation": "main"}).collect()["metric"])
    assert compared & custom == named
