"""How far any number of raters agree, by Krippendorff's alpha. Two raters are compared in `agreement`."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.judging.agreement import Agreement, bounded, drawn_outputs

AlphaLevel = Literal["nominal", "ordinal", "interval"]


def krippendorff_alpha(
    ratings: NDArray[np.float64],
    *,
    level: AlphaLevel,
    confidence: float,
    n_resamples: int,
    seed: int,
    clusters: NDArray[Any] | None = None,
) -> Agreement:
    """Agreement of any number of raters, each of whom may have skipped outputs.

    Args:
        ratings: Shape (n_raters, n_outputs); NaN where a rater gave none. Nominal labels as numbers.
        level: Whether labels are mere names, ordered, or numbers with meaningful distances.
        confidence: Coverage of the interval, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one interval.
        clusters: Example of each output, shape (n_outputs,), where an example has several: whole examples are
            resampled.

    Returns:
        Alpha: 1 for perfect agreement, 0 for chance. Undefined (None) without an output rated twice, or when one label
        was used throughout. `n` counts the outputs rated at least twice.

    Source:
        Krippendorff 2011, Computing Krippendorff's alpha-reliability, https://repository.upenn.edu/asc_papers/43.

    >>> ratings = np.array([[1, 1, 2, 2.0], [1, 2, 2, np.nan]])
    >>> round(krippendorff_alpha(ratings, level="nominal", confidence=0.95, n_resamples=99, seed=0).value, 4)
    0.4444
    """
    several = (~np.isnan(ratings)).sum(axis=0) > 1
    given, clusters = _Ratings.of(ratings[:, several]), None if clusters is None else clusters[several]
    n = given.n_outputs
    draws = drawn_outputs(n, clusters, n_resamples=n_resamples, seed=seed)
    resampled = np.array([given.alpha(drawn, level) for drawn in draws])
    return bounded(f"Krippendorff's alpha, {level}", given.alpha(np.ones(n), level), resampled, confidence, n, clusters)


@dataclass(frozen=True, slots=True)
class _Ratings:
    """All ratings in one row each, so that a resample costs as much as there are ratings, and no pairs are formed.

    Args:
        output_of: Output of each rating, shape (n_ratings,).
        value_of: Place of its value among `values`, shape (n_ratings,).
        values: The different values, sorted.
        n_raters: How many raters each output has, shape (n_outputs,).
        n_same: Pairs of its ratings that are the same, each with itself and in both orders, shape (n_outputs,).
    """

    output_of: NDArray[np.int64]
    value_of: NDArray[np.int64]
    values: NDArray[np.float64]
    n_raters: NDArray[np.float64]
    n_same: NDArray[np.float64]

    @property
    def n_outputs(self) -> int:
        return self.n_raters.size

    @classmethod
    def of(cls, ratings: NDArray[np.float64]) -> "_Ratings":
        """Gather ratings of shape (n_raters, n_outputs)."""
        output_of, rater_of = np.nonzero(~np.isnan(ratings.T))
        values, value_of = np.unique(ratings.T[output_of, rater_of], return_inverse=True)
        n_outputs, value_of = ratings.shape[1], value_of.ravel()
        _, one_of_pair, counts = np.unique(output_of * values.size + value_of, return_index=True, return_counts=True)
        return cls(
            output_of,
            value_of,
            values,
            np.bincount(output_of, minlength=n_outputs).astype(np.float64),
            np.bincount(output_of[one_of_pair], weights=counts**2, minlength=n_outputs).astype(np.float64),
        )

    def alpha(self, weights: NDArray[np.float64], level: AlphaLevel) -> float:
        """Alpha when each output counts `weights` times; NaN where undefined.

        Sums over all pairs of ratings reduce to squares: ordinal distance is that of mid-ranks, and the squared
        distances within a set of m numbers add up to m times their squared deviations.
        """
        per_value = np.bincount(self.value_of, weights=weights[self.output_of], minlength=self.values.size)
        n = per_value.sum()
        if np.count_nonzero(per_value) <= 1:
            return float("nan")
        if level == "nominal":
            within = self.n_raters**2 - self.n_same
            total = n**2 - (per_value**2).sum()
        else:
            scale = np.cumsum(per_value) - per_value / 2 if level == "ordinal" else self.values
            scale = scale - per_value @ scale / n
            placed = scale[self.value_of]
            sums = np.bincount(self.output_of, weights=placed, minlength=self.n_outputs)
            squares = np.bincount(self.output_of, weights=placed**2, minlength=self.n_outputs)
            within = 2 * (self.n_raters * squares - sums**2)
            total = 2 * n * (per_value @ scale**2)
        return float(1 - (weights @ (within / (self.n_raters - 1))) / (total / (n - 1)))
