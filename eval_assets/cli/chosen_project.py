"""The project a command is about, which the command names in one line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from eval_assets.cli.saying import say

if TYPE_CHECKING:
    from eval_assets.config.settings import Settings


def chosen_settings(data_dir: Path | None) -> "Settings":
    """The settings of the project that `--data`, the environment or the working directory names, and say which it is.

    The line goes to standard error: what a command prints stays clean for pipes.

    Raises:
        ConfigError: There is no project.
    """
    from eval_assets.config.settings import DATA_VARIABLE, WAREHOUSE_VARIABLE, settings_from

    settings = settings_from(data_dir=data_dir)
    said = [f"project {settings.project_dir}"]
    if data_dir is None and os.environ.get(DATA_VARIABLE):
        said.append(f"named by {DATA_VARIABLE}")
    if settings.data_dir != settings.project_dir / "data":
        said.append(f"files in {settings.data_dir}")
    if os.environ.get(WAREHOUSE_VARIABLE):
        said.append(f"tables in {settings.warehouse_root}")
    say(", ".join(said).replace("\n", "\\n"), err=True, dim=True)
    return settings
