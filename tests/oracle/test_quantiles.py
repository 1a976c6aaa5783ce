"""Quantiles of our own against SciPy's."""

import pytest
from scipy.special import ndtri, stdtrit

from eval_assets.statistics.quantiles import normal_quantile, t_quantile

PROBABILITIES = (0.001, 0.025, 0.4, 0.55, 0.75, 0.9, 0.95, 0.975, 0.995, 0.9995, 0.99999)


@pytest.mark.parametrize("degrees", [1, 2, 2.5, 3, 4, 7, 15, 30.5, 99, 999, 1000, 1001, 5000, 1e7])
def test_students_t_is_that_of_scipy(degrees):
    for probability in PROBABILITIES:
        assert t_quantile(degrees, probability) == pytest.approx(stdtrit(degrees, probability), rel=1e-11)


def test_the_middle_of_students_t_is_zero():
    assert t_quantile(5, 0.5) == 0.0


def test_the_normal_quantile_is_that_of_scipy():
    for probability in PROBABILITIES:
        assert normal_quantile(probability) == pytest.approx(ndtri(probability), rel=1e-14)
