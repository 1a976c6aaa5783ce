"""Names of files and candidates: do they exist, can they be used, and are there too many?"""

from collections.abc import Iterator, Sequence
from typing import Any

from eval_assets.checking.ignored_files import ignored_twin
from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Location, Problem, field_path, line_of, nearest
from eval_assets.config.project import MAX_CELLS, Loaded, Project


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
        field = field_path(place)
        line = line_of(place, loaded.lines)
        if name not in known:
            twin = ignored_twin(project, kind, name)
            hint = twin or nearest(name, known)
            yield Problem(loaded.file, f"expected a file of data/{kind}, got {name!r}; {hint}", line, field)
        elif (kind, name) in project.broken:
            yield Problem(loaded.file, f"data/{kind} holds {name!r}, but that file can't be used", line, field)


def candidate_problems(project: Project, loaded: Loaded[Evaluation]) -> list[Problem]:
    """What is wrong with the candidates of an evaluation: those skipped, the baseline, their number, the judge."""
    file = loaded.item.file
    candidates = loaded.item.candidates
    problems: list[Problem] = []

    def problem(location: Location, message: str) -> None:
        problems.append(Problem(loaded.file, message, line_of(location, loaded.lines), field_path(location)))

    everything = [Candidate.of(model, prompt) for model in file.models for prompt in file.prompts]
    for index, candidate in enumerate(file.skip):
        if candidate not in everything:
            problem(
                ("skip", index),
                f"expected a candidate model@prompt, got {candidate!r}; {nearest(candidate, everything)}",
            )
    if not candidates:
        problem(("skip",), "expected at least one candidate to be left")
    elif loaded.item.baseline not in candidates:
        problem(
            ("baseline",),
            f"expected one of the candidates, got {file.baseline!r}; {nearest(str(file.baseline), candidates)}",
        )
    if len(candidates) > MAX_CELLS:
        problem(
            ("models",),
            f"expected at most {MAX_CELLS} candidates, got {len(candidates)}: with 100 or more upstream partitions "
            "Dagster takes the comparison for fresh for ever; split the evaluation into several files",
        )
    asked = project.judges.get(file.pairwise.judge) if file.pairwise else None
    if asked is not None and asked.item.file.kind != "rubric":
        kind = asked.item.file.kind
        said = f"expected a judge of kind 'rubric' to compare outputs, {asked.item.name!r} is a {kind}"
        problem(("pairwise", "judge"), said)
    return problems


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
