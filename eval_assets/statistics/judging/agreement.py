"""How far raters agree: people with people, a judge with people, jurors with each other. Biases are in `judge_bias`."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, no_interval, wilson_interval
from eval_assets.statistics.resampling import percentile_interval, resampled_counts

KappaWeights = Literal["nominal", "linear", "quadratic"]
AlphaLevel = Literal["nominal", "ordinal", "interval"]

TOLERANCE = 1e-12  # resamples closer than this are equal


@dataclass(frozen=True, slots=True)
class Agreement:
    """One measure of agreement.

    Args:
        measure: Its name.
        value: None where it is undefined, as kappa is when nobody ever used a second label.
        interval: By resampling whole examples.
        n: Examples it is over.
    """

    measure: str
    value: float | None
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Counts of examples: row the label of the first rater, column that of the second, in the order of `labels`."""

    labels: tuple[Any, ...]
    counts: NDArray[np.int64]


def confusion_matrix(
    first: NDArray[Any], second: NDArray[Any], *, labels: NDArray[Any] | None = None
) -> ConfusionMatrix:
    """Count which label each rater gave where the other gave which.

    Args:
        first: Labels by one rater, shape (n,).
        second: Labels of the same examples by the other, shape (n,).
        labels: Every possible label in order, shape (n_labels,); default: those that occur, sorted. Name them all for
            an ordinal scale: an unused grade still separates its neighbours.

    Returns:
        The matrix.

    Raises:
        UnpairedScoresError: The columns differ in length.
        ScoreRangeError: A label is not among `labels`.

    >>> confusion_matrix(np.array([1, 1, 2]), np.array([1, 2, 2])).counts.tolist()
    [[1, 1], [0, 1]]
    """
    if first.shape != second.shape:
        raise UnpairedScoresError(f"expected labels of the same examples, got {first.size} and {second.size}")
    used = np.unique(np.concatenate([first, second]))
    known = used if labels is None else labels
    unknown = used[~np.isin(used, known)]
    if unknown.size:
        raise ScoreRangeError(f"expected labels among {known.tolist()!r}, got {unknown[:5].tolist()!r}")
    position = {label: index for index, label in enumerate(known.tolist())}
    counts = np.zeros((known.size, known.size), dtype=np.int64)
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        counts[position[one], position[other]] += 1
    return ConfusionMatrix(tuple(known.tolist()), counts)


def raw_agreement(first: NDArray[Any], second: NDArray[Any], *, confidence: float) -> Agreement:
    """Share of the examples both raters gave the same label. Chance alone gives a share, too: see `cohen_kappa`.

    Args:
        first: Labels by one rater, shape (n,).
        second: Labels of the same examples by the other, shape (n,).
        confidence: Coverage of the interval (Wilson), strictly between 0 and 1.

    Returns:
        The share, between 0 and 1.

    >>> raw_agreement(np.array([1, 1, 2]), np.array([1, 2, 2]), confidence=0.95).value  # doctest: +ELLIPSIS
    0.666...
    """
    matrix = confusion_matrix(first, second)
    n, n_equal = first.size, int(np.trace(matrix.counts))
    if n == 0:
        return Agreement("raw agreement", None, no_interval("no examples", confidence), 0)
    return Agreement("raw agreement", n_equal / n, wilson_interval(n_equal, n, confidence=confidence), n)


def cohen_kappa(
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    weights: KappaWeights = "nominal",
    labels: NDArray[Any] | None = None,
) -> Agreement:
    """Agreement of two raters beyond what their label frequencies alone would give.

    Args:
        first: Labels by one rater, shape (n,).
        second: Labels of the same examples by the other, shape (n,).
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.
        weights: Cost of a disagreement: all the same, or growing with the distance in `labels` or its square.
        labels: As in `confusion_matrix`.

    Returns:
        Kappa: 1 for perfect agreement, 0 for chance, at least -1. Undefined (None) when both raters used one and the
        same label throughout.

    Source:
        Cohen 1960, https://doi.org/10.1177/001316446002000104, and 1968 for the weighted one.

    >>> first, second = np.array([1, 1, 2, 2]), np.array([1, 2, 2, 2])
    >>> cohen_kappa(first, second, confidence=0.95, n_resamples=100, seed=0).value  # (0.75 - 0.5) / (1 - 0.5)
    0.5
    """
    counts = confusion_matrix(first, second, labels=labels).counts
    steps = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts)))).astype(np.float64)
    costs = {"nominal": (steps > 0).astype(np.float64), "linear": steps, "quadratic": steps**2}[weights]
    name = "Cohen's kappa" if weights == "nominal" else f"Cohen's kappa, {weights} weights"
    if first.size == 0:
        return Agreement(name, None, no_interval("no examples", confidence), 0)
    # Examples matter to kappa by their cell alone, so a resample of examples is a multinomial draw of cells.
    generator, shares = np.random.default_rng(seed), counts.ravel() / first.size
    draws = (generator.multinomial(first.size, shares).reshape(counts.shape) for _ in range(n_resamples))
    resampled = np.array([_kappa(drawn, costs) for drawn in draws])
    return _bounded(name, _kappa(counts, costs), resampled, confidence, first.size)


def krippendorff_alpha(
    ratings: NDArray[np.float64],
    *,
    level: AlphaLevel,
    confidence: float,
    n_resamples: int,
    seed: int,
) -> Agreement:
    """Agreement of any number of raters, each of whom may have skipped examples.

    Args:
        ratings: Shape (n_raters, n_examples); NaN where a rater gave none. Nominal labels as numbers.
        level: Whether labels are mere names, ordered, or numbers with meaningful distances.
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.

    Returns:
        Alpha: 1 for perfect agreement, 0 for chance. Undefined (None) without an example rated twice, or when one label
        was used throughout. `n` counts the examples rated at least twice.

    Source:
        Krippendorff 2011, Computing Krippendorff's alpha-reliability, https://repository.upenn.edu/asc_papers/43.

    >>> ratings = np.array([[1, 1, 2, 2.0], [1, 2, 2, np.nan]])
    >>> round(krippendorff_alpha(ratings, level="nominal", confidence=0.95, n_resamples=99, seed=0).value, 4)
    0.4444
    """
    ratings = ratings[:, (~np.isnan(ratings)).sum(axis=0) > 1]
    given = ~np.isnan(ratings)
    n, values = ratings.shape[1], np.unique(ratings[given])
    counts = np.zeros((n, values.size))  # how many raters gave the example the value
    np.add.at(counts, (np.nonzero(given.T)[0], np.searchsorted(values, ratings.T[given.T])), 1)
    draws = resampled_counts(n, n_resamples=n_resamples, seed=seed) if n else ()
    resampled = np.array([_alpha(counts, values, weights, level) for weights in draws])
    value = _alpha(counts, values, np.ones(n), level)
    return _bounded(f"Krippendorff's alpha, {level}", value, resampled, confidence, n)


def spearman_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64], *, confidence: float, n_resamples: int, seed: int
) -> Agreement:
    """How far two raters put the examples in the same order, whatever scale each of them uses.

    Args:
        first: Scores by one rater, shape (n,), no NaN.
        second: Scores of the same examples by the other, shape (n,), no NaN.
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.

    Returns:
        The rank correlation, between -1 and 1. Undefined (None) when a rater gave everything the same score.

    Raises:
        UnpairedScoresError: The columns differ in length.

    Source:
        Spearman 1904, https://doi.org/10.2307/1412159.

    >>> first, second = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])  # 1 - 6 * 2 / (4 * 15)
    >>> round(spearman_correlation(first, second, confidence=0.95, n_resamples=99, seed=0).value, 4)
    0.8
    """
    if first.shape != second.shape:
        raise UnpairedScoresError(f"expected scores of the same examples, got {first.size} and {second.size}")
    n = first.size
    places, other_places = (np.unique(scores, return_inverse=True)[1] for scores in (first, second))
    draws = resampled_counts(n, n_resamples=n_resamples, seed=seed) if n else ()
    resampled = np.array([_rank_correlation(places, other_places, weights) for weights in draws])
    value = _rank_correlation(places, other_places, np.ones(n))
    return _bounded("Spearman's rank correlation", value, resampled, confidence, n)


def _kappa(counts: NDArray[np.int64], costs: NDArray[np.float64]) -> float:
    """Kappa of a confusion matrix; NaN where undefined."""
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    expected = float((by_chance * costs).sum())
    return 1 - float((counts * costs).sum()) / expected if expected > 0 else float("nan")


def _rank_correlation(
    places: NDArray[np.int64], other_places: NDArray[np.int64], weights: NDArray[np.float64]
) -> float:
    """Correlation of mid-ranks when each example counts `weights` times; NaN where undefined."""

    def centred_ranks(of: NDArray[np.int64]) -> NDArray[np.float64]:
        per_place = np.bincount(of, weights=weights)
        return np.asarray((np.cumsum(per_place) - per_place / 2)[of] - weights.sum() / 2)  # mid-ranks average n / 2

    ranks, other_ranks = centred_ranks(places), centred_ranks(other_places)
    spread = float(np.sqrt((weights @ ranks**2) * (weights @ other_ranks**2)))
    return float(weights @ (ranks * other_ranks)) / spread if spread > 0 else float("nan")


def _alpha(
    counts: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64], level: AlphaLevel
) -> float:
    """Alpha when each example counts `weights` times; NaN where undefined.

    Sums over all pairs of ratings reduce to squares: ordinal distance is that of mid-ranks, and the squared distances
    within a set of m numbers add up to m times their squared deviations.
    """
    n_raters, per_value = counts.sum(axis=1), weights @ counts
    n = per_value.sum()
    if np.count_nonzero(per_value) <= 1:
        return float("nan")
    if level == "nominal":
        within = n_raters**2 - (counts**2).sum(axis=1)
        total = n**2 - (per_value**2).sum()
    else:
        scale = np.cumsum(per_value) - per_value / 2 if level == "ordinal" else values
        scale = scale - per_value @ scale / n
        within = 2 * (n_raters * (counts @ scale**2) - (counts @ scale) ** 2)
        total = 2 * n * (per_value @ scale**2)
    return float(1 - (weights @ (within / (n_raters - 1))) / (total / (n - 1)))


def _bounded(measure: str, value: float, resampled: NDArray[np.float64], confidence: float, n: int) -> Agreement:
    """A measure with its bootstrap interval, or without one where nothing varied: no proof of certainty."""
    if np.isnan(value):
        return Agreement(measure, None, no_interval("the measure is undefined", confidence), n)
    defined = resampled[np.isfinite(resampled)]
    if defined.size and np.ptp(defined) < TOLERANCE:
        return Agreement(measure, value, no_interval("every resample agrees alike", confidence), n)
    return Agreement(measure, value, percentile_interval(resampled, confidence=confidence), n)
