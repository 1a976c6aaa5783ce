"""The command group and what all commands share: where the project lies, how errors are shown, exit codes."""

import atexit
import gc
import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from eval_assets.cli.alerting import alerts
from eval_assets.cli.batch_commands import batch
from eval_assets.cli.dagster_commands import instance, reload
from eval_assets.cli.editor_schemas import schemas
from eval_assets.cli.exit_codes import ExitCode
from eval_assets.cli.initializing import init
from eval_assets.cli.label_commands import labels
from eval_assets.cli.maintaining import maintain
from eval_assets.cli.pricing import prices
from eval_assets.cli.reporting import gate, report
from eval_assets.cli.running import plan, run
from eval_assets.cli.saying import say, say_warnings
from eval_assets.cli.state_commands import compare, release
from eval_assets.cli.stored import cache, trace
from eval_assets.cli.validating import check
from eval_assets.cli.viewing import view
from eval_assets.errors import EvalAssetsError

DATA_FOLDER = click.Path(path_type=Path, file_okay=False)

CIRCLES_SOUGHT = (50_000, 20, 100)
"""How many new objects make Python look for circles among them, and how seldom it looks through the older ones: rows by
the thousand hold none, and its defaults of 700, 10 and 10 cost a tenth of the CPU time of a run.
"""

PLACES = (
    "make it readable and writable, or choose another place with EVAL_ASSETS_WAREHOUSE, EVAL_ASSETS_STATE or "
    "DAGSTER_HOME; everything answered so far is kept"
)

EXAMPLES = """
\b
Examples:
  eval-assets init support.csv                   start a project from a table
  eval-assets check                              validate every file of data/, run nothing
  eval-assets plan quickstart                    what would run, why, at what cost
  eval-assets run quickstart                     bring an evaluation up to date
  eval-assets report quickstart --format md      leaderboard and comparison
  eval-assets view quickstart                    the same in the browser, with every output
  eval-assets compare quickstart --since v3      what changed since, and what that did
  eval-assets trace s-1f3a                       from a score back to its dataset row
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--data",
    "data_dir",
    type=DATA_FOLDER,
    help="The folder with datasets, prompts, models, judges, evaluations, or the project's. "
    "[default: $EVAL_ASSETS_DATA, or the project that the working directory belongs to]",
)
@click.pass_context
def commands(context: click.Context, data_dir: Path | None) -> None:
    """LLM evaluation as a Dagster asset project."""
    context.obj = data_dir


@commands.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    say(f"eval-assets {version_of('eval-assets')}")


def _choose_data(context: click.Context, _parameter: click.Parameter, chosen: Path | None) -> None:
    """`--data` after a command, where a person may well write it, means what it means before the command."""
    if chosen is not None:
        context.obj = chosen


def _add(group: click.Group, command: click.Command) -> None:
    """Add a command that takes `--data` too."""
    option = click.Option(
        ["--data"], type=DATA_FOLDER, hidden=True, expose_value=False, is_eager=True, callback=_choose_data
    )
    for leaf in command.commands.values() if isinstance(command, click.Group) else [command]:
        leaf.params.append(option)
    group.add_command(command)


commands.add_command(init)
for command in (
    alerts, batch, cache, check, compare, gate, instance, labels, maintain, plan, prices, release, reload, report, run,
    schemas, trace, view,
):  # fmt: skip
    _add(commands, command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an expected error is a message on standard error, without a traceback."""
    say_warnings()
    gc.set_threshold(*CIRCLES_SOUGHT)
    # What is left goes with the process: looking through it for circles takes longer than a second.
    atexit.register(gc.freeze)
    try:
        commands.main(args=arguments, prog_name="eval-assets", standalone_mode=False)
    except EvalAssetsError as error:
        say(f"{type(error).__name__}: {error}", err=True)
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        say(shown.getvalue().rstrip(), err=True)
        sys.exit(error.exit_code)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("stopped; everything answered so far is kept, the same command goes on from there", err=True)
        sys.exit(ExitCode.STOPPED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(ExitCode.NO_READER)
    except OSError as error:
        if error.filename is None:
            say(traceback.format_exc(), err=True)
        else:
            say(f"{error.filename} can't be used: {error.strerror}; {PLACES}", err=True)
        sys.exit(ExitCode.CRASHED)
    except Exception:  # noqa: BLE001 - Python's own exit code for it is 1, which says NO-GO
        say(traceback.format_exc(), err=True)
        sys.exit(ExitCode.CRASHED)


if __name__ == "__main__":
    main()
