"""Power of the tests themselves: what n examples or clusters find, and how many find a given difference.

What a comparison's own figures are is in `power`.
"""

from collections.abc import Callable

import numpy as np

from eval_assets.statistics.binomial import binomial_cdf, binomial_pmf, binomial_ppf
from eval_assets.statistics.comparison.sign_flips import N_ENUMERATED

POWER = 0.8  # the customary chance of seeing a difference that is there
ALPHA = 0.05  # the chance of seeing one that is not
LARGE_SAMPLE = 100_000
UNLIKELY = 1e-9  # numbers of discordant pairs outside of all but this are left out
PRECISION = 1e-6  # of differences between pass rates, and of their power
MANY_DISCORDANT = 1_000  # from here on the exact McNemar test has the power of a t-test


def fewest_units(alpha: float) -> int:
    """Count the examples (or clusters) that have to differ before an exact test can be significant at all.

    Args:
        alpha: p-values have to be below it.

    Returns:
        The smallest n with 2 / 2 ** n < alpha: the p-value when all n differ in one direction, by McNemar's test as by
        exchanging signs.

    >>> fewest_units(0.05), fewest_units(0.05 / 8)
    (6, 9)
    """
    return int(np.floor(np.log2(2 / alpha))) + 1


def smallest_detectable_difference(sd: float, n: int, *, power: float = POWER, alpha: float = ALPHA) -> float | None:
    """Find the mean difference that a paired t-test on n examples would find with the given probability.

    Args:
        sd: Standard deviation of the differences between two candidates, in score units.
        n: Number of examples both candidates have. For clusters their number, with the standard error of the mean
            difference times sqrt(n) as `sd`.
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


def smallest_difference_by_flips(
    sd: float, n_units: int, *, power: float = POWER, alpha: float = ALPHA
) -> float | None:
    """Find the mean difference that exchanging signs would find with the given probability.

    It has the power of a t-test, except that few units allow few p-values.

    Args:
        sd: As in `smallest_detectable_difference`.
        n_units: Examples, or clusters.
        power: Probability of finding a difference of this size.
        alpha: Level of the test.

    Returns:
        The difference in score units, without sign; None where no outcome is significant, or without spread.

    >>> smallest_difference_by_flips(0.5, 5)
    >>> round(smallest_difference_by_flips(0.5, 6), 4)  # all six of one sign: 0.5 times the 0.8 ** (1 / 6) quantile
    0.8964
    """
    from scipy.special import ndtri

    fewest = fewest_units(alpha)
    if n_units < fewest or sd <= 0:
        return None
    if n_units == fewest:
        return sd * float(ndtri(power ** (1 / n_units)))
    if n_units <= N_ENUMERATED:
        n_patterns = 2**n_units
        alpha = 2 * (int(np.ceil(alpha * n_patterns / 2)) - 1) / n_patterns  # the level that is attained
    return smallest_detectable_difference(sd, n_units, power=power, alpha=alpha)


def units_to_resolve_by_flips(
    difference: float, sd: float, *, power: float = POWER, alpha: float = ALPHA
) -> int | None:
    """Count the units with which exchanging signs would find a difference of this size; None as for the t-test.

    Args:
        difference: In score units, of either sign.
        sd: As in `smallest_detectable_difference`.
        power: Probability of finding it.
        alpha: Level of the test.

    >>> units_to_resolve_by_flips(0.5, 0.5), examples_to_resolve(0.5, 0.5)
    (11, 10)
    >>> units_to_resolve_by_flips(5.0, 0.5), examples_to_resolve(5.0, 0.5)
    (6, 3)
    """
    n = examples_to_resolve(difference, sd, power=power, alpha=alpha)
    if n is None:
        return None
    n = max(n, fewest_units(alpha))
    while (smallest_difference_by_flips(sd, n, power=power, alpha=alpha) or 0.0) > abs(difference):
        n += 1
    return n


def mcnemar_power(difference: float, n_pairs: int, *, discordant_share: float, alpha: float = ALPHA) -> float:
    """Compute the chance that exact McNemar finds a difference between two pass rates, on the right side.

    Args:
        difference: Between the two rates, above 0.
        n_pairs: Examples both candidates have.
        discordant_share: Share of examples that only one of the two passes, at least `difference`.
        alpha: Level of the test.

    Returns:
        The sum, over the numbers of discordant pairs there may be, of the chance that few enough of them are losses.

    Source:
        Connor 1987, Biometrics 43, 207-211, who approximates the sum.

    >>> round(mcnemar_power(0.1, 200, discordant_share=0.2), 3)
    0.875
    """
    fewest, most = binomial_ppf([UNLIKELY / 2, 1 - UNLIKELY / 2], n_pairs, discordant_share)
    n_discordant = np.arange(fewest, most + 1)
    losses_allowed = binomial_ppf(alpha / 2, n_discordant, 0.5) - 1  # the most with a p-value below alpha
    found = binomial_cdf(losses_allowed, n_discordant, (1 - difference / discordant_share) / 2)
    return float(binomial_pmf(n_discordant, n_pairs, discordant_share) @ found)


def smallest_difference_by_mcnemar(
    discordant_share: float, n_pairs: int, *, power: float = POWER, alpha: float = ALPHA
) -> float | None:
    """Find the difference of two pass rates that exact McNemar would find with the given probability.

    Args:
        discordant_share: As observed; a difference beyond it is taken as nothing but wins.
        n_pairs: Examples both candidates have, at least 1.
        power: Probability of finding a difference of this size.
        alpha: Level of the test.

    Returns:
        The difference as a share; None for so few pairs that no outcome is significant.

    >>> round(smallest_difference_by_mcnemar(0.2, 200), 3)
    0.091
    """

    def beyond(difference: float) -> float:
        share = max(discordant_share, difference)
        return mcnemar_power(difference, n_pairs, discordant_share=share, alpha=alpha) - power

    return None if beyond(1.0) < 0 else _crossing(beyond, 1e-9, 1.0)


def _crossing(rising: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that rises from below 0 to above it is 0, within `PRECISION`: regula falsi, Illinois variant.

    It calls as often as `scipy.optimize.brentq` does, which takes 0.2 s to import.

    >>> round(_crossing(lambda x: x**3 - 0.008, 0.0, 1.0), 5)
    0.2
    """
    at_low, at_high = rising(low), rising(high)
    was_high: bool | None = None
    while high - low > PRECISION:
        middle = high - at_high * (high - low) / (at_high - at_low)
        found = rising(middle)
        if abs(found) < PRECISION:
            return middle
        if is_high := found > 0:
            high, at_high, at_low = middle, found, at_low / (2 if was_high is True else 1)
        else:
            low, at_low, at_high = middle, found, at_high / (2 if was_high is False else 1)
        was_high = is_high
    return (low + high) / 2


def pairs_to_resolve_by_mcnemar(
    difference: float, discordant_share: float, *, power: float = POWER, alpha: float = ALPHA
) -> int | None:
    """Count the pairs with which exact McNemar would find a difference of this size.

    Args:
        difference: Of two pass rates, of either sign.
        discordant_share: Share of examples that only one of the two passes, at least the size of the difference.
        power: Probability of finding it.
        alpha: Level of the test.

    Returns:
        A number of pairs with this power where one fewer lacks it: as the test is discrete, power goes up and down a
        little. None for a difference of zero.

    >>> pairs_to_resolve_by_mcnemar(-0.1, 0.2)
    168
    """
    size = abs(difference)
    sd = float(np.sqrt(max(0.0, discordant_share - size**2)))
    n = 0 if size == 0 else examples_to_resolve(size, sd, power=power, alpha=alpha) or 0
    if size == 0 or n * discordant_share > MANY_DISCORDANT:
        return n or None
    too_few = fewest_units(alpha) - 1
    enough = max(n, too_few + 1)
    while mcnemar_power(size, enough, discordant_share=discordant_share, alpha=alpha) < power:
        too_few, enough = enough, 2 * enough
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if mcnemar_power(size, middle, discordant_share=discordant_share, alpha=alpha) < power:
            too_few = middle
        else:
            enough = middle
    return enough
