"""All there is to say about one judge of one evaluation: rows of `judge_agreement` and `judge_disagreements`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from eval_assets.calibration.biases import biases_of_length, biases_of_position, preference_for_kin, sameness
from eval_assets.calibration.human_agreement import agreement_of_jurors, agreement_with_people
from eval_assets.calibration.labelled import LabelledVerdicts, labelled_verdicts
from eval_assets.calibration.pair_agreement import agreement_on_pairs
from eval_assets.calibration.statistic import Statistic
from eval_assets.calibration.two_raters import agreement_between_judges, agreement_by_slice
from eval_assets.config.candidate import Candidate
from eval_assets.config.judge import Judge
from eval_assets.config.scales import Scale
from eval_assets.statistics.intervals import is_binary
from eval_assets.statistics.judging.correction import CorrectedMean, prediction_powered_mean, rogan_gladen_rate
from eval_assets.tables.columns import EXAMPLE_CLUSTERS
from eval_assets.tables.evaluation_tables import JUDGE_AGREEMENT, JUDGE_DISAGREEMENTS, PAIRWISE_PREFERENCES
from eval_assets.tables.label_tables import GIVEN_LABELS

MOST_DISAGREEMENTS = 20


@dataclass(frozen=True, slots=True)
class JudgeTables:
    """What is known about an evaluation's judges, all judges and candidates together.

    Args:
        verdicts: Rows of `judge_scores`.
        predictions: Rows of `predictions`.
        labels: Rows of `labels` of the dataset.
        preferences: Rows of `pairwise_preferences`.
        pair_labels: Rows of `given_labels` of pairs, those that count.
        clusters: `example_id` → `cluster`, where examples depend on each other; an example not in it is its own.
        slices: `example_id` and the columns that split the dataset, as text without nulls.
    """

    verdicts: pl.DataFrame
    predictions: pl.DataFrame
    labels: pl.DataFrame
    preferences: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=PAIRWISE_PREFERENCES))
    pair_labels: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GIVEN_LABELS))
    clusters: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EXAMPLE_CLUSTERS))
    slices: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"example_id": pl.String()}))

    def clustered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with the cluster of their example."""
        return rows.join(self.clusters, on="example_id", how="left", maintain_order="left")

    def pairs_labelled(self, judge: str) -> pl.DataFrame:
        """What people preferred, as far as it is compared with a judge."""
        return self.pair_labels.filter(pl.col("judge").is_null() | (pl.col("judge") == judge))

    def labelled(self, judge: str, scale: Scale) -> LabelledVerdicts:
        """A judge's verdicts beside the labels of people, with the cluster of each example."""
        found = labelled_verdicts(self.verdicts, self.predictions, self.labels, judge=judge, scale=scale)
        return replace(found, outputs=self.clustered(found.outputs))


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """A judge, and who is kin to it.

    Args:
        judge: The judge.
        jurors: Its members, if it is a jury.
        family: Model family of the judge, or of all its jurors; null if there is none or they have several.
        kin: Candidates' models of that family.
        version: In the `judges` table.
        sha256: Data version of the judge that gave the verdicts; null if several gave them.
    """

    judge: Judge
    jurors: Sequence[Judge] = ()
    family: str | None = None
    kin: tuple[str, ...] = ()
    version: int | None = None
    sha256: str | None = None

    @property
    def scale(self) -> Scale:
        """The scale of its verdicts: a jury's is that of its jurors."""
        return self.jurors[0].file.scale if self.jurors else self.judge.file.scale


@dataclass(frozen=True, slots=True)
class Measured:
    """One judge's rows of `judge_agreement` and of `judge_disagreements`."""

    agreement: pl.DataFrame
    disagreements: pl.DataFrame


def measure_judge(
    tables: JudgeTables,
    facts: JudgeFacts,
    *,
    evaluation: str,
    confidence: float,
    seed: int,
    run_id: str,
    others: Sequence[JudgeFacts] = (),
) -> Measured:
    """Measure one judge: agreement with people, other judges and among jurors, by slice too, biases, corrected means,
    the worst disagreements.

    Args:
        tables: Verdicts, predictions, labels and preferences of the evaluation.
        facts: The judge.
        evaluation: Name of the evaluation, recorded with every row.
        confidence: Coverage of all intervals, strictly between 0 and 1.
        seed: Of the bootstrap: one table and one seed give one interval.
        run_id: Recorded with every row.
        others: Judges that it is held against.

    Returns:
        Rows without labels say `uncalibrated: no human labels` in `method`.
    """
    judge, scale = facts.judge, facts.scale
    verdicts = tables.labelled(judge.name, scale)
    own = tables.clustered(tables.verdicts.filter(pl.col("judge") == judge.name))
    preferences = tables.clustered(tables.preferences.filter(pl.col("judge") == judge.name))
    reasons = [example.justification for member in (judge, *facts.jurors) for example in member.file.examples]
    pairs_labelled = tables.pairs_labelled(judge.name)
    in_pairs = [
        *biases_of_position(preferences, confidence=confidence),
        *agreement_on_pairs(preferences, tables.predictions, pairs_labelled, confidence=confidence, seed=seed),
    ]
    statistics = (
        in_pairs
        if own.is_empty()
        else [
            *agreement_with_people(verdicts, scale, confidence=confidence, seed=seed),
            *agreement_of_jurors(own, scale, confidence=confidence, seed=seed),
            *biases_of_length(verdicts, confidence=confidence),
            *(preference_for_kin(verdicts, facts.kin, facts.family, confidence=confidence) if facts.family else ()),
            *in_pairs,
            *sameness(verdicts, reasons, confidence=confidence),
            *agreement_by_slice(verdicts, scale, tables.slices, confidence=confidence, seed=seed),
            *_between_judges(tables, verdicts, facts, others, confidence=confidence, seed=seed),
            *_corrected_means(verdicts, scale, confidence=confidence),
        ]
    )
    recorded = {"evaluation": evaluation, "judge": judge.name, "run_id": run_id}
    about = {
        **recorded,
        "version": judge.file.version,
        "judge_version": facts.version,
        "judge_sha256": facts.sha256,
        "judge_model": judge.file.model,
    }
    rows = [{**about, **_row(statistic, verdicts.raters)} for statistic in statistics]
    return Measured(pl.DataFrame(rows, schema=JUDGE_AGREEMENT), _disagreements(verdicts, recorded))


def _between_judges(
    tables: JudgeTables,
    verdicts: LabelledVerdicts,
    facts: JudgeFacts,
    others: Sequence[JudgeFacts],
    *,
    confidence: float,
    seed: int,
) -> Iterator[Statistic]:
    for other in others:
        theirs = tables.labelled(other.judge.name, other.scale)
        scales = (facts.scale, other.scale)
        yield from agreement_between_judges(
            verdicts, theirs, scales, tables.slices, other=other.judge.name, confidence=confidence, seed=seed
        )


def _corrected_means(verdicts: LabelledVerdicts, scale: Scale, *, confidence: float) -> Iterator[Statistic]:
    """Estimate for each candidate what people would have given on average; nothing where nobody labelled anything.

    Pass/fail verdicts are corrected after Rogan and Gladen, all others by prediction-powered inference; the method says
    why there is no value where labels are too few. The labels have to be of a random part of the examples, so those of
    outputs that somebody picked are left out. Several samples of an example are averaged first.
    """
    if verdicts.labelled.is_empty():
        return
    for (model, prompt), outputs in verdicts.outputs.group_by("model", "prompt", maintain_order=True):
        examples = outputs.group_by("example_id", maintain_order=True).agg(
            pl.col("score").mean(),
            judged=pl.col("score").filter(pl.col("human_at_random").is_not_null()).mean(),
            human=pl.col("human_at_random").mean(),
        )
        corrected = _corrected(examples, scale, confidence)
        yield Statistic(
            "corrected_mean",
            corrected.value,
            corrected.interval,
            corrected.n_labelled,
            corrected.method,
            candidate=Candidate.of(model, prompt),
            detail={
                "judge_mean": corrected.judge_mean,
                "n_unlabelled": corrected.n_unlabelled,
                "learned": corrected.detail,
            },
        )


def _row(statistic: Statistic, raters: list[str]) -> dict[str, object]:
    return {
        "statistic": statistic.name,
        **(statistic.candidate.columns if statistic.candidate else {"model": None, "prompt": None}),
        **dict(zip(("slice_column", "slice_value"), statistic.slice or (None, None), strict=True)),
        "other_judge": statistic.other_judge,
        "value": statistic.value,
        "ci_low": statistic.interval.low,
        "ci_high": statistic.interval.high,
        "confidence": statistic.interval.confidence,
        "n": statistic.n,
        "method": statistic.method,
        "raters": json.dumps(raters, ensure_ascii=False) if statistic.needs_people else None,
        "detail": json.dumps(statistic.detail, ensure_ascii=False) if statistic.detail else None,
    }


def _disagreements(verdicts: LabelledVerdicts, recorded: Mapping[str, str]) -> pl.DataFrame:
    """The labelled outputs on which the judge is furthest from people."""
    raters = verdicts.ratings.sort("rater").group_by("prediction_id").agg(raters=pl.col("rater").str.join(", "))
    worst = (
        verdicts.labelled.join(raters, on="prediction_id")
        .with_columns(difference=pl.col("score") - pl.col("human"))
        .filter(pl.col("difference") != 0)
        .sort(-pl.col("difference").abs(), "example_id", "prediction_id")
        .head(MOST_DISAGREEMENTS)
        .with_row_index("rank", offset=1)
        .with_columns(
            pl.col("rank").cast(pl.Int64()),
            human_score="human",
            judge_score="score",
            **{name: pl.lit(value) for name, value in recorded.items()},
        )
    )
    return worst.select(pl.col(name).cast(dtype) for name, dtype in JUDGE_DISAGREEMENTS.items())


def _corrected(examples: pl.DataFrame, scale: Scale, confidence: float) -> CorrectedMean:
    labelled = examples.drop_nulls("human")
    judged, human = labelled["judged"].to_numpy(), labelled["human"].to_numpy()
    unlabelled = examples.filter(pl.col("human").is_null())["score"].to_numpy()
    passes = scale.is_pass_rate and all(is_binary(scores) for scores in (judged, human, unlabelled))
    if passes and unlabelled.size:
        return rogan_gladen_rate(judged, human, unlabelled, confidence=confidence)
    return prediction_powered_mean(judged, human, unlabelled, confidence=confidence)
