"""Names: of files and candidates that don't exist or can't be used, and of files that nothing would read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES, ROW_SUFFIXES
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Location, Problem, nearest, relative
from eval_assets.config.project import MAX_CELLS, SUFFIXES, Loaded, Project

MISTAKEN_SUFFIXES = {".yaml": (".yml",), ".md": (".txt", ".markdown")}
"""The suffix of a kind → those under which such a file is written by mistake."""


def unknown_files(
    project: Project, loaded: Loaded[Any], kind: str, names: Sequence[str], location: Location
) -> Iterator[Problem]:
    """Names of files of a kind that don't exist or can't be used.

    Args:
        project: The loaded files.
        loaded: The file that names them.
        kind: The folder in which they should be.
        names: The names.
        location: The field that has them, one or a list.
    """
    known = project.names(kind)
    for index, name in enumerate(names):
        place = (*location, index) if (*location, index) in loaded.lines else location
        if name not in known:
            twin = ignored_twin(project, kind, name)
            hint = twin or nearest(name, known)
            yield loaded.problem(place, f"expected a file of data/{kind}, got {name!r}; {hint}")
        elif (kind, name) in project.broken:
            yield loaded.problem(place, f"data/{kind} holds {name!r}, but that file can't be used")


def candidate_problems(project: Project, loaded: Loaded[Evaluation]) -> Iterator[Problem]:
    """What is wrong with the candidates of an evaluation: those skipped, the baseline, their number, the judge."""
    file = loaded.item.file
    candidates = loaded.item.candidates
    everything = [Candidate.of(model, prompt) for model in file.models for prompt in file.prompts]
    for index, candidate in enumerate(file.skip):
        if candidate not in everything:
            said = f"expected a candidate model@prompt, got {candidate!r}; {nearest(candidate, everything)}"
            yield loaded.problem(("skip", index), said)
    if not candidates:
        yield loaded.problem(("skip",), "expected at least one candidate to be left")
    elif loaded.item.baseline not in candidates:
        said = f"expected one of the candidates, got {file.baseline!r}; {nearest(str(file.baseline), candidates)}"
        yield loaded.problem(("baseline",), said)
    if len(candidates) > MAX_CELLS:
        said = (
            f"expected at most {MAX_CELLS} candidates, got {len(candidates)}: with 100 or more upstream partitions "
            "Dagster takes the comparison for fresh for ever; split the evaluation into several files"
        )
        yield loaded.problem(("models",), said)
    asked = project.judges.get(file.pairwise.judge) if file.pairwise else None
    if asked is not None and asked.item.file.kind != "rubric":
        kind = asked.item.file.kind
        said = f"expected a judge of kind 'rubric' to compare outputs, {asked.item.name!r} is a {kind}"
        yield loaded.problem(("pairwise", "judge"), said)


def files_used(project: Project, evaluation: Evaluation) -> list[tuple[str, str]]:
    """Kind and name of every file an evaluation uses, by itself or through its judges; unknown names among them."""
    file = evaluation.file
    judges = list(file.judges) + ([file.pairwise.judge] if file.pairwise else [])
    jurors = [juror for name in judges if name in project.judges for juror in project.judge(name).file.jurors]
    judges = list(dict.fromkeys([*judges, *jurors]))
    asked = [project.judge(name).file.model for name in judges if name in project.judges]
    models = dict.fromkeys([*file.models, *(model for model in asked if model is not None)])
    return [
        ("datasets", file.dataset),
        *(("prompts", prompt) for prompt in file.prompts),
        *(("models", model) for model in models),
        *(("judges", judge) for judge in judges),
    ]


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
    beside = [] if card.file or card.rows else [f"{name}{suffix}" for suffix in READABLE_SUFFIXES]
    for file in (*filter(None, named), *beside):
        yield (project.datasets_dir / file).resolve()


def _files(folder: Path) -> list[Path]:
    """Files of a folder that are not hidden."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_file())
