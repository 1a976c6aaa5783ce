"""Which folder is the project: the nearest upwards, or one that is named. What the environment adds: `settings`."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from eval_assets.config.fields import FileModel
from eval_assets.config.files.places import declared_text
from eval_assets.config.files.yaml_documents import Document, validate
from eval_assets.config.problems import Location, Problem, line_of, raise_problems
from eval_assets.errors import ConfigError

SETTINGS_FILE = "eval-assets.toml"
MAX_SHOWN = 4

KEY_PART = r"^[A-Za-z0-9_-]+$"
KeyPart = Annotated[str, StringConstraints(pattern=KEY_PART)]
GroupName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")]
"""What Dagster takes for a part of an asset's key and for a group."""


class SettingsFile(FileModel):
    """Contents of `eval-assets.toml`; an empty one says that its folder is a project whose files lie in `data/`."""

    data: str = Field("data", description="Folder with the files users edit, below the one of this file.")
    warehouse: str | None = Field(
        None, description="Root of the Delta tables: a folder, from here, or an object store URL."
    )
    state: str | None = Field(None, description="Local folder, from here, for reply journals and locks.")
    key_prefix: tuple[KeyPart, ...] = Field(
        (),
        description="Parts before the key of each asset, where the project is a part of somebody's Dagster deployment.",
    )
    group: GroupName | None = Field(None, description="Group of the assets in Dagster; `evaluation` when absent.")


@dataclass(frozen=True, slots=True)
class ProjectPlace:
    """Where a project lies.

    Args:
        folder: The project's folder.
        data_dir: The files users edit.
        warehouse: Root of the tables, if the project says one.
        state_dir: Folder for journals and locks, if the project says one.
        key_prefix: Parts before the key of each asset.
        group: Group of the assets, if the project says one.
    """

    folder: Path
    data_dir: Path
    warehouse: str | None = None
    state_dir: Path | None = None
    key_prefix: tuple[str, ...] = ()
    group: str | None = None


def place_upwards(start: Path) -> ProjectPlace:
    """The project that a folder belongs to: the nearest folder upwards that is one.

    A folder is a project if it has `eval-assets.toml`, or `data/` with `evaluations/` in it.

    Raises:
        ConfigError: None of the folders is a project, or its `eval-assets.toml` can't be used.
    """
    start = start.resolve()
    if place := nearest_place(start):
        return place
    looked = [str(folder) for folder in (start, *start.parents)]
    shown = ", ".join(looked if len(looked) <= MAX_SHOWN else [*looked[: MAX_SHOWN - 1], "…", looked[-1]])
    raise ConfigError(
        f"expected a project: a folder with {SETTINGS_FILE}, or with data/evaluations/; looked in {shown}; "
        "go to a project, name one with --data or EVAL_ASSETS_DATA, or start one here: `eval-assets init`"
    )


def nearest_place(start: Path) -> ProjectPlace | None:
    """As `place_upwards`; null where none of the folders is a project."""
    start = start.resolve()
    return next((place for folder in (start, *start.parents) if (place := place_at(folder))), None)


def place_named(named: Path) -> ProjectPlace:
    """The project that somebody names by its folder, or by the folder of its files.

    Raises:
        ConfigError: The `eval-assets.toml` of the project can't be used.
    """
    named = named.resolve()
    if not _is_folder(named / "evaluations") and (place := place_at(named)):
        return place
    for folder in named.parents:
        if _is_file(folder / SETTINGS_FILE):
            place = _declared_place(folder)
            if place.data_dir == named:
                return place
            break
    return ProjectPlace(named.parent, named)


def place_at(folder: Path) -> ProjectPlace | None:
    """The project that a folder is; null if it is none.

    Raises:
        ConfigError: Its `eval-assets.toml` can't be used.
    """
    if _is_file(folder / SETTINGS_FILE):
        return _declared_place(folder)
    data = folder / "data"
    return ProjectPlace(folder, data.resolve()) if _is_folder(data / "evaluations") else None


def _declared_place(folder: Path) -> ProjectPlace:
    """What `eval-assets.toml` says; paths in it begin at its folder."""
    file = str(folder / SETTINGS_FILE)
    document = _toml_document(declared_text(folder / SETTINGS_FILE, file=file, root=folder), file=file)
    declared = validate(document, SettingsFile)
    data = (folder / declared.data).resolve()
    if folder not in data.parents:
        # What files may name and import is what lies in the folder above them.
        said = f"expected a folder below {folder}, got {declared.data!r}; put the files into one, such as data/"
        raise_problems([Problem(file, said, line_of(("data",), document.lines), "data")])
    warehouse = declared.warehouse
    if warehouse and "://" not in warehouse:
        warehouse = str((folder / warehouse).resolve())
    state = (folder / declared.state).resolve() if declared.state else None
    return ProjectPlace(folder, data, warehouse, state, declared.key_prefix, declared.group)


def _toml_document(text: str, *, file: str) -> Document:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    lines: dict[Location, int] = {(): 1}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r"""\s*\[?\s*["']?([\w-]+)["']?\s*[\]=]""", line):
            lines.setdefault((found.group(1),), number)
    return Document(file, values, lines)


def _is_file(path: Path) -> bool:
    """As `Path.is_file`; what may not be looked at is none."""
    return os.path.isfile(path)  # noqa: PTH113 - Path's own raises where a folder can't be searched


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - as above
