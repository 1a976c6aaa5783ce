"""`ea.evaluate`, `ea.aevaluate` and `ea.plan`."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from eval_assets.api.arguments.declared import DeclaredJudge
from eval_assets.api.assembly import Assembled, Choices, assembled
from eval_assets.api.project_choice import chosen_settings
from eval_assets.api.results.planned import PlannedEvaluation
from eval_assets.api.results.result import EvaluationResult, evaluated
from eval_assets.api.without_dagster import opened_room
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.planning.plan import make_plan
from eval_assets.planning.plan_text import plan_text
from eval_assets.stages.spending import Spending

ROWS_FOLDER = "python"
"""Below the folder of journals: rows and outputs that calls were given, by their content."""

Cache = Literal["use", "refresh", "replay"]


def evaluate(  # noqa: PLR0913  what may be chosen, each by name
    data: Any,
    *candidates: Any,
    columns: Mapping[str, str] | None = None,
    task: str = "auto",
    metrics: Any = "default",
    judges: Sequence[str | DeclaredJudge] = (),
    baseline: str | None = None,
    samples: int = 1,
    slices: Sequence[str] = (),
    cluster: str | None = None,
    cache: Cache = "use",
    max_cost_usd: float | None = None,
    name: str | None = None,
    project: str | os.PathLike[str] | None = None,
) -> EvaluationResult:
    """Evaluate candidates on data: each answers every row, every answer is scored, all are compared with a baseline.

    A function that is a candidate is given by name what it asks for: columns of the row, `messages` (the rendered
    prompt), `prompt`, `columns`, `sample_index`, and where `inputs` is an object its fields; one whose only argument
    has another name is given the `inputs`. It may be `async`. One that takes `rows` is a batch function: it is given a
    list of rows and returns as many replies. It is asked again only if its code, defaults, closure or what it names of
    its module changed. It may run in several threads at once; `ea.Model(function=…, limits={"max_concurrency": 1})`
    keeps it to one.

    Works inside a running event loop, too, whose other tasks wait meanwhile; `await ea.aevaluate(…)` lets them go on.

    Args:
        data: A pandas or polars frame, a list of mappings, a path, or the name of a dataset of the project. The columns
            `inputs`, `targets` and `context` are known by name; rows of MLflow's shape as they are.
        candidates: Functions, "model@prompt" of the project, `ea.Model(…)`, or names of columns that hold outputs.
            Without any, the column `outputs` (or `output`, `predictions`, `prediction`).
        columns: Our column → yours, where the names differ: {"inputs": "question", "targets": "answer"}.
        task: Brings the default metrics: "question-answering", "text-summarization", "text" or "retriever". "auto": the
            dataset's, else question answering where there are targets, else text.
        metrics: "default", or a list of names, functions and mappings with the fields of an evaluation file; "default"
            among them keeps the defaults of the task.
        judges: Names of judges of the project, or `ea.Judge(…)`.
        baseline: The candidate others are compared with, by its label; default the first.
        samples: Replies asked per row and candidate.
        slices: Columns to break results down by.
        cluster: Column whose equal values mark rows that depend on each other.
        cache: "use" stored replies; "refresh": ask everything again; "replay": send nothing.
        max_cost_usd: Stop before the request that could exceed this.
        name: Of the evaluation, so that later ones of this name follow it; default one made of data and candidates.
        project: Folder of the project; default the one found from the working directory upwards.

    Raises:
        ConfigError: An argument can't be used; says what was expected, and what came.
        EvalAssetsError: A candidate or judge can't be asked at all. Rows that fail are rows: see `r.errors`.
    """
    choices = Choices(
        columns=columns, task=task, metrics=metrics, judges=judges, baseline=baseline, samples=samples, slices=slices,
        cluster=cluster, name=name,
    )  # fmt: skip
    settings, together = _assembled(data, candidates, choices, project)
    return evaluated(settings, together, Spending(cache=cache, max_cost_usd=max_cost_usd))


async def aevaluate(data: Any, *candidates: Any, **choices: Any) -> EvaluationResult:
    """As `evaluate`, while other tasks of the event loop go on."""
    return await asyncio.to_thread(evaluate, data, *candidates, **choices)


def plan(  # noqa: PLR0913  as `evaluate`
    data: Any,
    *candidates: Any,
    columns: Mapping[str, str] | None = None,
    task: str = "auto",
    metrics: Any = "default",
    judges: Sequence[str | DeclaredJudge] = (),
    baseline: str | None = None,
    samples: int = 1,
    slices: Sequence[str] = (),
    cluster: str | None = None,
    cache: Cache = "use",
    max_cost_usd: float | None = None,
    name: str | None = None,
    project: str | os.PathLike[str] | None = None,
) -> PlannedEvaluation:
    """What `evaluate` with these arguments would send, and what that would cost. Nothing is sent.

    The arguments are those of `evaluate`, and are refused alike.
    """
    choices = Choices(
        columns=columns, task=task, metrics=metrics, judges=judges, baseline=baseline, samples=samples, slices=slices,
        cluster=cluster, name=name,
    )  # fmt: skip
    settings, together = _assembled(data, candidates, choices, project)
    with together.said_as_given(), opened_room(settings, together.project) as room:
        spending = Spending(cache=cache, max_cost_usd=max_cost_usd)
        made = make_plan(room, evaluations=[together.name], spending=spending)
    return PlannedEvaluation(made, together.as_given(plan_text(made)))


def _assembled(
    data: Any, candidates: Sequence[Any], choices: Choices, project: str | os.PathLike[str] | None
) -> tuple[Settings, Assembled]:
    settings = chosen_settings(project)
    files: Project = load_project(settings.data_dir, settings.warehouse_root)
    folder = settings.state_dir / ROWS_FOLDER
    return settings, assembled(data, candidates, choices, project=files, folder=folder)
