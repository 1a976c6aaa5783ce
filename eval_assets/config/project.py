"""Everything declared in `data/`, by kind and name. Reading the files is in `project_files`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from eval_assets.config.alert import Alert
from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.fields import MAX_NAME, SLUG_PATTERN
from eval_assets.config.given import GivenFunction
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.problems import Location, Problem, field_path, line_of
from eval_assets.config.prompt import Prompt
from eval_assets.errors import ConfigError

Item = TypeVar("Item", Dataset, Prompt, Model, Judge, Evaluation, Alert)

MAX_CELLS = 99

SUFFIXES = {
    "datasets": ".yaml",
    "prompts": ".md",
    "models": ".yaml",
    "judges": ".yaml",
    "evaluations": ".yaml",
    "alerts": ".yaml",
}
"""Folder of each kind of file → how the names of its files end."""


@dataclass(frozen=True)
class Loaded(Generic[Item]):
    """One usable file, or a definition in an evaluation: what it declares, its text, and the lines of its fields.

    Args:
        item: What it declares.
        file: The file.
        source: Its text; of a definition that alone.
        lines: Line of each field.
        defined_at: Line of the file where the text of a definition begins; null for a file.
    """

    item: Item
    file: str
    source: str
    lines: Mapping[Location, int] = field(default_factory=dict)
    defined_at: int | None = None

    @property
    def first_line(self) -> int:
        """Line of the file where the text begins."""
        return self.defined_at or 1

    @property
    def called(self) -> str:
        """How a sentence names it: the file, or which definition in it."""
        return self.file if self.defined_at is None else f"{self.item.name!r} in {self.file}"

    def problem(self, place: Location, said: str) -> Problem:
        """What is wrong at a place in the file."""
        return Problem(self.file, said, line_of(place, self.lines), field_path(place))


@dataclass(frozen=True)
class Project:
    """All declared datasets, prompts, models, judges, evaluations and alerts.

    A file that can't be used has its errors in `broken` and stays known by name, so that its partition exists and says
    what is wrong.

    Args:
        data_dir: The folder `data/`.
        broken: Kind and name of each unusable file → its error.
        given: Functions that Python code hands over: what stands for them in models and for metrics → each.
    """

    data_dir: Path
    datasets: Mapping[str, Loaded[Dataset]]
    prompts: Mapping[str, Loaded[Prompt]]
    models: Mapping[str, Loaded[Model]]
    judges: Mapping[str, Loaded[Judge]]
    evaluations: Mapping[str, Loaded[Evaluation]]
    broken: Mapping[tuple[str, str], str]
    alerts: Mapping[str, Loaded[Alert]] = field(default_factory=dict)
    given: Mapping[str, GivenFunction] = field(default_factory=dict)

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
        return sorted({*usable, *(name for name in broken if can_be_a_partition(name))})

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

    def alert(self, name: str) -> Alert:
        """An alert by name."""
        return self._usable("alerts", self.alerts, name).item

    def _usable(self, kind: str, loaded: Mapping[str, Loaded[Item]], name: str) -> Loaded[Item]:
        if (kind, name) in self.broken:
            raise ConfigError(self.broken[kind, name])
        if name not in loaded:
            raise ConfigError(f"data/{kind}: there is no {name!r}; files: {', '.join(self.names(kind)) or 'none'}")
        return loaded[name]


def limited(project: Project, n_rows: int, evaluations: Collection[str] = ()) -> Project:
    """A project in which some evaluations, or all, are cut to the first rows of their slices."""
    cut = {
        name: replace(loaded, item=loaded.item.limited(n_rows))
        if name in (evaluations or project.evaluations)
        else loaded
        for name, loaded in project.evaluations.items()
    }
    return replace(project, evaluations=cut)


def can_be_a_partition(name: str) -> bool:
    """Whether Dagster takes a name as a partition key, and every table as a folder."""
    return bool(re.match(SLUG_PATTERN, name)) and "..." not in name and len(name) <= MAX_NAME
