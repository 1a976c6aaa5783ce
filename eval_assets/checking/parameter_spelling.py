"""What `check` says of parameters that a model doesn't take, and of limits that its thoughts use up."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.checking.file_names import files_used
from eval_assets.config.files.parameter_names import TOKEN_LIMITS
from eval_assets.config.model import Model, has_dialects
from eval_assets.config.project import Project
from eval_assets.judges.opinions import asking_parameters
from eval_assets.providers.dialects.families import Names, not_honoured, thinks
from eval_assets.providers.dialects.found_out import Dialect, DialectMemory, left_out
from eval_assets.providers.identity import lane_of_model

LITTLE_ROOM = 1_024
"""Limit of tokens below which most models that think get to no answer."""


def spelling_remarks(project: Project, name: str, memory: DialectMemory) -> Iterator[str]:
    """One line for each candidate model and judge of an evaluation whose parameters can't be honoured as they stand.

    Args:
        project: The loaded files.
        name: Of an evaluation that can run.
        memory: What was found out about endpoints.
    """
    for model, asker, parameters in asked_parameters(project, name):
        missing = not_honoured(parameters, dialect_of(model, memory).names(parameters))
        if missing:
            yield f"evaluation {name}: {asker}model {model.name!r} {left_out(missing)}"
        limit = next((parameters[limit] for limit in TOKEN_LIMITS if limit in parameters), None)
        if not asker and thinks(model.file) and isinstance(limit, int) and limit < LITTLE_ROOM:
            yield (
                f"evaluation {name}: model {model.name!r} thinks before it answers, within the same {limit} tokens; "
                f"{LITTLE_ROOM:,} or more let it answer"
            )


def asked_parameters(project: Project, name: str) -> Iterator[tuple[Model, str, Mapping[str, Any]]]:
    """Each served model of an evaluation, for whom it is asked (nobody for a candidate), and with which parameters."""
    evaluation = project.evaluation(name)
    for candidate in evaluation.file.models:
        model = project.model(candidate)
        if has_dialects(model.file.provider):
            yield model, "", model.file.parameters
    for _, used in (used for used in files_used(project, evaluation) if used[0] == "judges"):
        judge = project.judge(used)
        if judge.file.model is not None and has_dialects((model := project.model(judge.file.model)).file.provider):
            yield model, f"judge {used!r} on ", asking_parameters(judge.file, model)


def dialect_of(model: Model, memory: DialectMemory) -> Dialect:
    """The dialect of a served model."""
    return Dialect.of(model, lane_of_model(model), memory)


def renamed(names: Names) -> str:
    """The words for parameters that go by another name.

    >>> renamed({"max_tokens": "max_completion_tokens", "temperature": None})
    'calls max_tokens max_completion_tokens'
    """
    return "; ".join(f"calls {name} {sent_as}" for name, sent_as in names.items() if sent_as not in (None, name))
