"""What a grid shows, as its address says it: columns, filters, order, page. Links are written here too."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from eval_assets.config.column_name import ColumnName
from eval_assets.config.grid_choice import MOST_COLUMNS
from eval_assets.config.problems import nearest
from eval_assets.errors import ViewError
from eval_assets.reports.evaluation_report import EvaluationReport

SHOW = {
    "all": "all examples",
    "flips": "flips: better or worse than the baseline",
    "worse": "worse than the baseline",
    "better": "better than the baseline",
    "errors": "errors: a request failed",
    "disagreements": "disagreements: scores differ",
    "outputs": "outputs differ",
    "flaky": "flaky: samples score differently",
    "unscored": "without a score",
}
HUMAN = {
    "": "any label",
    "disagrees": "people disagree with the judge",
    "agrees": "people agree with the judge",
    "labelled": "labelled by people",
    "unlabelled": "without a label",
}
SORT = {
    "dataset": "as in the dataset",
    "regression": "worst change first",
    "improvement": "best change first",
    "lowest": "lowest score first",
    "highest": "highest score first",
    "disagreement": "largest disagreement first",
    "longest": "longest output first",
    "shortest": "shortest output first",
    "slowest": "slowest first",
}
WHERE = {
    "all": "anywhere",
    "inputs": "inputs and targets",
    "outputs": "outputs",
    "reasons": "reasons",
    "messages": "rendered prompts",
}
DIFF = {"none": "no marks", "baseline": "against the baseline", "target": "against the target"}
LINES = {"1": "1 line", "2": "2 lines", "3": "3 lines", "6": "6 lines", "12": "12 lines", "all": "in full"}
LOOK = {"rendered": "laid out", "raw": "as it stands"}
WIDTH = {"fit": "all in sight", "narrow": "narrow", "wide": "wide"}
PER_PAGE = {"10": "10", "25": "25", "50": "50", "100": "100"}
CHOICES = {
    "show": SHOW, "human": HUMAN, "sort": SORT, "where": WHERE, "diff": DIFF, "lines": LINES, "look": LOOK,
    "width": WIDTH, "per": PER_PAGE,
}  # fmt: skip
OF_ROWS = {"inputs": "inputs", "targets": "targets", "context": "context"}
"""What can be shown of an example besides columns of its dataset."""
NOTHING = "id"
"""In place of these: nothing but the id."""
IN_ADDRESS = {"columns": "c", "scores": "s", "row": "r"}
"""Field of several values → what it is called in an address."""

LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class GridView:
    """What is shown. The fields are those of the address.

    Args:
        columns: From left to right, the one compared with first: as `config.column_name` has them.
        base: The candidate that others are compared with.
        metric: What is sorted and filtered by.
        scores: Metrics written into the cells.
        show: Which examples, a key of `SHOW`.
        human: Which examples by what people say of a judge, a key of `HUMAN`.
        of: The candidate that `show`, ranges and `outcome` are about; empty: any column.
        q: Text to be found, case ignored.
        where: In which texts, a key of `WHERE`.
        low: Least score.
        high: Greatest score.
        dlow: Least improvement on the baseline.
        dhigh: Greatest improvement on the baseline.
        outcome: How a request ended.
        slice: `column=value` of a slice.
        sort: A key of `SORT`.
        lines: Of text in a cell, a key of `LINES`.
        look: How texts are shown, a key of `LOOK`.
        row: What is shown of an example: of `OF_ROWS` and columns of the dataset.
        width: Of columns, a key of `WIDTH`.
        diff: What words are marked against, a key of `DIFF`.
        per: Examples on a page.
        page: From 1.
    """

    columns: tuple[str, ...]
    base: str
    metric: str | None
    scores: tuple[str, ...]
    show: str = "all"
    human: str = ""
    of: str = ""
    q: str = ""
    where: str = "all"
    low: float | None = None
    high: float | None = None
    dlow: float | None = None
    dhigh: float | None = None
    outcome: str = ""
    slice: str = ""
    sort: str = "dataset"
    lines: str = "3"
    look: str = "rendered"
    row: tuple[str, ...] = ("inputs", "targets")
    width: str = "fit"
    diff: str = "none"
    per: str = "25"
    page: int = 1

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that are compared with the baseline."""
        return tuple(column for column in self.columns if column != self.base)

    @property
    def is_filtered(self) -> bool:
        """Whether some examples are left out."""
        return self.unfiltered != replace(self, page=1)

    @property
    def unfiltered(self) -> "GridView":
        """The same, all examples, first page."""
        whole = replace(self, show="all", human="", of="", q="", where="all", outcome="", slice="", page=1)
        return replace(whole, low=None, high=None, dlow=None, dhigh=None)


def read_view(report: EvaluationReport, default: GridView, asked: Sequence[tuple[str, str]]) -> GridView:
    """Read an address.

    Args:
        report: Of the evaluation; its rows aren't needed.
        default: What is shown where the address says nothing.
        asked: Names and values as they stand in the address. An empty value takes back what the default says.

    Raises:
        ViewError: It asks for a candidate, metric or setting that there is not.
    """
    given: dict[str, list[str]] = {}
    names = {IN_ADDRESS.get(field.name, field.name): field.name for field in fields(GridView)}
    for name, value in asked:
        if name not in names:
            raise ViewError(f"expected one of {', '.join(sorted(names))} in the address, got {name!r:.80}")
        given.setdefault(names[name], []).extend([value] if value else [])
    known = {"candidate": [candidate.name for candidate in report.candidates], "metric": report.reading_order}
    usual = {field.name: field.default for field in fields(GridView)}
    found: dict[str, Any] = {
        name: _field(name, values, known) if values else usual[name]
        for name, values in given.items()
        if values or usual[name] is not MISSING
    }
    view = replace(default, **found)
    if view.base not in view.columns:
        view = replace(view, columns=(view.base, *view.columns))
    return replace(view, columns=(view.base, *view.others)[:MOST_COLUMNS])


_ONE_OF_MANY = {"columns": "candidate", "scores": "metric"}
_ONE_OF = {"base": "candidate", "of": "candidate", "metric": "metric"}
_NUMBERS = ("low", "high", "dlow", "dhigh")


def _field(name: str, values: Sequence[str], known: Mapping[str, Sequence[str]]) -> Any:
    """A field from what the address says of it; of several values the last, where one is enough."""
    last = values[-1]
    if name in _ONE_OF_MANY:
        what = _ONE_OF_MANY[name]
        return tuple(dict.fromkeys(_known(what, value, known[what]) for value in values))
    if name == "row":
        return tuple(dict.fromkeys(value[:LONGEST_TEXT] for value in values if value != NOTHING))[:MOST_COLUMNS]
    if name in _ONE_OF or name in CHOICES:
        return _known(name, last, known[_ONE_OF[name]] if name in _ONE_OF else list(CHOICES[name]))
    if name in _NUMBERS:
        return _number(name, last)
    if name == "page":
        return int(max(1, _number(name, last)))
    return _text(name, last)


def _text(name: str, value: str) -> str:
    if name == "slice" and "=" not in value:
        raise ViewError(f"slice: expected column=value, got {value!r:.80}")
    return value[:LONGEST_TEXT]


def _known(what: str, value: str, known: Sequence[str]) -> str:
    if what in ("candidate", "base", "of") and {":", "~"} & set(value):
        return str(ColumnName.parsed(value))
    if value not in known:
        few = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")  # noqa: PLR2004 - as many as one reads
        raise ViewError(f"{what}: expected one of {few}; got {value!r:.80}; {nearest(value, known)}")
    return value


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or abs(number) > 1e15:  # noqa: PLR2004 - what a whole number of pages can be
        raise ViewError(f"{name}: expected a number, got {value!r:.80}")
    return number


def address(view: GridView, default: GridView, **changed: Any) -> str:
    """The query of an address that shows a view with some fields changed, back on the first page unless said.

    >>> one = GridView(("a@p", "b@p"), "a@p", "f1", ("f1",))
    >>> address(one, one, show="worse", of="b@p")
    'show=worse&of=b%40p'
    """
    wanted = replace(view, **{"page": 1, **changed})
    parts: list[tuple[str, str]] = []
    for field in fields(GridView):
        value, usual = getattr(wanted, field.name), getattr(default, field.name)
        if value == usual:
            continue
        if isinstance(value, tuple):
            parts += [(IN_ADDRESS[field.name], each) for each in value or ((NOTHING,) if field.name == "row" else ())]
        else:
            said = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
            parts.append((field.name, said))
    return urlencode(parts)


def checked(choices: Mapping[str, str], chosen: str) -> list[tuple[str, str, bool]]:
    """Value, words and whether it is chosen, for the options of a field."""
    return [(value, words, value == chosen) for value, words in choices.items()]
