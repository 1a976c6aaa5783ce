"""What a number of examples can and cannot show: the smallest detectable difference, and the examples one needs."""

import numpy as np

POWER = 0.8  # the customary chance of seeing a difference that is there
ALPHA = 0.05  # the chance of seeing one that is not
LARGE_SAMPLE = 100_000


def smallest_detectable_difference(sd: float, n: int, *, power: float = POWER, alpha: float = ALPHA) -> float | None:
    """Find the mean difference that a paired t-test on n examples would find with the given probability.

    Args:
        sd: Standard deviation of the differences between two candidates, in score units. For clustered examples the
            standard error of the mean difference times sqrt(n).
        n: Number of examples both candidates have.
        power: Probability of finding a difference of this size.
        alpha: Probability of finding one where there is none, two-sided.

    Returns:
        The difference in score units, without sign; None for fewer than two examples or no spread.

    Source:
        Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, chapter 2.

    >>> round(smallest_detectable_difference(0.5, 200), 4)
    0.0995
    """
    from scipy.special import nctdtrinc, stdtrit

    if n <= 1 or sd <= 0:
        return None
    critical = float(stdtrit(n - 1, 1 - alpha / 2))
    # Where a noncentral t exceeds `critical` with probability `power`; finding the wrong sign is no success.
    noncentrality = float(nctdtrinc(n - 1, 1 - power, critical))
    return noncentrality * sd / float(np.sqrt(n))


def examples_to_resolve(difference: float, sd: float, *, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """Count the examples with which a paired t-test would find a difference of this size.

    Args:
        difference: In score units, of either sign.
        sd: As in `smallest_detectable_difference`.
        power: Probability of finding it.
        alpha: Probability of finding a difference where there is none, two-sided.

    Returns:
        The smallest total number of examples; None for a difference of zero, which no number resolves, or no spread.

    >>> examples_to_resolve(0.1, 0.5)
    199
    """
    from scipy.special import ndtri

    if difference == 0 or sd <= 0:
        return None
    n = max(2, int(((ndtri(1 - alpha / 2) + ndtri(power)) * sd / abs(difference)) ** 2))  # without Student's correction
    if n > LARGE_SAMPLE:
        return n + 2  # which is ndtri(1 - alpha / 2) ** 2 / 2 there
    while (smallest_detectable_difference(sd, n, power=power, alpha=alpha) or 0.0) > abs(difference):
        n += 1
    return n


def two_digits(count: float) -> int:
    """Round a number of examples up to two digits: a power calculation knows no more.

    >>> two_digits(637), two_digits(12.3)
    (640, 13)
    """
    whole = int(np.ceil(count))
    unit: int = 10 ** max(0, len(str(whole)) - 2)
    return -(-whole // unit) * unit
