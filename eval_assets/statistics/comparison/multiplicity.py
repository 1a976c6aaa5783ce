"""Correction of p-values for the number of comparisons made."""

import numpy as np
from numpy.typing import NDArray


def holm_adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raise p-values so that calling all below alpha significant errs in at most alpha of such tables.

    Args:
        p_values: Every comparison of the table, shape (n_comparisons,); NaN for one that could not be tested, which is
            left out of the count.

    Returns:
        Adjusted p-values in the same order, at most 1; NaN stays NaN.

    Source:
        Holm 1979, https://www.jstor.org/stable/4615733.

    >>> holm_adjusted(np.array([0.01, 0.04, 0.03])).round(4).tolist()  # 3 * 0.01, then 2 * 0.03 for both others
    [0.03, 0.06, 0.06]
    """
    adjusted = p_values.astype(np.float64)
    tested = np.flatnonzero(~np.isnan(adjusted))
    order = tested[np.argsort(adjusted[tested], kind="stable")]
    multiplied = adjusted[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(multiplied))
    return adjusted
