"""`eval-assets trace`: from a score back to where it came from."""

from pathlib import Path

import click

from eval_assets.cli.saying import say
from eval_assets.wording.valid_json import valid_json


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def trace(data_dir: Path | None, identifier: str, *, as_json: bool) -> None:
    """Show the way from a score, prediction or example back to the dataset row.

    ID is a score, prediction or example id, or a unique prefix of one.
    """
    from eval_assets.config.settings import settings_from
    from eval_assets.storage.integrity.damage import damage_explained
    from eval_assets.storage.tracing.trace import trace as trace_back
    from eval_assets.storage.tracing.trace_text import trace_text
    from eval_assets.storage.warehouse import Warehouse

    settings = settings_from(data_dir=data_dir)
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    with damage_explained(warehouse):
        traced = trace_back(warehouse, identifier)
    say(valid_json(traced) if as_json else trace_text(traced))
