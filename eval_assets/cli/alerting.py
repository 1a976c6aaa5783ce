"""`eval-assets alerts`: what is declared, what was told last, a test, and one look for those without the sensor."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.exit_codes import ExitCode
from eval_assets.cli.saying import say
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    from eval_assets.alerting.change import AlertChange
    from eval_assets.config.alert import Alert
    from eval_assets.config.project import Project
    from eval_assets.config.settings import Settings
    from eval_assets.storage.warehouse import Warehouse

ALERT_CODES = (
    "Exit code 0: done; 2: the command or a file can't be used; 5: a receiver did not take what it was sent. A changed "
    "verdict is no failure: `eval-assets gate` has a code for that."
)


@click.command(epilog=ALERT_CODES)
@click.option("--once", is_flag=True, help="Observer once and send what is due, as the sensor `send_alerts` does.")
@click.option("--test", "tested", metavar="NAME", help="Send a message that says it is a test.")
@click.pass_obj
def alerts(data_dir: Path | None, *, once: bool, tested: str | None) -> None:
    """List the alerts of data/alerts and what each told last; or look and send."""
    from eval_assets.alerting.ledger import known_changes
    from eval_assets.alerting.tick import Teller
    from eval_assets.config.project_files import load_project
    from eval_assets.storage.integrity.damage import damage_explained
    from eval_assets.storage.warehouse import Warehouse

    if once and tested is not None:
        raise click.UsageError("--once and --test exclude each other")
    settings = chosen_settings(data_dir)
    project = load_project(settings.data_dir, settings.warehouse_root)
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    if tested is not None:
        alert = project.alert(tested)
        delivery = Teller(settings, warehouse).test(alert)
        if not delivery.is_taken:
            say(f"{tested}: not sent, {delivery.said}", err=True)
            sys.exit(ExitCode.CRASHED)
        say(f"{tested}: the {alert.file.way} took a test")
        return
    is_taken = True
    broken = [error for (kind, _), error in sorted(project.broken.items()) if kind == "alerts"]
    with damage_explained(warehouse):
        if not project.alerts and not broken:
            say("no alert is declared: data/alerts/NAME.yaml declares one")
        elif once:
            is_taken = _look(settings, project, warehouse)
        else:
            for loaded in project.alerts.values():
                for line in _lines(loaded.item, known_changes(warehouse, loaded.item.name)):
                    say(line)
    for error in broken:
        say(error, err=True)
    if broken or not is_taken:
        sys.exit(ExitCode.USAGE if broken else ExitCode.CRASHED)


def _look(settings: "Settings", project: "Project", warehouse: "Warehouse") -> bool:
    """Observer once and say what was done; false where a receiver did not take what it was sent."""
    from eval_assets.alerting.tick import Teller, told_text
    from eval_assets.automation.failed_runs import failed_runs
    from eval_assets.automation.instance import open_instance
    from eval_assets.names import names_of

    with open_instance(settings.home) as instance:
        failed = failed_runs(instance, project, names_of(settings))
    told = Teller(settings, warehouse).tick(project, failed)
    for each in told:
        say(told_text(each))
    return all(each.delivery is None or each.delivery.is_taken for each in told)


def _lines(alert: "Alert", changes: "Sequence[AlertChange]") -> Iterator[str]:
    """An alert as it is declared, and what became of it so far."""
    from eval_assets.alerting.change import change_text

    about = ", ".join(alert.file.evaluations) or "all evaluations"
    yield (
        f"{alert.name}: {', '.join(alert.file.when)} of {about} → {alert.file.way}; "
        f"cool-down {alert.file.cooldown_minutes:g} min"
    )
    if alert.file.webhook_env is not None and not os.environ.get(alert.file.webhook_env):
        yield f"  {alert.file.webhook_env} is not set here"
    if not changes:
        yield "  has not looked yet: switch on the sensor `send_alerts`, or run `eval-assets alerts --once`"
        return
    ended = [change for change in changes if change.status in ("told", "given_up")]
    if ended:
        first, *more = [change for change in ended if change.message_id == ended[-1].message_id]
        when = f"told at {first.told_at:%Y-%m-%d %H:%M} UTC" if first.told_at else f"given up: {first.fault}"
        yield f"  last {when}: {change_text(first)}{f' and {len(more)} more' if more else ''}"
    waiting = [change for change in changes if change.status == "waiting"]
    for change in waiting:
        tried = f"; tried {count_text(change.n_tries, 'time')}: {change.fault}" if change.fault else ""
        yield f"  waits: {change_text(change)}{tried}"
    if not ended and not waiting:
        yield f"  nothing to tell since {changes[0].noticed_at:%Y-%m-%d %H:%M} UTC"
