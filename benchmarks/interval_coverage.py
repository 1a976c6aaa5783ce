"""How often each interval holds the truth, and how often gates, verdicts and judges are wrongly trusted.

    python benchmarks/interval_coverage.py --simulations 2000

Every number is a share of simulated tables. An interval at 95 % should hold the truth in 0.95 of them; a gate, verdict
or badge should be wrong in at most the promised share. With 2,000 simulations a share near 0.95 is known to ± 0.01.
"""

import argparse
import time
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from eval_assets.reports.computed.pairs import Pair, corrected
from eval_assets.statistics.comparison.conclusions import Conclusion, concluded
from eval_assets.statistics.comparison.decisions import GateDecision, GateTerms
from eval_assets.statistics.comparison.differences import difference_interval
from eval_assets.statistics.comparison.gates import DropKind, drop_gate, minimum_gate
from eval_assets.statistics.comparison.paired import compare_paired
from eval_assets.statistics.descriptive import ExampleScores, example_scores
from eval_assets.statistics.intervals import Interval, exact_interval, mean_interval, wilson_interval
from eval_assets.statistics.judging.agreement import cohen_kappa
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
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    started = time.perf_counter()
    print_coverage(arguments.simulations, arguments.seed)
    print()
    print_clustered_rates(arguments.simulations, arguments.seed)
    print()
    print_false_alarms(arguments.simulations, arguments.seed)
    print()
    print_false_equivalence(arguments.simulations // 4, arguments.seed)
    print()
    print_guessing_judges(arguments.simulations // 2, arguments.seed)
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
        ("binary in clusters of 5", "mean", "wilson on effective n", one_clustered(robust=True), simulations),
        ("binary, paired", "difference", "bonett-price", paired_binary, simulations),
        ("ordinal, paired", "difference", "t", paired_grades, simulations),
        ("normal", "median", "bootstrap percentile", one_quantile(0.5, 0.0), simulations // 5),
        ("normal", "p90", "bootstrap percentile", one_quantile(0.9, 1.2815515655446004), simulations // 5),
    ]
    return rows


def print_clustered_rates(simulations: int, seed: int) -> None:
    """Print the same for pass rates near 1, per rate, correlation within clusters, and sizes of clusters."""
    print("| pass rate | correlation | clusters | 20 clusters | 50 clusters | 200 clusters |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rate in (0.9, 0.95, 0.99):
        for correlation in (0.0, 0.25, 0.6):
            for name, sizes in (("of 5", (5,) * 5), ("of 1 to 8", (1, 1, 2, 3, 8))):
                shares = []
                for n_clusters in (20, 50, 200):
                    generator = np.random.default_rng([seed, n_clusters])
                    clusters = np.repeat(np.arange(n_clusters), np.tile(sizes, n_clusters // 5))
                    shares.append(
                        np.mean([rate_is_covered(generator, clusters, rate, correlation) for _ in range(simulations)])
                    )
                print(f"| {rate:g} | {correlation:g} | {name} | {' | '.join(f'{share:.3f}' for share in shares)} |")


def rate_is_covered(generator: Generator, clusters: NDArray[np.int64], rate: float, correlation: float) -> bool:
    """Whether the interval of clustered passes and failures holds their rate."""
    n_clusters = int(clusters[-1]) + 1
    scale = 1 / correlation - 1 if correlation else np.inf
    rates = generator.beta(rate * scale, (1 - rate) * scale, n_clusters) if correlation else np.full(n_clusters, rate)
    scores = (generator.random(clusters.size) < rates[clusters]).astype(np.float64)
    return holds(mean_interval(scores, clusters=clusters, lower=0, upper=1, binary=True, confidence=0.95), rate)


def print_false_equivalence(simulations: int, seed: int) -> None:
    """Print how often any of several candidates, all a margin better than the baseline, is called equivalent to it."""
    print("| candidates at the margin of 0.05 | promised | scores | n = 50 | n = 200 |")
    print("| --- | --- | --- | --- | --- |")
    for n_candidates in (1, 5, 20):
        for scores, draw in (
            ("normal", normal_at_margin),
            ("binary", binary_at_margin),
            ("clustered", clustered_at_margin),
        ):
            shares = []
            for n in (50, 200):
                generator = np.random.default_rng([seed, n])
                wrong = [any_is_called_equivalent(generator, n, n_candidates, draw) for _ in range(simulations)]
                shares.append(np.mean(wrong))
            print(f"| {n_candidates} | 0.025 | {scores} | {' | '.join(f'{share:.3f}' for share in shares)} |")


PairDraw = Callable[[Generator, int], tuple[ExampleScores, ExampleScores]]


def any_is_called_equivalent(generator: Generator, n: int, n_candidates: int, draw: PairDraw) -> bool:
    """Whether one of the candidates of a table is."""
    drawn = [draw(generator, n) for _ in range(n_candidates)]
    pairs = [
        Pair(f"c{place}", "baseline", compare_paired(*scores, confidence=0.95, margin=0.05))
        for place, scores in enumerate(drawn)
    ]
    return any(pair.conclusion is Conclusion.EQUIVALENT for pair in corrected(pairs))


def normal_at_margin(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw a baseline and a candidate that is 0.05 better on average."""
    baseline = generator.normal(0.5, 0.1, n)
    return example_scores(baseline), example_scores(baseline + generator.normal(0.05, 0.1, n))


def binary_at_margin(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw pass rates of 0.8 and 0.85 that differ on 7 % of the examples."""
    kinds = generator.choice(4, size=n, p=[0.06, 0.01, 0.79, 0.14])
    first, second = np.array([0.0, 1.0, 1.0, 0.0])[kinds], np.array([1.0, 0.0, 1.0, 0.0])[kinds]
    return example_scores(first, lower=0, upper=1), example_scores(second, lower=0, upper=1)


def clustered_at_margin(generator: Generator, n: int) -> tuple[ExampleScores, ExampleScores]:
    """Draw scores whose differences of 0.05 vary from cluster to cluster."""
    clusters = np.arange(n) // CLUSTER_SIZE
    gain = generator.normal(0.05, 0.05, clusters[-1] + 1)[clusters] + generator.normal(0, 0.05, n)
    baseline = generator.normal(0.5, 0.1, n)
    return example_scores(baseline, clusters=clusters), example_scores(baseline + gain, clusters=clusters)


def print_guessing_judges(simulations: int, seed: int) -> None:
    """Print how often a judge that guesses is called checked, its labels holding for every candidate."""
    print("| guessing judge called checked | promised | outputs of an example | n = 20 | n = 40 | n = 100 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n_candidates in (1, 4, 12):
        for alike, name in ((1.0, "equal"), (0.5, "half of them equal")):
            shares = []
            for n in (20, 40, 100):
                generator = np.random.default_rng([seed, n])
                fooled = [guess_is_checked(generator, n, n_candidates, alike) for _ in range(simulations)]
                shares.append(np.mean(fooled))
            text = " | ".join(f"{share:.3f}" for share in shares)
            print(f"| {n_candidates} candidates | 0.025 | {name} | {text} |")


def guess_is_checked(generator: Generator, n: int, n_candidates: int, alike: float) -> bool:
    """Whether kappa's interval lies above 0, for verdicts that have nothing to do with people's labels."""
    people, guessed = generator.integers(0, 2, (2, n)).astype(np.float64)
    own = generator.integers(0, 2, (n_candidates, n)).astype(np.float64)
    said = np.where(generator.random((n_candidates, n)) < alike, guessed, own)
    interval = cohen_kappa(
        np.tile(people, n_candidates),
        said.ravel(),
        labels=np.array([0.0, 1.0]),
        clusters=np.tile(np.arange(n), n_candidates),
        confidence=0.95,
        n_resamples=400,
        seed=int(generator.integers(2**31)),
    ).interval
    return interval.low is not None and interval.low > 0


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
            drop_gate(baseline, candidate, max_drop, TERMS, kind=kind).verdict is GateDecision.NO_GO
        )

    def stops_at_the_mean(baseline: ExampleScores, candidate: ExampleScores) -> bool:
        true_mean = GRADE_MEAN if baseline.upper == GRADES[-1] else 0.7
        return minimum_gate(candidate, true_mean, TERMS).verdict is GateDecision.NO_GO

    def tells_apart(baseline: ExampleScores, candidate: ExampleScores) -> bool:
        comparison = compare_paired(baseline, candidate, confidence=0.95)
        return concluded(comparison, confidence=0.95).is_different

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
