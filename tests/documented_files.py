"""Projects that pages of the documentation show: fenced blocks, each below a line that begins with its path."""

import re
import sys
from pathlib import Path

BLOCK = re.compile(
    r"^`([\w./-]+\.(?:yaml|md|csv|jsonl|py|toml))`[^\n]*(?:\n(?!```)[^\n]+)*\n```\w+\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
ALIKE = re.compile(r"^`(data/\w+/[\w-]+\.yaml)` \(`([\w-]+\.yaml)` likewise", re.MULTILINE)

DOCS = Path(__file__).parents[1] / "docs"


def shown_in(page: str) -> dict[str, str]:
    """Path → content of every file of a page; `(…yaml likewise)` names one that says the same."""
    text = (DOCS / page).read_text("utf-8")
    files = dict(BLOCK.findall(text))
    alike = {str(Path(path).with_name(other)): files[path] for path, other in ALIKE.findall(text)}
    return {**files, **alike}


def write_shown(page: str, folder: Path) -> Path:
    """Write a page's project into a folder, and give its `data/`; modules of its names are imported anew."""
    for path, content in shown_in(page).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
        if file.suffix == ".py":
            sys.modules.pop(file.stem, None)
    return folder / "data"
