"""From outcomes of pairwise comparisons to win rates, and to an order of all candidates by Bradley-Terry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, mean_interval, no_interval
from eval_assets.statistics.resampling import percentile_interval, resampled_counts
from eval_assets.statistics.spread import FEWEST_UNITS

TIE = 0.5
NO_STRENGTH = "no finite strength fits: nobody both won and lost against it, directly or by way of others"


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often one candidate won against another; a tie counts half."""

    wins: int
    ties: int
    losses: int
    rate: float | None
    interval: Interval


@dataclass(frozen=True, slots=True)
class Strength:
    """A candidate's place among those it was compared with.

    Args:
        name: Of the candidate.
        strength: Log-odds of winning against an average candidate of its circle: those that it won against and lost
            against, directly or by way of others. Strengths of a circle sum to 0. None where no finite strength fits,
            as for one that never lost.
        interval: Of the strength.
        rank: 1 is best; None where the comparisons don't tell whether it is before or after some other candidate, and
            for one that was never compared.
    """

    name: str
    strength: float | None
    interval: Interval
    rank: int | None


def win_rate(outcomes: NDArray[np.float64], *, confidence: float, clusters: NDArray[Any] | None = None) -> WinRate:
    """Count how often a candidate won.

    Args:
        outcomes: 1 for a win, 0.5 for a tie, 0 for a loss, shape (n,), no NaN; a probability in between is a share of a
            win, and counts as a win, tie or loss by the side of 0.5 that it is on.
        confidence: Coverage, strictly between 0 and 1.
        clusters: Group label per outcome, shape (n,), such as its example where an example was compared several times.

    Returns:
        The rate between 0 and 1, with the interval of a proportion, or of a mean where there are ties; None of nothing.

    Raises:
        ScoreRangeError: An outcome is not from 0 to 1.

    >>> win_rate(np.array([1.0, 1.0, 0.5, 0.0]), confidence=0.95).rate
    0.625
    """
    _refuse_other_outcomes(outcomes)
    interval = mean_interval(outcomes, clusters=clusters, lower=0, upper=1, confidence=confidence)
    wins, ties, losses = (int((np.sign(outcomes - TIE) == side).sum()) for side in (1, 0, -1))
    return WinRate(wins, ties, losses, float(outcomes.mean()) if outcomes.size else None, interval)


def bradley_terry(
    names: Sequence[str],
    pairs: NDArray[np.int64],
    outcomes: NDArray[np.float64],
    *,
    example_index: NDArray[np.int64],
    confidence: float,
    n_resamples: int,
    seed: int,
) -> list[Strength]:
    """Estimate how strong each candidate is from who won against whom, by plain maximum likelihood.

    Nothing is assumed of candidates that never met: one who beat another only, directly or by way of others, is before
    it; of two that neither way connects nothing is known, and then neither has a rank.

    Args:
        names: Of the candidates.
        pairs: Positions in `names` of the two sides of each comparison, shape (n_comparisons, 2).
        outcomes: 1 where the first side won, 0.5 for a tie, 0 where the second won, shape (n_comparisons,); another
            probability is a win of that weight and a loss of the rest.
        example_index: Example each comparison is about, shape (n_comparisons,); whole examples are resampled.
        confidence: Coverage of the intervals, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one ranking.

    Returns:
        By rank, then those without one.

    Raises:
        UnpairedScoresError: The columns differ in length.
        ScoreRangeError: An outcome is not from 0 to 1.

    Source:
        Bradley and Terry 1952, https://doi.org/10.2307/2334029; where a maximum exists, Ford 1957,
        https://doi.org/10.1080/00029890.1957.11989117; computed by evalica (Ustalov 2024).

    >>> pairs, outcomes = np.tile([0, 1], (40, 1)), np.repeat([1.0, 0.0], [30, 10])
    >>> ranked = bradley_terry(["x", "y"], pairs, outcomes, example_index=np.arange(40), confidence=0.95,
    ...                        n_resamples=200, seed=0)
    >>> [(row.name, round(row.strength, 3), row.rank) for row in ranked]  # log-odds of 3 to 1, half to each side
    [('x', 0.549, 1), ('y', -0.549, 2)]
    """
    if pairs.shape != (outcomes.size, 2) or example_index.shape != outcomes.shape:
        raise UnpairedScoresError(
            f"expected two sides and one example per outcome, got {pairs.shape} and {example_index.shape} "
            f"for {outcomes.size} outcomes"
        )
    _refuse_other_outcomes(outcomes)
    n = len(names)
    _, example_of = np.unique(example_index, return_inverse=True)
    n_examples = int(example_of.max()) + 1 if example_of.size else 0

    def wins(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """How often the row's candidate won against the column's."""
        first, second = pairs[:, 0] * n + pairs[:, 1], pairs[:, 1] * n + pairs[:, 0]
        won = np.bincount(first, weights=weights * outcomes, minlength=n * n)
        lost = np.bincount(second, weights=weights * (1 - outcomes), minlength=n * n)
        return np.asarray(won + lost, dtype=np.float64).reshape(n, n)

    seen = wins(np.ones(outcomes.size))
    circle_of = _circles(seen)
    strengths = _strengths(seen, circle_of, circle_of)
    resampled = np.full((n_resamples if n_examples else 0, n), np.nan)
    draws = resampled_counts(n_examples, n_resamples=n_resamples, seed=seed) if n_examples else ()
    for row, counts in enumerate(draws):
        drawn = wins(counts[example_of])
        resampled[row] = _strengths(drawn, circle_of, _circles(drawn))
    ranks = _ranks(seen, circle_of, strengths)
    rows = [
        Strength(
            names[index], float(strengths[index]), _bounded(resampled[:, index], n_examples, confidence), ranks[index]
        )
        if np.isfinite(strengths[index])
        else Strength(names[index], None, no_interval(NO_STRENGTH, confidence), ranks[index])
        for index in range(n)
    ]
    return sorted(rows, key=lambda row: (row.rank is None, row.rank or 0))


def _bounded(resampled: NDArray[np.float64], n_examples: int, confidence: float) -> Interval:
    if n_examples < FEWEST_UNITS:
        return no_interval("one example", confidence)
    defined = resampled[np.isfinite(resampled)]
    if defined.size and np.ptp(defined) == 0:
        return no_interval("every resample agrees alike", confidence)  # no proof of certainty
    return percentile_interval(resampled, confidence=confidence, n_units=n_examples)


def _circles(wins: NDArray[np.float64]) -> NDArray[np.int64]:
    """The number of each candidate's circle: candidates that reach each other from winner to loser."""
    from scipy.sparse.csgraph import connected_components

    return np.asarray(connected_components(wins > 0, directed=True, connection="strong")[1], dtype=np.int64)


def _strengths(
    wins: NDArray[np.float64], circle_of: NDArray[np.int64], circles_now: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Strengths within each circle; NaN for a candidate alone, and in a resample that breaks its circle up."""
    import evalica

    strengths = np.full(len(wins), np.nan)
    for circle in np.unique(circle_of):
        members = np.flatnonzero(circle_of == circle)
        if members.size == 1 or np.unique(circles_now[members]).size > 1:
            continue
        winners, losers = np.nonzero(wins[np.ix_(members, members)])
        fitted = evalica.bradley_terry(
            winners.tolist(),
            losers.tolist(),
            [evalica.Winner.X] * winners.size,
            weights=wins[members[winners], members[losers]].tolist(),
            tolerance=1e-9,
            limit=10_000,
        )
        logs = np.log(fitted.scores.reindex(range(members.size)).to_numpy(dtype=np.float64))
        strengths[members] = logs - logs.mean()
    return strengths


def _ranks(wins: NDArray[np.float64], circle_of: NDArray[np.int64], strengths: NDArray[np.float64]) -> list[int | None]:
    """Places of the candidates whose order with every other that was compared is known."""
    from scipy.sparse.csgraph import shortest_path

    reaches = np.isfinite(shortest_path(wins > 0, unweighted=True))
    compared = np.asarray((wins + wins.T).any(axis=1))
    ranks: list[int | None] = []
    for index in range(len(wins)):
        same = circle_of == circle_of[index]
        before = np.where(same, strengths > strengths[index], reaches[:, index])
        known = np.asarray(reaches[:, index] | reaches[index])[compared].all()
        ranks.append(1 + int(before.sum()) if compared[index] and known else None)
    return ranks


def _refuse_other_outcomes(outcomes: NDArray[np.float64]) -> None:
    others = outcomes[~((outcomes >= 0) & (outcomes <= 1))]
    if others.size:
        raise ScoreRangeError(f"expected outcomes from 0 to 1, got {others[:5].tolist()!r}")
