"""How far two raters agree: a judge with people. More raters at once are in `alpha`, biases in `judge_bias`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, mean_interval, no_interval
from eval_assets.statistics.resampling import percentile_interval, resampled_counts
from eval_assets.statistics.spread import FEWEST_UNITS, cluster_codes, repeated

KappaWeights = Literal["nominal", "linear", "quadratic"]

EQUAL_RESAMPLES = 1e-12  # resamples closer than this are equal


@dataclass(frozen=True, slots=True)
class Agreement:
    """One measure of agreement.

    Args:
        measure: Its name.
        value: None where it is undefined, as kappa is when nobody ever used a second label.
        interval: By resampling whole examples.
        n: Outputs it is over.
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
    known, places, other_places = _placed(first, second, labels)
    counts = np.bincount(places * known.size + other_places, minlength=known.size**2).reshape(known.size, known.size)
    return ConfusionMatrix(tuple(known.tolist()), counts)


def raw_agreement(
    first: NDArray[Any], second: NDArray[Any], *, confidence: float, clusters: NDArray[Any] | None = None
) -> Agreement:
    """Share of the outputs both raters gave the same label. Chance alone gives a share, too: see `cohen_kappa`.

    Args:
        first: Labels by one rater, shape (n,).
        second: Labels of the same outputs by the other, shape (n,).
        confidence: Coverage of the interval (Wilson), strictly between 0 and 1.
        clusters: Example of each output, shape (n,), where an example has several.

    Returns:
        The share, between 0 and 1.

    >>> raw_agreement(np.array([1, 1, 2]), np.array([1, 2, 2]), confidence=0.95).value  # doctest: +ELLIPSIS
    0.666...
    """
    _, places, other_places = _placed(first, second, None)
    n, equal = first.size, (places == other_places).astype(np.float64)
    if n == 0:
        return Agreement("raw agreement", None, no_interval("no examples", confidence), 0)
    interval = mean_interval(equal, clusters=repeated(clusters), binary=True, confidence=confidence)
    return Agreement("raw agreement", float(equal.mean()), interval, n)


def cohen_kappa(
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    weights: KappaWeights = "nominal",
    labels: NDArray[Any] | None = None,
    clusters: NDArray[Any] | None = None,
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
        clusters: Example of each output, shape (n,), where an example has several: whole examples are resampled.

    Returns:
        Kappa: 1 for perfect agreement, 0 for chance, at least -1. Undefined (None) when both raters used one and the
        same label throughout.

    Source:
        Cohen 1960, https://doi.org/10.1177/001316446002000104, and 1968 for the weighted one.

    >>> first, second = np.array([1, 1, 2, 2]), np.array([1, 2, 2, 2])
    >>> cohen_kappa(first, second, confidence=0.95, n_resamples=100, seed=0).value  # (0.75 - 0.5) / (1 - 0.5)
    0.5
    """
    known, places, other_places = _placed(first, second, labels)
    size, cells = known.size, places * known.size + other_places
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    costs = {"nominal": (steps > 0).astype(np.float64), "linear": steps, "quadratic": steps**2}[weights]
    name = "Cohen's kappa" if weights == "nominal" else f"Cohen's kappa, {weights} weights"
    if first.size == 0:
        return Agreement(name, None, no_interval("no examples", confidence), 0)

    def kappa(drawn: NDArray[np.float64]) -> float:
        return _kappa(
            np.bincount(cells, weights=drawn, minlength=size**2).astype(np.float64).reshape(size, size), costs
        )

    draws = drawn_outputs(first.size, clusters, n_resamples=n_resamples, seed=seed)
    resampled = np.array([kappa(drawn) for drawn in draws])
    return bounded(name, kappa(np.ones(first.size)), resampled, confidence, first.size, clusters)


def spearman_correlation(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    clusters: NDArray[Any] | None = None,
) -> Agreement:
    """How far two raters put the outputs in the same order, whatever scale each of them uses.

    Args:
        first: Scores by one rater, shape (n,), no NaN.
        second: Scores of the same outputs by the other, shape (n,), no NaN.
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.
        clusters: Example of each output, shape (n,), where an example has several: whole examples are resampled.

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
    draws = drawn_outputs(n, clusters, n_resamples=n_resamples, seed=seed)
    resampled = np.array([_rank_correlation(places, other_places, weights) for weights in draws])
    value = _rank_correlation(places, other_places, np.ones(n))
    return bounded("Spearman's rank correlation", value, resampled, confidence, n, clusters)


def _placed(
    first: NDArray[Any], second: NDArray[Any], labels: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """All labels, and the places among them of those that either rater gave."""
    if first.shape != second.shape:
        raise UnpairedScoresError(f"expected labels of the same examples, got {first.size} and {second.size}")
    used, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    known = used if labels is None else labels
    unknown = used[~np.isin(used, known)]
    if unknown.size:
        raise ScoreRangeError(f"expected labels among {known.tolist()!r}, got {unknown[:5].tolist()!r}")
    place = {label: index for index, label in enumerate(known.tolist())}
    places = np.array([place[label] for label in used.tolist()], dtype=np.int64)[codes.ravel()]
    return known, places[: first.size], places[first.size :]


def drawn_outputs(
    n: int, clusters: NDArray[Any] | None, *, n_resamples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """How often each output counts when whole examples are drawn with replacement, once per resample."""
    if n == 0:
        return
    if clusters is None:
        yield from resampled_counts(n, n_resamples=n_resamples, seed=seed)
        return
    example_of, n_examples = cluster_codes(clusters)
    for counts in resampled_counts(n_examples, n_resamples=n_resamples, seed=seed):
        yield counts[example_of]


def _kappa(counts: NDArray[np.float64], costs: NDArray[np.float64]) -> float:
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


def bounded(
    measure: str,
    value: float,
    resampled: NDArray[np.float64],
    confidence: float,
    n: int,
    clusters: NDArray[Any] | None,
) -> Agreement:
    """A measure with its bootstrap interval, or without one where nothing varied: no proof of certainty."""
    if np.isnan(value):
        return Agreement(measure, None, no_interval("the measure is undefined", confidence), n)
    n_examples = n if clusters is None else cluster_codes(clusters)[1]
    if n_examples < FEWEST_UNITS:
        return Agreement(measure, value, no_interval("all outputs are of one example", confidence), n)
    defined = resampled[np.isfinite(resampled)]
    if defined.size and np.ptp(defined) < EQUAL_RESAMPLES:
        return Agreement(measure, value, no_interval("every resample agrees alike", confidence), n)
    return Agreement(measure, value, percentile_interval(resampled, confidence=confidence, n_units=n_examples), n)
