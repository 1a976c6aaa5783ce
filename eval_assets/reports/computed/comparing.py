"""The comparison of an evaluation: every candidate with the baseline and with every other, in ranks and in words.

Which pairs are compared is in `pairs`, the arithmetic in `statistics`, what a single candidate scored in `aggregates`.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.errors import MetricError
from eval_assets.reports.computed.pairs import Pair, corrected_with_baseline, pairs_of_metric, ranked
from eval_assets.reports.computed.roles import Role, roles_of
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, metric_names
from eval_assets.statistics.comparison.conclusions import Conclusion, conclude, described
from eval_assets.statistics.comparison.power import PowerFigures, power_figures
from eval_assets.tables.evaluation_tables import COMPARISON

MOST_WITH_ALL_ROWS = 12  # 66 pairs a metric; of more candidates only the rows with the baseline are kept

Row = dict[str, Any]


def compare_candidates(
    evaluation: Evaluation,
    scores: pl.DataFrame,
    aggregates: pl.DataFrame,
    *,
    metric_facts: Mapping[str, MetricFacts],
    run_id: str,
    groups: ExampleGroups | None = None,
) -> pl.DataFrame:
    """Compare every candidate with the baseline and with every other, metric by metric.

    Two candidates are compared on the examples both have a score for; how many were left out is said in the sentence.
    The largest `max_drop` of a metric's gates is its margin of equivalence. Letters come from all pairs, at any number
    of candidates: two share none exactly when the verdict of their comparison is better or worse.

    A metric that is merely described has means, ranks and differences with intervals: no p-value, verdict or letters.

    What the examples can show (`smallest_detectable_difference`, `examples_to_resolve`) is for `significance_level`:
    1 - confidence over the number of comparisons corrected for, a level that suffices whatever the others show.

    Args:
        evaluation: Its candidates, baseline, gates, confidence and seed.
        scores: Score rows of all cells, as `score_rows` makes them; a missing cell has none.
        aggregates: Rows of `AGGREGATE_REPORTS` of the same cells; slices are ignored.
        metric_facts: Metric or judge name → its direction and range.
        run_id: The run that writes the rows.
        groups: Clusters of the dataset and of shared replies, if there are any.

    Returns:
        Rows of `COMPARISON`. Every candidate has at least one row per metric: with the baseline, and where there is
        nothing to compare with, a row of its own. Up to 12 candidates every other pair has one too.

    Raises:
        MetricError: A metric of `scores` is missing from `metric_facts`.
    """
    rows_of = {metric: scores.filter(pl.col("metric") == metric) for metric in metric_names(scores)}
    unknown = sorted(rows_of.keys() - metric_facts.keys())
    if unknown:
        raise MetricError(f"scores hold metrics whose facts were not passed: {unknown}; known: {sorted(metric_facts)}")
    meanless = [metric for metric, rows in rows_of.items() if rows["score"].null_count() == rows.height]
    roles = roles_of(evaluation, {metric: metric_facts[metric] for metric in rows_of}, meanless=meanless)
    pairs = {
        metric: pairs_of_metric(evaluation, rows, metric, metric_facts[metric], groups, role=roles[metric])
        for metric, rows in rows_of.items()
    }
    with_baseline = corrected_with_baseline(evaluation, pairs, metric_facts, roles)
    aggregated = {
        (row["metric"], Candidate.of_row(row)): row
        for row in aggregates.filter(pl.col("slice_column").is_null()).iter_rows(named=True)
    }
    rows: list[Row] = []
    for metric, of_metric in rows_of.items():
        facts = metric_facts[metric]
        compared = [
            with_baseline.get((metric, pair.candidate), pair) if pair.compared_with == evaluation.baseline else pair
            for pair in pairs[metric]
        ]
        means: dict[str, float | None] = {
            name: aggregated.get((metric, name), {}).get("mean") for name in evaluation.candidates
        }
        order = ranked(means, compared, facts)
        is_tested = roles[metric] is not Role.DESCRIBED
        places = {
            place.name: {"rank": rank, "tied_group": place.groups if is_tested else None}
            for rank, place in enumerate(order, start=1)
        }
        if len(evaluation.candidates) > MOST_WITH_ALL_ROWS:
            compared = [pair for pair in compared if pair.compared_with == evaluation.baseline]
        for candidate in evaluation.candidates:
            shared = {
                "evaluation": evaluation.name,
                **candidate.columns,
                "role": roles[metric].value,
                **_aggregated(of_metric, facts, aggregated.get((metric, candidate), {})),
                **places.get(candidate, {}),
            }
            own = [pair for pair in compared if pair.candidate == candidate]
            compare = _tested if is_tested else _described
            rows += [{**shared, **compare(pair, evaluation, facts)} for pair in own] or [
                {**shared, **_alone(candidate, evaluation)}
            ]
    return pl.DataFrame([{**row, "run_id": run_id} for row in rows], schema=COMPARISON)


def _aggregated(rows: pl.DataFrame, facts: MetricFacts, aggregate: Row) -> Row:
    return {
        "metric": rows["metric"][0],
        "version": rows["version"][0],
        "kind": rows["kind"][0],
        "greater_is_better": facts.greater_is_better,
        "n_total": aggregate.get("n_total", 0),
        "n_scored": aggregate.get("n_scored", 0),
        **{name: aggregate.get(name) for name in ("mean", "ci_low", "ci_high")},
    }


def _described(pair: Pair, evaluation: Evaluation, facts: MetricFacts) -> Row:
    """The comparison of a metric that is not tested: its difference with an interval."""
    sentence = described(pair.measured, in_points=facts.in_points) + _left_out(pair)
    return {**_measured(pair, evaluation), "sentence": sentence}


def _tested(pair: Pair, evaluation: Evaluation, facts: MetricFacts) -> Row:
    measured = pair.measured
    figures = power_figures(measured, n_comparisons=max(1, pair.n_corrected_for))
    verdict, sentence = _in_words(pair, figures, evaluation, facts)
    return {
        **_measured(pair, evaluation),
        "p_value": measured.p_value,
        "p_value_method": measured.test,
        "p_value_adjusted": pair.p_value_adjusted,
        "significance_level": figures.level if measured.n_pairs else None,
        "smallest_detectable_difference": figures.smallest_detectable_difference,
        "examples_to_resolve": figures.examples_to_resolve,
        "verdict": verdict,
        "sentence": sentence,
    }


def _measured(pair: Pair, evaluation: Evaluation) -> Row:
    """What was seen, whether or not it is tested."""
    measured = pair.measured
    return {
        "compared_with": pair.compared_with,
        "is_baseline_comparison": pair.compared_with == evaluation.baseline,
        "n_pairs": measured.n_pairs,
        "n_unpaired": measured.n_unpaired,
        "wins": measured.wins,
        "losses": measured.losses,
        "ties": measured.ties,
        "difference": measured.difference,
        "difference_ci_low": measured.interval.low,
        "difference_ci_high": measured.interval.high,
        "difference_method": measured.interval.method,
        "effect_size": measured.effect_size,
        "effect_size_name": measured.effect,
    }


def _in_words(pair: Pair, figures: PowerFigures, evaluation: Evaluation, facts: MetricFacts) -> tuple[str, str]:
    """Verdict and sentence, with what was corrected for and the examples that were left out."""
    measured = pair.measured
    said = conclude(
        measured,
        confidence=evaluation.file.confidence,
        adjusted_p_value=pair.p_value_adjusted if pair.n_corrected_for > 1 else None,
        adjusted_p_value_of_equivalence=pair.p_value_of_equivalence_adjusted if pair.n_equivalences > 1 else None,
        figures=figures,
        in_points=facts.in_points,
    )
    count = pair.n_equivalences if said.conclusion is Conclusion.EQUIVALENT else pair.n_corrected_for
    verdict, sentence = (
        said.conclusion.value,
        said.sentence.replace(" corrected)", f" corrected for {count:,} comparisons)", 1),
    )
    if facts.greater_is_better is None:
        # A length is neither won nor lost.
        verdict = {"better": "higher", "worse": "lower"}.get(verdict, verdict)
        for word, meant in (("better:", "higher:"), ("worse:", "lower:"), ("reliable winner", "reliable difference")):
            sentence = sentence.replace(word, meant, 1)
    return verdict, sentence + _left_out(pair)


def _left_out(pair: Pair) -> str:
    measured = pair.measured
    if not measured.n_unpaired or not measured.n_pairs:
        return ""
    total = measured.n_pairs + measured.n_unpaired
    return f"; {measured.n_unpaired:,} of {total:,} examples left out, unscored for one of the two"


def _alone(candidate: Candidate, evaluation: Evaluation) -> Row:
    said = "the baseline" if candidate == evaluation.baseline else "nothing to compare with"
    return {"is_baseline_comparison": False, "sentence": said}
