"""How each row and cell of the grid is written. Their texts are read in `grid_texts`."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from eval_assets.reports.outputs import CandidateOutput, ExampleOutputs
from eval_assets.reports.word_diff import DiffPart, word_diff
from eval_assets.statistics.comparison.paired import DECIMALS
from eval_assets.viewer.grid_texts import ExampleTexts
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.laid_out import call_nodes, laid_out, markup
from eval_assets.wording.foreign_text import targets_text
from eval_assets.wording.numbers import number_text

CHARACTERS = {"1": 200, "2": 400, "3": 600, "6": 1200, "12": 2400, "all": 20_000}
"""Lines of a cell → as much text as can be seen in them at any width."""
MOST_COMPARED = 4_000
"""Characters of two texts whose words are compared."""
FEW_LINES = ("1", "2", "3")
"""Of so few, JSON takes one."""


@dataclass(frozen=True, slots=True)
class CellScore:
    """One metric in a cell: score or label, and how it differs from the baseline's; `is_better` null if it doesn't."""

    metric: str
    value: float | None
    label: str | None
    difference: float | None
    is_better: bool | None

    @property
    def shown(self) -> str | None:
        """The number, or the label; null where there is neither."""
        return self.label if self.value is None else number_text(self.value)

    @property
    def change(self) -> str:
        """The difference with its sign; empty where there is none."""
        return number_text(self.difference, sign=True) if self.difference else ""


@dataclass(frozen=True, slots=True)
class GridCell:
    """What one candidate answered to one example.

    Args:
        candidate: `model@prompt`.
        answer: All of it.
        text: What is shown of the output: parts, so that words can be marked.
        n_more: Characters of it that are left out.
        scores: In the view's order.
        n_failed: Of the samples.
        is_other_row: Whether it answers another text of the example than the baseline does.
        laid_out: The text by what it is; null where it is best shown as it stands.
        people: Which label people gave it, where that is looked at.
    """

    candidate: str
    answer: CandidateOutput
    text: tuple[DiffPart, ...]
    n_more: int
    scores: tuple[CellScore, ...]
    n_failed: int
    is_other_row: bool = False
    laid_out: Markup | None = None
    people: str | None = None

    @property
    def is_failed(self) -> bool:
        """Whether there is no answer to be read: a failed request, or no row at all."""
        return self.answer.outcome not in ("ok", "tool_call")


@dataclass(frozen=True, slots=True)
class GridRow:
    """One example with a cell per column.

    Args:
        example: With the answers.
        inputs: As much as is seen; empty where the view leaves them out.
        inputs_laid_out: The same by what it is; null where it is best shown as it stands.
        targets: Likewise.
        facts: Name and text of what else the view shows of the example.
        cells: In the view's order.
    """

    example: ExampleOutputs
    inputs: str
    inputs_laid_out: Markup | None
    targets: str
    facts: tuple[tuple[str, str], ...]
    cells: tuple[GridCell, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What columns can be held against the baseline by, on one example.

    Args:
        other_rows: Columns that answer another text of the example than the baseline does.
        scored_otherwise: Columns with the metrics that they were scored by otherwise.
    """

    other_rows: frozenset[str] = frozenset()
    scored_otherwise: frozenset[tuple[str, str]] = frozenset()

    def against(self, column: str, metric: str, baseline: str) -> bool:
        """Whether a difference of the two scores is one of the answers."""
        is_other = column in self.other_rows or (column, metric) in self.scored_otherwise
        return column != baseline and not is_other


def grid_row(
    texts: ExampleTexts,
    view: GridView,
    directions: Mapping[str, bool | None],
    n_failed: Mapping[str, int],
    held: Held,
    people: Mapping[str, str],
) -> GridRow:
    """Lay an example out.

    Args:
        texts: Of the example, with the answers of the view's columns.
        view: What is shown.
        directions: Metric → whether greater is better; null where it only describes.
        n_failed: Column → failed samples of the example.
        held: What columns can be held against the baseline by.
        people: Column → the label that people gave its answer.
    """
    example, most = texts.outputs, CHARACTERS[view.lines]
    answers = dict(zip(view.columns, example.answers, strict=True))
    base = answers[view.base]
    targets = targets_text(example.targets) or ""
    against = {"baseline": base.said, "target": targets}.get(view.diff)
    cells = []
    for name, answer in answers.items():
        said = answer.said or ""
        is_marked = bool(against) and not (view.diff == "baseline" and name == view.base)
        scores = tuple(
            _score(metric, answer, base if held.against(name, metric, view.base) else None, directions.get(metric))
            for metric in view.scores
        )
        cells.append(
            GridCell(
                candidate=name,
                answer=answer,
                text=_marked(against or "", said, most) if is_marked else (DiffPart("same", said[:most]),),
                n_more=max(0, len(said) - most),
                scores=scores,
                n_failed=n_failed.get(name, 0),
                is_other_row=name in held.other_rows,
                laid_out=None if is_marked else _answer_laid_out(answer, view),
                people=people.get(name),
            )
        )
    return GridRow(
        example,
        inputs=(example.inputs or "")[:most] if "inputs" in view.row else "",
        inputs_laid_out=_laid_out(texts.stored_inputs or "", view) if "inputs" in view.row else None,
        targets=targets[:most] if "targets" in view.row else "",
        facts=tuple((name, text[:most]) for name, text in texts.facts),
        cells=tuple(cells),
    )


def _answer_laid_out(answer: CandidateOutput, view: GridView) -> Markup | None:
    """An answer by what it is, its calls of tools below what it says."""
    said = _laid_out(answer.output or "", view)
    if view.look == "raw" or not answer.tool_calls:
        return said
    return (said or Markup.escape(answer.output or "")) + markup(call_nodes(answer.tool_calls))


def _laid_out(text: str, view: GridView) -> Markup | None:
    if view.look == "raw":
        return None
    nodes = laid_out(text, most=CHARACTERS[view.lines], is_dense=view.lines in FEW_LINES)
    return None if nodes is None else markup(nodes)


def _marked(before: str, after: str, most: int) -> tuple[DiffPart, ...]:
    """The second text with the words that the first lacks marked; those that only the first has are left out."""
    length = min(most, MOST_COMPARED)
    return tuple(part for part in word_diff(before[:length], after[:length]) if part.kind != "removed")


def _score(
    metric: str,
    answer: CandidateOutput,
    base: CandidateOutput | None,
    greater_is_better: bool | None,  # noqa: FBT001 - a fact of the metric
) -> CellScore:
    value = answer.scores.get(metric)
    theirs = None if base is None else base.scores.get(metric)
    difference = None if value is None or theirs is None else round(value - theirs, DECIMALS)
    is_better = None
    if difference and greater_is_better is not None:
        is_better = (difference > 0) == greater_is_better
    return CellScore(metric, value, answer.labels.get(metric), difference, is_better)
