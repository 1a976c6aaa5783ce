"""How far a judge agrees with the labels of this moment, for who gives them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.calibration.labelling import Labelling
from eval_assets.config.candidate import Candidate
from eval_assets.reports.judge_trust import TITLES
from eval_assets.reports.rendered.judging_text import ends_text, value_text
from eval_assets.stages.judge_agreement import agreement_now
from eval_assets.viewer.review_task import ReviewTask
from eval_assets.viewer.viewed_project import ViewedProject

WORST = 10
OF_OUTPUTS = ("raw_agreement", "cohen_kappa", "cohen_kappa_quadratic", "spearman", "krippendorff_alpha_raters")
OF_PAIRS = {"pairs_raw_agreement": "same preference as people", "pairs_cohen_kappa": "Cohen's kappa"}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ShownAgreement:
    """What the page says.

    Args:
        statistics: Title, value, interval and number of outputs of each statistic that has a value.
        matrix: `labels`, and `counts` with a row per label by people and a column per verdict; null without labels.
        worst: Rows of `judge_disagreements`, of examples that the reader has labelled herself: any other would tell
            her a verdict before she has given hers.
        counts: Labels by rater, as `Labelling.counts` gives them.
    """

    statistics: tuple[tuple[str, str, str, int], ...]
    matrix: Row | None
    worst: tuple[Row, ...]
    counts: tuple[Row, ...]


def shown_agreement(
    project: ViewedProject, labelling: Labelling, task: ReviewTask, *, known: Collection[str]
) -> ShownAgreement:
    """Measure it.

    Args:
        project: What is looked at.
        labelling: Of the evaluation.
        task: Which judge, of outputs or of pairs.
        known: Predictions of which the reader may know what the judge says.
    """
    counts = labelling.counts().filter(
        pl.col("judge").eq_missing(pl.lit(task.judge, dtype=pl.String)), is_pair=task.pair is not None
    )
    if task.judge is None:
        return ShownAgreement((), None, (), tuple(counts.to_dicts()))
    with project.room() as room:
        measured = agreement_now(room, labelling.evaluation, task.judge)
    overall = measured.agreement.filter(
        pl.col("slice_column").is_null(), pl.col("other_judge").is_null(), pl.col("model").is_null()
    )
    rows = {row["statistic"]: row for row in overall.iter_rows(named=True)}
    names = OF_PAIRS if task.pair else {name: TITLES[name] for name in OF_OUTPUTS}
    found = rows.get("pairs_raw_agreement" if task.pair else "confusion_matrix")
    worst = measured.disagreements.filter(pl.col("prediction_id").is_in(list(known))).head(WORST)
    return ShownAgreement(
        tuple(
            (title, value_text(rows[name]), ends_text(rows[name]), rows[name]["n"])
            for name, title in names.items()
            if name in rows and rows[name]["value"] is not None
        ),
        json.loads(found["detail"]) if found and found["detail"] and "counts" in found["detail"] else None,
        () if task.pair else tuple({**row, "candidate": Candidate.of_row(row)} for row in worst.to_dicts()),
        tuple(counts.to_dicts()),
    )
