"""`eval-assets batch`: what waits at providers, on this machine: look, collect, cancel."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say
from eval_assets.wording.numbers import money_text

if TYPE_CHECKING:
    from eval_assets.providers.batches.desk import BatchDesk
    from eval_assets.storage.replies.batch_ledger import BatchRecord


@click.group()
def batch() -> None:
    """Look at requests that wait in batches, collect or cancel them."""


@batch.command(name="list")
@click.option("--offline", is_flag=True, help="Say what was last known, and ask no provider.")
@click.pass_obj
def list_batches(data_dir: Path | None, *, offline: bool) -> None:
    """Show every batch: how far it is, or how it ended; those under way are asked about."""
    from eval_assets.providers.batches.desk import Look, looks_at, progress_text

    with _desk(data_dir) as desk:
        records = desk.store.batches.records()
        under_way = [record for record in records if record.is_under_way]
        looks = [Look(record, None) for record in under_way] if offline else looks_at(under_way, desk.open_service)
    if not records:
        say("no batch was submitted on this machine")
    for record in records:
        if record.state == "collected":
            say(record.said)
    for look in looks:
        worst = look.record.worst_usd
        costs = "" if worst is None else f", {money_text(worst)} at most"
        until = "" if look.record.expires_at is None else f", until {look.record.expires_at[:16].replace('T', ' ')} UTC"
        over = ": over, the next run collects it" if look.status is not None and look.status.is_over else ""
        say(f"{progress_text(look)}{costs}{until}, for {', '.join(look.record.evaluations)}{over}")
        if look.trouble:
            say(f"  {look.trouble}")


@batch.command()
@click.pass_obj
def collect(data_dir: Path | None) -> None:
    """Store the replies of batches that are over; runs find them there."""
    with _desk(data_dir) as desk:
        before = {record.token for record in desk.store.batches.records() if record.state == "collected"}
        desk.bring_in({record.lane for record in desk.store.batches.records()})
        records = desk.store.batches.records()
    new = [record for record in records if record.state == "collected" and record.token not in before]
    for record in new:
        say(record.said)
    if not new:
        say("no batch is over")


@batch.command()
@click.argument("names", metavar="BATCH...", nargs=-1)
@click.option("--all", "all_of_them", is_flag=True, help="Every batch that is under way.")
@click.pass_obj
def cancel(data_dir: Path | None, names: Sequence[str], *, all_of_them: bool) -> None:
    """Ask providers to answer no more of these batches; what they have answered is collected, and paid.

    BATCH is a name as `eval-assets batch list` shows it.
    """
    from eval_assets.providers.batches.desk import called

    with _desk(data_dir) as desk:
        under_way = [record for record in desk.store.batches.records() if record.is_under_way]
        chosen = under_way if all_of_them else [_named(name, under_way) for name in names]
        if not chosen and not all_of_them:
            raise click.UsageError("expected the names of batches, or --all")
        for record in chosen:
            status = desk.cancel(record).status
            say(f"{called(record)} of {record.model_name}: {status or 'it was never created'}")
    if not chosen:
        say("no batch is under way")


def _named(name: str, records: "Sequence[BatchRecord]") -> "BatchRecord":
    found = next((record for record in records if name in (record.batch_id, record.token)), None)
    if found is None:
        known = ", ".join(str(record.batch_id or record.token) for record in records) or "none"
        raise click.UsageError(f"expected a batch that is under way ({known}), got {name!r}")
    return found


@contextmanager
def _desk(data_dir: Path | None) -> "Iterator[BatchDesk]":
    from eval_assets.providers.batches.desk import BatchDesk
    from eval_assets.stages.engine_room import EngineRoom

    with EngineRoom.from_settings(chosen_settings(data_dir)) as room:
        yield BatchDesk(room.store, room.open_batches, room.stop, lambda said: say(said, err=True))
