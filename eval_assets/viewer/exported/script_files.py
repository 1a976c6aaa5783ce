"""Files that pages are filled from: scripts that hand over one value, since pages on a disk may load nothing else."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import escape

from eval_assets.config.settings import Settings
from eval_assets.reports.rendered.page.html import script_json
from eval_assets.viewer.exported.folder import can_be_written
from eval_assets.wording.foreign_text import visible_text

FEWEST_PARTS = 3
"""Of a path that says where a project lies: `/srv` is as good as any word."""


@dataclass
class Writer:
    """Writes files into a folder, without the paths of this machine.

    Args:
        folder: Where.
        paths: What is not to be told.
    """

    folder: Path
    paths: tuple[str, ...]
    n_files: int = 0
    n_bytes: int = 0
    _hidden: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        forms = {form for path in self.paths for form in (path, str(escape(path)), script_json({"": path})[5:-2])}
        words = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        begins = r"(?:(?<!\w)|(?<=\\[nrt]))"  # a line end in JSON is a letter
        self._hidden = re.compile(rf"{begins}(?:{words})(?![\w-])") if words else None

    def write(self, name: str, text: str) -> None:
        """Write a file.

        Args:
            name: Relative to the folder; made of slugs and numbers alone.
            text: What it holds, paths still in it.
        """
        path = self.folder / name
        content = (self._hidden.sub("…", text) if self._hidden else text).encode()
        with can_be_written(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.n_files += 1
        self.n_bytes += len(content)

    def hand_over(self, place: str, name: str, value: Any) -> None:
        """Write a file that hands a value to the page's script.

        Args:
            place: Folder of the evaluation's files.
            name: Of the value there.
            value: Lists, texts and numbers, with names of this package alone as keys: those of users could be ones
                that a script takes for something else.
        """
        self.write(f"{place}/{name}.js", f"evalAssets.given({json.dumps(name)},{script_json(value)});\n")


def machine_paths(settings: Settings) -> tuple[str, ...]:
    """Where a project and its tables lie on this machine."""
    folders: Iterable[object] = (
        settings.project_dir.absolute(),
        settings.project_dir.resolve(),
        settings.data_dir.absolute(),
        settings.data_dir.resolve(),
        settings.state_dir,
        *([] if "://" in settings.warehouse_root else [settings.warehouse_root]),
    )
    return tuple(dict.fromkeys(str(path) for path in folders if len(Path(str(path)).parts) >= FEWEST_PARTS))


def shown_text(text: str | None) -> str | None:
    """A text as pages have it: control characters as their codes; null where there is none."""
    return visible_text(text) if text else None
