"""How long it takes to compare every two of many candidates, letter them and say so.

    python -m benchmarks.letters --candidates 99 --examples 50000

Everything from the score rows of one metric to the rows of `comparison` is timed.
"""

import argparse
import resource
import time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.config.evaluation import Evaluation, EvaluationFile
from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.scores import SCORE_ROWS, ExampleGroups, MetricFacts

FACTS = {
    "binary": MetricFacts(low=0, high=1, is_binary=True),
    "continuous": MetricFacts(low=0, high=1),
    "grades 1-5": MetricFacts(low=1, high=5),
}


def main() -> None:
    """Print one line per kind of scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=99)
    parser.add_argument("--examples", type=int, default=50_000)
    arguments = parser.parse_args()
    print(f"{'scores':<22} {'seconds':>8} {'CPU s':>8} {'letters':>8} {'peak MB':>8}")
    for kind, facts in FACTS.items():
        for cluster_size in (1, 5):
            name = f"{kind}{'' if cluster_size == 1 else ', clustered'}"
            seconds, busy, n_letters = measured(kind, facts, arguments.candidates, arguments.examples, cluster_size)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{name:<22} {seconds:>8.1f} {busy:>8.1f} {n_letters:>8} {peak:>8,.0f}", flush=True)


def measured(kind: str, facts: MetricFacts, n_candidates: int, n_examples: int, size: int) -> tuple[float, float, int]:
    """Time the comparison of candidates whose true means lie close together: seconds, CPU seconds, letters."""
    generator = np.random.default_rng(0)
    ease = np.repeat(generator.normal(size=-(-n_examples // size)), size)[:n_examples]
    names = [f"m{index:02}" for index in range(n_candidates)]
    evaluation = Evaluation(name="many", file=EvaluationFile(dataset="d", models=names, prompts=["p"]))
    ids = pl.Series("example_id", [f"example-{index:06}" for index in range(n_examples)])
    cells, aggregates = [], []
    groups = ExampleGroups(pl.DataFrame({"example_id": ids, "group": np.arange(n_examples) // size}), cluster="group")
    for place, name in enumerate(names):
        values = draw(kind, ease + generator.normal(size=n_examples) + place / 300)
        frame = pl.DataFrame({"example_id": ids, "score": values}).with_columns(
            evaluation=pl.lit("many"), model=pl.lit(name), prompt=pl.lit("p"), position=pl.int_range(pl.len()),
            sample_index=pl.lit(0), metric=pl.lit("score"), version=pl.lit("v1"), kind=pl.lit("heuristic"),
            outcome=pl.lit("ok"), label=pl.lit(None), reason=pl.lit(None), justification=pl.lit(None),
        )  # fmt: skip
        cells.append(frame.select(pl.col(column).cast(dtype) for column, dtype in SCORE_ROWS.items()))
        cell = {"evaluation": "many", "model": name, "prompt": "p"}
        aggregates.append(
            aggregate_cell(cells[-1].head(20), metric_facts={"score": facts}, cell=cell, run_id="r").with_columns(
                mean=pl.lit(float(values.mean()))
            )
        )
    scores, described = pl.concat(cells), pl.concat(aggregates)
    started, busy = time.perf_counter(), time.process_time()
    found = compare_candidates(
        evaluation, scores, described, metric_facts={"score": facts}, run_id="r", groups=groups if size > 1 else None
    )
    return time.perf_counter() - started, time.process_time() - busy, found["tied_group"].n_unique()


def draw(kind: str, quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of one kind from how well each example went."""
    if kind == "binary":
        return (quality > 0).astype(np.float64)
    if kind == "continuous":
        return np.asarray(1 / (1 + np.exp(-quality)))
    return np.clip(np.round(3 + quality), 1, 5)


if __name__ == "__main__":
    main()
