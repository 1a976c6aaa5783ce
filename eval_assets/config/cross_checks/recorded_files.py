"""Files of recorded predictions: whether they can be read, and whether a retriever's hold lists of documents."""

from collections.abc import Iterator

from eval_assets.config.model import Model
from eval_assets.config.problems import Problem, line_of, relative
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.retrieval.ranking import document_ids
from eval_assets.providers.clients.recorded import RecordedClient, recorded_file
from eval_assets.providers.clients.recorded_verdicts import RecordedVerdicts, recorded_client


def recorded_problems(project: Project, loaded: Loaded[Model]) -> Iterator[Problem]:
    """Why the file behind a `recorded` model can't be used."""
    if loaded.item.file.provider == "recorded":
        try:
            _client(project, loaded.item)
        except ConfigError as error:
            yield Problem(loaded.file, str(error), line_of(("file",), loaded.lines), "file")


def recorded_notes(project: Project) -> Iterator[str]:
    """Recorded outputs of retrievers that can't be scored as rankings; files that can't be read are passed over."""
    for loaded in project.evaluations.values():
        file = loaded.item.file
        if (file.task or project.dataset(file.dataset).card.task) != "retriever":
            continue
        for model in map(project.model, file.models):
            if model.file.provider == "recorded":
                yield from _unranked(project, model)


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
