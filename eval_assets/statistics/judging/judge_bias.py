"""What sways a judge besides quality: length, position, kinship. Agreement with people is in `agreement`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.intervals import Interval, mean_interval, no_interval
from eval_assets.statistics.spread import TOLERANCE, cluster_codes

N_FITTED = 2  # a slope and a level


@dataclass(frozen=True, slots=True)
class Bias:
    """One measure of bias; 0 means none.

    Args:
        measure: Its name.
        value: None where the data leave it undefined.
        interval: Of the value.
        n: Examples or pairs it is over.
    """

    measure: str
    value: float | None
    interval: Interval
    n: int


def length_bias(
    scores: NDArray[np.float64],
    lengths: NDArray[np.float64],
    *,
    confidence: float,
    clusters: NDArray[Any] | None = None,
) -> Bias:
    """Slope of the score on the output's length, by least squares with an error that allows unequal spread.

    The error is the jackknife's, which leaves out one example at a time (HC3; CR3 where examples have several outputs).

    Longer outputs may deserve more: where people scored the same outputs, pass judge minus human scores, and what is
    left is the judge's own.

    Args:
        scores: One per output, shape (n,), no NaN.
        lengths: Length of each output, in any unit, shape (n,).
        confidence: Coverage of the interval, strictly between 0 and 1.
        clusters: Example of each output, shape (n,), where an example has several.

    Returns:
        Score units per unit of length; positive favours long outputs. Undefined (None) for fewer than three outputs or
        equal lengths.

    Raises:
        UnpairedScoresError: The columns differ in length.

    Source:
        MacKinnon and White 1985, https://doi.org/10.1016/0304-4076(85)90158-7; Bell and McCaffrey 2002, Survey
        Methodology 28, 169-181, for clusters.

    >>> length_bias(np.array([1.0, 2.0, 2.0, 3.0]), np.array([100.0, 200.0, 300.0, 400.0]), confidence=0.95).value
    0.006
    """
    from scipy.special import stdtrit

    if scores.shape != lengths.shape:
        raise UnpairedScoresError(f"expected one length per score, got {lengths.size} for {scores.size} scores")
    n, measure = scores.size, "score per unit of length"
    example_of, n_examples = (np.arange(n), n) if clusters is None else cluster_codes(clusters)
    if n <= N_FITTED or np.ptp(lengths) == 0:
        return Bias(measure, None, no_interval("fewer than three outputs or equal lengths", confidence), n)
    centred = lengths - lengths.mean()
    slope = float(centred @ scores) / float(centred @ centred)
    if np.allclose(scores - scores.mean() - slope * centred, 0):
        return Bias(measure, slope, no_interval("no spread around the slope", confidence), n)

    def left(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums without each example in turn."""
        return np.asarray(values.sum() - np.bincount(example_of, weights=values, minlength=n_examples))

    counts, sums, squares = left(np.ones(n)), left(centred), left(centred**2)
    degrees = n_examples - N_FITTED
    spreads = counts * squares - sums**2
    if degrees < 1 or (spreads <= TOLERANCE * n * float(centred @ centred)).any():
        return Bias(measure, slope, no_interval("the slope rests on one example", confidence), n)
    without = (counts * left(centred * scores) - sums * left(scores)) / spreads
    error = float(np.sqrt(np.sum((without - slope) ** 2)))
    reach = float(stdtrit(degrees, (1 + confidence) / 2)) * error
    return Bias(
        measure,
        slope,
        Interval(slope - reach, slope + reach, f"{'HC3' if clusters is None else 'CR3'}, t", confidence),
        n,
    )


def position_flip_rate(
    shown_first: NDArray[np.float64],
    shown_second: NDArray[np.float64],
    *,
    confidence: float,
    clusters: NDArray[Any] | None = None,
) -> Bias:
    """Share of pairs whose winner changes when the two outputs change places.

    Args:
        shown_first: How one fixed output of each pair fared when shown first: 1 won, 0.5 tied, 0 lost; shape (n,).
        shown_second: How the same output fared when shown second, shape (n,).
        confidence: Coverage of the interval (Wilson), strictly between 0 and 1.
        clusters: Example of each pair, shape (n,), where an example has several.

    Returns:
        The share, between 0 and 1.

    Raises:
        UnpairedScoresError: The columns differ in length.

    >>> position_flip_rate(np.array([1.0, 1.0, 0.0, 0.5]), np.array([1.0, 0.0, 0.0, 0.5]), confidence=0.95).value
    0.25
    """
    _refuse_unpaired(shown_first, shown_second)
    n, flipped = shown_first.size, (shown_first != shown_second).astype(np.float64)
    if n == 0:
        return Bias("position flip rate", None, no_interval("no pairs", confidence), 0)
    interval = mean_interval(flipped, clusters=clusters, binary=True, confidence=confidence)
    return Bias("position flip rate", float(flipped.mean()), interval, n)


def position_preference(
    shown_first: NDArray[np.float64],
    shown_second: NDArray[np.float64],
    *,
    confidence: float,
    clusters: NDArray[Any] | None = None,
) -> Bias:
    """How much better an output fares for being shown first.

    Args:
        shown_first: As in `position_flip_rate`.
        shown_second: As in `position_flip_rate`.
        confidence: Coverage of the interval, strictly between 0 and 1.
        clusters: As in `position_flip_rate`.

    Returns:
        Mean difference of the outcomes, between -1 (the second place always wins) and 1 (the first does).

    Raises:
        UnpairedScoresError: The columns differ in length.

    >>> position_preference(np.array([1.0, 1.0, 0.0, 0.5]), np.array([1.0, 0.0, 0.0, 0.5]), confidence=0.95).value
    0.25
    """
    _refuse_unpaired(shown_first, shown_second)
    return _mean_bias(
        "preference for the first place", shown_first - shown_second, confidence, reach=1.0, clusters=clusters
    )


def self_preference(
    own: NDArray[np.float64],
    others: NDArray[np.float64],
    *,
    confidence: float,
    human_own: NDArray[np.float64] | None = None,
    human_others: NDArray[np.float64] | None = None,
) -> Bias:
    """How much higher a judge scores outputs of its own model family than those of others on the same examples.

    Args:
        own: Judge's mean score of its own family's outputs per example, shape (n,), no NaN.
        others: Judge's mean score of the other families' outputs on the same examples, shape (n,), no NaN.
        confidence: Coverage of the interval, strictly between 0 and 1.
        human_own: People's scores of the same outputs as `own`; with both human columns, what people too find better is
            taken off.
        human_others: People's scores of the same outputs as `others`.

    Returns:
        The mean difference in score units. Without human scores it holds real superiority as well as preference.

    Raises:
        UnpairedScoresError: The columns differ in length.

    Source:
        Panickssery et al. 2024, https://arxiv.org/abs/2404.13076.

    >>> self_preference(np.array([4.0, 5.0]), np.array([3.0, 3.0]), confidence=0.95).value
    1.5
    """
    _refuse_unpaired(own, others)
    if human_own is None or human_others is None:
        return _mean_bias("preference for the own family", own - others, confidence)
    _refuse_unpaired(own, human_own)
    _refuse_unpaired(own, human_others)
    excess = own - others - (human_own - human_others)
    return _mean_bias("preference for the own family beyond people's", excess, confidence)


def _mean_bias(
    measure: str,
    differences: NDArray[np.float64],
    confidence: float,
    reach: float | None = None,
    clusters: NDArray[Any] | None = None,
) -> Bias:
    interval = mean_interval(
        differences,
        clusters=clusters,
        kind="t",
        lower=None if reach is None else -reach,
        upper=reach,
        confidence=confidence,
    )
    return Bias(measure, float(differences.mean()) if differences.size else None, interval, differences.size)


def _refuse_unpaired(first: NDArray[np.float64], second: NDArray[np.float64]) -> None:
    if first.shape != second.shape:
        raise UnpairedScoresError(f"expected outcomes of the same pairs, got {first.size} and {second.size}")
