"""How often each interval holds the truth, and how often gates and verdicts err on equal candidates.

    python benchmarks/interval_coverage.py --simulations 2000

Every number is a share of simulated tables. An interval at 95 % should hold the truth in 0.95 of them; a gate or
verdict should be wrong in at most the promised share. With 2,000 simulations a share near 0.95 is known to ± 0.01.
"""

import argparse
import time
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from eval_assets.statistics.comparison.decisions import GateTerms, Verdict
from eval_assets.statistics.comparison.differences import difference_interval
from eval_assets.statistics.comparison.gates import DropKind, drop_gate, minimum_gate
from eval_assets.statistics.comparison.paired import compare_paired
from eval_assets.statistics.comparison.verdicts import Conclusion, conclude
from eval_assets.statistics.descriptive import ExampleScores, example_scores
from eval_assets.statistics.intervals import Interval, exact_interval, mean_interval, wilson_interval
from eval_assets.statistics.resampling import bootstrap_quantile_interval

Floats = NDArray[np.float64]
Generator = np.random.Generator

SIZES = (20, 100, 1000)
GRADES, GRADE_SHARES = np.arange(1.0, 6.0), np.array([0.05, 0.1, 0.15, 0.3, 0.4])
GRADE_MEAN = float(GRADES @ GRADE_SHARES)
CLUSTER_SIZE = 5
TERMS = GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=10)

wilson, exact = cache(wilson_interval), cache(exact_interval)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    print_coverage(arguments.simulations, arguments.seed)
    print()
    print_false_alarms(arguments.simulations, arguments.seed)
    print(f"\n{arguments.simulations:,} simulations, seed {arguments.seed}, {time.perf_counter() - started:.0f} s")


def print_coverage(simulations: int, seed: int) -> None:
    """Print the share of intervals that hold the truth, per kind of scores, method and number of examples."""
    print("| scores | interval of | method | n = 20 | n = 100 | n = 1000 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for scores, quantity, method, one_is_covered, repeats in coverage_rows(simulations):
        shares = []
        for n in SIZES:
            generator = np.random.default_rng([seed, n])
            shares.append(np.mean([one_is_covered(generator, n) for _ in range(repeats)]))
        print(f"| {scores} | {quantity} | {method} | {' | '.join(f'{share:.3f}' for share in shares)} |")


CoverageRow = tuple[str, str, str, Callable[[Generator, int], bool], int]


def coverage_rows(simulations: int) -> list[CoverageRow]:
    """List what is simulated; the bootstrap is slow and gets a fifth of the simulations."""
    rows: list[CoverageRow] = []
    for share in (0.7, 0.95):
        binary = f"binary, {share:g}"
        rows += [
            (binary, "mean", "wilson", passes(share, lambda k, n: wilson(k, n, confidence=0.95)), simulations),
            (binary, "mean", "clopper-pearson", passes(share, lambda k, n: exact(k, n, confidence=0.95)), simulations),
            (binary, "mean", "t (not used)", one_mean(partial(draw_binary, share=share), share), simulations),
        ]
    rows += [
        ("ordinal 1-5", "mean", "t", one_mean(draw_grades, GRADE_MEAN), simulations),
        ("skewed 0-1", "mean", "t", one_mean(lambda g, n: g.beta(4, 0.5, n), 8 / 9), simulations),
        ("binary in clusters of 5", "mean", "wilson (not used)", one_clustered(robust=False), simulations),
        ("binary in clusters of 5", "mean", "cluster-robust t", one_clustered(robust=True), simulations),
        ("binary, paired", "difference", "bonett-price", paired_binary, simulations),
        ("ordinal, paired", "difference", "t", paired_grades, simulations),
        ("normal", "median", "bootstrap percentile", one_quantile(0.5, 0.0), simulations // 5),
        ("normal", "p90", "bootstrap percentile", one_quantile(0.9, 1.2815515655446004), simulations // 5),
    ]
    return rows


def print_false_alarms(simulations: int, seed: int) -> None:
    """Print how often equal candidates are told apart, per kind of scores and number of examples."""
    print("| equal candidates | promised | scores | n = 20 | n = 100 | n = 1000 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for question, promise, is_wrong in alarm_rows():
        for scores, draw in (("binary", pair_binary), ("ordinal", pair_grades), ("clustered", pair_clustered)):
            shares = []
            for n in SIZES:
                generator = np.random.default_rng([seed, n])
                shares.append(np.mean([is_wrong(*draw(generator, n)) for _ in range(simulations)]))
            print(f"| {question} | {promise} | {scores} | {' | '.join(f'{share:.3f}' for share in shares)} |")


Mistake = Callable[[ExampleScores, ExampleScores], bool]


def alarm_rows() -> list[tuple[str, str, Mistake]]:
    """List questions, the share of wrong answers each promises at most, and whether one answer is wrong."""

    def stops(max_drop: float, kind: DropKind = "max_drop") -> Mistake:
        return lambda baseline, candidate: (
            drop_gate(baseline, candidate, max_drop, TERMS, kind=kind).verdict is Verdict.NO_GO
        )

    def stops_at_the_mean(baseline: ExampleScores, candidate: ExampleScores) -> bool:
        true_mean = GRADE_MEAN if baseline.upper == GRADES[-1] else 0.7
        return minimum_gate(candidate, true_mean, TERMS).verdict is Verdict.NO_GO

    def tells_apart(baseline: ExampleScores, candidate: ExampleScores) -> bool:
        comparison = compare_paired(baseline, candidate, confidence=0.95, n_resamples=199, seed=0)
        return conclude(comparison, confidence=0.95).conclusion in (Conclusion.BETTER, Conclusion.WORSE)

    return [
        ("max_drop 0: NO-GO", "0.025", stops(0.0)),
        ("max_drop 0.02: NO-GO", "below 0.025", stops(0.02)),
        ("max_drop_relative 0: NO-GO", "0.025", stops(0.0, "max_drop_relative")),
        ("non-inferiority 0.02: NO-GO", "below 0.05", stops(0.02, "non_inferiority")),
        ("minimum = true mean: NO-GO", "0.025", stops_at_the_mean),
        ("verdict 'better' or 'worse'", "0.05", tells_apart),
    ]


def draw_binary(generator: Generator, n: int, share: float) -> Floats:
    """Draw independent passes and failures."""
    return (generator.random(n) < share).astype(np.float64)


def draw_grades(generator: Generator, n: int) -> Floats:
    """Draw independent grades, most of them high."""
    return generator.choice(GRADES, size=n, p=GRADE_SHARES)


def draw_clusters(generator: Generator, n: int) -> tuple[Floats, NDArray[np.int64]]:
    """Draw for each cluster of examples a pass rate of its own, 0.7 on average, correlation 1 / 4 within a cluster."""
    clusters = np.arange(n) // CLUSTER_SIZE
    return generator.beta(2.1, 0.9, clusters[-1] + 1)[clusters], clusters


def passes(share: float, bound: Callable[[int, int], Interval]) -> Callable[[Generator, int], bool]:
    """Cover a pass rate, by an interval that depends on the number of passes alone."""
    return lambda generator, n: holds(bound(int(generator.binomial(n, share)), n), share)


def one_mean(draw: Callable[[Generator, int], Floats], truth: float) -> Callable[[Generator, int], bool]:
    """Cover a mean by t."""
    return lambda generator, n: holds(mean_interval(draw(generator, n), kind="t", confidence=0.95), truth)


def one_clustered(*, robust: bool) -> Callable[[Generator, int], bool]:
    """Cover a pass rate of clustered examples, with or without heed of the clusters."""

    def one(generator: Generator, n: int) -> bool:
        rates, clusters = draw_clusters(generator, n)
        scores = (generator.random(n) < rates).astype(np.float64)
        known = clusters if robust else None
        return holds(mean_interval(scores, clusters=known, lower=0, upper=1, confidence=0.95), 0.7)

    return one


def one_quantile(quantile: float, truth: float) -> Callable[[Generator, int], bool]:
    """Cover a quantile of the standard normal distribution."""

    def one(generator: Generator, n: int) -> bool:
        scores = generator.standard_normal(n)
        return holds(bootstrap_quantile_interval(scores, quantile, confidence=0.95, n_resamples=400, seed=0), truth)

    return one


def paired_binary(generator: Generator, n: int) -> bool:
    """Cover the difference of two pass rates: a tenth of pairs lost, a fifth won."""
    differences = generator.choice([-1.0, 0.0, 1.0], size=n, p=[0.1, 0.7, 0.2])
    return holds(difference_interval(differences, binary=True, confidence=0.95), 0.1)


def paired_grades(generator: Generator, n: int) -> bool:
    """Cover the difference of two mean grades that are equal."""
    baseline, candidate = pair_grades(generator, n)
    differences = candidate.scores - baseline.scores
    return holds(difference_interval(differences, binary=False, confidence=0.95), 0.0)


def pair_binary(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw two candidates that pass 0.7 each, alike on seven examples of ten."""
    return copied(generator, draw_binary(generator, n, 0.7), draw_binary(generator, n, 0.7), upper=1)


def pair_grades(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw two candidates with the same grades on average, alike on half the examples or more."""
    return copied(generator, draw_grades(generator, n), draw_grades(generator, n), lower=1, upper=5)


def pair_clustered(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw two candidates, each with a pass rate of its own in each cluster, 0.7 on average."""
    (rates, clusters), (other_rates, _) = draw_clusters(generator, n), draw_clusters(generator, n)
    first, second = ((generator.random(n) < each).astype(np.float64) for each in (rates, other_rates))
    return (
        example_scores(first, lower=0, upper=1, clusters=clusters),
        example_scores(second, lower=0, upper=1, clusters=clusters),
    )


def copied(
    generator: Generator, first: Floats, second: Floats, *, upper: float, lower: float = 0.0
) -> tuple[ExampleScores, ExampleScores]:
    """Let the second candidate repeat the first one's score on half the examples."""
    second = np.where(generator.random(first.size) < 0.5, first, second)
    return example_scores(first, lower=lower, upper=upper), example_scores(second, lower=lower, upper=upper)


def holds(interval: Interval, truth: float) -> bool:
    """Whether an interval exists and holds the truth."""
    return interval.ends is not None and interval.ends[0] <= truth <= interval.ends[1]


if __name__ == "__main__":
    main()
