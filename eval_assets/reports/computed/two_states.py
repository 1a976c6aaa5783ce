"""Two states of one candidate compared as if they were two candidates: example by example, in the same words."""

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts
from eval_assets.tables.cell_tables import AGGREGATE_REPORTS

BEFORE, NOW = Candidate("before@given"), Candidate("now@given")


def under_name(name: Candidate, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as those of another candidate."""
    return rows.with_columns(model=pl.lit(name.model), prompt=pl.lit(name.prompt))


def compared_states(
    evaluation: Evaluation,
    scores: pl.DataFrame,
    facts: dict[str, MetricFacts],
    groups: ExampleGroups,
) -> pl.DataFrame:
    """Compare what is called `NOW` with what is called `BEFORE`.

    Args:
        evaluation: Its confidence and gates, whose margins say what is equivalent.
        scores: Rows as `score_rows` makes them, under the two names.
        facts: Metric or judge name → its direction and range, for each of `scores`.
        groups: Clusters of the dataset and of shared replies, under the two names.

    Returns:
        Rows of `COMPARISON`, one per metric; p-values are corrected over the metrics that have a direction.
    """
    file = evaluation.file.model_copy(
        update={"models": (BEFORE.model, NOW.model), "prompts": (BEFORE.prompt,), "skip": (), "baseline": str(BEFORE)}
    )
    both = Evaluation(name=evaluation.name, file=file)
    none = pl.DataFrame(schema=AGGREGATE_REPORTS)
    compared = compare_candidates(both, scores, none, metric_facts=facts, run_id="", groups=groups)
    return compared.filter(pl.col("is_baseline_comparison"))
