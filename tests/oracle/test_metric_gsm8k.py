"""Numeric match against the verdicts that the authors of GSM8K published, row by row."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.test_metric_rows import scores

DATASETS = Path(os.environ.get("EVAL_ASSETS_DATASETS", Path(__file__).parents[2].parent / "shared" / "datasets"))
SOLUTIONS = DATASETS / "gsm8k" / "example_model_solutions.jsonl"


@pytest.mark.skipif(not SOLUTIONS.is_file(), reason=f"no {SOLUTIONS}")
@pytest.mark.parametrize(
    ("system", "n_correct"),
    [("6b_finetuning", 286), ("175b_finetuning", 458), ("6b_verification", 515), ("175b_verification", 742)],
)
def test_numeric_match_reproduces_the_published_verdicts(system, n_correct):
    rows = [json.loads(line) for line in SOLUTIONS.read_text("utf-8").splitlines()]
    final_answers = [row["ground_truth"].rpartition("A: ")[2] for row in rows]
    verdicts = [float(row[system]["is_correct"]) for row in rows]
    outputs = [row[system]["solution"] for row in rows]
    assert scores("numeric_match", outputs, final_answers) == verdicts
    assert scores("numeric_match", outputs, [row["ground_truth"] for row in rows]) == verdicts
    assert (sum(verdicts), len(rows)) == (n_correct, 1319)
