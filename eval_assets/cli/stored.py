"""`eval-assets trace` and `eval-assets cache`: what tables hold, whatever the files of `data/` say now."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.options import Age
from eval_assets.cli.saying import say
from eval_assets.wording.numbers import count_text, money_text
from eval_assets.wording.valid_json import valid_json

if TYPE_CHECKING:
    from eval_assets.storage.replies.responses import ResponseStore
    from eval_assets.storage.warehouse import Warehouse


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def trace(data_dir: Path | None, identifier: str, *, as_json: bool) -> None:
    """Show the way from a score, prediction or example back to the dataset row.

    ID is a score, prediction or example id, or a unique prefix of one.
    """
    from eval_assets.storage.tracing.trace import trace as trace_back
    from eval_assets.storage.tracing.trace_text import trace_text

    with _tables(data_dir) as (warehouse, _):
        traced = trace_back(warehouse, identifier)
    say(valid_json(traced) if as_json else trace_text(traced))


@click.group()
def cache() -> None:
    """Inspect or prune stored replies."""


@cache.command()
@click.pass_obj
def stats(data_dir: Path | None) -> None:
    """Show what is stored for each model: replies, tokens, dollars, age."""
    with _replies(data_dir) as store:
        found = store.stats()
    if not found:
        say("no reply is stored yet")
    for lane in found:
        tokens = f"{lane.prompt_tokens:,} + {lane.completion_tokens:,} tokens"
        since = f", {lane.oldest:%Y-%m-%d} to {lane.newest:%Y-%m-%d}" if lane.oldest and lane.newest else ""
        replies = count_text(lane.n_replies, "reply", "replies")
        say(f"{lane.lane}: {replies}, {tokens}, {money_text(lane.cost_usd)}{since}")


@cache.command()
@click.option("--older-than", type=Age(), help="Replies asked for longer ago than this, such as 90d.")
@click.option("--unreferenced", is_flag=True, help="Replies that no current prediction or verdict was made from.")
@click.option("--other-schemas", is_flag=True, help="Replies stored under another version of the request key.")
@click.option("--dry-run", is_flag=True, help="Only say how many replies would be deleted.")
@click.pass_obj
def prune(
    data_dir: Path | None, older_than: timedelta | None, *, unreferenced: bool, other_schemas: bool, dry_run: bool
) -> None:
    """Delete stored replies for which any of the conditions holds. Earlier table versions keep them until vacuumed."""
    if older_than is None and not unreferenced and not other_schemas:
        raise click.UsageError(
            "expected --older-than, --unreferenced or --other-schemas: without one nothing would be deleted"
        )
    with _replies(data_dir) as store:
        removed = store.prune(
            older_than,
            unreferenced=unreferenced,
            other_schemas=other_schemas,
            dry_run=dry_run,
            on_wait=lambda said: say(said, err=True),
        )
    for lane in removed:
        done = "would be deleted" if dry_run else "deleted"
        replies = count_text(lane.n_replies, "reply", "replies")
        say(f"{lane.lane}: {replies} {done}, paid with {money_text(lane.cost_usd)}")
    if not removed:
        say("nothing to delete")


@contextmanager
def _tables(data_dir: Path | None) -> "Iterator[tuple[Warehouse, Path]]":
    """The tables, and where journals and locks lie."""
    from eval_assets.storage.integrity.damage import damage_explained
    from eval_assets.storage.warehouse import Warehouse

    settings = chosen_settings(data_dir)
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    with damage_explained(warehouse):
        yield warehouse, settings.state_dir


@contextmanager
def _replies(data_dir: Path | None) -> "Iterator[ResponseStore]":
    from eval_assets.storage.replies.responses import ResponseStore

    with _tables(data_dir) as (warehouse, state_dir):
        yield ResponseStore(warehouse, state_dir)
