"""Everything declared in `data/`, loaded and cross-checked. Rows of datasets are read later, by `rows`."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from eval_assets.config.datasets.dataset import Dataset, DatasetCard
from eval_assets.config.datasets.row_files import READABLE_SUFFIXES
from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.config.fields import MAX_NAME, SLUG_PATTERN
from eval_assets.config.files.endpoints import endpoint_problems
from eval_assets.config.files.parameters import secret_problems
from eval_assets.config.files.places import declared_text, lies_outside, project_root
from eval_assets.config.files.quantities import quantity_problems
from eval_assets.config.files.yaml_documents import Document, line_of_text, parse_yaml, validate
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.problems import Location, Problem, field_path, line_of, raise_problems, relative
from eval_assets.config.prompt import Prompt
from eval_assets.config.prompt_parsing import parse_prompt
from eval_assets.config.template_syntax import syntax_error
from eval_assets.errors import ConfigError

Item = TypeVar("Item", Dataset, Prompt, Model, Judge, Evaluation)

MAX_CELLS = 99

SUFFIXES = {"datasets": ".yaml", "prompts": ".md", "models": ".yaml", "judges": ".yaml", "evaluations": ".yaml"}
"""Folder of each kind of file → how the names of its files end."""


@dataclass(frozen=True)
class Loaded(Generic[Item]):
    """One usable file: what it declares, its text, and the lines of its fields."""

    item: Item
    file: str
    source: str
    lines: Mapping[Location, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Project:
    """All declared datasets, prompts, models, judges and evaluations.

    A file that can't be used has its errors in `broken` and stays known by name, so that its partition exists and says
    what is wrong.

    Args:
        data_dir: The folder `data/`.
        broken: Kind and name of each unusable file → its error.
    """

    data_dir: Path
    datasets: Mapping[str, Loaded[Dataset]]
    prompts: Mapping[str, Loaded[Prompt]]
    models: Mapping[str, Loaded[Model]]
    judges: Mapping[str, Loaded[Judge]]
    evaluations: Mapping[str, Loaded[Evaluation]]
    broken: Mapping[tuple[str, str], str]

    @property
    def datasets_dir(self) -> Path:
        """Where row files lie."""
        return self.data_dir / "datasets"

    @property
    def models_dir(self) -> Path:
        """Where recorded predictions lie."""
        return self.data_dir / "models"

    def names(self, kind: str) -> list[str]:
        """Names of all files of a kind (`datasets`, `prompts`, …), broken ones included if they can be partitions."""
        usable: Mapping[str, object] = getattr(self, kind)
        broken = (name for broken_kind, name in self.broken if broken_kind == kind)
        return sorted({*usable, *(name for name in broken if _can_be_a_partition(name))})

    def dataset(self, name: str) -> Dataset:
        """A dataset card by name; raises ConfigError as all of these do."""
        return self._usable("datasets", self.datasets, name).item

    def prompt(self, name: str) -> Prompt:
        """A prompt by name."""
        return self._usable("prompts", self.prompts, name).item

    def model(self, name: str) -> Model:
        """A model by name."""
        return self._usable("models", self.models, name).item

    def judge(self, name: str) -> Judge:
        """A judge by name."""
        return self._usable("judges", self.judges, name).item

    def evaluation(self, name: str) -> Evaluation:
        """An evaluation by name."""
        return self._usable("evaluations", self.evaluations, name).item

    def _usable(self, kind: str, loaded: Mapping[str, Loaded[Item]], name: str) -> Loaded[Item]:
        if (kind, name) in self.broken:
            raise ConfigError(self.broken[kind, name])
        if name not in loaded:
            raise ConfigError(f"data/{kind}: there is no {name!r}; files: {', '.join(self.names(kind)) or 'none'}")
        return loaded[name]


def load_project(data_dir: Path) -> Project:
    """Load every file of `data/`. Never raises for a bad file: see `Project.broken`.

    Modules beside `data/` (metrics, callables) can be imported from then on; installed ones of the same name win.

    Raises:
        ConfigError: The folder doesn't exist.
    """
    if not data_dir.is_dir():
        raise ConfigError(f"{data_dir}: expected the folder with datasets, prompts, models, judges and evaluations")
    if str(data_dir.parent) not in sys.path:
        sys.path.append(str(data_dir.parent))
    broken: dict[tuple[str, str], str] = {}
    root = project_root(data_dir)

    def load(kind: str, parse: Callable[[str, str, str], Loaded[Item]]) -> dict[str, Loaded[Item]]:
        loaded: dict[str, Loaded[Item]] = {}
        for path in sorted((data_dir / kind).glob(f"[!.]*{SUFFIXES[kind]}")):
            file = shown(relative(path, data_dir.parent))
            try:
                loaded[path.stem] = parse(_name_of(path, file), declared_text(path, file=file, root=root), file)
            except ConfigError as error:
                broken[kind, path.stem] = str(error)
        return loaded

    return Project(
        data_dir=data_dir,
        datasets=load("datasets", lambda name, text, file: _load_dataset(name, text, file, data_dir / "datasets")),
        prompts=load("prompts", lambda name, text, file: Loaded(parse_prompt(name, text, file=file), file, text)),
        models=load("models", lambda name, text, file: _load_model(name, text, file, data_dir / "models")),
        judges=load("judges", _load_judge),
        evaluations=load("evaluations", _load_evaluation),
        broken=broken,
    )


def shown(name: str) -> str:
    r"""A file's name as every terminal and table can hold it: bytes that are no UTF-8 escaped.

    >>> shown("caf\udce9.yaml")
    'caf\\udce9.yaml'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def _can_be_a_partition(name: str) -> bool:
    """Whether Dagster takes a name as a partition key, and every table as a folder."""
    return bool(re.match(SLUG_PATTERN, name)) and "..." not in name and len(name) <= MAX_NAME


def _name_of(path: Path, file: str) -> str:
    if not _can_be_a_partition(path.stem):
        said = (
            "expected a file name of lower-case letters, digits, '.', '_' and '-', "
            f"at most {MAX_NAME} of them and no three dots in a row, got {shown(path.name)!r}"
        )
        raise_problems([Problem(file, said)])
    return path.stem


def _load_dataset(name: str, text: str, file: str, folder: Path) -> Loaded[Dataset]:
    document = parse_yaml(text, file=file)
    card = validate(document, DatasetCard)
    _refuse_secrets(document, "source")
    named: list[tuple[Location, str]] = [
        (("labels", index, "file"), labels.file) for index, labels in enumerate(card.labels)
    ]
    named += [(("documents", "file"), card.documents.file)] if card.documents else []
    named += [(("file",), card.file)] if card.file else [((), f"{name}{suffix}") for suffix in READABLE_SUFFIXES]
    _refuse_outside(document, folder, named)
    return Loaded(Dataset(name=name, card=card), file, text, document.lines)


def _load_model(name: str, text: str, file: str, folder: Path) -> Loaded[Model]:
    document = parse_yaml(text, file=file)
    declared = validate(document, ModelFile)
    _refuse_secrets(document, "parameters")
    raise_problems(list(endpoint_problems(declared, file=file, lines=document.lines)))
    if ".." in Path(declared.file or "").parts and "${" in str(declared.file):
        said = f"expected a path without '..' after the variable, got {declared.file!r}"
        raise_problems([Problem(file, said, line_of(("file",), document.lines), "file")])
    # A variable is set by whoever runs the project, not by whoever wrote the file.
    if declared.file and "${" not in declared.file:
        _refuse_outside(document, folder, [(("file",), declared.file)])
    return Loaded(Model(name=name, file=declared), file, text, document.lines)


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


def _load_evaluation(name: str, text: str, file: str) -> Loaded[Evaluation]:
    document = parse_yaml(text, file=file)
    declared = validate(document, EvaluationFile)
    _refuse_secrets(document, "metrics")
    raise_problems(list(quantity_problems(declared, file=file, lines=document.lines)))
    return Loaded(Evaluation(name=name, file=declared), file, text, document.lines)
