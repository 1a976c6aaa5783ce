"""Jurors: judges with a model of their own, on the scale of their jury. Whether they exist: `file_names`."""

from collections.abc import Iterator

from eval_assets.config.judge import Judge
from eval_assets.config.problems import Problem
from eval_assets.config.project import Loaded, Project


def jury_problems(project: Project, loaded: Loaded[Judge]) -> Iterator[Problem]:
    """Jurors that can't sit in a jury; none of a judge that is no jury.

    Args:
        project: The loaded files.
        loaded: The judge.
    """
    jury = loaded.item.file
    for index, name in enumerate(jury.jurors if jury.kind == "jury" else ()):
        juror = project.judges.get(name)
        place = ("jurors", index) if ("jurors", index) in loaded.lines else ("jurors",)
        if juror is None:
            continue
        if juror.item.file.kind == "jury":
            who = "the jury itself" if name == loaded.item.name else f"{name!r}, which is a jury"
            yield loaded.problem(place, f"expected judges with a model of their own, got {who}")
        elif juror.item.file.scale != jury.scale:
            said = f"expected jurors on the scale of the jury, {jury.scale.span}, got {name!r} with "
            yield loaded.problem(place, f"{said}{juror.item.file.scale.span}; write the same `scale` in both files")
