"""The files of a small project as benchmarks write them. What they hold is the matter of each benchmark."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class WrittenProject:
    """A project folder whose models are served at an address."""

    folder: Path
    base_url: str

    def write(self, kind: str, name: str, **content: object) -> None:
        """Write a YAML file, over its former fields."""
        path = self._path(kind, f"{name}.yaml")
        former = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**former, **content}))

    def write_prompt(self, name: str, text: str) -> None:
        """Write a prompt of one message of the user."""
        self._path("prompts", f"{name}.md").write_text(f"## user\n{text}\n")

    def write_rows(self, dataset: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Write the rows of a dataset, in place of its former ones."""
        self._path("datasets", f"{dataset}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def _path(self, kind: str, file: str) -> Path:
        folder = self.folder / "data" / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / file
