"""`eval-assets cache`: what is stored of replies, and letting go of what is no longer needed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.saying import say
from eval_assets.wording.numbers import count_text, money_text

if TYPE_CHECKING:
    from eval_assets.storage.replies.responses import ResponseStore

LENGTHS = {"d": 86_400, "h": 3_600, "m": 60}
"""Unit of an age → its seconds."""
LONGEST = timedelta(days=36_500)


class Age(click.ParamType):  # type: ignore[type-arg]
    """An age such as 30d, 12h or 45m."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the age, or fail with what was expected."""
        found = re.fullmatch(r"([0-9]{1,4000})([dhm])", value)
        if found is None:
            self.fail(f"expected an age such as 30d, 12h or 45m, got {value!r}", param, ctx)
        age = int(found.group(1)) * LENGTHS[found.group(2)]
        if age > LONGEST.total_seconds():
            self.fail(f"expected an age of at most {LONGEST.days}d, got {value!r:.80}", param, ctx)
        return timedelta(seconds=age)


@click.group()
def cache() -> None:
    """Inspect or prune stored replies."""


@cache.command()
@click.pass_obj
def stats(data_dir: Path | None) -> None:
    """Show what is stored for each model: replies, tokens, dollars, age."""
    with _store(data_dir) as store:
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
    with _store(data_dir) as store:
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
def _store(data_dir: Path | None) -> "Iterator[ResponseStore]":
    from eval_assets.config.settings import settings_from
    from eval_assets.storage.integrity.damage import damage_explained
    from eval_assets.storage.replies.responses import ResponseStore
    from eval_assets.storage.warehouse import Warehouse

    settings = settings_from(data_dir=data_dir)
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    with damage_explained(warehouse):
        yield ResponseStore(warehouse, settings.state_dir)
