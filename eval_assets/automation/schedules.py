"""A `schedule` in an evaluation file as a Dagster schedule, off until it is switched on in the UI."""

import re
from typing import Any

import dagster as dg

from eval_assets.automation.refresh import REFRESH_JOB, REFRESH_OP
from eval_assets.config.evaluation import ScheduleSpec
from eval_assets.config.project import Project


def evaluation_schedules(project: Project) -> list[dg.ScheduleDefinition]:
    """One schedule per evaluation that asks for one; it launches the job `refresh` for that evaluation."""
    return [
        _schedule(loaded.item.name, loaded.item.file.schedule)
        for loaded in project.evaluations.values()
        if loaded.item.file.schedule is not None
    ]


def schedule_name(evaluation: str) -> str:
    """A name as Dagster wants it.

    >>> schedule_name("qa-full")
    'evaluate_qa_full'
    """
    return f"evaluate_{re.sub(r'[^A-Za-z0-9]', '_', evaluation)}"


def _schedule(evaluation: str, spec: ScheduleSpec) -> dg.ScheduleDefinition:
    config: dict[str, Any] = {"evaluations": [evaluation]}
    if spec.max_cost_usd is not None:
        config["max_cost_usd"] = spec.max_cost_usd
    return dg.ScheduleDefinition(
        name=schedule_name(evaluation),
        description=f"Re-evaluate {evaluation} at {spec.cron} ({spec.timezone}).",
        cron_schedule=spec.cron,
        execution_timezone=spec.timezone,
        job_name=REFRESH_JOB,
        run_config={"ops": {REFRESH_OP: {"config": config}}},
        tags={"eval_assets/evaluation": evaluation},
    )
