"""Scores of worker processes equal those of one process; none sees the program that asks, and a death is said."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.errors import MetricError
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.metrics.scoring.workers import Workers
from tests.unit.test_metric_custom import choice, metrics_of, module  # noqa: F401  a fixture
from tests.unit.test_metric_rows import CELL, prediction_frame, resolved
from tests.unit.test_metric_scoring import run, written

CHECKOUT = Path(__file__).resolve().parents[2]

PLAIN_SCRIPT = """
from eval_assets.metrics.scoring.workers import Workers
from tests.unit.test_metric_rows import resolved
from tests.unit.test_metric_scoring import run, written
print("asks for scores")
table, _ = run([written(60)], resolved("rouge1"), shards=Workers(2), batch_rows=20)
print(table.height, "scores")
"""


def test_scores_do_not_depend_on_the_number_of_workers():
    metrics = resolve_metrics("question-answering", (MetricChoice(metric="rougeL"),))
    frame = written(60)
    alone, alone_report = run([frame], metrics)
    together, report = run([frame], metrics, shards=Workers(2), batch_rows=8)
    assert together.equals(alone)
    assert report == alone_report


def test_functions_of_the_user_are_scored_by_workers_too(module):  # noqa: F811  the fixture
    frame = prediction_frame(["a b"] * 9, ["a"] * 9)
    metrics = metrics_of(choice("corrected"), MetricChoice(metric="token_f1"), choice("is_short"))
    options = {"previous": None, "cell": CELL, "run_id": "r1"}
    alone = pl.concat(list(score_predictions([frame], metrics, **options)))
    together = pl.concat(list(score_predictions([frame], metrics, shards=Workers(2), batch_rows=2, **options)))
    assert together.equals(alone)


@pytest.mark.parametrize("given", ["file", "standard input"])
def test_a_script_that_guards_nothing_is_not_run_again(tmp_path, given):
    script = tmp_path / "plain.py"
    script.write_text(PLAIN_SCRIPT)
    command = [sys.executable, *([script] if given == "file" else ["-"])]
    ended = subprocess.run(
        command, input=PLAIN_SCRIPT, cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert ended.stdout.splitlines() == ["asks for scores", "60 scores"], ended.stderr


def test_a_process_that_is_killed_is_said_and_none_is_left(monkeypatch):
    kept = []
    start = Workers._start

    def killed(self):
        process = start(self)
        process.send_signal(signal.SIGKILL)
        kept.append(process)
        return process

    monkeypatch.setattr(Workers, "_start", killed)
    with pytest.raises(MetricError, match=r"ended with status -9; .*lack of memory"):
        run([written(70)], resolved("contains"), shards=Workers(2), batch_rows=20)
    assert all(process.returncode is not None for process in kept)


def test_what_is_raised_in_a_process_reaches_the_caller():
    with Workers(1) as workers, pytest.raises(AttributeError, match="scores"):
        workers.submit("no batch").result()
