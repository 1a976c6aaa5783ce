"""`eval-assets plan` and `eval-assets run`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.exit_codes import RUN_CODES, ExitCode
from eval_assets.cli.options import Allowance, Allowed, Choice, chosen_cells
from eval_assets.cli.run_ending import RunEnding
from eval_assets.cli.saying import say
from eval_assets.wording.valid_json import valid_json

if TYPE_CHECKING:
    from eval_assets.cli.progress_view import ProgressView


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; `partitions` lists the cells.")
@click.pass_obj
@chosen_cells
def plan(data_dir: Path | None, *, choice: Choice, as_json: bool) -> None:
    """Show what a run would do, why, and what it would cost. Nothing is sent."""
    _show_plan(data_dir, choice, as_json=as_json)


def _show_plan(data_dir: Path | None, choice: Choice, *, as_json: bool) -> None:
    from eval_assets.planning.plan import make_plan
    from eval_assets.planning.plan_text import plan_text

    with choice.engine_room(chosen_settings(data_dir)) as engine_room:
        made = make_plan(engine_room, **choice.of_plan, spending=choice.spending)
    say(valid_json(made.as_json()) if as_json else plan_text(made))
    if made.refused:
        sys.exit(ExitCode.USAGE)


@click.command(epilog=RUN_CODES)
@click.option("--max-cost-usd", type=click.FloatRange(min=0), help="Stop before the request that could exceed this.")
@click.option(
    "--allow-failed",
    type=Allowance(),
    default="0",
    help="Exit with 0 although rows failed: at most so many in all, such as 3, or a share of each candidate's rows, "
    "such as 2%.",
)
@click.option("--no-gate", is_flag=True, help="Leave what the gates say out of the exit code.")
@click.option("--wait", is_flag=True, help="Wait until batches are over, and go on with what they bring; or the queue.")
@click.option(
    "--queue",
    is_flag=True,
    help="Hand cells to the run queue of the Dagster instance, for the machines that its run launcher reaches.",
)
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.pass_obj
@chosen_cells
def run(
    data_dir: Path | None,
    *,
    choice: Choice,
    max_cost_usd: float | None,
    allow_failed: Allowed,
    no_gate: bool,
    wait: bool,
    queue: bool,
    dry_run: bool,
) -> None:
    """Bring evaluations up to date: exactly the stale, missing and formerly failed cells run.

    Runs go through Dagster: the UI shows each of them, and all together as a backfill.
    """
    if dry_run:
        _show_plan(data_dir, choice, as_json=False)
        return
    if queue and (choice.limit is not None or max_cost_usd is not None):
        raise click.UsageError(
            "--queue takes neither --limit nor --max-cost-usd: other machines know of neither; "
            "an evaluation's file says `slice: {first: 10}` and `max_cost_usd`"
        )
    from eval_assets.planning.plan_text import plan_text
    from eval_assets.requests.budget import Budget
    from eval_assets.up_to_date import Listener, bring_up_to_date

    settings = chosen_settings(data_dir)
    with choice.engine_room(settings) as engine_room:
        engine_room.budget = None if max_cost_usd is None else Budget(max_cost_usd)
        listener = Listener(_progress_view, on_plan=lambda made: say(plan_text(made), err=True))
        outcome = bring_up_to_date(
            engine_room, settings, choice.of_plan, choice.spending, listener, wait=wait, queue=queue
        )
    ending = RunEnding(outcome, allow_failed, asks_gates=not no_gate and choice.limit is None)
    for line in (*outcome.missing, *ending.lines()):
        say(line, err=True)
    if choice.limit is not None:
        all_of_it = " ".join(["eval-assets run", *choice.evaluations])
        say(f"only the first {choice.limit} rows, and no gates: `{all_of_it}` computes all, and reuses these", err=True)
    if outcome.summary.waiting:
        say(
            "the same command collects what batches bring; `--wait` waits for it, `eval-assets batch list` looks",
            err=True,
        )
    elif outcome.summary.queued:
        say("cells wait or run in the queue; `eval-assets plan` tells what is left, `--wait` waits for it", err=True)
    elif outcome.is_open:
        say("everything answered so far is kept; the same command goes on from there", err=True)
    sys.exit(ending.code)


def _progress_view() -> "ProgressView":
    from eval_assets.cli.progress_view import ProgressView

    return ProgressView(sys.stderr)
