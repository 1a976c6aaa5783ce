"""One comparison in plain words: what may be concluded from it, and what it would take to conclude more."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from eval_assets.statistics.comparison.paired import PairedComparison
from eval_assets.statistics.comparison.power import PowerFigures, power_figures, two_digits
from eval_assets.statistics.intervals import Interval
from eval_assets.wording.numbers import confidence_text, count_text, number_text, plain_number, points_text

LEAST_P_SHOWN = 0.0001
NOTHING_TO_COMPARE = "nothing to compare: no example has a score from both candidates"
ROUNDED_AWAY = 1e-9  # a smaller difference is none


class Conclusion(StrEnum):
    """What the data say of a candidate against the baseline."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent within the margin"
    NO_RELIABLE_DIFFERENCE = "no reliable difference"

    @property
    def is_different(self) -> bool:
        """Whether the two are told apart: what letters, sentences and counts of differences go by alike."""
        return self in (Conclusion.BETTER, Conclusion.WORSE)


@dataclass(frozen=True, slots=True)
class ComparisonVerdict:
    """A conclusion and the sentence that gives its reason."""

    conclusion: Conclusion
    sentence: str


def concluded(
    comparison: PairedComparison,
    *,
    confidence: float,
    p_value: float | None = None,
    p_value_of_equivalence: float | None = None,
) -> Conclusion:
    """Decide whether the candidate is better, worse, equivalent within the margin, or not reliably different.

    Better or worse takes both a p-value below 1 - confidence and an interval without zero, so equal candidates are told
    apart in at most a share 1 - confidence of tables. Equivalent takes a p-value of equivalence below the same level,
    and goes first: a difference too small to matter is not a win, however certain. Of one comparison only one of the
    two can be an error, so correcting each kind for the number of comparisons bounds the errors of each kind.

    Args:
        comparison: From `compare_paired`.
        confidence: The one the comparison was made with.
        p_value: Corrected for the other comparisons of the table; default the comparison's own.
        p_value_of_equivalence: Likewise.

    Returns:
        The conclusion in the metric's direction.

    >>> import numpy as np
    >>> from eval_assets.statistics.descriptive import example_scores
    >>> from eval_assets.statistics.comparison.paired import compare_paired
    >>> old, new = example_scores(np.full(9, 0.5)), example_scores(np.linspace(0.6, 0.7, 9))
    >>> comparison = compare_paired(old, new, confidence=0.95)
    >>> concluded(comparison, confidence=0.95).value, concluded(comparison, confidence=0.95, p_value=0.3).value
    ('better', 'no reliable difference')
    """
    alpha, ends = 1 - confidence, comparison.interval.ends
    p_value = comparison.p_value if p_value is None else p_value
    if p_value_of_equivalence is None:
        p_value_of_equivalence = comparison.p_value_of_equivalence
    if comparison.difference is None or p_value is None:
        return Conclusion.NO_RELIABLE_DIFFERENCE
    if p_value_of_equivalence is not None and p_value_of_equivalence <= alpha:
        return Conclusion.EQUIVALENT
    if comparison.difference != 0 and p_value < alpha and not holds_zero(ends):
        better = (comparison.difference > 0) == comparison.greater_is_better
        return Conclusion.BETTER if better else Conclusion.WORSE
    return Conclusion.NO_RELIABLE_DIFFERENCE


def holds_zero(ends: tuple[float, float] | None) -> bool:
    """Whether an interval leaves room for no difference; one that could not be computed is no evidence for it."""
    return ends is not None and ends[0] <= 0 <= ends[1]


def conclude(
    comparison: PairedComparison,
    *,
    confidence: float,
    adjusted_p_value: float | None = None,
    adjusted_p_value_of_equivalence: float | None = None,
    figures: PowerFigures | None = None,
    in_points: bool = False,
) -> ComparisonVerdict:
    """Say in a sentence what `concluded` decides, and what it would take to conclude more.

    Args:
        comparison: From `compare_paired`.
        confidence: The one the comparison was made with.
        adjusted_p_value: Corrected for the other comparisons of the table; default the comparison's own.
        adjusted_p_value_of_equivalence: Likewise.
        figures: What the pairs can show when corrected for those others; default when not corrected.
        in_points: Write differences in points of 0.01, as for shares.

    Returns:
        The conclusion in the metric's direction, with numbers that are candidate minus baseline.

    >>> import numpy as np
    >>> from eval_assets.statistics.descriptive import example_scores
    >>> from eval_assets.statistics.comparison.paired import compare_paired
    >>> baseline = example_scores(np.repeat([1.0, 0.0, 1.0, 0.0], [12, 10, 60, 18]))
    >>> candidate = example_scores(np.repeat([0.0, 1.0, 1.0, 0.0], [12, 10, 60, 18]))
    >>> comparison = compare_paired(baseline, candidate, confidence=0.95)
    >>> print(conclude(comparison, confidence=0.95, in_points=True).sentence.partition("; ")[2])
    about 4,400 more examples would resolve 2.0 points
    """
    if comparison.difference is None or comparison.p_value is None:
        return ComparisonVerdict(Conclusion.NO_RELIABLE_DIFFERENCE, NOTHING_TO_COMPARE)
    conclusion = concluded(
        comparison,
        confidence=confidence,
        p_value=adjusted_p_value,
        p_value_of_equivalence=adjusted_p_value_of_equivalence,
    )
    p_value = comparison.p_value if adjusted_p_value is None else adjusted_p_value
    unit = _Unit(in_points=in_points)
    seen = f"{unit.amount(comparison.difference, sign=True)} ({_interval_text(comparison.interval, unit)}, "
    corrected = "" if adjusted_p_value is None else " corrected"
    if conclusion is Conclusion.EQUIVALENT:
        p_value = adjusted_p_value_of_equivalence or comparison.p_value_of_equivalence or 0.0
        corrected = "" if adjusted_p_value_of_equivalence is None else " corrected"
        within = f"equivalent within {unit.amount(comparison.margin or 0.0)}"
        return ComparisonVerdict(conclusion, f"{within}: {seen}{_p_text(p_value)} of more than that{corrected})")
    evidence = f"{seen}{_p_text(p_value)}{corrected})"
    if conclusion.is_different:
        return ComparisonVerdict(conclusion, f"{conclusion}: {evidence}")
    if p_value < 1 - confidence and comparison.difference != 0:
        evidence += ": few examples make the difference, and the interval holds zero"
    alone, among_others = comparison.p_value_of_equivalence, adjusted_p_value_of_equivalence
    if alone is not None and among_others is not None and alone <= 1 - confidence:
        within = f"within {unit.amount(comparison.margin or 0.0)} on its own, but not among the others"
        evidence += f"; {within}: {_p_text(among_others)} of more than that"
    more = _what_it_takes(
        comparison, figures or power_figures(comparison), unit, corrected=adjusted_p_value is not None
    )
    sentence = "; ".join([f"no reliable winner: {evidence}", *more])
    return ComparisonVerdict(conclusion, sentence)


def described(comparison: PairedComparison, *, in_points: bool = False) -> str:
    """Write the difference and its interval, and conclude nothing.

    Args:
        comparison: From `compare_paired`.
        in_points: As in `conclude`.
    """
    if comparison.difference is None:
        return NOTHING_TO_COMPARE
    unit = _Unit(in_points=in_points)
    return f"{unit.amount(comparison.difference, sign=True)} ({_interval_text(comparison.interval, unit)})"


@dataclass(frozen=True, slots=True)
class _Unit:
    """How differences are written: in points of 0.01, or in score units."""

    in_points: bool

    def number(self, value: float) -> str:
        """Write an end of an interval."""
        shown = 0.0 if abs(value) <= ROUNDED_AWAY else value
        return points_text(shown, unit="", sign=False) if self.in_points else number_text(shown)

    def amount(self, value: float, *, sign: bool = False) -> str:
        """Write a difference with its unit."""
        shown = 0.0 if abs(value) <= ROUNDED_AWAY else value
        return points_text(shown, sign=sign) if self.in_points else number_text(shown, sign=sign and shown != 0)


def _interval_text(interval: Interval, unit: _Unit) -> str:
    if interval.ends is None:
        return f"no interval ({interval.method.removeprefix('none: ')})"
    low, high = interval.ends
    return f"{confidence_text(interval.confidence)} interval {unit.number(low)} to {unit.number(high)}"


def _p_text(p_value: float) -> str:
    return f"p {p_value:.2g}" if p_value >= LEAST_P_SHOWN else f"p below {plain_number(LEAST_P_SHOWN)}"


def _what_it_takes(
    comparison: PairedComparison, figures: PowerFigures, unit: _Unit, *, corrected: bool
) -> Iterator[str]:
    """Why nothing could be found, and what would resolve the difference or the least one that would have been found."""
    level = f" at level {plain_number(float(f'{figures.level:.2g}'))}"
    fewest, n_units = figures.fewest_units, comparison.n_units
    kind = "example" if comparison.n_clusters is None else "cluster"
    if n_units < fewest:
        needed = f"at least {count_text(fewest, kind)} are needed"
        yield f"with {count_text(n_units, kind)} no difference could be significant{level}: {needed}"
        return
    if comparison.wins + comparison.losses == 0:
        yield "both scored the same on every example"
    elif comparison.n_differing < fewest:
        differing = f"the two differ on {comparison.n_differing:,} of {count_text(n_units, kind)}"
        yield f"{differing}, and no outcome on fewer than {fewest:,} could be significant{level}"
    stated = level if corrected else ""
    if figures.examples_to_resolve is None:
        yield from _what_is_shown(comparison, figures, unit, stated)
    elif figures.examples_to_resolve > comparison.n_pairs:
        yield _what_would_resolve(comparison, figures.examples_to_resolve, unit, stated)


def _what_is_shown(comparison: PairedComparison, figures: PowerFigures, unit: _Unit, level: str) -> Iterator[str]:
    """The least difference that these examples show, where more of them are no advice."""
    least = figures.smallest_detectable_difference
    too_small = "the difference seen is too small for more examples to be worth it"
    parts = [too_small] if comparison.wins + comparison.losses else []
    if least is not None and not 0 < comparison.n_differing < figures.fewest_units:
        parts.append(
            f"{count_text(comparison.n_pairs, 'example')} show differences from {unit.amount(least)} up{level}"
        )
    if parts:
        yield ": ".join(parts)


def _what_would_resolve(comparison: PairedComparison, n_needed: int, unit: _Unit, level: str) -> str:
    n_more = n_needed - comparison.n_pairs
    more = f"about {two_digits(n_more):,} more examples"
    if comparison.n_clusters is not None:
        more += f" in {two_digits(n_more * comparison.n_clusters / comparison.n_pairs):,} more clusters"
    return f"{more} would resolve {unit.amount(abs(comparison.difference or 0.0))}{level}"
