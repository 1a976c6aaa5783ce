"""A `schedule` in an evaluation file as a Dagster schedule, off until it is switched on in the UI."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator
from dagster._vendored.croniter.croniter import CroniterError

from eval_assets.automation.refresh import is_being_refreshed, refresh_config
from eval_assets.config.evaluation import ScheduleSpec
from eval_assets.config.problems import Problem, line_of
from eval_assets.config.project import Project
from eval_assets.names import REFRESH_JOB, Names, plain_names

CRON = ("schedule", "cron")


def evaluation_schedules(project: Project, names: Names) -> list[dg.ScheduleDefinition]:
    """One schedule per evaluation that asks for one; it launches the job `refresh` for that evaluation.

    A schedule that Dagster refuses is left out, with a warning: it mustn't keep everything else from loading.
    """
    faults = {problem.file: problem for problem in schedule_problems(project)}
    for problem in faults.values():
        logging.getLogger(__name__).warning("no schedule: %s", problem)
    called = plain_names("evaluate", (loaded.item.name for loaded in project.evaluations.values()))
    return [
        _schedule(loaded.item.name, loaded.item.file.schedule, names, called[loaded.item.name])
        for loaded in project.evaluations.values()
        if loaded.item.file.schedule is not None and loaded.file not in faults
    ]


def schedule_problems(project: Project) -> Iterator[Problem]:
    """Schedules that Dagster doesn't take, or that never come."""
    for name, loaded in project.evaluations.items():
        if loaded.item.file.schedule is not None:
            fault = _fault(name, loaded.item.file.schedule)
            if fault:
                yield Problem(loaded.file, fault, line_of(CRON, loaded.lines), "schedule.cron")


def _fault(evaluation: str, spec: ScheduleSpec) -> str | None:
    """Why Dagster can't run a schedule; null if it can."""
    try:
        _schedule(evaluation, spec, Names(), "checked")
    except dg.DagsterInvalidDefinitionError:
        return (
            "expected minute, hour, day, month and weekday such as '0 6 * * MON-FRI', or '@daily' and the like, on a "
            f"day that exists, got {spec.cron!r}"
        )
    try:
        next(schedule_execution_time_iterator(time.time(), spec.cron, spec.timezone))
    except (CroniterError, StopIteration):
        return f"expected a time that comes, got {spec.cron!r}: Dagster finds none"
    return None


def _schedule(evaluation: str, spec: ScheduleSpec, names: Names, name: str) -> dg.ScheduleDefinition:
    config: dict[str, Any] = {"evaluations": [evaluation]}
    if spec.max_cost_usd is not None:
        config["max_cost_usd"] = spec.max_cost_usd

    @dg.schedule(
        name=names.of(name),
        description=f"Re-evaluate {evaluation} at {spec.cron} ({spec.timezone}).",
        cron_schedule=spec.cron,
        execution_timezone=spec.timezone,
        job_name=names.of(REFRESH_JOB),
        tags={"eval_assets/evaluation": evaluation},
    )
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if is_being_refreshed(context.instance, evaluation, names):
            return dg.SkipReason(f"a refresh of {evaluation} waits or runs")
        return dg.RunRequest(run_config=refresh_config(names, **config))

    return evaluate
