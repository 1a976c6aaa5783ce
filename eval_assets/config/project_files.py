"""From the files of `data/` to a project: each is read, parsed and looked at by itself. Rows are read by `rows`."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from eval_assets.config.alert import Alert, AlertFile
from eval_assets.config.datasets.dataset import Dataset, DatasetCard
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES
from eval_assets.config.datasets.row_source import RowSource
from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.config.fields import MAX_NAME
from eval_assets.config.files.endpoints import endpoint_problems
from eval_assets.config.files.parameters import secret_problems
from eval_assets.config.files.places import declared_text, lies_outside, project_root
from eval_assets.config.files.reply_formats import SchemaFiles
from eval_assets.config.files.template_syntax import syntax_error
from eval_assets.config.files.yaml_documents import Document, line_of_text, parse_yaml, validate
from eval_assets.config.inline import Definition, clashes, lifted, prompt_of
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.problems import Location, Problem, field_path, line_of, raise_problems, relative
from eval_assets.config.project import SUFFIXES, Item, Loaded, Project, can_be_a_partition
from eval_assets.config.prompt import parse_prompt
from eval_assets.errors import ConfigError

MAX_CANDIDATES = 10_000
"""Models × prompts before any is skipped: all of them are written out when files are loaded."""
MAX_SAMPLES = 10_000
MAX_SEED = 2**63 - 1


def load_project(data_dir: Path, warehouse_root: str | None = None) -> Project:
    """Load every file of `data/`. Never raises for a bad file: see `Project.broken`.

    Modules beside `data/` (metrics, callables) can be imported from then on; installed ones of the same name win.

    Args:
        data_dir: The folder.
        warehouse_root: Root of the tables, among them rows that Dagster assets handed over; default `data/warehouse`.

    Raises:
        ConfigError: The folder doesn't exist.
    """
    if not data_dir.is_dir():
        raise ConfigError(f"{data_dir}: expected the folder with datasets, prompts, models, judges and evaluations")
    if str(data_dir.parent) not in sys.path:
        sys.path.append(str(data_dir.parent))
    reading = _Reading(data_dir)
    evaluations = reading.files("evaluations", partial(_load_evaluation, reading.definitions))
    parse_dataset = partial(_dataset, data_dir / "datasets", warehouse_root or str(data_dir / "warehouse"))
    parse_model = partial(_model, data_dir / "models")
    schemas = SchemaFiles(data_dir / "prompts", project_root(data_dir))
    project = Project(
        data_dir=data_dir,
        datasets=reading.files("datasets", partial(_load, parse_dataset))
        | reading.defined("datasets", lambda one: parse_dataset(one.name, one.document)),
        prompts=reading.files(
            "prompts", lambda name, text, file: Loaded(parse_prompt(name, text, file=file, schemas=schemas), file, text)
        )
        | reading.defined("prompts", partial(prompt_of, schemas=schemas)),
        models=reading.files("models", partial(_load, parse_model))
        | reading.defined("models", lambda one: parse_model(one.name, one.document)),
        judges=reading.files("judges", _load_judge),
        evaluations=evaluations,
        alerts=reading.files("alerts", partial(_load, _alert)),
        broken=reading.broken,
    )
    for name, problem in clashes(reading.definitions, reading.known):
        evaluations.pop(name, None)
        said = (reading.broken.get(("evaluations", name)), str(problem))
        reading.broken["evaluations", name] = "\n".join(filter(None, said))
    return project


class _Reading:
    """What is read of `data/` so far.

    Args:
        data_dir: The folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self.broken: dict[tuple[str, str], str] = {}
        self.definitions: list[Definition] = []
        self.known: dict[str, dict[str, str]] = {}
        """Kind → name → file."""
        self._data_dir, self._root = data_dir, project_root(data_dir)

    def files(self, kind: str, parse: Callable[[str, str, str], Loaded[Item]]) -> dict[str, Loaded[Item]]:
        """Read all files of a kind: from name, text and file to what is declared."""
        loaded: dict[str, Loaded[Item]] = {}
        known = self.known.setdefault(kind, {})
        for path in sorted((self._data_dir / kind).glob(f"[!.]*{SUFFIXES[kind]}")):
            file = known[path.stem] = shown(relative(path, self._data_dir.parent))
            try:
                text = declared_text(path, file=file, root=self._root)
                loaded[path.stem] = parse(_name_of(path, file), text, file)
            except ConfigError as error:
                self.broken[kind, path.stem] = str(error)
        return loaded

    def defined(self, kind: str, parse: Callable[[Definition], Item]) -> dict[str, Loaded[Item]]:
        """Read what evaluations define of a kind; a file of the same name comes first, and `clashes` says so."""
        loaded: dict[str, Loaded[Item]] = {}
        for one in self.definitions:
            if one.kind != kind or one.name in {*self.known[kind], *loaded} or not can_be_a_partition(one.name):
                continue
            document = one.document
            try:
                loaded[one.name] = Loaded(parse(one), document.file, one.source, document.lines, one.first_line)
            except ConfigError as error:
                self.broken[kind, one.name] = str(error)
        return loaded


def model_of_text(data_dir: Path, name: str, text: str, *, file: str) -> Loaded[Model]:
    """A model as a file of `data/models` with this text would be read.

    Args:
        data_dir: The folder `data/`.
        name: Of the model.
        text: Of the file.
        file: How errors name it.

    Raises:
        ConfigError: It can't be used; with line and field.
    """
    return _load(partial(_model, data_dir / "models"), name, text, file)


def _load(parse: Callable[[str, Document], Item], name: str, text: str, file: str) -> Loaded[Item]:
    document = parse_yaml(text, file=file)
    return Loaded(parse(name, document), file, text, document.lines)


def shown(name: str) -> str:
    r"""A file's name as every terminal and table can hold it: bytes that are no UTF-8 escaped.

    >>> shown("caf\udce9.yaml")
    'caf\\udce9.yaml'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def _name_of(path: Path, file: str) -> str:
    if not can_be_a_partition(path.stem):
        said = (
            "expected a file name of lower-case letters, digits, '.', '_' and '-', "
            f"at most {MAX_NAME} of them and no three dots in a row, got {shown(path.name)!r}"
        )
        raise_problems([Problem(file, said)])
    return path.stem


def _dataset(folder: Path, handed_below: str, name: str, document: Document) -> Dataset:
    card = validate(document, DatasetCard)
    _refuse_secrets(document, "source")
    named: list[tuple[Location, str]] = [
        (("labels", index, "file"), labels.file) for index, labels in enumerate(card.labels)
    ]
    named += [(("documents", "file"), card.documents.file)] if card.documents else []
    if card.rows is not None:
        named += list(_named_rows(document, card.rows))
    else:
        named += [(("file",), card.file)] if card.file else [((), f"{name}{suffix}") for suffix in READABLE_SUFFIXES]
    _refuse_outside(document, folder, named)
    return Dataset(name=name, card=card, handed_below=handed_below)


def _named_rows(document: Document, rows: RowSource) -> Iterator[tuple[Location, str]]:
    """Local paths that `rows` states in full. A variable, or what a URL leads to, is up to whoever runs the project.

    Raises:
        ConfigError: A path leads upwards from a variable.
    """
    for field, path in (("delta", rows.delta), ("parquet", rows.parquet)):
        if path is None or "://" in path:
            continue
        if "${" not in path:
            yield ("rows", field), path
        else:
            _refuse_upwards(document, ("rows", field), path)


def _refuse_upwards(document: Document, place: Location, path: str) -> None:
    if ".." in Path(path).parts:
        said = f"expected a path without '..' after the variable, got {path!r}"
        raise_problems([Problem(document.file, said, line_of(place, document.lines), field_path(place))])


def _alert(name: str, document: Document) -> Alert:
    declared = validate(document, AlertFile)
    _refuse_secrets(document, "command")
    _refuse_secrets(document, "report_url")
    return Alert(name=name, file=declared)


def _model(folder: Path, name: str, document: Document) -> Model:
    file = document.file
    declared = validate(document, ModelFile)
    _refuse_secrets(document, "parameters")
    _refuse_secrets(document, "arguments")
    raise_problems(list(endpoint_problems(declared, file=file, lines=document.lines)))
    if declared.file and "${" in declared.file:
        # A variable is set by whoever runs the project, not by whoever wrote the file.
        _refuse_upwards(document, ("file",), declared.file)
    elif declared.file:
        _refuse_outside(document, folder, [(("file",), declared.file)])
    return Model(name=name, file=declared)


def _refuse_secrets(document: Document, field: str) -> None:
    """Refuse secrets in a field that tables and reports show as it stands.

    Raises:
        ConfigError: With the line of each.
    """
    kept = {field: document.values.get(field)}
    raise_problems(list(secret_problems(kept, file=document.file, lines=document.lines)))


def _refuse_outside(document: Document, folder: Path, named: Iterable[tuple[Location, str]]) -> None:
    """Refuse files that a declaration names, or has beside it, and that lie outside the project.

    Raises:
        ConfigError: With the line of each.
    """
    said = "expected a file inside the project folder, got {!r}, which lies or leads outside; put it, or a copy, beside"
    raise_problems(
        [
            Problem(document.file, said.format(file), line_of(place, document.lines), field_path(place) or None)
            for place, file in named
            if "\0" in file or lies_outside(folder / file, project_root(folder.parent))
        ]
    )


def _load_judge(name: str, text: str, file: str) -> Loaded[Judge]:
    document = parse_yaml(text, file=file)
    judge = Judge(name=name, file=validate(document, JudgeFile))
    _refuse_secrets(document, "parameters")
    found = syntax_error(judge.file.prompt or "")
    if found:
        line = line_of_text(judge.file.prompt or "", found[0], source=text, begins=document.lines["prompt",])
        raise_problems([Problem(file, f"not a valid template: {found[1]}", line, "prompt")])
    raise_problems(list(quantity_problems(judge.file, file=file, lines=document.lines)))
    return Loaded(judge, file, text, document.lines)


def _load_evaluation(definitions: list[Definition], name: str, text: str, file: str) -> Loaded[Evaluation]:
    """The evaluation; what it defines itself is added to the definitions, even if it can't be used."""
    document, found = lifted(parse_yaml(text, file=file), text, evaluation=name)
    definitions += found
    declared = validate(document, EvaluationFile)
    _refuse_secrets(document, "metrics")
    raise_problems(list(quantity_problems(declared, file=file, lines=document.lines)))
    return Loaded(Evaluation(name=name, file=declared), file, text, document.lines)


def quantity_problems(
    declared: EvaluationFile | JudgeFile, *, file: str, lines: Mapping[Location, int]
) -> Iterator[Problem]:
    """Say which numbers are out of bounds."""

    def outside(field: str, said: str) -> Problem:
        return Problem(file, said, line_of((field,), lines), field)

    if declared.samples > MAX_SAMPLES:
        yield outside("samples", f"expected at most {MAX_SAMPLES:,} samples, got {declared.samples:,}")
    if isinstance(declared, JudgeFile):
        return
    n_candidates = len(declared.models) * len(declared.prompts)
    if n_candidates > MAX_CANDIDATES:
        said = f"expected at most {MAX_CANDIDATES:,} pairs of model and prompt, got {n_candidates:,}"
        yield outside("models", f"{said}; split the evaluation into several files")
    if not 0 <= declared.seed <= MAX_SEED:
        yield outside("seed", f"expected a whole number from 0, got {declared.seed}")
