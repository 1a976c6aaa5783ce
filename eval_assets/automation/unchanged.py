"""Whether anything that the sensor `watch_files` reads is another than at its last look: told by states, nothing read.

A look reads every file and every table's commits, which takes seconds in a big project and mostly finds nothing.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from eval_assets.config.datasets.row_places import places_elsewhere
from eval_assets.config.files.file_states import FileState, are_settled, state_of
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.stages.stage_table import FILES
from eval_assets.storage.warehouse import Warehouse

WHOLE_LOOK_SECONDS = 300
"""After so long everything is read, for what no state tells: code outside the project, partitions wiped in Dagster."""

NOBODYS = ("node_modules", "__pycache__")

State = tuple[str | None, frozenset[FileState], tuple[object, ...]]


class LastLook:
    """What a look of this process saw, and when.

    Args:
        settings: Where the files lie.
        warehouse: The tables.
        loaded: The datasets, of which some may have their rows elsewhere.
    """

    def __init__(self, settings: Settings, warehouse: Warehouse, loaded: Project) -> None:
        self._settings, self._warehouse, self._loaded = settings, warehouse, loaded
        self._seen: tuple[State, float] | None = None

    def is_the_same(self, state: State) -> bool:
        """Whether a look in this state would see what the last one saw."""
        if self._seen is None or time.monotonic() - self._seen[1] > WHOLE_LOOK_SECONDS:
            return False
        return self._seen[0] == state

    def remember(self, state: State, cursor: str) -> None:
        """Note a look that began in a state and left a cursor."""
        _, files, versions = state
        # A further edit of a file that was edited this instant may not show in its state.
        self._seen = ((cursor, files, versions), time.monotonic()) if are_settled(files) else None

    def state(self, cursor: str | None) -> State:
        """All that a look depends on: what was asked for, files of `data/`, code beside it, versions of the tables."""
        elsewhere = places_elsewhere(
            (loaded.item for loaded in self._loaded.datasets.values()), self._loaded.datasets_dir
        )
        paths = (*_files(self._settings), *(place.file for place in elsewhere if place.file is not None))
        files = (state_of(path) for path in paths)
        versions = (*(self._warehouse.version(table) for table in FILES), *(place.state() for place in elsewhere))
        return cursor, frozenset(state for state in files if state is not None), versions


def _files(settings: Settings) -> Iterator[Path]:
    """Files of `data/`, whatever they are, and modules anywhere in the project; the tables aside."""
    data, warehouse = settings.data_dir.resolve(), settings.warehouse_root
    for folder, inner, names in os.walk(data.parent):
        here = Path(folder)
        inner[:] = [name for name in inner if not name.startswith(".") and _is_looked_at(here / name, warehouse)]
        is_data = here.is_relative_to(data)
        yield from (here / name for name in names if is_data or name.endswith(".py"))


def _is_looked_at(folder: Path, warehouse: str) -> bool:
    return folder.name not in NOBODYS and str(folder) != warehouse and not (folder / "pyvenv.cfg").exists()
