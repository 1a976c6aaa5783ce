"""Verdicts of one judge beside the labels people gave the same outputs. What follows is in `human_agreement`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.config.scales import Scale
from eval_assets.statistics.spread import repeated

OUTPUT_COLUMNS = ("prediction_id", "model", "prompt", "example_id")
NARROWING = ("output", "model", "prompt")  # what a label may name beside its example, the most specific first


@dataclass(frozen=True, slots=True)
class LabelledVerdicts:
    """One judge's verdicts, and people's ratings of the same outputs.

    Args:
        outputs: One row per judged output: `OUTPUT_COLUMNS`, `score` (mean of the judge's verdicts on it), `verdict`
            (their lower median, which is on the scale), `score_id`, `justification`, `output`; and where people rated
            it, `human` (their mean), `human_at_random` (the same without outputs that were picked), `human_verdict`
            (their lower median), `human_label` (what each said), else null.
        ratings: One row per output and rater: `prediction_id`, `rater`, `rating`.
        n_outdated: Labels of judged examples that are of another model, prompt or output than any judged one.
        n_off_scale: Labels that are not on the judge's scale.
        n_chosen: Ratings of outputs that somebody picked: they are not of a random part.
    """

    outputs: pl.DataFrame
    ratings: pl.DataFrame
    n_outdated: int
    n_off_scale: int
    n_chosen: int = 0

    @property
    def raters(self) -> list[str]:
        """Everyone who rated an output, sorted."""
        return sorted(self.ratings["rater"].unique())

    @property
    def labelled(self) -> pl.DataFrame:
        """Outputs that people rated."""
        return self.outputs.filter(pl.col("human").is_not_null())

    def matrix(self, *, with_judge: bool) -> NDArray[np.float64]:
        """Ratings of the labelled outputs, shape (n_raters, n_outputs), NaN where a rater gave none.

        Args:
            with_judge: Whether the judge's verdicts are the last row.
        """
        order = self.labelled.select("prediction_id", "verdict")
        wide = [
            order.join(
                self.ratings.filter(pl.col("rater") == rater), on="prediction_id", how="left", maintain_order="left"
            )
            for rater in self.raters
        ]
        rows = [frame["rating"].to_numpy() for frame in wide] + ([order["verdict"].to_numpy()] if with_judge else [])
        return np.array([row.astype(np.float64) for row in rows]).reshape(len(rows), order.height)


def labelled_verdicts(
    verdicts: pl.DataFrame, predictions: pl.DataFrame, labels: pl.DataFrame, *, judge: str, scale: Scale
) -> LabelledVerdicts:
    """Bring verdicts and labels together.

    A label counts for an output if its example, and its model, prompt and output where it names them, are the
    output's. Of two labels one rater gave an output, the more specific one counts.

    Args:
        verdicts: Rows of `judge_scores` of any judges and cells of one evaluation.
        predictions: Rows of `predictions` of the same cells.
        labels: Rows of `labels` of the evaluation's dataset; with a column `is_chosen`, whether the output was picked.
        judge: Name of the judge.
        scale: Its scale.
    """
    outputs = _judged(verdicts.filter((pl.col("judge") == judge) & pl.col("juror").is_null()), predictions)
    known = labels if "is_chosen" in labels.columns else labels.with_columns(is_chosen=pl.lit(False))
    mine = known.filter(pl.col("judge").is_null() | (pl.col("judge") == judge)).with_row_index("label_id")
    scores = [scale.score_by_people(label, score) for label, score in mine.select("label", "score").iter_rows()]
    rated = mine.with_columns(rating=pl.Series(scores, dtype=pl.Float64))
    matched = (
        outputs.select(*OUTPUT_COLUMNS, "output")
        .join(rated, on="example_id", suffix="_labelled", maintain_order="left_right")
        .filter(
            *(
                pl.col(f"{column}_labelled").is_null() | (pl.col(f"{column}_labelled") == pl.col(column))
                for column in NARROWING
            )
        )
    )
    ratings = (
        matched.drop_nulls("rating")
        .sort(*(pl.col(f"{column}_labelled").is_null() for column in NARROWING), maintain_order=True)
        .unique(["prediction_id", "rater"], keep="first", maintain_order=True)
        .select("prediction_id", "rater", "rating", "label", "is_chosen")
    )
    people = (
        ratings.sort("rater")
        .group_by("prediction_id")
        .agg(
            human=pl.col("rating").mean(),
            human_at_random=pl.col("rating").filter(~pl.col("is_chosen")).mean(),
            human_verdict=pl.col("rating").quantile(0.5, "lower"),
            human_label=pl.format("{}: {}", "rater", "label").str.join("; "),
        )
    )
    judged = outputs["example_id"].implode()
    names_more = pl.any_horizontal(pl.col(column).is_not_null() for column in NARROWING)
    narrowed = rated.filter(names_more & pl.col("example_id").is_in(judged))
    return LabelledVerdicts(
        outputs=outputs.join(people, on="prediction_id", how="left", maintain_order="left"),
        ratings=ratings.drop("label", "is_chosen"),
        n_outdated=narrowed.join(matched, on="label_id", how="anti").height,
        n_off_scale=matched.filter(pl.col("rating").is_null())["label_id"].n_unique(),
        n_chosen=int(ratings["is_chosen"].sum()),
    )


def examples_of(rows: pl.DataFrame) -> NDArray[Any] | None:
    """The cluster or else the example of each row, where any has several: outputs on one example are alike.

    Args:
        rows: `example_id` and, where examples depend on each other, `cluster`.
    """
    cluster = pl.col("cluster") if "cluster" in rows.columns else pl.lit(None, dtype=pl.Int64)
    names = (
        pl.concat_str(pl.lit("cluster:"), cluster),
        pl.concat_str(pl.lit("example:"), pl.col("example_id")),
        pl.concat_str(pl.lit("row:"), pl.int_range(pl.len())),
    )
    return repeated(rows.select(pl.coalesce(names).rank("dense").cast(pl.Int64)).to_series().to_numpy())


def _judged(verdicts: pl.DataFrame, predictions: pl.DataFrame) -> pl.DataFrame:
    """One row per output with at least one verdict."""
    scored = (
        verdicts.filter(pl.col("score").is_not_null())
        .sort("draw")
        .group_by("prediction_id", maintain_order=True)
        .agg(
            pl.col("model", "prompt", "example_id", "score_id", "justification").first(),
            score=pl.col("score").mean(),
            verdict=pl.col("score").quantile(0.5, "lower"),
        )
    )
    texts = predictions.select("prediction_id", "output").unique("prediction_id")
    return scored.join(texts, on="prediction_id", how="left").sort("model", "prompt", "example_id", "prediction_id")
