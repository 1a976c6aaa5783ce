"""The measurement behind `judge_agreement`: equal to scikit-learn and krippendorff on the same judgements."""

import json
from pathlib import Path

import krippendorff
import numpy as np
import polars as pl
import pytest

from benchmarks.judge_agreement import table_lines
from benchmarks.public_judgements import CHECKOUT, DATASETS, MTRAG_JUDGES, PANDALM_JUDGES, mtrag, pandalm
from eval_assets.calibration.measuring import measure_judge
from tests.oracle.published import Published

stats, sklearn = Published("scipy.stats"), Published("sklearn.metrics")
GRADE = {"2": 0, "0": 1, "Tie": 1, "1": 2}  # the second output wins, a tie, the first wins


def read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def measured(tables, judges, name):
    facts = next(judge for judge in judges if judge.judge.name == name)
    return measure_judge(tables, facts, evaluation="public", confidence=0.95, seed=0, run_id="run-1")


def values(rows):
    return {row["statistic"]: row for row in rows.agreement.iter_rows(named=True)}


@pytest.fixture(scope="module")
def pairs(pandalm_folder):
    return pandalm(pandalm_folder)


@pytest.fixture(scope="module")
def responses(mtrag_folder):
    return mtrag(mtrag_folder)


@pytest.mark.parametrize("judge", PANDALM_JUDGES)
def test_agreement_on_pairs_equals_the_published_implementations(pandalm_folder, pairs, judge):
    raw = read(pandalm_folder / f"{judge}-testset-v1.json")
    given = np.array([str(row[f"{PANDALM_JUDGES[judge]}_result"]) in GRADE for row in raw])
    verdicts = np.array([GRADE.get(str(row[f"{PANDALM_JUDGES[judge]}_result"]), -1) for row in raw])[given]
    people = np.array(
        [
            [GRADE[str(row[f"annotator{number}"])] for row in read(pandalm_folder / "testset-v1.json")]
            for number in (1, 2, 3)
        ]
    )[:, given]
    median = np.sort(people, axis=0)[1]  # of three
    rows = values(measured(*pairs, judge))
    assert rows["raw_agreement"]["value"] == pytest.approx(np.mean(median == verdicts))
    assert rows["cohen_kappa"]["value"] == pytest.approx(sklearn.cohen_kappa_score(median, verdicts))
    quadratic = sklearn.cohen_kappa_score(median, verdicts, weights="quadratic")
    assert rows["cohen_kappa_quadratic"]["value"] == pytest.approx(quadratic)
    assert rows["spearman"]["value"] == pytest.approx(stats.spearmanr(people.mean(axis=0), verdicts).statistic)
    alpha = krippendorff.alpha(people.astype(float), level_of_measurement="ordinal")
    assert rows["krippendorff_alpha_raters"]["value"] == pytest.approx(alpha)
    with_judge = krippendorff.alpha(np.vstack([people, verdicts]).astype(float), level_of_measurement="ordinal")
    assert rows["krippendorff_alpha_with_judge"]["value"] == pytest.approx(with_judge)
    assert (
        json.loads(rows["confusion_matrix"]["detail"])["counts"] == sklearn.confusion_matrix(median, verdicts).tolist()
    )
    assert rows["raw_agreement"]["n"] == given.sum()


@pytest.mark.parametrize("judge", MTRAG_JUDGES)
def test_agreement_on_grades_equals_the_published_implementations(mtrag_folder, responses, judge):
    raw = [
        row["annotations"] for row in read(mtrag_folder / "reference_subset_with_human_evaluations.json")["evaluations"]
    ]
    scores = np.array([float(value["value"]) for row in raw for value in row[judge].values()])
    given = [{rater: float(said["value"]) for rater, said in row[MTRAG_JUDGES[judge]].items()} for row in raw]
    raters = sorted({rater for row in given for rater in row})
    ratings = np.array([[row.get(rater, np.nan) for row in given] for rater in raters])
    rows = values(measured(*responses, judge))
    # Moving ratings from 1-4 to 0-1 changes neither ranks nor alpha.
    alpha = krippendorff.alpha(ratings, level_of_measurement="interval")
    assert rows["krippendorff_alpha_raters"]["value"] == pytest.approx(alpha)
    together = np.vstack([(ratings - 1) / 3, scores])
    with_judge = krippendorff.alpha(together, level_of_measurement="interval")
    assert rows["krippendorff_alpha_with_judge"]["value"] == pytest.approx(with_judge)
    expected = stats.spearmanr(np.nanmean(ratings, axis=0).round(9), scores).statistic
    assert rows["spearman"]["value"] == pytest.approx(expected, abs=2e-3)  # rounding makes ties
    assert rows["cohen_kappa"]["method"] == "the scores lie between grades"


def test_the_mean_of_a_system_corrected_by_some_labels_holds_what_people_said(responses):
    tables, judges = responses
    everyone = tables.labels.filter(judge="rl_f")
    truth = (
        everyone.group_by("model", "example_id")
        .agg(pl.col("score").mean())
        .group_by("model")
        .agg(pl.col("score").mean())
    )
    chosen = everyone["example_id"].unique().sort().sample(60, seed=0)
    partly = type(tables)(
        tables.verdicts, tables.predictions, everyone.filter(pl.col("example_id").is_in(chosen.implode()))
    )
    corrected = measured(partly, judges, "rl_f").agreement.filter(statistic="corrected_mean")
    assert corrected["method"].to_list() == ["prediction-powered"] * 3
    for row in corrected.join(truth, on="model").iter_rows(named=True):
        assert row["ci_low"] < row["score"] < row["ci_high"]


def test_the_worst_disagreements_are_those_on_which_everyone_is_against_the_judge(pairs):
    worst = measured(*pairs, "gpt-3.5-turbo").disagreements
    assert worst.height == 20
    assert worst["difference"].abs().to_list() == [1.0] * 20
    assert worst["human_label"][0] == "annotator1: 2; annotator2: 2; annotator3: 2"


@pytest.mark.skipif(
    not (DATASETS / "pandalm").is_dir() or not (DATASETS / "mtrag").is_dir(), reason="its data is absent"
)
def test_the_table_in_the_documentation_is_what_the_benchmark_prints():
    text = (CHECKOUT / "docs" / "judge-agreement.md").read_text(encoding="utf-8")
    for line in table_lines():
        assert line in text
