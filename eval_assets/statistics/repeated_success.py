"""How reliably an example succeeds in several samples: pass^k. Intervals of means are in `intervals`."""

from math import nan

import numpy as np
from numpy.typing import NDArray


def pass_hat(n_samples: NDArray[np.int64], n_passed: NDArray[np.int64], k: int) -> float:
    """Estimate the chance that k samples of an example succeed all, mean over the examples, without bias.

    Args:
        n_samples: Scored samples of each example, shape (n_examples,).
        n_passed: Those of them that succeeded, same shape.
        k: Samples that have to succeed, from 1. Examples with fewer scored samples are left out.

    Returns:
        The mean of C(n_passed, k) / C(n_samples, k); NaN where no example has k scored samples.

    Source:
        Yao et al. 2024, https://arxiv.org/abs/2406.12045.

    >>> pass_hat(np.array([4, 4]), np.array([4, 2]), 2)  # (1 + 1/6) / 2
    0.5833333333333334
    """
    counted = n_samples >= k
    if not counted.any():
        return nan
    n, passed = n_samples[counted].astype(np.float64), n_passed[counted].astype(np.float64)
    chance = np.ones(n.size)
    for drawn in range(k):
        chance *= np.maximum(passed - drawn, 0) / (n - drawn)
    return float(chance.mean())
