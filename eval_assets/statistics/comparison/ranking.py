"""An order of several candidates: with tied groups from pairwise tests, or by Bradley-Terry from pairwise outcomes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.errors import ScoreRangeError, UnpairedScoresError
from eval_assets.statistics.intervals import Interval, mean_interval
from eval_assets.statistics.resampling import percentile_interval, resampled_counts

TIE = 0.5
PRIOR_TIES = 1.0  # one tie per pair of candidates keeps the strength of one that never lost finite


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate's place among several.

    Args:
        name: Of the candidate.
        mean: Its mean score.
        groups: Letters of the tied groups it belongs to: two candidates are reliably different exactly when they share
            no letter.
        best_rank: 1 + the number of candidates reliably better.
        worst_rank: The number of candidates less those reliably worse.
    """

    name: str
    mean: float
    groups: str
    best_rank: int
    worst_rank: int


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
    """A candidate's Bradley-Terry strength: log-odds of winning against an average one, so strengths sum to 0."""

    name: str
    strength: float
    interval: Interval


def rank_with_ties(
    names: Sequence[str],
    means: NDArray[np.float64],
    p_values: NDArray[np.float64],
    *,
    alpha: float,
    greater_is_better: bool = True,
) -> list[RankedCandidate]:
    """Order candidates by mean and letter those that can't be told apart (a compact letter display).

    Args:
        names: Of the candidates.
        means: Their means, shape (n_candidates,).
        p_values: Of every pair, corrected for their number, symmetric, shape (n_candidates, n_candidates); the diagonal
            is not read. NaN counts as not different.
        alpha: Pairs below it are reliably different.
        greater_is_better: Direction of the metric.

    Returns:
        Best first. Tied groups may overlap: a ties with b and b with c although a and c differ.

    Raises:
        UnpairedScoresError: The shapes do not fit each other.

    Source:
        Piepho 2004, insert and absorb, https://doi.org/10.1198/1061860043515.

    >>> p_values = np.array([[1, 0.4, 0.01], [0.4, 1, 0.2], [0.01, 0.2, 1]])
    >>> ranked = rank_with_ties(["x", "y", "z"], np.array([0.9, 0.8, 0.7]), p_values, alpha=0.05)
    >>> [(row.name, row.groups, row.best_rank, row.worst_rank) for row in ranked]
    [('x', 'a', 1, 2), ('y', 'ab', 1, 3), ('z', 'b', 2, 3)]
    """
    n = len(names)
    if means.shape != (n,) or p_values.shape != (n, n):
        raise UnpairedScoresError(f"expected {n} means and {n} x {n} p-values, got {means.shape} and {p_values.shape}")
    order = np.argsort(-means if greater_is_better else means, kind="stable")
    different = p_values[np.ix_(order, order)] < alpha
    groups = _tied_groups(different)
    return [
        RankedCandidate(
            name=names[candidate],
            mean=float(means[candidate]),
            groups="".join(_letter(index) for index, group in enumerate(groups) if place in group),
            best_rank=1 + int(different[place, :place].sum()),
            worst_rank=n - int(different[place, place + 1 :].sum()),
        )
        for place, candidate in enumerate(order)
    ]


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
    prior_ties: float = PRIOR_TIES,
) -> list[Strength]:
    """Estimate how strong each candidate is from who won against whom.

    Args:
        names: Of the candidates.
        pairs: Positions in `names` of the two sides of each comparison, shape (n_comparisons, 2).
        outcomes: 1 where the first side won, 0.5 for a tie, 0 where the second won, shape (n_comparisons,); another
            probability is a win of that weight and a loss of the rest.
        example_index: Example each comparison is about, shape (n_comparisons,); whole examples are resampled.
        confidence: Coverage of the intervals, strictly between 0 and 1.
        n_resamples: Number of bootstrap resamples.
        seed: One table and one seed give one ranking.
        prior_ties: Weight of a tie added between each pair of candidates; 0 gives the plain maximum likelihood, which
            is infinite for a candidate that always won.

    Returns:
        Strongest first.

    Raises:
        UnpairedScoresError: The columns differ in length.
        ScoreRangeError: An outcome is not from 0 to 1.

    Source:
        Bradley and Terry 1952, https://doi.org/10.2307/2334029; computed by evalica (Ustalov 2024).

    >>> pairs, outcomes = np.tile([0, 1], (40, 1)), np.repeat([1.0, 0.0], [30, 10])
    >>> ranked = bradley_terry(["x", "y"], pairs, outcomes, example_index=np.arange(40), confidence=0.95,
    ...                        n_resamples=200, seed=0, prior_ties=0)
    >>> [(row.name, round(row.strength, 3)) for row in ranked]  # log-odds of 3 to 1, half to each side
    [('x', 0.549), ('y', -0.549)]
    """
    if pairs.shape != (outcomes.size, 2) or example_index.shape != outcomes.shape:
        raise UnpairedScoresError(
            f"expected two sides and one example per outcome, got {pairs.shape} and {example_index.shape} "
            f"for {outcomes.size} outcomes"
        )
    _refuse_other_outcomes(outcomes)
    _, example_of = np.unique(example_index, return_inverse=True)
    n_examples = int(example_of.max()) + 1 if example_of.size else 0
    origin, decided, share = _decided(outcomes)
    fit = _fitter(len(names), np.column_stack([pairs[origin], decided]), prior_ties)
    strengths = fit(share)
    resampled = np.array(
        [
            fit(counts[example_of[origin]] * share)
            for counts in resampled_counts(n_examples, n_resamples=n_resamples, seed=seed)
        ]
    )
    return [
        Strength(names[index], float(strengths[index]), percentile_interval(resampled[:, index], confidence=confidence))
        for index in np.argsort(-strengths, kind="stable")
    ]


def _decided(
    outcomes: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Outcomes as wins, ties and losses: of which outcome, twice its value, and its weight; a probability makes two."""
    split = np.flatnonzero(~np.isin(outcomes, (0, TIE, 1)))
    whole = np.setdiff1d(np.arange(outcomes.size), split)
    n_split = np.ones(split.size, dtype=np.int64)
    return (
        np.concatenate([whole, split, split]),
        np.concatenate([(2 * outcomes[whole]).astype(np.int64), 2 * n_split, 0 * n_split]),
        np.concatenate([np.ones(whole.size), outcomes[split], 1 - outcomes[split]]),
    )


def _fitter(
    n_candidates: int, comparisons: NDArray[np.int64], prior_ties: float
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Strengths as a function of the weight of each comparison (first, second, twice the outcome)."""
    import evalica

    prior = [(i, j, 1) for j in range(n_candidates) for i in range(j)] if prior_ties else []
    rows = np.concatenate([comparisons, np.array(prior, dtype=np.int64).reshape(-1, 3)])
    kinds, kind_of = np.unique(rows, axis=0, return_inverse=True)
    first, second = kinds[:, 0].tolist(), kinds[:, 1].tolist()
    winners = [(evalica.Winner.Y, evalica.Winner.Draw, evalica.Winner.X)[outcome] for outcome in kinds[:, 2]]

    def fit(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.concatenate([weights, np.full(len(prior), prior_ties)])
        per_kind = np.bincount(kind_of.ravel(), weights=padded, minlength=len(kinds))
        fitted = evalica.bradley_terry(first, second, winners, weights=per_kind.tolist(), tolerance=1e-9, limit=10_000)
        with np.errstate(divide="ignore", invalid="ignore"):  # a candidate that always lost, without prior ties
            logs = np.log(fitted.scores.reindex(range(n_candidates)).to_numpy(dtype=np.float64))
            return np.asarray(logs - logs.mean())

    return fit


def _tied_groups(different: NDArray[np.bool_]) -> list[set[int]]:
    """Maximal sets of candidates without a reliably different pair, the one with the best candidate first."""
    groups: list[set[int]] = [set(range(len(different)))]
    for one, other in zip(*np.nonzero(np.triu(different, 1)), strict=True):
        split = [group for group in groups if {one, other} <= group]
        groups = [group for group in groups if group not in split]
        for group in (part for whole in split for part in (whole - {other}, whole - {one})):
            if not any(group <= kept for kept in groups):
                groups = [kept for kept in groups if not kept < group] + [group]
    return sorted(groups, key=sorted)


def _letter(index: int) -> str:
    """The name of a group: a to z, then a1, b1 and so on."""
    turn, position = divmod(index, len(ascii_lowercase))
    return ascii_lowercase[position] + (str(turn) if turn else "")


def _refuse_other_outcomes(outcomes: NDArray[np.float64]) -> None:
    others = outcomes[~((outcomes >= 0) & (outcomes <= 1))]
    if others.size:
        raise ScoreRangeError(f"expected outcomes from 0 to 1, got {others[:5].tolist()!r}")
