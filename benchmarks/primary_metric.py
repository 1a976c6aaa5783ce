"""What a primary metric is worth: its power with three named metrics and five defaults, before and after, and how often
each rule errs.

Each simulated evaluation compares one candidate with the baseline on 8 metrics whose scores hang together as metrics of
the same answers do. Conclusions are drawn by the functions that draw real ones. Before: all eight metrics were one
family, after Holm. After: the primary metric for itself, the other two named ones together, defaults not tested.

    python -m benchmarks.primary_metric                       # 2,000 evaluations a line, about four minutes
    python -m benchmarks.primary_metric --tables 200
"""

import argparse
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Correction, Evaluation, EvaluationFile
from eval_assets.reports.computed.pairs import Pair, corrected, corrected_with_baseline
from eval_assets.reports.computed.roles import roles_of
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.statistics.comparison.paired import PairedComparison, compare_paired
from eval_assets.statistics.descriptive import example_scores

NAMED = ("primary", "second", "third")
DEFAULTS = tuple(f"default {number}" for number in range(1, 6))
METRICS = (*NAMED, *DEFAULTS)
FACTS = {name: MetricFacts(named_at=NAMED.index(name) if name in NAMED else None) for name in METRICS}
OLD, NEW = Candidate("old@p"), Candidate("new@p")
CORRELATION = 0.5
EFFECTS = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4)  # of the primary metric, in standard deviations of the differences
SHARED = 0.25  # effect on the second metric where false ones are counted among true ones
CONFIDENCE = 0.95


def main() -> None:
    """Simulate and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000, help="Simulated evaluations a line.")
    parser.add_argument("--examples", type=int, default=150, help="Examples of each.")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{chosen.examples} examples, {chosen.tables:,} evaluations a line, level {1 - CONFIDENCE:.2f}\n")
    print("| effect on the primary metric, sd | it is found: before | it is found: after |")
    print("| ---: | ---: | ---: |")
    for effect in EFFECTS:
        found = [conclusions(rng, chosen.examples, {"primary": effect}) for _ in range(chosen.tables)]
        before, after = (np.mean(["primary" in each[rule] for each in found]) for rule in ("before", "holm"))
        print(f"| {effect:.2f} | {before:.3f} | {after:.3f} |")
    print("\n| truth | rule | primary found falsely | any other named one found falsely | false share of those found |")
    print("| --- | --- | ---: | ---: | ---: |")
    for truth, effects in (("no effect anywhere", {}), (f"the second has {SHARED} sd", {"second": SHARED})):
        found = [conclusions(rng, chosen.examples, effects) for _ in range(chosen.tables)]
        for rule in ("before", "holm", "benjamini-hochberg"):
            print(f"| {truth} | {rule} | {' | '.join(errors([each[rule] for each in found], effects))} |")


def conclusions(rng: np.random.Generator, n: int, effects: Mapping[str, float]) -> dict[str, set[str]]:
    """Rule → the metrics on which one simulated evaluation tells the candidates apart."""
    measured = dict(zip(METRICS, map(compared, simulated(rng, n, effects)), strict=True))
    pairs = {metric: [Pair(NEW, OLD, found)] for metric, found in measured.items()}
    one_family = corrected([pair for of_metric in pairs.values() for pair in of_metric])
    found = {
        "before": {metric for metric, pair in zip(METRICS, one_family, strict=True) if pair.conclusion.is_different}
    }
    for correction in ("holm", "benjamini-hochberg"):
        evaluation = evaluation_with(correction)
        table = corrected_with_baseline(evaluation, pairs, FACTS, roles_of(evaluation, FACTS))
        found[correction] = {metric for (metric, _), pair in table.items() if pair.conclusion.is_different}
    return found


def simulated(rng: np.random.Generator, n: int, effects: Mapping[str, float]) -> NDArray[np.float64]:
    """Differences of each metric, shape (8, n), correlated by what the answers have in common."""
    common = rng.standard_normal(n)
    own = rng.standard_normal((len(METRICS), n))
    shifts = np.array([effects.get(metric, 0.0) for metric in METRICS])
    differences: NDArray[np.float64] = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own + shifts[:, None]
    return differences


def compared(differences: NDArray[np.float64]) -> PairedComparison:
    """The comparison of two candidates whose scores differ so."""
    return compare_paired(
        example_scores(np.zeros(differences.size)), example_scores(differences), confidence=CONFIDENCE
    )


def evaluation_with(correction: Correction) -> Evaluation:
    """An evaluation of the two candidates."""
    file = EvaluationFile(dataset="d", models=("old", "new"), prompts=("p",), primary="primary", correction=correction)
    return Evaluation(name="simulated", file=file)


def errors(found: list[set[str]], effects: Mapping[str, float]) -> list[str]:
    """How often the primary metric is found falsely, how often another named one, and their false share."""
    false = [each - effects.keys() for each in found]
    others = {metric for metric in NAMED if FACTS[metric].named_at}
    shares = [len(wrong & others) / max(1, len(each & others)) for wrong, each in zip(false, found, strict=True)]
    rates = (
        np.mean(["primary" in wrong for wrong in false]),
        np.mean([bool(wrong & others) for wrong in false]),
        np.mean(shares),
    )
    return [f"{rate:.3f}" for rate in rates]


if __name__ == "__main__":
    main()
