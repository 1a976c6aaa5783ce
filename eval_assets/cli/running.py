"""`eval-assets plan` and `eval-assets run`."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from eval_assets.cells.spending import Spending
    from eval_assets.cells.workbench import Workbench
    from eval_assets.planning.plan import Plan

Command = TypeVar("Command", bound=Callable[..., Any])

FAILED = 1


def _choice(command: Command) -> Command:
    """Arguments that plan and run share."""
    for decorate in (
        click.option("--prompt", "prompts", multiple=True, help="Only candidates with this prompt; repeatable."),
        click.option("--model", "models", multiple=True, help="Only candidates with this model; repeatable."),
        click.option(
            "--cache",
            type=click.Choice(["use", "refresh", "replay"]),
            help="use: reuse stored replies. refresh: ask again. replay: send nothing. [default: the evaluation's]",
        ),
        click.option(
            "--retry",
            metavar="OUTCOMES",
            help="Ask again for replies that came without a whole answer: refused,empty,truncated,tool_call.",
        ),
        click.argument("evaluations", nargs=-1, metavar="[EVALUATION]..."),
    ):
        command = decorate(command)
    return command


@click.command()
@_choice
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; `partitions` lists the cells.")
@click.pass_obj
def plan(
    data_dir: Path | None,
    evaluations: tuple[str, ...],
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    cache: str | None,
    retry: str | None,
    *,
    as_json: bool,
) -> None:
    """Show what a run would do, why, and what it would cost. Nothing is sent."""
    from eval_assets.planning.plan import make_plan
    from eval_assets.planning.wording import plan_text

    spending = _spending(cache, retry)
    with _workbench(data_dir) as workbench:
        made = make_plan(workbench, evaluations=evaluations, models=models, prompts=prompts, spending=spending)
    click.echo(json.dumps(made.as_json(), indent=2, ensure_ascii=False) if as_json else plan_text(made))


@click.command(epilog="Exit code 0: all is up to date; 1: a run or rows failed, a gate refused, or it was stopped.")
@_choice
@click.option("--max-cost-usd", type=click.FloatRange(min=0), help="Stop before the request that could exceed this.")
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@click.pass_obj
@click.pass_context
def run(  # noqa: PLR0913  a parameter per option
    context: click.Context,
    data_dir: Path | None,
    evaluations: tuple[str, ...],
    models: tuple[str, ...],
    prompts: tuple[str, ...],
    cache: str | None,
    retry: str | None,
    max_cost_usd: float | None,
    *,
    dry_run: bool,
) -> None:
    """Bring evaluations up to date: exactly the stale, missing and formerly failed cells run.

    Runs go through Dagster: the UI shows each of them, and all together as a backfill.
    """
    if dry_run:
        context.invoke(
            plan, evaluations=evaluations, models=models, prompts=prompts, cache=cache, retry=retry, as_json=False
        )
        return
    from eval_assets.automation.instance import open_instance
    from eval_assets.cli.progress_view import ProgressView
    from eval_assets.config.settings import settings_from
    from eval_assets.planning.staleness import StalenessReader
    from eval_assets.planning.wording import plan_text
    from eval_assets.providers.dispatch.budget import Budget
    from eval_assets.running import plan_with_instance, run_plan

    settings = settings_from(data_dir=data_dir)
    spending = _spending(cache, retry)
    with _workbench(data_dir) as workbench, open_instance() as instance, ProgressView(sys.stderr) as view:
        made = plan_with_instance(
            workbench, instance, evaluations=evaluations, models=models, prompts=prompts, spending=spending
        )
        click.echo(plan_text(made), err=True)
        if made.is_empty:
            refused = _refused_by_gates(workbench, made)
            for line in refused:
                click.echo(line, err=True)
            sys.exit(FAILED if refused or made.refused else 0)
        workbench.on_progress = view.update
        workbench.budget = None if max_cost_usd is None else Budget(max_cost_usd)
        with _stopping(workbench):
            summary = run_plan(workbench, made, settings, spending=spending, instance=instance, on_start=view.start)
        reader = StalenessReader(workbench.project, workbench.versions, workbench.warehouse)
        failures = [f"{cell.key}: {line}" for cell in made.stale_cells for line in reader.failures(cell)]
        missing = [f"{cell.key}: {line}" for cell in made.stale_cells for line in reader.missing(cell)]
    for line in failures:
        click.echo(f"failed rows, asked again by the next run: {line.replace('earlier failure of ', '')}", err=True)
    for line in missing:
        click.echo(line, err=True)
    for failed in summary.failed:
        click.echo(f"failed {failed.what} (run {failed.run_id}): {failed.message}", err=True)
    if summary.skipped or made.refused:
        not_run = (*summary.skipped, *(refused.evaluation for refused in made.refused))
        click.echo(f"not run: {', '.join(not_run)}", err=True)
    spent = ", ".join(f"{asset} {seconds:.1f} s" for asset, seconds in summary.seconds.items())
    click.echo(f"{summary.n_runs} runs, {len(summary.failed)} failed; {spent}", err=True)
    if summary.skipped or failures or any(not failed.refused for failed in summary.failed):
        click.echo("everything answered so far is kept; the same command goes on from there", err=True)
    if summary.failed or summary.skipped or failures or made.refused:
        sys.exit(FAILED)


def _spending(cache: str | None, retry: str | None) -> "Spending":
    from eval_assets.cells.spending import Spending, retry_of

    outcomes = [outcome for part in (retry or "").split(",") if (outcome := part.strip())]
    return Spending(cache=cache, retry=retry_of(outcomes))


def _refused_by_gates(workbench: "Workbench", made: "Plan") -> list[str]:
    """What gates said at the last comparison of the planned evaluations, where it wasn't GO."""
    from eval_assets.reports.computed.gates import overall_verdict
    from eval_assets.statistics.comparison.decisions import Verdict

    lines = []
    for name in dict.fromkeys(planned.cell.evaluation for planned in made.cells):
        overall = overall_verdict(workbench.warehouse.scan("gate_results", {"evaluation": name}).collect())
        if overall.verdict is not Verdict.GO:
            lines.append(f"gate of {name}: {overall.verdict.value}: {overall.note}")
    return lines


@contextmanager
def _workbench(data_dir: Path | None) -> "Iterator[Workbench]":
    from eval_assets.cells.workbench import Workbench
    from eval_assets.config.settings import settings_from

    with Workbench.from_settings(settings_from(data_dir=data_dir)) as workbench:
        yield workbench


@contextmanager
def _stopping(workbench: "Workbench") -> "Iterator[None]":
    """The first Ctrl-C lets requests under way finish and stops; the second one interrupts."""

    def stop(number: int, _frame: object) -> None:
        if workbench.stop.is_set():
            signal.default_int_handler(number, None)
        click.echo("stopping: requests under way finish, nothing more is sent (Ctrl-C again to break off)", err=True)
        workbench.stop.set()

    former = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
