"""What each scale says of itself, and that nothing but the scale decides how a judge on it is asked and read."""

from typing import Literal

import jsonschema
import pytest

from eval_assets.config.scales import IntegerScale, LabelScale, NumberedScale, NumberScale, PassFailScale
from eval_assets.judges.formats import reply_instruction, reply_schema
from eval_assets.judges.replies.verdicts import parse_verdict

PASS_FAIL = PassFailScale(type="pass_fail")
TWO_FINE = LabelScale(type="labels", labels={"good": 1, "fine": 1, "bad": 0})


class StarScale(NumberedScale):
    """One star to `stars` of them: a scale that no module but this one knows."""

    type: Literal["stars"] = "stars"
    stars: int
    is_whole = True

    @property
    def bounds(self):
        return 1, self.stars


@pytest.mark.parametrize(
    ("scale", "bounds", "span", "grades"),
    [
        (IntegerScale(max=3), (1, 3), "1 to 3", {1: "1", 2: "2", 3: "3"}),
        (NumberScale(type="number", min=-0.5), (-0.5, 1), "-0.5 to 1", None),
        (PASS_FAIL, (0, 1), "pass, fail", {0: "fail", 1: "pass"}),
        (TWO_FINE, (0, 1), "good, fine, bad", {0: "bad", 1: "good or fine"}),  # equal scores are one grade
    ],
)
def test_a_scale_tells_its_range_and_its_grades(scale, bounds, span, grades):
    assert (scale.bounds, scale.span, scale.grades) == (bounds, span, grades)


@pytest.mark.parametrize(
    ("scale", "is_binary", "is_of_digits", "is_pass_rate"),
    [
        (IntegerScale(), False, True, False),
        (IntegerScale(min=0, max=1), True, True, False),
        (IntegerScale(max=10), False, False, False),
        (IntegerScale(min=-1), False, False, False),
        (NumberScale(type="number"), False, False, False),  # 0 to 1, and all between
        (PASS_FAIL, True, False, True),
        (TWO_FINE, True, False, False),
    ],
)
def test_a_scale_tells_what_its_scores_allow(scale, is_binary, is_of_digits, is_pass_rate):
    assert (scale.is_binary, scale.is_of_digits, scale.is_pass_rate) == (is_binary, is_of_digits, is_pass_rate)


def test_a_further_scale_is_asked_for_and_read_by_what_it_says_alone():
    four = StarScale(stars=4)
    assert reply_instruction(four).endswith('"score": whole number from 1 to 4}')
    jsonschema.validate({"justification": "x", "score": 4}, reply_schema(four))
    assert parse_verdict("Rating: 3/4 stars", four).score == 3
    assert parse_verdict('{"score": 5}', four).reason == "expected a whole number from 1 to 4, got 5"
    assert four.score_by_people("2", 2.0) == 2
