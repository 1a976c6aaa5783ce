"""A `schedule` in an evaluation file as a Dagster schedule, off until it is switched on in the UI."""

import re
from typing import Any

import dagster as dg

from eval_assets.automation.refresh import REFRESH_JOB, REFRESH_OP
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.project import Project


def evaluation_schedules(project: Project) -> list[dg.ScheduleDefinition]:
    """One schedule per evaluation that asks for one; it launches the job `refresh` for that evaluation."""
    evaluations = [loaded.item for loaded in project.evaluations.values()]
    return [_schedule(evaluation) for evaluation in evaluations if evaluation.file.schedule is not None]


def schedule_name(evaluation: str) -> str:
    """A name as Dagster wants it.

    >>> schedule_name("qa-full")
    'evaluate_qa_full'
    """
    return f"evaluate_{re.sub(r'[^A-Za-z0-9]', '_', evaluation)}"


def _schedule(evaluation: Evaluation) -> dg.ScheduleDefinition:
    spec = evaluation.file.schedule
    assert spec is not None, "the caller keeps evaluations with a schedule"
    config: dict[str, Any] = {"evaluations": [evaluation.name]}
    if spec.max_cost_usd is not None:
        config["max_cost_usd"] = spec.max_cost_usd
    return dg.ScheduleDefinition(
        name=schedule_name(evaluation.name),
        description=f"Re-evaluate {evaluation.name} at {spec.cron} ({spec.timezone}).",
        cron_schedule=spec.cron,
        execution_timezone=spec.timezone,
        job_name=REFRESH_JOB,
        run_config={"ops": {REFRESH_OP: {"config": config}}},
        tags={"eval_assets/evaluation": evaluation.name},
    )
