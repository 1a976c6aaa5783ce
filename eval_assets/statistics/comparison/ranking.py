"""An order of several candidates by their means, with the letters of those that can't be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from eval_assets.errors import UnpairedScoresError


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate's place among several.

    Args:
        name: Of the candidate.
        mean: Its mean score.
        groups: Letters of the tied groups it belongs to: two candidates are reliably different exactly when they share
            no letter.
    """

    name: str
    mean: float
    groups: str


def rank_with_ties(
    names: Sequence[str],
    means: NDArray[np.float64],
    different: NDArray[np.bool_],
    *,
    greater_is_better: bool = True,
) -> list[RankedCandidate]:
    """Order candidates by mean and letter those that can't be told apart (a compact letter display).

    Args:
        names: Of the candidates.
        means: Their means, shape (n_candidates,).
        different: Whether each pair is reliably different, symmetric, shape (n_candidates, n_candidates).
        greater_is_better: Direction of the metric.

    Returns:
        Best first. Tied groups may overlap: a ties with b and b with c although a and c differ.

    Raises:
        UnpairedScoresError: The shapes do not fit each other.

    Source:
        Piepho 2004, https://doi.org/10.1198/1061860043515, for the display; Gramm et al. 2007,
        https://doi.org/10.1016/j.csda.2006.09.035, for covering tied pairs with few groups.

    >>> different = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)
    >>> ranked = rank_with_ties(["x", "y", "z"], np.array([0.9, 0.8, 0.7]), different)
    >>> [(row.name, row.groups) for row in ranked]
    [('x', 'a'), ('y', 'ab'), ('z', 'b')]
    """
    n = len(names)
    if means.shape != (n,) or different.shape != (n, n):
        raise UnpairedScoresError(f"expected {n} means and {n} x {n} pairs, got {means.shape} and {different.shape}")
    order = np.argsort(-means if greater_is_better else means, kind="stable")
    different = different[np.ix_(order, order)]
    groups = _tied_groups(different)
    return [
        RankedCandidate(
            name=names[candidate],
            mean=float(means[candidate]),
            groups="".join(_letter(index) for index, group in enumerate(groups) if place in group),
        )
        for place, candidate in enumerate(order)
    ]


def _tied_groups(different: NDArray[np.bool_]) -> list[set[int]]:
    """Sets of candidates without a reliably different pair such that every tied pair is in one of them.

    Each starts from the best candidate with a pair that no set holds yet and takes in whoever ties with all in it.
    """
    n = len(different)
    tied = ~different
    np.fill_diagonal(tied, val=True)
    covered = np.zeros((n, n), dtype=bool)
    groups: list[set[int]] = []
    for first in range(n):
        for second in range(first, n):
            if covered[first, second] or not tied[first, second]:
                continue
            if first == second and (tied[first].sum() > 1):
                continue  # its pairs put it into a group
            group, fits = [first, second], tied[first] & tied[second]
            for candidate in range(n):
                if fits[candidate]:
                    group.append(candidate)
                    fits = fits & tied[candidate]
            covered[np.ix_(group, group)] = True
            groups.append(set(group))
    return sorted(groups, key=sorted)


def _letter(index: int) -> str:
    """The name of a group: a to z, then a1, b1 and so on."""
    turn, position = divmod(index, len(ascii_lowercase))
    return ascii_lowercase[position] + (str(turn) if turn else "")
