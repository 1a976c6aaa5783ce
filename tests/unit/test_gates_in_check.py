"""Gates that no candidate can meet, or none can miss: said before anything runs."""

from pathlib import Path

import pytest

from tests.small_project import FILES, problems_of, project_with

ROW = '{"example_id": "a", "inputs": "Why?", "targets": "Because."}\n'


def said_of(folder: Path, gate: str, **changed: str) -> list[str]:
    evaluation = FILES["evaluations/e.yaml"] + f"metrics: [token_f1, response_length]\ngates:\n  - {{{gate}}}\n"
    return problems_of(project_with(folder, **{"evaluations/e.yaml": evaluation, **changed}))


@pytest.mark.parametrize(
    ("gate", "field", "said"),
    [
        (
            "metric: token_f1, min: 80",
            "min",
            "scores can reach, got 80; scores of 'token_f1' go from 0 to 1; did you mean 0.8",
        ),
        (
            "metric: token_f1, max: 95",
            "max",
            "scores can miss, got 95; scores of 'token_f1' go from 0 to 1; did you mean 0.9",
        ),
        ("metric: token_f1, min: -0.1", "min", "scores can miss, got -0.1"),
        ("metric: token_f1, max: -1", "max", "scores can reach, got -1"),
        ("metric: token_f1, max_drop: 5", "max_drop", "scores can have, got 5; "),
        ("metric: token_f1, non_inferiority_margin: 2", "non_inferiority_margin", "scores can have, got 2; "),
        ("metric: right, min: 6", "min", "scores can reach, got 6; scores of 'right' go from 1 to 5"),
        ("metric: right, min: 0.8, max: 5", "min", "scores can miss, got 0.8; scores of 'right' go from 1 to 5"),
        ("metric: token_f1, min: 0.9, max: 0.1", "min", "up to max, got min 0.9 and max 0.1: no score meets both"),
        ("metric: token_f1, min: 0.5, min_scored: 300", "min_scored", "at most 1, the number of examples, got 300"),
    ],
)
def test_a_threshold_outside_the_range_of_the_scores_is_refused(
    tmp_path: Path, gate: str, field: str, said: str
) -> None:
    (found,) = said_of(tmp_path, gate)
    assert found.startswith(f"data/evaluations/e.yaml:8: gates[0].{field}: expected ")
    assert said in found


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("metric: token_f1, max_drop: -0.1", "max_drop: expected at least 0, got -0.1"),
        ("metric: token_f1, max_drop_relative: 5", "max_drop_relative: expected at most 1, got 5"),
        ("metric: token_f1, min: .nan", "expected a finite number, got .nan"),
        ("metric: token_f1", "expected at least one of 'min', 'max', 'max_drop'"),
    ],
)
def test_a_threshold_that_is_none_is_refused(tmp_path: Path, gate: str, said: str) -> None:
    assert said in said_of(tmp_path, gate)[0]


@pytest.mark.parametrize(
    "gate",
    [
        "metric: token_f1, min: 0, max: 1, max_drop: 1",
        "metric: right, min: 4.5",
        "metric: response_length, max: 250, max_drop: 40",  # a count has no upper bound
        "metric: token_f1, min: 0.5, min_scored: 1",
    ],
)
def test_a_threshold_that_decides_is_allowed(tmp_path: Path, gate: str) -> None:
    assert said_of(tmp_path, gate) == []


def said_of_primary(folder: Path, primary: str) -> list[str]:
    evaluation = FILES["evaluations/e.yaml"] + f"metrics: [token_f1, response_length]\nprimary: {primary}\n"
    return problems_of(project_with(folder, **{"evaluations/e.yaml": evaluation}))


@pytest.mark.parametrize(
    ("primary", "said"),
    [
        ("token_f2", "expected a metric or judge of this evaluation, got 'token_f2'; did you mean 'token_f1'"),
        ("response_length", "with a better end, such as 'exact_match', "),
    ],
)
def test_a_primary_metric_that_can_decide_nothing_is_refused(tmp_path: Path, primary: str, said: str) -> None:
    (found,) = said_of_primary(tmp_path, primary)
    assert found.startswith("data/evaluations/e.yaml:7: primary: expected ")
    assert said in found


@pytest.mark.parametrize("primary", ["token_f1", "exact_match", "right"])
def test_a_metric_a_default_or_a_judge_may_be_primary(tmp_path: Path, primary: str) -> None:
    assert said_of_primary(tmp_path, primary) == []


@pytest.mark.parametrize(
    ("gate", "field", "said"),
    [
        ("metric: token_f1, min: 0.5, candidates: [ecko]", "candidates[0]", "got 'ecko'; did you mean 'echo'"),
        ("metric: token_f1, worst_slice_min: 0.5", "worst_slice_min", "`slices` in the dataset's card"),
        ("metrics: [token_f1, rihgt], min: 0.5", "metrics", "got 'rihgt'; did you mean 'right'"),
    ],
)
def test_who_and_what_a_gate_names_has_to_be_there(tmp_path: Path, gate: str, field: str, said: str) -> None:
    found = said_of(tmp_path, gate)
    assert found[0].startswith(f"data/evaluations/e.yaml:8: gates[0].{field}: expected ")
    assert said in found[0]
