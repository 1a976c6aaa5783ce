"""Evaluations whose last attempt to compute a partition failed, as Dagster knows it, and why.

A run that a gate refused has written what it computed: it did not fail in this sense.
"""

from collections.abc import Iterable

import dagster as dg

from eval_assets.automation.claims import open_attempts
from eval_assets.automation.leftovers import UNFINISHED
from eval_assets.config.project import Project
from eval_assets.names import Names
from eval_assets.stages.edges import partition_keys
from eval_assets.stages.graph import evaluation_name
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS

FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def failed_runs(instance: dg.DagsterInstance, project: Project, names: Names) -> dict[str, str | None]:
    """Evaluation → the partition whose attempt failed last, and why; null where a run is under way, which will tell.

    Args:
        instance: Where runs are recorded.
        project: Its evaluations; partitions that it no longer has don't count.
        names: What the assets of tables are called.
    """
    known = partition_keys(project)
    tried = [
        (storage_id, run_id, key)
        for table in (*OF_CELLS, *OF_EVALUATIONS)
        for key, (run_id, storage_id) in open_attempts(instance, names.key(table)).items()
        if key in known[table]
    ]
    run_ids = sorted({run_id for _, run_id, _ in tried})
    statuses = {run.run_id: run.status for run in instance.get_runs(dg.RunsFilter(run_ids=run_ids))} if run_ids else {}
    found: dict[str, str | None] = {}
    for _, run_id, key in sorted(tried):
        evaluation, status = evaluation_name(key), statuses.get(run_id)
        if status in UNFINISHED:
            found[evaluation] = None
        elif status in FAILED and found.get(evaluation, "") is not None:
            found[evaluation] = f"{key} (run {run_id[:8]}): {reason_of(instance, run_id)}"
    return found


def reason_of(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed, in our words where they were given."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return first_failure(entry.get_dagster_event() for entry in entries) or "its page in the UI says why"


def first_failure(events: Iterable[dg.DagsterEvent]) -> str | None:
    """What the first step that failed says: in our words where they were given, else its error; null if none did."""
    for event in events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error:
                return (failure.error.cause or failure.error).message.strip()
    return None
