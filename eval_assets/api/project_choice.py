"""Which project a call of the Python door works in."""

import os
import sys
from functools import cache
from pathlib import Path

from eval_assets.config.project import SUFFIXES
from eval_assets.config.project_place import nearest_place
from eval_assets.config.settings import DATA_VARIABLE, Settings, settings_from
from eval_assets.errors import ConfigError
from eval_assets.storage.warehouse import Warehouse

SCRATCH = Path("eval-assets", "scratch")


def chosen_settings(project: str | os.PathLike[str] | None) -> Settings:
    """Where files are looked up, and where the tables of a call lie.

    Args:
        project: Folder of a project, or its `data/`; null: the project found from the working directory upwards, else
            a scratch project in the user's cache folder, which is said once.

    Raises:
        ConfigError: There is no project in the folder that is named.
    """
    if project is not None:
        folder = Path(project)
        settings = settings_from(data_dir=folder)
        if not any((settings.data_dir / kind).is_dir() for kind in SUFFIXES):
            raise ConfigError(
                "project: expected the folder of a project, which has data/evaluations/ or eval-assets.toml, "
                f"got {str(project)!r}"
            )
        return settings
    if os.environ.get(DATA_VARIABLE) or nearest_place(Path.cwd()):
        return settings_from()
    return settings_from(data_dir=_scratch_data())


def opened_warehouse(settings: Settings) -> Warehouse:
    """The tables, kept open for the calls to come: opening all of them takes as long as a small evaluation."""
    return _warehouse_at(settings.warehouse_root, tuple(sorted(settings.storage_options.items())))


@cache
def _warehouse_at(root: str, storage_options: tuple[tuple[str, str], ...]) -> Warehouse:
    return Warehouse(root, dict(storage_options))


def is_scratch(settings: Settings) -> bool:
    """Whether these are of the scratch project, which nobody sees as a folder of files."""
    return settings.data_dir.is_relative_to((cache_folder() / SCRATCH).resolve())


def cache_folder() -> Path:
    """Where this system keeps what programs can make again."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named)
    match sys.platform:
        case "darwin":
            return Path.home() / "Library" / "Caches"
        case "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        case _:
            return Path.home() / ".cache"


def _scratch_data() -> Path:
    folder = cache_folder() / SCRATCH
    for kind in SUFFIXES:
        (folder / "data" / kind).mkdir(parents=True, exist_ok=True)
    _say_scratch(folder)
    return folder / "data"


@cache
def _say_scratch(folder: Path) -> None:
    """Say, once in a process, where results are kept that belong to no project."""
    sys.stderr.write(
        f"eval-assets: no project in {Path.cwd()} or above it; replies and tables are kept in {folder} "
        "(`project=` names another folder)\n"
    )
