"""Files of recorded predictions: whether they can be read, whose they are, whether a retriever's hold lists of ids."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.examples import Example
from eval_assets.config.datasets.row_files import is_separated
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.files.file_states import FileState, state_of
from eval_assets.config.model import Model, RecordedColumns
from eval_assets.config.problems import Problem, line_of, relative
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.retrieval.ranked import document_ids
from eval_assets.providers.clients.recorded_client import RecordedClient, recorded_file
from eval_assets.providers.clients.recorded_verdicts import RecordedVerdicts, recorded_client
from eval_assets.providers.traits import provider_of
from eval_assets.wording.numbers import count_text


def recorded_problems(project: Project, loaded: Loaded[Model]) -> Iterator[Problem]:
    """Why the file behind a `recorded` model can't be used."""
    if provider_of(loaded.item).is_recorded:
        said = _fault(project, loaded.item)
        if said:
            yield Problem(loaded.file, said, line_of(("file",), loaded.lines), "file")


def recorded_notes(project: Project, name: str) -> Iterator[str]:
    """Recorded rows that no example has, and outputs that an evaluation of retrievers can't score as rankings.

    Raises:
        ConfigError: A file it uses can't be used.
    """
    file = project.evaluation(name).file
    dataset = project.dataset(file.dataset)
    recorded = [model for model in map(project.model, file.models) if provider_of(model).is_recorded]
    examples = list(read_examples(dataset, project.datasets_dir)) if recorded else []
    for model in recorded:
        yield from _strangers(project, model, dataset, examples)
    if (file.task or dataset.card.task) == "retriever":
        for model in recorded:
            yield from _unranked(project, model)


def _fault(project: Project, model: Model) -> str | None:
    """Why a file of predictions can't be read; null if it can."""
    try:
        path = recorded_file(str(model.file.file), project.models_dir)
        return _fault_in_state(path, model.file.columns, _named(project, model), state_of(path))
    except (ConfigError, OSError) as error:
        return str(error)


@lru_cache(maxsize=256)
def _fault_in_state(path: Path, columns: RecordedColumns, named: str, state: FileState | None) -> str | None:  # noqa: ARG001  the key of the cache
    """As `_fault`; every evaluation that uses the model asks the same."""
    try:
        recorded_client(path, columns, file=named)
    except ConfigError as error:
        return str(error)
    return None


def _strangers(project: Project, model: Model, dataset: Dataset, examples: Sequence[Example]) -> Iterator[str]:
    client = _client(project, model)
    if not isinstance(client, RecordedClient):
        return
    n_positions = max((example.position for example in examples), default=-1) + 1
    found = list(client.strangers({example.example_id for example in examples}, n_positions))
    if found:
        named = _named(project, model)
        line, example_id = found[0]
        said = f"id {example_id!r:.80}" if example_id is not None else f"position {n_positions}"
        more = f", and {count_text(len(found) - 1, 'more row')} like it" if len(found) > 1 else ""
        hint = "; a text with a line break stands in double quotes" if is_separated(named) else ""
        yield f"{named}:{line}: no example of dataset {dataset.name!r} has the {said}{more}: not used{hint}"


def _unranked(project: Project, model: Model) -> Iterator[str]:
    client = _client(project, model)
    lines, said = [], ""
    for line, output in client.outputs() if isinstance(client, RecordedClient) else ():
        try:
            document_ids(output if isinstance(output, str) else "[]")
        except ValueError as error:
            lines.append(line)
            said = said or f"{error}"
    if lines:
        more = f", and {len(lines) - 1} more such rows" if len(lines) > 1 else ""
        place = f"{_named(project, model)}:{lines[0]}: {model.file.columns.output}"
        yield f'{place}: {said}{more}; a ranking is written as ["d1", "d2"], best first'


def _client(project: Project, model: Model) -> RecordedClient | RecordedVerdicts:
    path = recorded_file(str(model.file.file), project.models_dir)
    return recorded_client(path, model.file.columns, file=_named(project, model))


def _named(project: Project, model: Model) -> str:
    return relative(recorded_file(str(model.file.file), project.models_dir), project.data_dir.parent)
