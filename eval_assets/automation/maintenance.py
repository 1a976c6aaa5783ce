"""The job `maintain`, and its weekly schedule: tables are kept small, and old runs go from the Dagster instance."""

from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
from pydantic import Field

from eval_assets.automation.run_storage import trim_runs
from eval_assets.names import MAINTAIN_JOB, Names
from eval_assets.resources.shared_room import needed_room, room_of
from eval_assets.storage.upkeep.table_upkeep import Freed, days_kept, maintain
from eval_assets.storage.warehouse import KEPT_DAYS, Warehouse
from eval_assets.tables.schemas import SCHEMAS
from eval_assets.wording.numbers import bytes_text, count_text

WEEKLY = "0 4 * * SUN"
INSTANCE = "instance"
"""What the Dagster instance is called among the tables, wherever days are chosen."""


class MaintenanceConfig(dg.Config):
    """For how long what was replaced stays."""

    keep_days: int | None = Field(
        None, ge=1, description="Days for every table and for runs; null: 30, and 7 where rows are only ever added."
    )
    keep_days_of: dict[str, int] = Field(
        default_factory=dict, description="Days for single tables, by name; `instance` stands for Dagster's runs."
    )


def maintenance_lines(
    warehouse: Warehouse,
    state_dir: Path,
    instance: dg.DagsterInstance,
    say: Callable[[str], None],
    *,
    keep_days: int | None,
    keep_days_of: Mapping[str, int],
    names: Names,
) -> None:
    """Maintain tables and instance, and say of each what was freed.

    Args:
        warehouse: The tables.
        state_dir: Local folder of locks.
        instance: Whose old runs go.
        say: Told a line for each.
        keep_days: Days for which everything that was replaced stays; null: by default.
        keep_days_of: The same for single tables, or for the instance.
        names: Under a prefix the instance is somebody else's: only the project's own runs go.
    """
    tables = {table: days for table, days in keep_days_of.items() if table in SCHEMAS}
    for freed in maintain(warehouse, state_dir, days_kept(keep_days, tables), on_wait=say):
        say(_line(freed))
    trimmed = trim_runs(instance, keep_days_of.get(INSTANCE, keep_days or KEPT_DAYS), names)
    sizes = f"{bytes_text(trimmed.bytes_before)} → {bytes_text(trimmed.bytes_after)}"
    say(f"Dagster instance: {count_text(trimmed.n_runs, 'run')} removed; {sizes}")


def maintain_job(names: Names) -> dg.JobDefinition:
    """The job, with one op."""

    @dg.op(name=names.of("maintain_tables"), required_resource_keys=needed_room(names))
    def maintain_tables(context: dg.OpExecutionContext, config: MaintenanceConfig) -> None:
        """Join small files, write checkpoints, remove what nobody may ask for any more."""
        engine_room = room_of(context, names)
        lines: list[str] = []
        maintenance_lines(
            engine_room.warehouse,
            engine_room.state_dir,
            context.instance,
            lines.append,
            keep_days=config.keep_days,
            keep_days_of=config.keep_days_of,
            names=names,
        )
        context.add_output_metadata({"freed": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))})

    @dg.job(
        name=names.of(MAINTAIN_JOB),
        description="Keep tables and run storage small; what a trace may ask for stays.",
        executor_def=dg.in_process_executor,
    )
    def maintain_everything() -> None:
        maintain_tables()

    return maintain_everything


def maintenance_schedule(names: Names) -> dg.ScheduleDefinition:
    """Weekly, off until it is switched on."""
    return dg.ScheduleDefinition(
        name=names.of("maintain_weekly"),
        description="Keep tables and run storage small, once a week.",
        cron_schedule=WEEKLY,
        job_name=names.of(MAINTAIN_JOB),
    )


def _line(freed: Freed) -> str:
    done = [
        f"{count_text(n, *words)} {what}"
        for n, words, what in (
            (freed.n_joined, ("file",), "joined"),
            (freed.n_files, ("file",), "removed"),
            (freed.n_entries, ("log entry", "log entries"), "removed"),
        )
        if n
    ]
    sizes = []
    if freed.bytes_before is not None and freed.bytes_after is not None:
        sizes = [f"{bytes_text(freed.bytes_before)} → {bytes_text(freed.bytes_after)}"]
    return f"{freed.table}: {'; '.join([', '.join(done) or 'nothing to do', *sizes])}"
