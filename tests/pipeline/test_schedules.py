"""Schedules of evaluation files: Dagster decides what it takes, and one that it refuses keeps nothing from loading."""

from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_assets.automation.plain_cron import is_plain
from eval_assets.automation.schedules import _fault, evaluation_schedules, schedule_problems
from eval_assets.cli.main import commands
from eval_assets.config.evaluation import ScheduleSpec
from eval_assets.config.settings import Settings
from eval_assets.definitions import assembled
from eval_assets.names import Names
from tests.small_project import FILES, project_with

EVALUATION = FILES["evaluations/e.yaml"]


def scheduled(folder: Path, cron: str, timezone: str = "UTC"):
    schedule = f"schedule: {{cron: '{cron}', timezone: {timezone}}}\n"
    return project_with(folder, **{"evaluations/e.yaml": EVALUATION + schedule})


@pytest.mark.parametrize(
    "cron",
    [
        "0 6 * * MON-FRI",
        "@daily",
        "@hourly",
        "0 6 1 JAN,JUL *",
        "*/15 9-17 * * 1-5",
        "0 0 L * *",
        "0 9 * * 5#3",
        "0 6 29 2 *",
        "0 6 * * 7",
    ],
)
def test_what_dagster_takes_is_taken(tmp_path: Path, cron: str) -> None:
    project = scheduled(tmp_path, cron, "Europe/Berlin")
    assert list(schedule_problems(project)) == []
    (schedule,) = evaluation_schedules(project, Names())
    assert schedule.cron_schedule == cron


def fields(lowest: int, highest: int):
    number = st.integers(lowest, highest)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(0, highest + 1).map(lambda n: f"/{n}")
    part = st.one_of(st.just("*"), number.map(str), span)
    stepped = st.one_of(part, st.tuples(part, step).map("".join))
    return st.lists(stepped, min_size=1, max_size=3).map(",".join)


@settings(max_examples=100)
@given(st.tuples(*(fields(*bounds) for bounds in ((0, 60), (0, 24), (0, 32), (0, 13), (0, 8)))).map(" ".join))
def test_what_is_plain_is_taken_by_dagster(cron: str) -> None:
    if is_plain(cron):
        assert _fault("e", ScheduleSpec(cron=cron, timezone="UTC")) is None


@pytest.mark.parametrize(
    "cron",
    [
        "0 6 31 2 *",
        "0 6 30 2 *",
        "0 6 31 4 *",
        "0 6 31 2 MON",  # a Monday would do for cron, Dagster refuses any 31st of February
        "0 6 31 4 MON",  # and finds no time for one of April
        "0 6 31 4,6,9,11 *",
        "0 6 30,31 2 *",
        "0 25 * * *",
        "every day",
        "",
        "* * * * * *",
        "0 6 * *",
        "@reboot",
        "0 6 * * FUNDAY",
    ],
)
def test_what_dagster_refuses_or_never_comes_is_said_and_loads_all_else(tmp_path: Path, cron: str) -> None:
    project = scheduled(tmp_path, cron)
    (problem,) = schedule_problems(project)
    assert str(problem).startswith("data/evaluations/e.yaml:6: schedule.cron: expected ")
    assert repr(cron) in str(problem)
    places = Settings(tmp_path / "data", str(tmp_path / "warehouse"), tmp_path / "state")
    definitions = assembled(project, object(), places, Names())
    assert dg.Definitions.validate_loadable(definitions) is None
    assert [schedule.name for schedule in definitions.schedules or []] == ["maintain_weekly"]


def test_check_says_a_schedule_that_never_comes(tmp_path: Path) -> None:
    scheduled(tmp_path, "0 6 31 2 *")
    result = CliRunner().invoke(commands, ["--data", str(tmp_path / "data"), "check"])
    assert result.exit_code == 1
    assert "data/evaluations/e.yaml:6: schedule.cron: expected minute, hour, day" in result.stdout


def test_names_that_dagster_takes_for_one_are_numbered(tmp_path: Path) -> None:
    evaluation = EVALUATION + "schedule: {cron: '@daily'}\n"
    changed = {f"evaluations/{name}.yaml": evaluation for name in ("qa-full", "qa_full", "qa.full", "e")}
    schedules = evaluation_schedules(project_with(tmp_path, **changed), Names())
    assert {schedule.name for schedule in schedules} == {
        "evaluate_e",
        "evaluate_qa_full",
        "evaluate_qa_full_2",
        "evaluate_qa_full_3",
    }


@pytest.mark.parametrize(
    ("timezone", "said"),
    [
        ("Europe/Berlín", "did you mean 'Europe/Berlin'?"),
        ("CEST", "such as 'Europe/Berlin', got 'CEST'"),
        ("no", "quotes"),
    ],
)
def test_a_time_zone_that_is_none_is_refused(tmp_path: Path, timezone: str, said: str) -> None:
    assert said in scheduled(tmp_path, "@daily", timezone).broken["evaluations", "e"]
