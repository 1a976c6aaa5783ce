"""Files of recorded predictions and verdicts: can they be read, are they in their place, whose are their rows?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval_assets.config.datasets.row_files import is_separated
from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.config.files.file_states import FileState, state_of
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.problems import Problem, relative
from eval_assets.config.project import Loaded, Project
from eval_assets.config.recorded_columns import RecordedColumns
from eval_assets.errors import ConfigError
from eval_assets.metrics.retrieval.ranked import document_ids
from eval_assets.providers.clients.recorded_client import RecordedClient, recorded_file
from eval_assets.providers.clients.recorded_verdicts import RecordedVerdicts, recorded_client
from eval_assets.providers.traits import provider_of
from eval_assets.wording.numbers import count_text

_FAULTS: dict[tuple[Path, RecordedColumns, str], tuple[FileState, str | None]] = {}
"""File and how it is read → its state then, and why it could not be read: each evaluation that uses it asks."""


def recorded_problems(project: Project, loaded: Loaded[Model]) -> Iterator[Problem]:
    """Why the file behind a `recorded` model can't be used."""
    if provider_of(loaded.item).is_recorded:
        said = _fault(project, loaded.item)
        if said:
            yield loaded.problem(("file",), said)


@dataclass(frozen=True, slots=True)
class DatasetRows:
    """What one reading of a dataset's rows tells: the place of each example by its id, and what rows leave in doubt."""

    positions: Mapping[str, int]
    notes: list[str]


def recorded_notes(project: Project, name: str, rows: Mapping[str, DatasetRows]) -> Iterator[str]:
    """Recorded rows that no example has, and outputs that an evaluation of retrievers can't score as rankings.

    Args:
        project: The loaded files.
        name: A model; of one that isn't recorded, or whose file can't be read, there is nothing to note.
        rows: Datasets that can be used.
    """
    model = project.models[name].item
    if not provider_of(model).is_recorded:
        return
    files = [evaluation.item.file for evaluation in project.evaluations.values()]
    asked = [file for file in files if name in file.models and file.dataset in rows]
    try:
        client = _read(project, model) if asked else None
    except (ConfigError, OSError):
        return  # `recorded_problems` says so
    if isinstance(client, RecordedClient):
        yield from _notes_of(project, model, client, asked, rows)


def _notes_of(
    project: Project,
    model: Model,
    client: RecordedClient,
    asked: Sequence[EvaluationFile],
    rows: Mapping[str, DatasetRows],
) -> Iterator[str]:
    named = _named(project, model)
    for dataset in dict.fromkeys(file.dataset for file in asked):
        yield from _strangers(client, named, dataset, rows[dataset].positions)
    if any((file.task or project.dataset(file.dataset).card.task) == "retriever" for file in asked):
        yield from _unranked(client, named, model.file.columns.output)


def recorded_judge_problems(loaded: Loaded[Judge], model: Loaded[Model]) -> Iterator[Problem]:
    """What a judge can't have whose model is a file of verdicts.

    Args:
        loaded: The judge.
        model: Its model, of provider `recorded`.
    """
    file = loaded.item.file

    if model.item.file.columns.candidate is None:
        said = (
            f"model {model.item.name!r} holds recorded predictions; to read verdicts from its file, name in its "
            "`columns` the `candidate` whose output a verdict is on"
        )
        yield loaded.problem(("model",), said)
    if file.kind != "rubric":
        yield loaded.problem(
            ("kind",), f"expected kind 'rubric' for recorded verdicts, got {file.kind!r}: nothing is asked"
        )
    if file.expected_value:
        yield loaded.problem(("expected_value",), "recorded verdicts have no token probabilities; leave the field out")
    if file.samples > 1:
        yield loaded.problem(
            ("samples",), f"a file holds one verdict per example and candidate, got samples {file.samples}"
        )


def recorded_candidate_problems(project: Project, loaded: Loaded[Evaluation]) -> Iterator[Problem]:
    """Files of verdicts named as candidates, and preferences that don't say against whom."""
    file = loaded.item.file
    for index, name in enumerate(file.models):
        model = project.models.get(name)
        if model is not None and model.item.file.columns.candidate is not None:
            said = f"expected a model that answers, {name!r} holds verdicts on candidates; name it in a judge"
            place = ("models", index) if ("models", index) in loaded.lines else ("models",)
            yield loaded.problem(place, said)
    judge = project.judges.get(file.pairwise.judge) if file.pairwise else None
    asked = project.models.get(judge.item.file.model or "") if judge is not None else None
    if asked is None or not provider_of(asked.item).is_recorded or file.pairwise is None:
        return
    if file.pairwise.against == "all" and asked.item.file.columns.opponent is None:
        said = (
            "expected recorded preferences that say who was compared with whom; name in the `columns` of model "
            f"{asked.item.name!r} the `opponent`, or compare with the baseline alone"
        )
        yield loaded.problem(("pairwise", "against"), said)


def _fault(project: Project, model: Model) -> str | None:
    """Why a file of predictions can't be read; null if it can. It is read once in each state."""
    try:
        reading = _reading(project, model)
        known = _FAULTS.get(reading)
        if known is not None and known[0] == state_of(reading[0]):
            return known[1]
        _read(project, model)
    except (ConfigError, OSError) as error:
        return str(error)
    return None


def _read(project: Project, model: Model) -> RecordedClient | RecordedVerdicts:
    """Read a file of predictions, and remember whether it can be read.

    Raises:
        ConfigError: It can't.
    """
    path, columns, named = reading = _reading(project, model)
    state = state_of(path)
    try:
        client = recorded_client(path, columns, file=named)
    except ConfigError as error:
        if state is not None:
            _FAULTS[reading] = state, str(error)
        raise
    if state is not None:
        _FAULTS[reading] = state, None
    return client


def _reading(project: Project, model: Model) -> tuple[Path, RecordedColumns, str]:
    """A file, how it is read, and how messages name it; raises ConfigError where a variable in its name isn't set."""
    return recorded_file(str(model.file.file), project.models_dir), model.file.columns, _named(project, model)


def _strangers(client: RecordedClient, named: str, dataset: str, positions: Mapping[str, int]) -> Iterator[str]:
    n_positions = max(positions.values(), default=-1) + 1
    found = list(client.strangers(positions.keys(), n_positions))
    if found:
        line, example_id = found[0]
        said = f"id {example_id!r:.80}" if example_id is not None else f"position {n_positions}"
        more = f", and {count_text(len(found) - 1, 'more row')} like it" if len(found) > 1 else ""
        hint = "; a text with a line break stands in double quotes" if is_separated(named) else ""
        yield f"{named}:{line}: no example of dataset {dataset!r} has the {said}{more}: not used{hint}"


def _unranked(client: RecordedClient, named: str, column: str) -> Iterator[str]:
    lines, said = [], ""
    for line, output in client.outputs():
        try:
            document_ids(output if isinstance(output, str) else "[]")
        except ValueError as error:
            lines.append(line)
            said = said or f"{error}"
    if lines:
        more = f", and {len(lines) - 1} more such rows" if len(lines) > 1 else ""
        yield f'{named}:{lines[0]}: {column}: {said}{more}; a ranking is written as ["d1", "d2"], best first'


def _named(project: Project, model: Model) -> str:
    return relative(recorded_file(str(model.file.file), project.models_dir), project.data_dir.parent)
