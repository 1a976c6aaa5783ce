"""`eval-assets maintain`: keep the tables and the Dagster instance small."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say


class KeptDays(click.ParamType):  # type: ignore[type-arg]
    """Days such as 30, or those of one table such as predictions=90."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, int]:
        """Read it, or fail with what was expected."""
        from eval_assets.tables.schemas import SCHEMAS

        table, _, days = str(value).rpartition("=")
        if not re.fullmatch("[1-9][0-9]{0,4}", days):
            self.fail(
                f"expected days such as 30, or those of a table such as predictions=90, got {value!r}", param, ctx
            )
        if table and table not in {*SCHEMAS, "instance"}:
            self.fail(f"expected a table of {', '.join(SCHEMAS)}, or instance, got {table!r}", param, ctx)
        return table or None, int(days)


@click.command()
@click.option(
    "--keep-days",
    "kept",
    type=KeptDays(),
    multiple=True,
    help="Days for which rows that were replaced, and runs, stay, such as 30; or of one table, such as predictions=90, "
    "or of Dagster's runs, instance=90. Repeatable. [default: 30; responses, runs, aggregate_history 7]",
)
@click.pass_obj
def maintain(data_dir: Path | None, kept: Sequence[tuple[str | None, int]]) -> None:
    """Keep tables and run storage small, and print what was freed. Safe at any time, beside runs too.

    Former versions that a stored prediction, score or comparison was made from stay, however old they are; so does the
    run of every partition's latest materialization.
    """
    from eval_assets.automation.instance import open_instance
    from eval_assets.automation.maintenance import maintenance_lines
    from eval_assets.names import names_of
    from eval_assets.storage.integrity.damage import damage_explained
    from eval_assets.storage.warehouse import Warehouse

    settings = chosen_settings(data_dir)
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    with open_instance(settings.home) as instance, damage_explained(warehouse):
        maintenance_lines(
            warehouse,
            settings.state_dir,
            instance,
            say,
            keep_days=dict(kept).get(None),
            keep_days_of={table: days for table, days in kept if table is not None},
            names=names_of(settings),
        )
