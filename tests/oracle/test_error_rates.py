"""How often a table errs over many tables of which the truth is known."""

import numpy as np
import polars as pl

from eval_assets.reports.computed.scores import MetricFacts
from tests.report_rows import scored, trial
from tests.unit.test_report_comparing import compare


def test_equal_candidates_at_the_margin_are_seldom_called_equivalent_anywhere_in_a_table() -> None:
    rng, wrong = np.random.default_rng(1), 0
    names = [f"m{index}" for index in range(5)]
    evaluation = trial("old", *names, gates=[{"metric": "token_f1", "max_drop": 0.05}])
    for _ in range(30):
        base = rng.normal(0.5, 0.1, 60)
        rows = [
            scored(base, model="old"),
            *(scored(base + 0.05 + rng.normal(0, 0.1, 60), model=name) for name in names),
        ]
        frame = compare(evaluation, *rows, facts=MetricFacts())
        with_baseline = frame.filter(pl.col("is_baseline_comparison"))
        wrong += "equivalent within the margin" in with_baseline["verdict"].to_list()
    assert wrong / 30 < 0.025 + 0.02 + 2 * np.sqrt(0.025 * 0.975 / 30)  # two points, and two errors of the simulation
