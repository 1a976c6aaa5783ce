"""From a table to a project with one evaluation of it: two files to edit, and what Dagster and git want beside them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from eval_assets.config.datasets.row_files import READABLE_SUFFIXES
from eval_assets.config.fields import MAX_NAME
from eval_assets.config.problems import places_text, relative
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.project_place import place_at
from eval_assets.errors import ConfigError, DatasetError
from eval_assets.schemas.copies import schema_line, write_schemas
from eval_assets.starting.column_roles import ColumnRoles
from eval_assets.starting.doubts import doubts_of, unasked
from eval_assets.starting.first_files import DEFINITIONS, GITIGNORE, MODEL, WORKSPACE, FirstEvaluation
from eval_assets.starting.source_table import SourceTable, read_source
from eval_assets.starting.usable_rows import fields_of, is_conversation, structured, understood

EXAMPLE_NAME = "first"
EXAMPLE = """\
id,question,answer,topic
1,What is the capital of France?,Paris,geography
2,Which river flows through Cairo?,The Nile,geography
3,How many sides does a hexagon have?,6,mathematics
4,What is 7 times 8?,56,mathematics
5,Who wrote Romeo and Juliet?,William Shakespeare,literature
6,In which language was Don Quixote written?,Spanish,literature
7,What gas do plants take in from the air?,Carbon dioxide,science
8,At how many degrees Celsius does water boil at sea level?,100,science
"""
"""The table of a project that is begun without one."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody says that would be told from the table otherwise.

    Args:
        name: Of the evaluation; default the name of the file.
        columns: Our column → the table's.
        slices: Columns to break results down by.
        encoding: Of the file.
        delimiter: Of the file.
    """

    name: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What was written, and what to know of it.

    Args:
        name: Of the evaluation.
        written: Files, from the project's folder.
        kept: Files that were there and stay as they are, with what they lack.
        n_rows: Rows of the dataset.
        columns: What its columns are.
        doubts: What is doubtful in the table.
    """

    name: str
    written: tuple[str, ...]
    kept: tuple[str, ...]
    n_rows: int
    columns: ColumnRoles
    doubts: tuple[str, ...]


def begin(folder: Path, source: Path | None, wishes: Wishes | None = None) -> Beginning:
    """Write a project, or one more evaluation of a project, over a table.

    Args:
        folder: The project's folder; made if it isn't there.
        source: The table; null for a small example.
        wishes: What isn't to be told from the table.

    Raises:
        ConfigError: The table can't be used, or a file that would be written exists: then nothing is written.
    """
    wishes = wishes or Wishes()
    place = place_at(folder)
    data = place.data_dir if place else folder / "data"
    name = wishes.name or slug(EXAMPLE_NAME if source is None else source.stem)
    _refuse_existing(data, name)
    table = _example() if source is None else read_source(source, encoding=wishes.encoding, delimiter=wishes.delimiter)
    columns, table = understood(table, wishes.columns, wishes.slices)
    left_out = unasked(table.rows, columns.inputs)
    table = table.without(left_out)
    if not table.rows:
        raise DatasetError(f"{table.file}: expected something in {columns.inputs!r}, no row has it; see --inputs")
    json_columns, table = structured(table, columns)
    suffix, content = table.data_file
    rows, evaluation = data / "datasets" / f"{name}{suffix}", data / "evaluations" / f"{name}.yaml"
    text = _evaluation(name, table, columns, json_columns, data_file=relative(rows, folder), data=data)
    beside = {
        folder / "definitions.py": DEFINITIONS,
        folder / "workspace.yaml": WORKSPACE,
        folder / ".gitignore": GITIGNORE,
    }
    wanted = {rows: content, evaluation: f"{schema_line('evaluations', evaluation, folder)}\n{text}".encode()}
    wanted |= {path: said.encode() for path, said in beside.items() if not path.exists()}
    doubts = [*table.done, *columns.guesses]
    if left_out:
        doubts.append(f"left out, for nothing stands in {columns.inputs!r}: {places_text(table.file, left_out)}")
    with _written(wanted):
        doubts += doubts_of(load_project(data).dataset(name), data / "datasets", relative(rows, folder))
    return Beginning(
        name=name,
        written=tuple(relative(path, folder) for path in (*wanted, *write_schemas(folder))),
        kept=tuple(_kept(path, said, folder) for path, said in beside.items() if path not in wanted),
        n_rows=len(table.rows),
        columns=columns,
        doubts=tuple(doubts),
    )


def _evaluation(
    name: str,
    table: SourceTable,
    columns: ColumnRoles,
    json_columns: Sequence[str] | None,
    *,
    data_file: str,
    data: Path,
) -> str:
    """The text of the evaluation's file, with names that nothing in the project has yet."""
    rows = [row for _, row in table.rows]
    known = load_project(data) if data.is_dir() else None
    return FirstEvaluation(
        name=name,
        data_file=data_file,
        columns=columns,
        task=columns.task(rows),
        json_columns=json_columns,
        fields=fields_of(rows, columns.inputs),
        is_conversation=is_conversation(rows, columns.inputs),
        model=MODEL,
        is_model_known=known is not None and MODEL in known.names("models"),
        prompts=_free_names(known, name),
    ).text


def slug(stem: str) -> str:
    """The name of an evaluation after a file's.

    >>> slug("Support Tickets (März 2026)"), slug("draft...final"), slug("日本")
    ('support-tickets-marz-2026', 'draft.final', 'first')
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")
    return re.sub(r"\.{3,}", ".", plain)[:MAX_NAME] or EXAMPLE_NAME


def _free_names(known: Project | None, evaluation: str) -> tuple[str, str]:
    """Names for the two prompts that nothing in the project has yet."""
    taken = [] if known is None else known.names("prompts")
    first, second = "sentence", "brief"
    return (f"{evaluation}-{first}", f"{evaluation}-{second}") if {first, second} & set(taken) else (first, second)


def _refuse_existing(data: Path, name: str) -> None:
    wanted = [data / "evaluations" / f"{name}.yaml", data / "datasets" / f"{name}.yaml"]
    wanted += [data / "datasets" / f"{name}{suffix}" for suffix in READABLE_SUFFIXES]
    if found := [path for path in wanted if path.exists()]:
        raise ConfigError(
            f"{', '.join(relative(path, data.parent) for path in found)}: there already, and `init` overwrites "
            f"nothing; `eval-assets run {name}` runs what is there, --name gives the new evaluation another name"
        )


@contextmanager
def _written(contents: Mapping[Path, bytes]) -> Iterator[None]:
    """Files that were not there are written, and are gone again if what is done with them fails."""
    written: list[Path] = []
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as opened:
                written.append(path)
                opened.write(content)
        yield
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _kept(path: Path, text: str, folder: Path) -> str:
    """A file that was there, and what it should have if it lacks anything."""
    name = relative(path, folder)
    if path.name == ".gitignore":
        there = path.read_text("utf-8", "replace").splitlines()
        lacking = [line for line in text.splitlines() if line.endswith("/") and line not in there]
        return f"{name}; add to it: {', '.join(lacking)}" if lacking else name
    return name


def _example() -> SourceTable:
    rows = [
        (line, dict(zip(("id", "question", "answer", "topic"), text.split(","), strict=True)))
        for line, text in enumerate(EXAMPLE.splitlines()[1:], start=2)
    ]
    return SourceTable(f"{EXAMPLE_NAME}.csv", rows, ".csv", EXAMPLE.encode())
