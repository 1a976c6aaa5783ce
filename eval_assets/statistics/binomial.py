"""The binomial distribution, on `scipy.special`: `scipy.stats` has it too, and takes half a second to import."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def binomial_cdf(k: ArrayLike, n: ArrayLike, p: ArrayLike) -> NDArray[np.float64]:
    """Compute the chance of at most `k` successes in `n` trials that succeed with a chance of `p`.

    Args:
        k: Whole numbers up to `n`; 0 is the chance of fewer than none.
        n: Whole numbers from 0 on.
        p: From 0 to 1.

    >>> binomial_cdf([-1, 0, 2], 2, 0.5).tolist()
    [0.0, 0.25, 1.0]
    """
    from scipy.special import betainc

    k, n = np.asarray(k), np.asarray(n)
    failures = np.where(k < n, n - k, 1)
    chances = betainc(failures, np.maximum(k, 0) + 1, 1 - np.asarray(p))
    return np.where(k < 0, 0.0, np.where(k < n, chances, 1.0))


def binomial_quantile(q: float, n: ArrayLike, p: float) -> NDArray[np.int64]:
    """Find the fewest successes in `n` trials that have a chance of at least `q` not to be exceeded.

    Args:
        q: Strictly between 0 and 1.
        n: Whole numbers from 0 on.
        p: Chance of success, strictly between 0 and 1.

    >>> binomial_quantile(0.025, [0, 5, 6, 20], 0.5).tolist()  # 1 / 2 ** 6 is below 0.025, and 1 / 2 ** 5 is not
    [0, 0, 1, 6]
    """
    from scipy.special import bdtrik

    trials = np.asarray(n, dtype=np.int64)
    inverse: NDArray[Any] = np.where(trials > 0, bdtrik(q, np.maximum(trials, 1), p), 0.0)
    most = np.ceil(inverse).astype(np.int64)
    fewer = np.maximum(most - 1, 0)  # the inverse is a little too high where `q` is attained
    found: NDArray[np.int64] = np.where(binomial_cdf(fewer, trials, p) >= q, fewer, most)
    return found
