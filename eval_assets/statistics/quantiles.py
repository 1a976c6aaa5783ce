"""Quantiles of the normal and of Student's t distribution, to twelve digits, without importing SciPy for them.

One candidate's means need no more of SciPy than these, and importing it takes longer than most of those evaluations.
"""

from math import exp, inf, lgamma, log, pi
from statistics import NormalDist

_STANDARD = NormalDist()
_FEW = 1000
"""Degrees of freedom up to which the distribution function is inverted; beyond, a series in their inverse is exact."""

_STEPS = 500
_PRECISION = 1e-16
_TINY = 1e-300


def normal_quantile(probability: float) -> float:
    """Below which a standard normal value lies with this probability, strictly between 0 and 1.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return _STANDARD.inv_cdf(probability)


def t_quantile(degrees: float, probability: float) -> float:
    """Below which Student's t lies with this probability, strictly between 0 and 1.

    Args:
        degrees: Degrees of freedom, above 0.
        probability: Strictly between 0 and 1.

    Source:
        Beyond 1,000 degrees of freedom Abramowitz and Stegun 26.7.5; else Newton's method on the beta function.

    >>> round(t_quantile(9, 0.975), 6)
    2.262157
    """
    if probability == 0.5:  # noqa: PLR2004  the middle
        return 0.0
    if probability < 0.5:  # noqa: PLR2004  the other half
        return -t_quantile(degrees, 1 - probability)
    z = normal_quantile(probability)
    if degrees > _FEW:
        return _by_series(z, degrees)
    return _inverted(degrees, 1 - probability, start=_by_series(z, degrees) if degrees > 2 else z)  # noqa: PLR2004


def _by_series(z: float, degrees: float) -> float:
    """The quantile from that of the normal distribution, by powers of the inverse of the degrees of freedom."""
    square = z * z
    terms = (
        (square + 1) / 4,
        ((5 * square + 16) * square + 3) / 96,
        (((3 * square + 19) * square + 17) * square - 15) / 384,
        ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92160,
    )
    return z * (1 + sum(term / degrees**power for power, term in enumerate(terms, start=1)))


def _inverted(degrees: float, tail: float, *, start: float) -> float:
    """Where this much of the distribution lies above: Newton's method on the tail, kept between bounds."""
    low, high, value = 0.0, inf, max(start, 1e-3)
    log_scale = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - log(degrees * pi) / 2
    for _ in range(_STEPS):
        excess = _tail(value, degrees) - tail
        low, high = (value, high) if excess > 0 else (low, value)
        density = exp(log_scale - (degrees + 1) / 2 * log(1 + value * value / degrees))
        # Newton's step on the logarithm of the value, which keeps it positive.
        step = value * exp(excess / (density * value)) if abs(excess) < density * value else inf
        if not low < step < high:
            step = 2 * value if high == inf else (low + high) / 2
        if abs(step - value) <= _PRECISION * 4 * value:
            return step
        value = step
    return value


def _tail(value: float, degrees: float) -> float:
    """How much of the distribution lies above a value that is not negative."""
    x = degrees / (degrees + value * value)
    return 0.5 * _beta_share(degrees / 2, 0.5, x, 1 - x if x < 0.5 else value * value / (degrees + value * value))  # noqa: PLR2004


def _beta_share(a: float, b: float, x: float, rest: float) -> float:
    """The regularized incomplete beta function; `rest` is 1 - x, kept apart for its digits."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    factor = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(rest))
    if x < (a + 1) / (a + b + 2):
        return factor * _fraction(a, b, x) / a
    return 1 - factor * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1 / max(_TINY, 1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + term * d) or _TINY)
            c = (1 + term / c) or _TINY
            found *= d * c
        if abs(d * c - 1) < _PRECISION:
            break
    return found
