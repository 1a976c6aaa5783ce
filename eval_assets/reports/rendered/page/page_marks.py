"""Geometry of the small inline drawings of the HTML report: where a mean, an interval or a bar stands on an axis.

Positions are percent of the width, so that a drawing stretches with its column; colours are the style sheet's business.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from eval_assets.wording.numbers import number_text, plain_number

MOST_VALUES = 11  # up to so many different scores each gets its own bar
N_BINS = 12
MOST_STEPS = 5
PADDING = 0.06


@dataclass(frozen=True, slots=True)
class Axis:
    """A stretch of numbers drawn from left to right."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Position in percent, kept within the axis.

        >>> Axis(1, 5).place(2), Axis(0, 0).place(0)
        (25.0, 50.0)
        """
        if self.high <= self.low:
            return 50.0
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram: left edge and width in percent of the width, height in percent of the highest bar."""

    left: float
    width: float
    height: float
    label: str
    count: int


def axis_of(values: Iterable[float | None], *, low: float | None = None, high: float | None = None) -> Axis:
    """Choose an axis: the metric's range where it has one, else what the values span, with some air.

    >>> axis_of([0.4, 0.6], low=0, high=1)
    Axis(low=0, high=1)
    >>> axis_of([10.0, None, 20.0], low=0)
    Axis(low=9.4, high=20.6)
    """
    if low is not None and high is not None:
        return Axis(low, high)
    known = [value for value in values if value is not None]
    if not known:
        return Axis(0.0, 1.0)
    air = PADDING * (max(known) - min(known))
    left = min(known) - air
    # Air must not suggest that a duration or a count could be negative.
    return Axis(round(max(left, 0.0) if min(known) >= 0 else left, 12), round(max(known) + air, 12))


def symmetric_axis(values: Iterable[float | None]) -> Axis:
    """Choose an axis with zero in the middle, for differences.

    >>> symmetric_axis([-0.1, 0.05])
    Axis(low=-0.106, high=0.106)
    """
    reach = max((abs(value) for value in values if value is not None), default=1.0) or 1.0
    return Axis(round(-reach * (1 + PADDING), 12), round(reach * (1 + PADDING), 12))


def round_values(axis: Axis) -> list[float]:
    """Choose numbers to write along an axis: 1, 2 or 5 times a power of ten apart.

    >>> round_values(Axis(0.37, 0.82)), round_values(Axis(3, 3))
    ([0.4, 0.5, 0.6, 0.7, 0.8], [3])
    """
    least = (axis.high - axis.low) / MOST_STEPS
    if least <= 0:
        return [axis.low]
    power = 10.0 ** floor(log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    return [float(f"{index * step:.12g}") for index in range(ceil(axis.low / step), floor(axis.high / step) + 1)]


def histogram(scores: NDArray[np.float64], *, axis: Axis, values: Sequence[float]) -> tuple[Bar, ...]:
    """Count scores into bars.

    Args:
        scores: Shape (n,), no NaN.
        axis: Shared by all candidates of a metric.
        values: All scores any candidate got, each once: up to 11 get a bar each, more are binned.

    Returns:
        Bars from left to right, empty ones included; none without scores.

    >>> [(bar.label, bar.count) for bar in histogram(np.array([1.0, 5.0, 5.0]), axis=Axis(1, 5), values=[1, 3, 5])]
    [('1', 1), ('3', 0), ('5', 2)]
    """
    if scores.size == 0:
        return ()
    if len(values) <= MOST_VALUES:
        counts = np.array([int((scores == value).sum()) for value in sorted(values)])
        labels = [plain_number(value) for value in sorted(values)]
    else:
        counts, edges = np.histogram(scores, bins=N_BINS, range=(axis.low, axis.high))
        labels = [f"{number_text(left)} to {number_text(right)}" for left, right in pairwise(edges)]
    width = 100 / len(counts)
    highest = max(1, int(counts.max()))
    return tuple(
        Bar(round(index * width, 2), round(width, 2), round(100 * int(count) / highest, 1), label, int(count))
        for index, (count, label) in enumerate(zip(counts, labels, strict=True))
    )
