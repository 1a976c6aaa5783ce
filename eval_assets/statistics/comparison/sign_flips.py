"""How likely a sum gets as large when every sign is a coin's: the null distribution of the sign-flip test.

Computed, never sampled, so that a p-value can fall below any level that many comparisons ask for.
"""

import numpy as np
from numpy.typing import NDArray

N_ENUMERATED = 30  # up to here all 2 ** n sign patterns are counted, as 2 ** 15 of each half
EQUAL_SUMS = 1e-9  # share of the largest possible sum: sums this close are equal
MOST_SIZES = 64  # distinct sizes that are looked at for a common step
FINEST_STEP = 1 / 2000  # of the largest size
FAR = 6.5  # standard deviations beyond which rounding would show in an inverted characteristic function
REACH = 12.0  # standard deviations beyond which nothing is left: 2 * exp(-72)
N_SIZES = 1024  # more units than these are counted by size
N_PATTERNS_TIMES_SIZES = 20_000  # the most work that is spent on the signs of the largest units
NEAR_ZERO = 1e-3


def tail_of_flips(units: NDArray[np.float64], least: float) -> tuple[float, bool]:
    """Compute the chance that units with random signs sum to `least` or more in size, two-sided.

    Args:
        units: Sizes, shape (n,), all above 0.
        least: How large the sum has to be.

    Returns:
        The chance, and whether it is exact: for up to 30 units, and where all sizes are multiples of a common step, as
        those of grades, passes and their means are. Otherwise it is a saddlepoint approximation, conditional on the
        signs of the largest units: within 1 % of the exact value, or within a quarter where a dozen of fewer than 40
        units outweigh all the others.

    Source:
        Pagano and Tritchler 1983, https://doi.org/10.1080/01621459.1983.10477990, for the characteristic function;
        Lugannani and Rice 1980, https://doi.org/10.2307/1426607, and Barndorff-Nielsen 1986 for the saddlepoint.

    >>> tail_of_flips(np.array([1.0, 2.0, 3.0]), 4.0)  # sums of 6, 4, -4 and -6 among eight
    (0.5, True)
    """
    least -= EQUAL_SUMS * float(units.sum())
    if least <= 0:
        return 1.0, True
    if units.size <= N_ENUMERATED:
        return _tail_by_halves(units, least), True
    if least < FAR * float(np.sqrt(units @ units)):
        steps = _in_steps(units)
        if steps is not None:
            return _tail_in_steps(*steps, least), True
    return _tail_by_saddlepoint(units, least), False


def _tail_by_halves(units: NDArray[np.float64], least: float) -> float:
    """Count pairs of sums of the two halves that reach it."""

    def sums(of: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.zeros(1)
        for unit in of:
            found = np.concatenate([found + unit, found - unit])
        return found

    first, second = np.sort(sums(units[::2])), sums(units[1::2])
    n_reaching = np.searchsorted(first, least - second, side="left")
    return min(1.0, 2 * float((first.size - n_reaching).sum()) / (first.size * second.size))


def _in_steps(units: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], float] | None:
    """Sizes as multiples of a common step, how many units have each, and the step; None where none is found."""
    largest = float(units.max())
    sizes = np.unique(np.round(units[: 4 * MOST_SIZES] / largest, 9))
    if sizes.size > MOST_SIZES:
        return None
    step = 1.0
    for size in sizes.tolist():  # Euclid's algorithm, with room for rounding
        rest = size
        while rest > FINEST_STEP / 4:
            step, rest = rest, abs(step - rest * round(step / rest))
    multiples = units / (step * largest)
    whole = np.rint(multiples)
    if step < FINEST_STEP or np.abs(multiples - whole).max() > EQUAL_SUMS / FINEST_STEP:
        return None
    counts = np.bincount(whole.astype(np.int64))
    return np.flatnonzero(counts), counts[counts > 0], step * largest


def _tail_in_steps(sizes: NDArray[np.int64], counts: NDArray[np.int64], step: float, least: float) -> float:
    """Invert the characteristic function, the product of the cosines, on a circle too wide for sums to come round."""
    reach = REACH * float(np.sqrt(counts @ sizes**2))
    width = 1 << int(np.ceil(np.log2(2 * reach + 2)))
    angles = 2 * np.pi * np.arange(width // 2 + 1) / width
    function = np.ones(angles.size)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        function *= np.cos(size * angles) ** count
    chances = np.fft.irfft(function, width)
    first = int(np.ceil(least / step))
    return float(np.clip(2 * chances[first : width // 2].sum(), 0, 1))


def _tail_by_saddlepoint(units: NDArray[np.float64], least: float) -> float:
    """The mean over all signs of the largest units of what the others then have to reach."""
    n_largest = int(np.clip(np.log2(N_PATTERNS_TIMES_SIZES / min(units.size, N_SIZES)), 0, 10))
    ordered = np.partition(units, units.size - n_largest)
    others, largest = ordered[: units.size - n_largest], ordered[units.size - n_largest :]
    signs = 1.0 - 2 * ((np.arange(2**n_largest)[:, None] >> np.arange(n_largest)) & 1)
    return float(min(1.0, 2 * _saddlepoint_tails(*_grouped(others), least - signs @ largest).mean()))


def _grouped(units: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes and how many units have each: many units of nearly one size count as so many of their root mean square.

    It leaves the variance as it is and moves the fourth cumulant by about (width of a bin / size) ** 2 / 3 of itself.
    """
    if units.size <= N_SIZES:
        return units, np.ones(units.size)
    bins = np.minimum((units * (N_SIZES / units.max())).astype(np.int64), N_SIZES - 1)
    counts = np.bincount(bins)
    squares = np.bincount(bins, weights=units**2)[counts > 0]
    filled = counts[counts > 0].astype(np.float64)
    return np.sqrt(squares / filled), filled


def _saddlepoint_tails(
    sizes: NDArray[np.float64], counts: NDArray[np.float64], least: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The chance that the signed sum is at least each of `least`, by Lugannani and Rice in the normal form."""
    from scipy.special import ndtr

    scale = float(np.sqrt(counts @ sizes**2))
    sizes, targets = sizes / scale, np.abs(least) / scale
    first, second = counts * sizes, counts * sizes**2
    upper = np.zeros(least.size)
    inside = targets < first.sum() * (1 - EQUAL_SUMS)
    target = targets[inside]
    tilt = target.copy()  # at most the root, from where Newton's steps only rise
    for _ in range(60):
        slopes = np.tanh(tilt[:, None] * sizes)
        step = (target - slopes @ first) / ((1 - slopes**2) @ second)
        tilt = np.minimum(tilt + step, 2 * tilt + 1)
        if (np.abs(step) < EQUAL_SUMS * (1 + tilt)).all():
            break
    tilted = tilt[:, None] * sizes
    cumulant = (tilted + np.log1p(np.exp(-2 * tilted)) - np.log(2)) @ counts
    root = np.sqrt(np.maximum(2 * (tilt * target - cumulant), 0))
    slope = tilt * np.sqrt((1 - np.tanh(tilted) ** 2) @ second)
    far = root > NEAR_ZERO  # nearer the formula is 0 / 0, and the normal tail its limit
    root[far] += np.log(slope[far] / root[far]) / root[far]
    upper[inside] = ndtr(-np.where(far, root, target))
    return np.where(least > 0, upper, 1 - upper)
