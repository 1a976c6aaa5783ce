"""Names of columns in dataset cards, slices, judges and metric functions, against what the rows provide.

What templates use is in `templates`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.dataset import OUR_COLUMNS, Dataset
from eval_assets.config.datasets.examples import example_columns
from eval_assets.config.datasets.rows import dataset_rows
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.judge import Judge
from eval_assets.config.problems import Location, Problem, nearest
from eval_assets.config.project import Loaded
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.requests.conversations import conversation_in
from eval_assets.requests.extra_columns import CONTEXT
from eval_assets.tables.cell_tables import METRIC_COLUMNS

METRIC_INPUTS = frozenset({"predictions", "inputs", "targets", "context", *METRIC_COLUMNS} - {"example"})
"""What a metric function may ask for whatever the dataset: columns of a prediction, and of any example."""

MEANT = "did you mean"
COLUMN = "column"
"""Parameter of shipped metrics that names the column they compare with."""

MOST_VALUES = 5
"""Values of a column that a message lists."""


class ProvidedColumns:
    """The columns that some row of a dataset has a value in; rows are read until what is asked for was seen.

    Args:
        dataset: The card.
        folder: The folder of the card, `data/datasets`.

    Raises:
        DatasetError: While reading on, when there is no row file or it can't be read.
    """

    may_be_returned = False

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.dataset = dataset
        self._rows = dataset_rows(dataset, folder)
        self._names: set[str] = set()
        self._paths: set[str] = set()
        self._in_file: set[str] = set()
        self._values: dict[str, dict[str, None]] = {}
        self._holds_conversations = False

    def beside_answers(self) -> "ProvidedColumns":
        """These columns as what judges an answer of user code sees them: with whatever that code returned beside it.

        A name that no row has is then taken for one of those, unless it seems to be a misspelt column.
        """
        seen = copy(self)
        seen.may_be_returned = True
        return seen

    def has(self, name: str) -> bool:
        """Whether some example has this column."""
        if self._seen(name, self._names):
            return True
        is_misspelt = name != CONTEXT and self.hint(name, {*self.names, *METRIC_INPUTS}).startswith(MEANT)
        return self.may_be_returned and not is_misspelt

    def has_path(self, path: str) -> bool:
        """Whether some example has this column, or with dots something in it (`metadata.topic`)."""
        return self._seen(path, self._paths)

    @property
    def holds_conversations(self) -> bool:
        """Whether the inputs of some example are a conversation, which prompts reach as `messages`."""
        while not self._holds_conversations and self._read_row():
            pass
        return self._holds_conversations

    def has_in_file(self, name: str) -> bool:
        """Whether some row of the file has this column, or with dots this field, under the file's own names."""
        return self._seen(name, self._in_file)

    @property
    def names(self) -> frozenset[str]:
        """All columns."""
        return self._all(self._names)

    @property
    def paths(self) -> frozenset[str]:
        """All columns, and the paths into nested objects."""
        return self._all(self._paths)

    @property
    def in_file(self) -> frozenset[str]:
        """All columns under the file's own names."""
        return self._all(self._in_file)

    def values_of(self, name: str) -> str:
        """The values of a column, the first few in full, as messages write them."""
        self._all(self._names)
        values = list(self._values.get(name, {}))
        return ", ".join(values[:MOST_VALUES]) + (" or another" if len(values) > MOST_VALUES else "")

    def hint(self, name: str, valid: Collection[str]) -> str:
        """The valid name that was meant: where the card maps a column, our name for it."""
        mapping = self.dataset.card.columns
        ours = next((ours for ours in OUR_COLUMNS if getattr(mapping, ours) == name != ours), None)
        return f"did you mean {ours!r}, to which the card maps it?" if ours and ours in valid else nearest(name, valid)

    def _all(self, names: set[str]) -> frozenset[str]:
        while self._read_row():
            pass
        return frozenset(names)

    def _seen(self, name: str, names: set[str]) -> bool:
        while name not in names and self._read_row():
            pass
        return name in names

    def _read_row(self) -> bool:
        """Read one more row; whether there was one."""
        _, row = next(self._rows, (0, None))
        if row is None:
            return False
        columns = example_columns(row, self.dataset)
        columns.pop("example_id", None)
        self._names.update(columns)
        self._holds_conversations |= conversation_in(columns.get("inputs")) is not None
        for name, value in columns.items():
            values = self._values.setdefault(name, {})
            if len(values) <= MOST_VALUES:
                values[f"{value!r:.60}"] = None
        self._paths.update(_paths_in(columns))
        self._in_file.update(row, _paths_in(row))
        return True


def card_problems(loaded: Loaded[Dataset], columns: ProvidedColumns) -> Iterator[Problem]:
    """Columns that a dataset card maps, slices or clusters by and no row has."""
    card = loaded.item.card
    named: list[tuple[Location, str | None]] = [
        *((("columns", ours), getattr(card.columns, ours)) for ours in sorted(card.columns.model_fields_set)),
        *((("json_columns", index), name) for index, name in enumerate(card.json_columns or ())),
    ]
    for place, theirs in named:
        if theirs is not None and not columns.has_in_file(theirs):
            said = f"no row of the file has the column {theirs!r}; {nearest(theirs, columns.in_file)}"
            yield loaded.problem(place, said)
    places: list[tuple[Location, str]] = [(("slices", index), name) for index, name in enumerate(card.slices)]
    places += [(("cluster",), card.cluster)] if card.cluster else []
    for place, path in places:
        if not columns.has_path(path):
            yield loaded.problem(place, _absent(columns, path, columns.paths))


def slice_problems(loaded: Loaded[Evaluation], columns: ProvidedColumns, *, is_empty: bool) -> Iterator[Problem]:
    """Columns by which an evaluation chooses its examples and that no row has; else, that it chooses none."""
    chosen = loaded.item.file.slice
    absent = [name for name in chosen.where if not columns.has(name)]
    for name in absent:
        yield loaded.problem(("slice", "where", name), _absent(columns, name, columns.names))
    if is_empty and not absent:
        known = "; ".join(f"{name} is {columns.values_of(name)}" for name in chosen.where)
        said = f"expected examples of dataset {columns.dataset.name!r}, it has none of {chosen}"
        yield loaded.problem(("slice", "where" if chosen.where else "ids"), f"{said}; {known}" if known else said)


def judge_column_problems(loaded: Loaded[Judge], columns: ProvidedColumns) -> Iterator[Problem]:
    """Columns that a judge is to be shown and no row has."""
    for index, name in enumerate(loaded.item.file.columns):
        if not columns.has(name):
            yield loaded.problem(("columns", index), _absent(columns, name, columns.names))


def argument_problems(
    loaded: Loaded[Evaluation], metrics: Sequence[ResolvedMetric], columns: ProvidedColumns
) -> Iterator[Problem]:
    """Arguments of metric functions that nothing fills: no column, no metric, no parameter, no default."""
    places = {choice.label or choice.metric: index for index, choice in enumerate(loaded.item.file.metrics)}
    labels = [metric.label.replace("-", "_").replace(".", "_") for metric in metrics]
    for metric in metrics:
        for name in _arguments_from_rows(metric):
            if name not in METRIC_INPUTS and not columns.has(name):
                known = [*METRIC_INPUTS, *columns.names, *(label for label in labels if label != metric.label)]
                said = (
                    f"nothing fills the argument {name!r}: it is no column of dataset {columns.dataset.name!r}, "
                    f"no other metric, no parameter, and has no default; {columns.hint(name, known)}"
                )
                yield loaded.problem(("metrics", places[metric.label], "function"), said)


def metric_column_problems(
    loaded: Loaded[Evaluation], metrics: Sequence[ResolvedMetric], columns: ProvidedColumns
) -> Iterator[Problem]:
    """Columns that shipped metrics are told to read, by their parameter `column`, and no row has."""
    chosen = enumerate(loaded.item.file.metrics)
    places = {label: index for index, choice in chosen for label in (choice.label or choice.metric,)}
    for metric in metrics:
        named = metric.parameters.get(COLUMN) if metric.function is None else None
        if named is not None and metric.label in places and not columns.has_path(named):
            place = ("metrics", places[metric.label], "parameters", COLUMN)
            yield loaded.problem(place, _absent(columns, named, columns.paths))


def _arguments_from_rows(metric: ResolvedMetric) -> Iterable[str]:
    function = metric.function
    if function is None:
        return ()
    return (name for name in function.arguments if name not in function.optional and name not in metric.depends_on)


def _paths_in(value: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, item in value.items():
        if item is not None:
            yield prefix + name
        if isinstance(item, Mapping):
            yield from _paths_in(item, f"{prefix}{name}.")


def _absent(columns: ProvidedColumns, name: str, known: Collection[str]) -> str:
    return f"no row of dataset {columns.dataset.name!r} has the column {name!r}; {columns.hint(name, known)}"
