"""Direction, range and whether scores are 0 or 1, of judges; those of metrics are beside the metrics."""

import pytest

from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.stages.metric_facts import facts_of


def facts(**fields):
    judge = Judge(name="grader", file=JudgeFile(definition="Right?", model="referee", **fields))
    return facts_of((), [judge])["grader"]


@pytest.mark.parametrize(
    ("scale", "is_binary"),
    [
        ({"type": "pass_fail"}, True),
        ({"type": "integer", "min": 0, "max": 1}, True),
        ({"type": "labels", "labels": {"good": 1, "bad": 0}}, True),
        ({"type": "labels", "labels": {"good": 1, "so-so": 0.5, "bad": 0}}, False),
        ({"type": "number", "min": 0, "max": 1}, False),
        ({"type": "integer", "min": 1, "max": 2}, False),
    ],
)
def test_a_judge_gives_0_or_1_by_its_scale(scale, is_binary):
    assert facts(scale=scale).is_binary is is_binary


@pytest.mark.parametrize("fields", [{"samples": 3}, {"expected_value": True}])
def test_a_judge_that_averages_gives_more_than_0_and_1(fields):
    assert not facts(scale={"type": "integer", "min": 0, "max": 1}, **fields).is_binary


@pytest.mark.parametrize(
    ("scale", "written"),
    [
        ({"min": 0, "max": 3}, "0 3"),  # whole numbers: their JSON is in the data version of verdicts
        ({"type": "number"}, "0.0 1.0"),
        ({"type": "pass_fail"}, "0.0 1.0"),
        ({"type": "labels", "labels": {"good": 1, "so-so": 0.5, "bad": -1}}, "-1.0 1.0"),
    ],
)
def test_the_range_of_a_judge_is_written_as_its_data_version_has_it(scale, written):
    found = facts(scale=scale)
    assert f"{found.low} {found.high}" == written
