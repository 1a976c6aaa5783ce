"""The project that a call evaluates: the files of a project, and in memory beside them what the call was given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval_assets.api.arguments.declared import DeclaredJudge, DeclaredModel
from eval_assets.api.arguments.declaring import (
    declared,
    loaded_judge,
    loaded_model,
    rows_file,
    slug,
    unique_name,
    yaml_text,
)
from eval_assets.api.arguments.given_candidates import GivenCandidate, given_candidates
from eval_assets.api.arguments.given_metrics import given_metrics
from eval_assets.api.arguments.given_rows import GivenRows, given_rows
from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.dataset import Dataset, DatasetCard, TaskType
from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.problems import nearest, relative
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import ConfigError, EvalAssetsError
from eval_assets.metrics.registry import TASK_DEFAULTS

FROM_PYTHON = "python"
"""How the names of evaluations and datasets begin that no file declares."""

SAID = "ea.evaluate"
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The arguments of `ea.evaluate` besides data and candidates; see there."""

    columns: Mapping[str, str] | None = None
    task: str = "auto"
    metrics: Any = "default"
    judges: Sequence[str | DeclaredJudge] = ()
    baseline: str | None = None
    samples: int = 1
    slices: Sequence[str] = ()
    cluster: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """An evaluation in memory.

    Args:
        project: Files, and what was given.
        name: The evaluation's, in tables.
        rows: The data.
        candidates: As they were given.
        declared: The fields of the evaluation file.
        notes: What the user should know about what was given.
    """

    project: Project
    name: str
    rows: GivenRows
    candidates: tuple[GivenCandidate, ...]
    declared: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def task(self) -> TaskType:
        """Of the evaluation."""
        task: TaskType = self.declared["task"]
        return task

    @contextmanager
    def said_as_given(self) -> Iterator[None]:
        """Have errors name things as the call did, not as tables and scratch files do."""
        try:
            yield
        except EvalAssetsError as error:
            raise type(error)(self.as_given(str(error))) from error

    def as_given(self, text: str) -> str:
        """A text that names candidates, models, data and files as the call did."""
        dataset = self.project.datasets[self.declared["dataset"]]
        cells = {f"{self.name}:{candidate.name}": candidate.label for candidate in self.candidates}
        names = {cell: label.ljust(len(cell)) for cell, label in cells.items()}  # where it stands in a table
        names |= {str(candidate.name): candidate.label for candidate in self.candidates}
        names |= {candidate.model.item.name: candidate.label for candidate in self.candidates}
        if dataset.file == SAID:
            file = Path(str(dataset.item.card.file))
            shown = relative(file, self.project.data_dir.parent)
            names |= {str(file): self.rows.label, shown: self.rows.label, dataset.item.name: self.rows.label}
        names[self.name] = SAID
        for name, given in names.items():
            text = text.replace(name, given)
        return "\n".join(line.rstrip() for line in text.splitlines())

    @property
    def cluster(self) -> str | None:
        """Column whose equal values mark examples that depend on each other."""
        return self.project.dataset(self.declared["dataset"]).card.cluster

    @property
    def labels(self) -> dict[Candidate, str]:
        """`model@prompt` → what results call the candidate."""
        return {candidate.name: candidate.label for candidate in self.candidates}


def assembled(data: Any, candidates: Sequence[Any], choices: Choices, *, project: Project, folder: Path) -> Assembled:
    """Put together what a call was given.

    Args:
        data: As given.
        candidates: As given.
        choices: As given.
        project: The files.
        folder: Where rows and outputs of the call are written as files, which the stages read.

    Raises:
        ConfigError: Something of it can't be used.
    """
    rows = given_rows(data, choices.columns, project)
    chosen = given_candidates(candidates, rows, project, folder)
    rows = _without_outputs(rows, [candidate.column for candidate in chosen if candidate.column])
    task = _task(choices.task, rows, project)
    metrics = given_metrics(choices.metrics, task, project)
    judges, judge_models = given_judges(choices.judges, project)
    dataset = _dataset(rows, task, choices, project, folder)
    if choices.name is not None and slug(choices.name) != choices.name:
        raise ConfigError(
            f"name: expected lower-case letters, digits, '.', '_' and '-', got {choices.name!r}; "
            f"such as {slug(choices.name)!r}"
        )
    given = {candidate.model.item.file.callable or "": candidate.given for candidate in chosen if candidate.given}
    name = f"{FROM_PYTHON}.{choices.name}" if choices.name else _name(rows, chosen, dataset)
    file = {
        "dataset": dataset.item.name,
        "task": task,
        **_cells(chosen),
        "metrics": list(metrics.choices),
        "without_metrics": list(metrics.without),
        "judges": [judge.item.name for judge in judges],
        "baseline": _baseline(choices.baseline, chosen),
        "samples": choices.samples,
    }
    together = replace(
        project,
        datasets={**project.datasets, dataset.item.name: dataset},
        prompts={**project.prompts, **{each.prompt.item.name: each.prompt for each in chosen}},
        models={
            **project.models,
            **{model.item.name: model for model in (*(each.model for each in chosen), *judge_models)},
        },
        judges={**project.judges, **{judge.item.name: judge for judge in judges}},
        given={**given, **metrics.given},
    )
    notes = (*(candidate.note for candidate in chosen if candidate.note), *metrics.notes)
    return Assembled(
        project=with_evaluation(together, name, file),
        name=name,
        rows=rows,
        candidates=chosen,
        declared=file,
        notes=notes,
    )


def with_evaluation(project: Project, name: str, fields: Mapping[str, Any]) -> Project:
    """The project with an evaluation of these fields.

    Raises:
        ConfigError: A field can't be used.
    """
    evaluation = Evaluation(name=name, file=declared(fields, EvaluationFile, said=SAID))
    loaded = Loaded(evaluation, SAID, yaml_text(fields))
    return replace(project, evaluations={**project.evaluations, name: loaded})


def given_judges(
    given: str | DeclaredJudge | Sequence[str | DeclaredJudge], project: Project
) -> tuple[list[Loaded[Judge]], list[Loaded[Model]]]:
    """The judges that were given, and models that were declared for them.

    Raises:
        ConfigError: One of them is no judge, or can't be used.
    """
    judges: list[Loaded[Judge]] = []
    models: list[Loaded[Model]] = []
    for judge in [given] if isinstance(given, str | DeclaredJudge) else given:
        if isinstance(judge, str):
            project.judge(judge)
            judges.append(project.judges[judge])
            continue
        said = f"ea.Judge {judge.name!r}"
        model = judge.model
        if isinstance(model, DeclaredModel):
            asked = loaded_model(str(model.fields.get("model", judge.name)), model.fields, said=said)
            models.append(asked)
            model = asked.item.name
        else:
            project.model(model)
        judges.append(loaded_judge(judge.name, {**judge.fields, "model": model}, said=said))
    return judges, models


def _without_outputs(rows: GivenRows, columns: Sequence[str]) -> GivenRows:
    """The rows without the columns that hold outputs: nobody who answers is shown them."""
    kept = [row and {name: value for name, value in row.items() if name not in columns} for row in rows.rows]
    return replace(rows, rows=kept) if columns else rows


def _task(said: str, rows: GivenRows, project: Project) -> TaskType:
    if said in TASK_DEFAULTS:
        return said  # type: ignore[return-value]  # it is one of them
    if said != "auto":
        raise ConfigError(
            f"task: expected 'auto' or one of {', '.join(map(repr, TASK_DEFAULTS))}, got {said!r}; "
            f"{nearest(said, TASK_DEFAULTS)}"
        )
    if rows.dataset is not None:
        return project.dataset(rows.dataset).card.task
    return "question-answering" if rows.has("targets") else "text"


def _dataset(rows: GivenRows, task: TaskType, choices: Choices, project: Project, folder: Path) -> Loaded[Dataset]:
    """The dataset of the project, or one whose rows are written to a file of their own."""
    further = {
        **({"slices": list(choices.slices)} if choices.slices else {}),
        **({"cluster": choices.cluster} if choices.cluster else {}),
    }
    if rows.dataset is not None:
        known = project.datasets[rows.dataset]
        if not further:
            return known
        card = known.item.card.model_copy(
            update={name: tuple(v) if isinstance(v, list) else v for name, v in further.items()}
        )
        return replace(known, item=known.item.model_copy(update={"card": card}))
    file, lines = rows_file((row or {} for row in rows.rows), folder)
    values = {"task": task, "file": str(file), "columns": dict(rows.columns), **further}
    card = declared(values, DatasetCard, said=SAID)
    name = unique_name(f"{FROM_PYTHON}.{rows.label}", lines, values["columns"])
    return Loaded(Dataset(name=name, card=card), SAID, yaml_text(values))


def _cells(chosen: Sequence[GivenCandidate]) -> dict[str, list[str]]:
    """Models, prompts, and which of their pairs are no candidates."""
    models = list(dict.fromkeys(each.name.model for each in chosen))
    prompts = list(dict.fromkeys(each.name.prompt for each in chosen))
    names = {each.name for each in chosen}
    pairs = [Candidate.of(model, prompt) for model in models for prompt in prompts]
    skip = [str(pair) for pair in pairs if pair not in names]
    return {"models": models, "prompts": prompts, **({"skip": skip} if skip else {})}


def _baseline(said: str | None, chosen: Sequence[GivenCandidate]) -> str:
    """The candidate others are compared with: by its label or name, else the first that was given."""
    if said is None:
        return str(chosen[0].name)
    for candidate in chosen:
        if said in (candidate.label, candidate.name):
            return str(candidate.name)
    labels = [candidate.label for candidate in chosen]
    raise ConfigError(
        f"baseline: expected one of {', '.join(map(repr, labels))}, got {said!r}; {nearest(said, labels)}"
    )


def _name(rows: GivenRows, chosen: Sequence[GivenCandidate], dataset: Loaded[Dataset]) -> str:
    """Of an evaluation that nobody named: the same data and candidates have the same."""
    words = "-".join(candidate.label for candidate in chosen[:MOST_NAMED])
    return unique_name(f"{FROM_PYTHON}.{words}", rows.label, dataset.item.name, [each.name for each in chosen])
