"""Numeric match against verdicts on word problems: ours, and those that the authors of GSM8K published, row by row."""

import json

import pytest

from benchmarks.public_judgements import DATASETS
from tests.oracle.datasets import OWN
from tests.unit.test_metric_rows import scores

PUBLISHED = DATASETS / "gsm8k" / "example_model_solutions.jsonl"
N_CORRECT = {"6b_finetuning": 286, "175b_finetuning": 458, "6b_verification": 515, "175b_verification": 742}


def verdicts_reproduced(rows, system):
    """Whether numeric match gives the verdicts of the file, on final answers and on whole solutions; their sum."""
    verdicts = [float(row[system]["is_correct"]) for row in rows]
    outputs = [row[system]["solution"] for row in rows]
    final_answers = [row["ground_truth"].rpartition("A: ")[2] for row in rows]
    assert scores("numeric_match", outputs, final_answers) == verdicts
    assert scores("numeric_match", outputs, [row["ground_truth"] for row in rows]) == verdicts
    return sum(verdicts)


@pytest.mark.parametrize(("system", "n_correct"), [("careful", 7), ("hasty", 2)])
def test_numeric_match_reproduces_verdicts_made_by_hand(system, n_correct):
    rows = [json.loads(line) for line in (OWN / "solutions.jsonl").read_text("utf-8").splitlines()]
    assert (verdicts_reproduced(rows, system), len(rows)) == (n_correct, 8)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"no {PUBLISHED}")
@pytest.mark.parametrize(("system", "n_correct"), N_CORRECT.items())
def test_numeric_match_reproduces_the_published_verdicts(system, n_correct):
    rows = [json.loads(line) for line in PUBLISHED.read_text("utf-8").splitlines()]
    assert (verdicts_reproduced(rows, system), len(rows)) == (n_correct, 1319)
