"""The binomial distribution from special functions: importing `scipy.stats` for it would take a second."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def binomial_cdf(successes: Any, n: Any, chance: Any) -> Floats:
    """How likely so many successes or fewer are. All arguments are broadcast; below 0 successes it is 0.

    >>> float(binomial_cdf(1, 2, 0.5)), float(binomial_cdf(-1, 2, 0.5))
    (0.75, 0.0)
    """
    from scipy.special import betainc

    k, most = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    inside = betainc(np.maximum(most - k, 1.0), np.maximum(k, 0.0) + 1.0, np.subtract(1.0, chance))
    return np.where(k < 0, 0.0, np.where(k >= most, 1.0, inside))


def binomial_pmf(successes: Any, n: Any, chance: Any) -> Floats:
    """How likely exactly so many successes are, of 0 to n.

    >>> float(binomial_pmf(1, 2, 0.5))
    0.5
    """
    from scipy.special import gammaln, xlog1py, xlogy

    k = np.asarray(successes, dtype=np.float64)
    ways = gammaln(np.add(n, 1.0)) - gammaln(k + 1.0) - gammaln(np.subtract(n, k) + 1.0)
    return np.asarray(np.exp(ways + xlogy(k, chance) + xlog1py(np.subtract(n, k), np.negative(chance))))


def binomial_ppf(probability: Any, n: Any, chance: Any) -> Floats:
    """The fewest successes that so many or fewer have at least this probability.

    >>> float(binomial_ppf(0.75, 2, 0.5)), float(binomial_ppf(0.76, 2, 0.5))
    (1.0, 2.0)
    """
    from scipy.special import bdtrik

    # The inverse is continuous and a little off: one of the whole numbers about it is the answer.
    near = np.floor(bdtrik(probability, n, chance))
    near = np.where(np.isnan(near), 0.0, near)  # fewer than none have this probability already
    found = np.minimum(near + 2, n)
    for fewer in (near + 1, near, near - 1):
        found = np.where((fewer >= 0) & (binomial_cdf(fewer, n, chance) >= probability), fewer, found)
    return np.asarray(found, dtype=np.float64)
