"""How often a judge's mean holds the truth that people would have given, raw and corrected by human labels.

    python benchmarks/judge_correction.py --simulations 2000

A thousand rows are judged and some of them labelled by people. The judge is biased by design, so the truth is known.
An interval at 95 % should hold it in 0.95 of the simulations; with 2,000 of them that share is known to ± 0.01.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.intervals import Interval, mean_interval
from eval_assets.statistics.judging.correction import (
    MIN_LABELS,
    MIN_LABELS_PER_CLASS,
    CorrectedMean,
    prediction_powered_mean,
    rogan_gladen_rate,
)

Floats = NDArray[np.float64]
Generator = np.random.Generator

N_ROWS = 1000
N_LABELS = (15, 40, 100, 300)
GRADES, GRADE_SHARES = np.arange(1.0, 6.0), np.array([0.05, 0.1, 0.15, 0.3, 0.4])
PASS_SHARE = 0.7

Draw = Callable[[Generator, int], tuple[Floats, Floats]]
Correct = Callable[..., CorrectedMean]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    print("| judge | labels | raw judge | labels alone | corrected | corrected by | width against labels alone |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for judge, draw, truth, correct in scenarios():
        for n_labels in N_LABELS:
            print_row(judge, draw, truth, correct, n_labels, arguments.simulations, arguments.seed)
    print(f"\n{arguments.simulations:,} simulations, seed {arguments.seed}, {time.perf_counter() - started:.0f} s")
    print(
        f"Below {MIN_LABELS} labels, or {MIN_LABELS_PER_CLASS} of a class, the library declines; here it has to answer."
    )


def scenarios() -> list[tuple[str, Draw, float, Correct]]:
    """List judges: what they are like, how they score, the truth, the correction."""
    grade_mean = float(GRADES @ GRADE_SHARES)
    return [
        ("1-5, half a grade too kind", kind_grades, grade_mean, prediction_powered_mean),
        ("1-5, never follows people", blind_grades, grade_mean, prediction_powered_mean),
        ("pass/fail, misses 10 % and 30 %", verdicts(0.9, 0.7), PASS_SHARE, rogan_gladen_rate),
        ("pass/fail, misses 10 % and 30 %", verdicts(0.9, 0.7), PASS_SHARE, prediction_powered_mean),
        ("pass/fail, misses 3 % and 60 %", verdicts(0.97, 0.4), PASS_SHARE, rogan_gladen_rate),
    ]


def print_row(
    judge: str, draw: Draw, truth: float, correct: Correct, n_labels: int, simulations: int, seed: int
) -> None:
    """Simulate one judge with one number of labels, and print what held the truth."""
    generator = np.random.default_rng([seed, n_labels])
    fewest = {"min_labels": 3} if correct is prediction_powered_mean else {"min_labels_per_class": 1}
    held = np.zeros((simulations, 3))
    widths = np.full((simulations, 2), np.nan)
    method = ""
    for row in range(simulations):
        human, judged = draw(generator, N_ROWS)
        labels = human[:n_labels]
        raw = mean_interval(judged, confidence=0.95)
        alone = mean_interval(labels, confidence=0.95)
        corrected = correct(judged[:n_labels], labels, judged[n_labels:], confidence=0.95, **fewest)
        held[row] = [holds(interval, truth) for interval in (raw, alone, corrected.interval)]
        widths[row] = [width(alone), width(corrected.interval)]
        method = corrected.method if corrected.value is not None else method
    shares = " | ".join(f"{share:.3f}" for share in held.mean(axis=0))
    ratio = np.nanmean(widths[:, 1]) / np.nanmean(widths[:, 0])
    print(f"| {judge} | {n_labels} | {shares} | {method} | {ratio:.2f} |")


def kind_grades(generator: Generator, n: int) -> tuple[Floats, Floats]:
    """Draw human grades, and a judge that lifts half of them by one and misses a fifth by one either way."""
    human = generator.choice(GRADES, size=n, p=GRADE_SHARES)
    lift, slip = generator.random(n) < 0.5, generator.choice([-1, 0, 1], size=n, p=[0.1, 0.8, 0.1])
    return human, np.clip(human + lift + slip, 1, 6)


def blind_grades(generator: Generator, n: int) -> tuple[Floats, Floats]:
    """Draw human grades, and a judge that gives 3, 4 or 5 at random."""
    return generator.choice(GRADES, size=n, p=GRADE_SHARES), generator.choice([3.0, 4.0, 5.0], size=n)


def verdicts(sensitivity: float, specificity: float) -> Draw:
    """Draw human passes and failures, and a judge that gets the given shares of each right."""

    def draw(generator: Generator, n: int) -> tuple[Floats, Floats]:
        human = generator.random(n) < PASS_SHARE
        right = generator.random(n) < np.where(human, sensitivity, specificity)
        return human.astype(np.float64), (human == right).astype(np.float64)

    return draw


def holds(interval: Interval, truth: float) -> bool:
    """Whether an interval exists and holds the truth."""
    return interval.ends is not None and interval.ends[0] <= truth <= interval.ends[1]


def width(interval: Interval) -> float:
    """Width of an interval; NaN where none exists."""
    return float("nan") if interval.ends is None else interval.ends[1] - interval.ends[0]


if __name__ == "__main__":
    main()
