"""What sways a judge besides quality."""

import numpy as np
import pytest

from eval_assets.errors import UnpairedScoresError
from eval_assets.statistics.judging.judge_bias import (
    length_bias,
    position_flip_rate,
    position_preference,
    self_preference,
)


def test_a_judge_that_adds_a_point_per_hundred_words_is_found_out():
    rng = np.random.default_rng(0)
    lengths = rng.uniform(50, 500, 400)
    bias = length_bias(3 + lengths / 100 + rng.normal(0, 0.5, 400), lengths, confidence=0.95)
    assert bias.value == pytest.approx(0.01, abs=0.001)
    assert bias.interval.low < 0.01 < bias.interval.high
    # standard error of the slope: 0.5 / sqrt(400 * 450² / 12) = 0.00019, so a width near 4 of them
    assert bias.interval.high - bias.interval.low == pytest.approx(3.93 * 0.000192, rel=0.2)


@pytest.mark.parametrize(("scores", "lengths"), [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])])
def test_length_bias_is_undefined_without_enough_lengths(scores, lengths):
    bias = length_bias(np.array(scores), np.array(lengths), confidence=0.95)
    assert bias.value is bias.interval.ends is None


def test_flips_and_preference_for_the_first_place():
    # four pairs: stays won, won only when first, tied first and lost second, stays lost
    first, second = np.array([1.0, 1.0, 0.5, 0.0]), np.array([1.0, 0.0, 0.0, 0.0])
    assert position_flip_rate(first, second, confidence=0.95).value == 0.5
    assert position_preference(first, second, confidence=0.95).value == pytest.approx(0.375)  # (0 + 1 + 0.5 + 0) / 4
    assert position_preference(second, first, confidence=0.95).value == pytest.approx(-0.375)


def test_no_pairs_have_no_flip_rate():
    assert position_flip_rate(np.array([]), np.array([]), confidence=0.95).value is None
    assert position_preference(np.array([]), np.array([]), confidence=0.95).value is None


def test_self_preference_takes_off_what_people_prefer_too():
    own, others = np.array([4.0, 5.0, 4.0]), np.array([3.0, 3.0, 2.0])
    human_own, human_others = np.array([4.0, 4.0, 3.0]), np.array([3.0, 3.0, 3.0])
    assert self_preference(own, others, confidence=0.95).value == pytest.approx(5 / 3)  # (1 + 2 + 2) / 3
    beyond = self_preference(own, others, confidence=0.95, human_own=human_own, human_others=human_others)
    assert beyond.value == pytest.approx(1)  # (0 + 1 + 2) / 3


@pytest.mark.parametrize("measure", [length_bias, position_flip_rate, position_preference, self_preference])
def test_biases_of_other_examples_are_refused(measure):
    with pytest.raises(UnpairedScoresError, match="1"):
        measure(np.array([1.0]), np.array([1.0, 0.0]), confidence=0.95)
