"""`eval-assets check --machine`: whether a machine that is to run cells has the folders for it. Nothing is sent."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from eval_assets.config.settings import STATE_VARIABLE, WAREHOUSE_VARIABLE, Settings
from eval_assets.errors import EvalAssetsError
from eval_assets.storage.warehouse import Warehouse


def folder_problems(settings: Settings) -> Iterator[str]:
    """Of the local folder and the warehouse, those that can't be used, a line each; the local ones are made."""
    if fault := _not_writable(settings.state_dir):
        yield f"expected a folder for journals and locks that can be written, got {fault}; set {STATE_VARIABLE}"
    try:
        warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
        if warehouse.is_local and (fault := _not_writable(Path(warehouse.root))):
            yield f"expected a warehouse that can be written, got {fault}; set {WAREHOUSE_VARIABLE}"
        else:
            warehouse.last_commits("evaluations")
    except (EvalAssetsError, OSError) as error:
        yield f"expected a warehouse that can be read: {error}"


def _not_writable(folder: Path) -> str:
    """The folder, and why nothing can be written into it; empty if something can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{str(folder)!r}: {error.strerror or error}"
