"""The command group and what all commands share: where the project lies, how errors are shown, exit codes."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from eval_assets.cli.cache import cache
from eval_assets.cli.checking import check
from eval_assets.cli.instance import instance
from eval_assets.cli.reloading import reload
from eval_assets.cli.reporting import gate, report
from eval_assets.cli.running import plan, run
from eval_assets.cli.tracing import trace
from eval_assets.errors import EvalAssetsError

USAGE_ERROR = 2

EXAMPLES = """
\b
Examples:
  eval-assets check                              validate every file of data/, run nothing
  eval-assets plan quickstart                    what would run, why, at what cost
  eval-assets run quickstart                     bring an evaluation up to date
  eval-assets report quickstart --format md      leaderboard and comparison
  eval-assets trace s-1f3a                       from a score back to its dataset row
"""


@click.group(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--data",
    "data_dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder with datasets, prompts, models, judges, evaluations. [default: $EVAL_ASSETS_DATA or data/]",
)
@click.pass_context
def commands(context: click.Context, data_dir: Path | None) -> None:
    """LLM evaluation as a Dagster asset project."""
    context.obj = data_dir


@commands.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as version_of

    click.echo(f"eval-assets {version_of('eval-assets')}")


for command in (cache, check, gate, instance, plan, reload, report, run, trace):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an expected error is a message on standard error and exit code 2."""
    try:
        commands.main(args=arguments, prog_name="eval-assets", standalone_mode=False)
    except EvalAssetsError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(USAGE_ERROR)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; everything answered so far is kept, the same command goes on from there", err=True)
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
