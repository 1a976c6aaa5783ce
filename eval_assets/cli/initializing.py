"""`eval-assets init`: a project of one's own from a table."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.exit_codes import ExitCode
from eval_assets.cli.saying import say
from eval_assets.errors import ConfigError
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    from eval_assets.starting.beginning import Beginning

TRIAL_ROWS = 10

ROLES = {"example_id": "ids", "inputs": "questions", "targets": "expected answers", "context": "context"}


@click.command()
@click.argument("places", nargs=-1, metavar="[FOLDER] [FILE]", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Of the evaluation. [default: the file's name]")
@click.option("--inputs", metavar="COLUMN", help="The column with questions or texts. [default: told from the table]")
@click.option("--targets", metavar="COLUMN", help="The column with expected answers.")
@click.option("--context", metavar="COLUMN", help="The column with what may be used to answer.")
@click.option("--id", "example_id", metavar="COLUMN", help="The column with ids.")
@click.option("--slice", "slices", metavar="COLUMN", multiple=True, help="Break results down by it; repeatable.")
@click.option("--encoding", help="Of a text file, such as cp1250. [default: told from its bytes]")
@click.option("--delimiter", help="Of a CSV file, such as ';'. [default: told from its first lines]")
@click.pass_obj
def init(
    data_dir: Path | None,
    /,
    places: tuple[Path, ...],
    *,
    name: str | None,
    slices: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    **columns: str | None,
) -> None:
    """Start a project: one evaluation over your table, and what Dagster and git want beside it.

    FILE is a table (.csv, .tsv, .jsonl, .json, .parquet, .xlsx) and stays where it is: the project gets a copy. Without
    one a small example is written. FOLDER is the project's, default the present one. Nothing is ever overwritten.
    """
    from eval_assets.config.fields import SLUG_PATTERN
    from eval_assets.config.project import can_be_a_partition
    from eval_assets.config.settings import DATA_VARIABLE
    from eval_assets.starting.beginning import Wishes, begin

    if data_dir is not None:
        raise click.UsageError(f"init takes the project's folder without --data: `eval-assets init {data_dir} FILE`")
    folder, source = _told_apart(places)
    if name is not None and not can_be_a_partition(name):
        raise click.UsageError(
            f"--name: expected lower-case letters, digits, '.', '_' and '-' ({SLUG_PATTERN}), got {name!r}"
        )
    if delimiter is not None and len(delimiter.replace("\\t", "\t")) != 1:
        raise click.UsageError(f"--delimiter: expected one character such as ';' or '\\t', got {delimiter!r}")
    chosen = {ours: theirs for ours, theirs in columns.items() if theirs is not None}
    wishes = Wishes(name, chosen, slices, encoding, delimiter.replace("\\t", "\t") if delimiter else None)
    begun = begin(folder, source, wishes)
    say(f"project {folder}", err=True, dim=True)
    _show(begun)
    problems, lacking = _checked(folder, begun.name)
    for line in (*problems, *(f"note: {said}" for said in lacking)):
        say(line)
    if problems:
        say(f"{count_text(len(problems), 'problem')}: mend the files and try `eval-assets check`", err=True)
        sys.exit(ExitCode.NO_GO)
    there = "" if folder == Path.cwd() else f"cd {shlex.quote(str(_shortest(folder)))} && "
    # The variable would send the next commands elsewhere.
    named = f" --data {shlex.quote(str(folder))}" if os.environ.get(DATA_VARIABLE) else ""
    say(f"\nnext: {there}eval-assets run {begun.name} --limit {TRIAL_ROWS}{named}")
    say(f"then: eval-assets report {begun.name}{named}")


def _told_apart(places: tuple[Path, ...]) -> tuple[Path, Path | None]:
    """The folder and the table among the arguments, in either order.

    Raises:
        ConfigError: The table isn't there.
    """
    from eval_assets.config.problems import nearest
    from eval_assets.starting.source_table import SOURCE_SUFFIXES

    tables = [
        place for place in places if not place.is_dir() and (place.is_file() or place.suffix.lower() in SOURCE_SUFFIXES)
    ]
    folders = [place for place in places if place not in tables]
    if len(tables) > 1 or len(folders) > 1:
        raise click.UsageError(f"expected at most a folder and a table, got {', '.join(map(str, places))}")
    source = tables[0] if tables else None
    if source is not None and not source.is_file():
        beside = source.parent.iterdir() if source.parent.is_dir() else ()
        near = nearest(source.name, [path.name for path in beside if path.suffix.lower() in SOURCE_SUFFIXES])
        raise ConfigError(f"{source}: there is no such table; {near}")
    return (folders[0] if folders else Path.cwd()).resolve(), source


def _show(begun: "Beginning") -> None:
    from eval_assets.schemas.copies import COPIES

    schemas = f"{COPIES}/"
    for file in begun.written:
        if not file.startswith(schemas):
            say(f"wrote {file}")
    if any(file.startswith(schemas) for file in begun.written):
        say(f"wrote {schemas}: what editors complete and check the YAML with")
    for file in begun.kept:
        say(f"kept  {file}")
    roles = begun.columns
    read = {said: getattr(roles, ours) for ours, said in ROLES.items()} | {"slices": ", ".join(roles.slices) or None}
    said = "; ".join(f"{what}: {column}" for what, column in read.items() if column is not None)
    say(f"\n{count_text(begun.n_rows, 'row')}; {said}")
    for doubt in begun.doubts:
        say(f"note: {doubt}")


def _checked(folder: Path, evaluation: str) -> tuple[list[str], list[str]]:
    """What `eval-assets check` says of the project as it is now, and what this machine lacks for the evaluation."""
    from eval_assets.checking.references import check_project
    from eval_assets.checking.remarks import missing_prerequisites
    from eval_assets.config.project_files import load_project
    from eval_assets.config.settings import settings_from
    from eval_assets.stages.file_versions import FileVersions

    settings = settings_from(data_dir=folder)
    project = load_project(settings.data_dir, settings.warehouse_root)
    versions = FileVersions(project)
    found = check_project(project, versions.metrics)
    return found.problems, list(
        missing_prerequisites(project, versions, evaluation)
    ) if evaluation in found.usable else []


def _shortest(folder: Path) -> Path:
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
