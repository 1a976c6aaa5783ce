"""The job `maintain`, and its weekly schedule: tables are kept small, and old runs go from the Dagster instance."""

from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
from pydantic import Field

from eval_assets.automation.run_storage import trim_runs
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.upkeep.table_upkeep import Freed, days_kept, maintain
from eval_assets.storage.warehouse import KEPT_DAYS, Warehouse
from eval_assets.tables.schemas import SCHEMAS
from eval_assets.wording.numbers import bytes_text, count_text

MAINTAIN_JOB = "maintain"
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
) -> None:
    """Maintain tables and instance, and say of each what was freed.

    Args:
        warehouse: The tables.
        state_dir: Local folder of locks.
        instance: Whose old runs go.
        say: Told a line for each.
        keep_days: Days for which everything that was replaced stays; null: by default.
        keep_days_of: The same for single tables, or for the instance.
    """
    tables = {table: days for table, days in keep_days_of.items() if table in SCHEMAS}
    for freed in maintain(warehouse, state_dir, days_kept(keep_days, tables), on_wait=say):
        say(_line(freed))
    trimmed = trim_runs(instance, keep_days_of.get(INSTANCE, keep_days or KEPT_DAYS))
    sizes = f"{bytes_text(trimmed.bytes_before)} → {bytes_text(trimmed.bytes_after)}"
    say(f"Dagster instance: {count_text(trimmed.n_runs, 'run')} removed; {sizes}")


def maintain_job() -> dg.JobDefinition:
    """The job, with one op."""

    @dg.op(name="maintain_tables")
    def maintain_tables(
        context: dg.OpExecutionContext, config: MaintenanceConfig, engine_room: dg.ResourceParam[EngineRoom]
    ) -> None:
        """Join small files, write checkpoints, remove what nobody may ask for any more."""
        lines: list[str] = []
        maintenance_lines(
            engine_room.warehouse,
            engine_room.state_dir,
            context.instance,
            lines.append,
            keep_days=config.keep_days,
            keep_days_of=config.keep_days_of,
        )
        context.add_output_metadata({"freed": dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))})

    @dg.job(name=MAINTAIN_JOB, description="Keep tables and run storage small; what a trace may ask for stays.")
    def maintain_everything() -> None:
        maintain_tables()

    return maintain_everything


def maintenance_schedule() -> dg.ScheduleDefinition:
    """Weekly, off until it is switched on."""
    return dg.ScheduleDefinition(
        name="maintain_weekly",
        description="Keep tables and run storage small, once a week.",
        cron_schedule=WEEKLY,
        job_name=MAINTAIN_JOB,
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
