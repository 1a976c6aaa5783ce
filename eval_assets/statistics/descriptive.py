"""One candidate's scores on one metric: a number per example, and what describes them. Intervals are in `intervals`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.spread import error_of_mean


@dataclass(frozen=True, slots=True)
class ExampleScores:
    """One candidate on one metric: a score per example, and what it could have been had no row failed.

    Args:
        scores: Mean over the scored samples of each example, shape (n_examples,); NaN where none was scored.
        if_lowest: The same had every unscored row scored `lower`, no NaN; None when rows are unscored and the metric
            has no lowest score.
        if_highest: The same with `upper`.
        n_total: Rows asked for: examples times samples.
        n_scored: Rows with a score.
        lower: Lowest possible score, if there is one.
        upper: Highest possible score, if there is one.
        clusters: Group label per example, shape (n_examples,), if examples of a group may depend on each other.
        binary: Whether the metric says that it gives 0 or 1 and nothing else; None where nothing is declared.
    """

    scores: NDArray[np.float64]
    if_lowest: NDArray[np.float64] | None
    if_highest: NDArray[np.float64] | None
    n_total: int
    n_scored: int
    lower: float | None = None
    upper: float | None = None
    clusters: NDArray[Any] | None = None
    binary: bool | None = None

    @property
    def failed_share(self) -> float:
        """Share of the rows without a score; 0 when there are no rows."""
        return (self.n_total - self.n_scored) / self.n_total if self.n_total else 0.0

    @property
    def scored(self) -> NDArray[np.float64]:
        """Scores of the examples that have one, shape (n_scored_examples,)."""
        return self.scores[~np.isnan(self.scores)]


@dataclass(frozen=True, slots=True)
class Description:
    """What an aggregate report says of one candidate and metric; numbers are None where no example is scored.

    Args:
        n_total: Rows asked for.
        n_scored: Rows with a score.
        n_examples: Examples with at least one score; the numbers below are over these.
        mean: Mean over examples.
        variance: Population variance over examples, divided by n.
        standard_error: Of the mean, as `error_of_mean` gives it; None for one example or one cluster.
        median: Middle score.
        p90: 90th percentile by linear interpolation.
        minimum: Lowest score met.
        maximum: Highest score met.
        mean_if_unscored_worst: The mean had every unscored row scored as badly as the metric allows; equal to `mean`
            when none is unscored, None when the metric has no such end.
        mean_if_unscored_best: The same with the best score.
    """

    n_total: int
    n_scored: int
    n_examples: int
    mean: float | None
    variance: float | None
    standard_error: float | None
    median: float | None
    p90: float | None
    minimum: float | None
    maximum: float | None
    mean_if_unscored_worst: float | None
    mean_if_unscored_best: float | None


def average_within(
    example_index: NDArray[np.int64], scores: NDArray[np.float64], *, n_examples: int
) -> NDArray[np.float64]:
    """Average repeated samples of an example, so that every example counts once.

    Args:
        example_index: Position of each row's example among all examples, shape (n_rows,), from 0 to n_examples - 1.
        scores: Shape (n_rows,); NaN for an unscored row, which is left out of its example's mean.
        n_examples: Number of examples in the evaluation, also those without a row.

    Returns:
        Shape (n_examples,); NaN for an example without any scored row.

    Raises:
        UnpairedScoresError: There is not one index per score.

    >>> average_within(np.array([0, 0, 1, 2]), np.array([1.0, 0.0, np.nan, 3.0]), n_examples=4).tolist()
    [0.5, nan, 3.0, nan]
    """
    if example_index.shape != scores.shape:
        raise UnpairedScoresError(f"expected one example per score, got {example_index.size} for {scores.size} scores")
    scored = ~np.isnan(scores)
    counts = np.bincount(example_index[scored], minlength=n_examples)
    averages = np.bincount(example_index[scored], weights=scores[scored], minlength=n_examples).astype(np.float64)
    averages[counts == 0] = np.nan
    averages[counts > 0] /= counts[counts > 0]
    return averages


def example_scores(
    scores: NDArray[np.float64],
    *,
    example_index: NDArray[np.int64] | None = None,
    n_examples: int | None = None,
    lower: float | None = None,
    upper: float | None = None,
    clusters: NDArray[Any] | None = None,
    binary: bool | None = None,
) -> ExampleScores:
    """Gather a score column, one row per prediction, into one score per example.

    Args:
        scores: Shape (n_rows,); NaN for an unscored row, which must be there: rows left out are not counted.
        example_index: As in `average_within`; default: row i is example i.
        n_examples: Number of examples; default: as many as the rows name.
        lower: Lowest possible score, if the metric has one.
        upper: Highest possible score, if the metric has one.
        clusters: Group label per example, shape (n_examples,).
        binary: Whether the metric says that it gives 0 or 1 and nothing else; None goes by the scores.

    Returns:
        Scores in the order of the examples, so that two candidates with equal indices can be compared row by row.

    Raises:
        ScoreRangeError: A score lies outside [lower, upper].
        UnpairedScoresError: There is not one index per row, or not one cluster label per example.

    >>> example_scores(np.array([1.0, np.nan, 0.0]), lower=0, upper=1).if_lowest.tolist()
    [1.0, 0.0, 0.0]
    """
    index = np.arange(scores.size) if example_index is None else example_index
    if n_examples is None:
        n_examples = int(index.max()) + 1 if index.size else 0
    if clusters is not None and clusters.size != n_examples:
        raise UnpairedScoresError(f"expected one cluster label per example, got {clusters.size} for {n_examples}")
    unscored = np.isnan(scores)
    _refuse_outside(scores[~unscored], lower, upper)

    averages = average_within(index, scores, n_examples=n_examples)

    def filled_with(score: float | None) -> NDArray[np.float64] | None:
        if not unscored.any():
            return averages
        return (
            None if score is None else average_within(index, np.where(unscored, score, scores), n_examples=n_examples)
        )

    return ExampleScores(
        scores=averages,
        if_lowest=filled_with(lower),
        if_highest=filled_with(upper),
        n_total=scores.size,
        n_scored=int((~unscored).sum()),
        lower=lower,
        upper=upper,
        clusters=clusters,
        binary=binary,
    )


def describe(scores: ExampleScores, *, greater_is_better: bool = True) -> Description:
    """Describe one candidate's scores, with honest denominators.

    Args:
        scores: From `example_scores`.
        greater_is_better: Direction of the metric; decides which end of its range is the worst.

    Returns:
        The description; its numbers are None, never 0, where no example is scored.

    >>> describe(example_scores(np.array([1.0, 0.0, np.nan, 1.0]), lower=0, upper=1)).mean_if_unscored_worst
    0.5
    """
    values = scores.scored
    n = values.size
    clusters = None if scores.clusters is None else scores.clusters[~np.isnan(scores.scores)]
    at_lowest, at_highest = _mean(scores.if_lowest), _mean(scores.if_highest)
    return Description(
        n_total=scores.n_total,
        n_scored=scores.n_scored,
        n_examples=n,
        mean=_mean(values),
        variance=float(values.var()) if n else None,
        standard_error=error_of_mean(values, clusters),
        median=float(np.median(values)) if n else None,
        p90=float(np.quantile(values, 0.9)) if n else None,
        minimum=float(values.min()) if n else None,
        maximum=float(values.max()) if n else None,
        mean_if_unscored_worst=at_lowest if greater_is_better else at_highest,
        mean_if_unscored_best=at_highest if greater_is_better else at_lowest,
    )


def _mean(values: NDArray[np.float64] | None) -> float | None:
    return None if values is None or values.size == 0 else float(values.mean())


def _refuse_outside(scored: NDArray[np.float64], lower: float | None, upper: float | None) -> None:
    low, high = -np.inf if lower is None else lower, np.inf if upper is None else upper
    outside = scored[(scored < low) | (scored > high)]
    if outside.size:
        raise ScoreRangeError(
            f"expected scores within [{low}, {high}], got {outside[:5].tolist()!r}; "
            "correct the metric's declared range or treat the row as unscored"
        )
