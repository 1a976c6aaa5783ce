"""What a number of examples can and cannot show: the smallest detectable difference, and the examples one needs.

Figures are for the level that the verdict of a comparison needs, so a table of many comparisons asks for more.
"""

from dataclasses import dataclass

import numpy as np

from eval_assets.statistics.comparison.paired import PairedComparison
from eval_assets.statistics.comparison.power_of_tests import (
    POWER,
    fewest_units,
    pairs_to_resolve_by_mcnemar,
    smallest_difference_by_flips,
    smallest_difference_by_mcnemar,
    units_to_resolve_by_flips,
)

MOST_EXAMPLES = 1_000_000  # more than these are no advice
MOST_TIMES_AS_MANY = 1_000
NEGLIGIBLE = 0.0005  # share of a metric's range that is nearly nothing: 0.0 of 100 points


@dataclass(frozen=True, slots=True)
class PowerFigures:
    """What the pairs of one comparison can show at the level its verdict needs.

    Args:
        level: p-values have to be below it: 1 - confidence, divided by the number of comparisons corrected for.
        fewest_units: Examples, or clusters where there are some, that have to differ before any outcome is significant.
        smallest_detectable_difference: Difference these pairs would show with 80 % power, in score units; None where no
            difference could be significant, or nothing tells how far scores spread.
        examples_to_resolve: Pairs with which the observed difference would be found with 80 % power; None for no or
            next to no difference, and for more pairs than anyone would collect.
    """

    level: float
    fewest_units: int
    smallest_detectable_difference: float | None
    examples_to_resolve: int | None


def power_figures(comparison: PairedComparison, *, n_comparisons: int = 1) -> PowerFigures:
    """Say what the pairs of a comparison can show when it is corrected for the others of its table.

    The level is (1 - confidence) / n_comparisons, the first step of Holm's correction: a p-value below it is
    significant whatever the other comparisons show. Where others are significant too Holm asks for less, so the figures
    are on the safe side. McNemar's test is taken exactly, with the share of discordant pairs as observed; for other
    scores differences are taken as normally distributed with the spread observed, and clusters as what is sampled.

    Args:
        comparison: From `compare_paired`.
        n_comparisons: Comparisons corrected for together, this one included.

    >>> from eval_assets.statistics.descriptive import example_scores
    >>> from eval_assets.statistics.comparison.paired import compare_paired
    >>> scores = [example_scores(np.repeat(values, [12, 10, 178])) for values in ([1.0, 0.0, 1.0], [0.0, 1.0, 1.0])]
    >>> comparison = compare_paired(*scores, confidence=0.95)
    >>> [round(power_figures(comparison, n_comparisons=n).smallest_detectable_difference, 3) for n in (1, 10)]
    [0.067, 0.083]
    """
    level = (1 - comparison.interval.confidence) / n_comparisons
    if comparison.test == "exact McNemar":
        share = (comparison.wins + comparison.losses) / comparison.n_pairs
        least = smallest_difference_by_mcnemar(share, comparison.n_pairs, power=POWER, alpha=level)
        needed = pairs_to_resolve_by_mcnemar(comparison.difference or 0.0, share, power=POWER, alpha=level)
    else:
        n_units = comparison.n_units
        sd = (comparison.standard_error or 0.0) * float(np.sqrt(n_units))
        least = smallest_difference_by_flips(sd, n_units, power=POWER, alpha=level)
        units = units_to_resolve_by_flips(comparison.difference or 0.0, sd, power=POWER, alpha=level)
        needed = None if units is None else int(np.ceil(units * comparison.n_pairs / n_units))
    return PowerFigures(level, fewest_units(level), least, needed if _is_advice(needed, comparison) else None)


def is_worth_asking_for(n_needed: float, n_now: int) -> bool:
    """Whether a number of examples is one that somebody might collect.

    >>> is_worth_asking_for(640, 200), is_worth_asking_for(6_600_000, 200), is_worth_asking_for(300_000, 200)
    (True, False, False)
    """
    return n_needed <= MOST_EXAMPLES and n_needed <= MOST_TIMES_AS_MANY * n_now


def two_digits(count: float) -> int:
    """Round a number of examples up to two digits: a power calculation knows no more.

    >>> two_digits(637), two_digits(12.3)
    (640, 13)
    """
    whole = int(np.ceil(count))
    unit: int = 10 ** max(0, len(str(whole)) - 2)
    return -(-whole // unit) * unit


def _is_advice(needed: int | None, comparison: PairedComparison) -> bool:
    reach = comparison.score_range
    negligible = reach is not None and abs(comparison.difference or 0.0) < NEGLIGIBLE * reach
    return needed is not None and not negligible and is_worth_asking_for(needed, comparison.n_pairs)
