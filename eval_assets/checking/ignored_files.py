"""Files in `data/` that nothing would read because of their name or for want of a card."""

from collections.abc import Iterator
from pathlib import Path

from eval_assets.config.datasets.row_files import READABLE_SUFFIXES, ROW_SUFFIXES
from eval_assets.config.problems import Problem, relative
from eval_assets.config.project import SUFFIXES, Project

MISTAKEN_SUFFIXES = {".yaml": (".yml",), ".md": (".txt", ".markdown")}
"""The suffix of a kind → those under which such a file is written by mistake."""


def ignored_files(project: Project) -> Iterator[Problem]:
    """Files that look like input and are none, each with what to do."""
    for kind, suffix in SUFFIXES.items():
        for path in _files(project.data_dir / kind):
            if path.suffix != suffix and path.suffix.lower() in (suffix, *MISTAKEN_SUFFIXES[suffix]):
                said = f"expected a name that ends in {suffix}, files of other names are not read; "
                said += f"rename it to {path.stem}{suffix}"
                yield Problem(relative(path, project.data_dir.parent), said)
    if not any(kind == "datasets" for kind, _ in project.broken):
        yield from _rows_without_card(project)


def ignored_twin(project: Project, kind: str, name: str) -> str | None:
    """What to do with a file that has a wanted name and the wrong suffix; null if there is none."""
    suffix = SUFFIXES[kind]
    for path in (project.data_dir / kind / f"{name}{mistaken}" for mistaken in MISTAKEN_SUFFIXES[suffix]):
        if path.is_file():
            return f"rename {relative(path, project.data_dir.parent)} to {name}{suffix}"
    return None


def _rows_without_card(project: Project) -> Iterator[Problem]:
    """Row files that no card names, or has beside it; a broken card could name any."""
    read = {path for name in project.datasets for path in _files_of(project, name)}
    for path in _files(project.datasets_dir):
        if path.suffix in ROW_SUFFIXES and path.resolve() not in read:
            card = f"{path.stem}.yaml"
            said = f"no dataset card names this file, so it is not read; write the card {card} beside it, or remove it"
            yield Problem(relative(path, project.data_dir.parent), said)


def _files_of(project: Project, name: str) -> Iterator[Path]:
    card = project.datasets[name].item.card
    named = [card.file, card.documents.file if card.documents else None, *(labels.file for labels in card.labels)]
    beside = [] if card.file else [f"{name}{suffix}" for suffix in READABLE_SUFFIXES]
    for file in (*filter(None, named), *beside):
        yield (project.datasets_dir / file).resolve()


def _files(folder: Path) -> list[Path]:
    """Files of a folder that are not hidden."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_file())
