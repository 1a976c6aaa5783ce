"""One comparison in plain words: what may be concluded from it, and what it would take to conclude more."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from eval_assets.statistics.comparison.paired import PairedComparison
from eval_assets.statistics.comparison.power import PowerFigures, power_figures, two_digits
from eval_assets.statistics.intervals import Interval
from eval_assets.wording.numbers import brief_number, plain_number, significant_text

LEAST_P_SHOWN = 0.0001
ROUNDING = 1e-9  # a smaller difference is none


class Conclusion(StrEnum):
    """What the data say of a candidate against the baseline."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent within the margin"
    NO_RELIABLE_DIFFERENCE = "no reliable difference"


@dataclass(frozen=True, slots=True)
class ComparisonVerdict:
    """A conclusion and the sentence that gives its reason."""

    conclusion: Conclusion
    sentence: str


def conclude(
    comparison: PairedComparison,
    *,
    confidence: float,
    adjusted_p_value: float | None = None,
    figures: PowerFigures | None = None,
    margin: float | None = None,
    in_points: bool = False,
) -> ComparisonVerdict:
    """Say whether the candidate is better, worse, equivalent within the margin, or not reliably different.

    Better or worse takes both a p-value below 1 - confidence and an interval without zero, so equal candidates are told
    apart in at most a share 1 - confidence of tables. Equivalent takes the whole interval within the margin, and goes
    first: a difference too small to matter is not a win, however certain.

    Args:
        comparison: From `compare_paired`.
        confidence: The one the comparison was made with.
        adjusted_p_value: Corrected for the other comparisons of the table; default the comparison's own.
        figures: What the pairs can show when corrected for those others; default when not corrected.
        margin: Largest difference that does not matter, in score units, above 0; None if none was declared.
        in_points: Write differences in points of 0.01, as for shares.

    Returns:
        The conclusion in the metric's direction, with numbers that are candidate minus baseline.

    >>> import numpy as np
    >>> from eval_assets.statistics.descriptive import example_scores
    >>> from eval_assets.statistics.comparison.paired import compare_paired
    >>> baseline = example_scores(np.repeat([1.0, 0.0, 1.0, 0.0], [12, 10, 60, 18]))
    >>> candidate = example_scores(np.repeat([0.0, 1.0, 1.0, 0.0], [12, 10, 60, 18]))
    >>> comparison = compare_paired(baseline, candidate, confidence=0.95, n_resamples=999, seed=0)
    >>> print(conclude(comparison, confidence=0.95, in_points=True).sentence.partition("; ")[2])
    about 4,400 more examples would resolve 2.0 points
    """
    if comparison.difference is None or comparison.p_value is None:
        sentence = "nothing to compare: no example has a score from both candidates"
        return ComparisonVerdict(Conclusion.NO_RELIABLE_DIFFERENCE, sentence)
    difference, ends = comparison.difference, comparison.interval.ends
    p_value = comparison.p_value if adjusted_p_value is None else adjusted_p_value
    unit = _Unit(100, ".1f", " points") if in_points else _Unit(1, ".3g", "")
    evidence = (
        f"{unit.amount(difference, '+')} ({_interval_text(comparison.interval, unit)}, {_p_text(p_value)}"
        f"{'' if adjusted_p_value is None else ' corrected'})"
    )
    if margin is not None and ends is not None and -margin < ends[0] and ends[1] < margin:
        return ComparisonVerdict(Conclusion.EQUIVALENT, f"equivalent within {unit.amount(margin)}: {evidence}")
    excludes_zero = ends is None or ends[0] > 0 or ends[1] < 0
    if difference != 0 and p_value < 1 - confidence and excludes_zero:
        better = (difference > 0) == comparison.greater_is_better
        conclusion = Conclusion.BETTER if better else Conclusion.WORSE
        return ComparisonVerdict(conclusion, f"{conclusion}: {evidence}")
    corrected = adjusted_p_value is not None
    more = _what_it_takes(comparison, figures or power_figures(comparison), unit, corrected=corrected)
    sentence = "; ".join([f"no reliable winner: {evidence}", *more])
    return ComparisonVerdict(Conclusion.NO_RELIABLE_DIFFERENCE, sentence)


@dataclass(frozen=True, slots=True)
class _Unit:
    """How differences are written."""

    factor: float
    precision: str
    name: str

    def number(self, value: float, sign: str = "") -> str:
        """Write a number; one that would round to zero and isn't gets a digit more."""
        scaled = 0.0 if abs(value) <= ROUNDING else value * self.factor
        if not self.name:
            return brief_number(scaled, sign=bool(sign))
        text = f"{scaled:{sign},{self.precision}}"
        return text if float(text.replace(",", "")) or not scaled else significant_text(scaled, 1, sign=bool(sign))

    def amount(self, value: float, sign: str = "") -> str:
        return self.number(value, sign) + self.name


def _interval_text(interval: Interval, unit: _Unit) -> str:
    if interval.ends is None:
        return f"no interval ({interval.method.removeprefix('none: ')})"
    low, high = interval.ends
    return f"{100 * interval.confidence:g}% interval {unit.number(low)} to {unit.number(high)}"


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
        needed = f"at least {_counted(fewest, kind)} are needed"
        yield f"with {_counted(n_units, kind)} no difference could be significant{level}: {needed}"
        return
    if comparison.wins + comparison.losses == 0:
        yield "both scored the same on every example"
    elif comparison.n_differing < fewest:
        differing = f"the two differ on {comparison.n_differing:,} of {_counted(n_units, kind)}"
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
        parts.append(f"{_counted(comparison.n_pairs, 'example')} show differences from {unit.amount(least)} up{level}")
    if parts:
        yield ": ".join(parts)


def _what_would_resolve(comparison: PairedComparison, n_needed: int, unit: _Unit, level: str) -> str:
    n_more = n_needed - comparison.n_pairs
    more = f"about {two_digits(n_more):,} more examples"
    if comparison.n_clusters is not None:
        more += f" in {two_digits(n_more * comparison.n_clusters / comparison.n_pairs):,} more clusters"
    return f"{more} would resolve {unit.amount(abs(comparison.difference or 0.0))}{level}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
