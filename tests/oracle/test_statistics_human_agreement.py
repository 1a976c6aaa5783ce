"""Agreement of three people and two judges on which of two outputs is better, by the published implementations."""

import json

import krippendorff
import numpy as np
import pytest

from eval_assets.statistics.judging.agreement import cohen_kappa, confusion_matrix, raw_agreement
from eval_assets.statistics.judging.alpha import krippendorff_alpha
from eval_assets.statistics.judging.correction import rogan_gladen_rate
from tests.oracle.published import Published

sklearn = Published("sklearn.metrics")
DRAWS = {"confidence": 0.95, "n_resamples": 500, "seed": 0}


@pytest.fixture(scope="module")
def people(pandalm_folder):
    """Verdicts of the three annotators, shape (3, n_pairs): 1 or 2 for the better output, 0 for a tie."""
    rows = json.loads((pandalm_folder / "testset-v1.json").read_text(encoding="utf-8"))
    return np.array([[row[f"annotator{number}"] for row in rows] for number in (1, 2, 3)], dtype=float)


@pytest.fixture(scope="module")
def judges(pandalm_folder):
    """Verdicts of both LLM judges, coded like people's; NaN where a judge gave none of the three."""
    verdicts = {}
    for name, column in (("gpt-3.5-turbo", "gpt_result"), ("pandalm-7b", "pandalm_result")):
        rows = json.loads((pandalm_folder / f"{name}-testset-v1.json").read_text(encoding="utf-8"))
        codes = {"0": 0.0, "1": 1.0, "2": 2.0, "Tie": 0.0}
        verdicts[name] = np.array([codes.get(str(row[column]), np.nan) for row in rows])
    return verdicts


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (1, 2)])
def test_kappa_of_two_people_equals_scikit_learn(people, one, other):
    agreement = cohen_kappa(people[one], people[other], **DRAWS)
    assert agreement.value == pytest.approx(sklearn.cohen_kappa_score(people[one], people[other]))
    assert agreement.n == people.shape[1]
    assert agreement.interval.low < agreement.value < agreement.interval.high


@pytest.mark.parametrize("judge", ["gpt-3.5-turbo", "pandalm-7b"])
def test_kappa_of_a_judge_with_a_person_equals_scikit_learn(people, judges, judge):
    given = ~np.isnan(judges[judge])
    person, verdicts = people[0][given], judges[judge][given]
    assert cohen_kappa(person, verdicts, **DRAWS).value == pytest.approx(sklearn.cohen_kappa_score(person, verdicts))
    assert raw_agreement(person, verdicts, confidence=0.95).value == pytest.approx(np.mean(person == verdicts))


def test_alpha_of_three_people_equals_krippendorff(people):
    expected = krippendorff.alpha(people, level_of_measurement="nominal")
    agreement = krippendorff_alpha(people, level="nominal", **DRAWS)
    assert agreement.value == pytest.approx(expected)
    assert agreement.interval.low < expected < agreement.interval.high
    assert agreement.interval.high - agreement.interval.low < 0.1


def test_alpha_with_people_who_skipped_rows_equals_krippendorff(people):
    partial = people.copy()
    partial[np.random.default_rng(0).random(partial.shape) < 0.4] = np.nan
    expected = krippendorff.alpha(partial, level_of_measurement="ordinal")
    agreement = krippendorff_alpha(partial, level="ordinal", **DRAWS)
    assert agreement.value == pytest.approx(expected)
    assert agreement.n == int((np.isfinite(partial).sum(axis=0) >= 2).sum())


def test_people_agree_more_with_each_other_than_with_either_judge(people, judges):
    among_people = cohen_kappa(people[0], people[1], **DRAWS)
    for verdicts in judges.values():
        given = ~np.isnan(verdicts)
        with_judge = cohen_kappa(people[0][given], verdicts[given], **DRAWS)
        assert with_judge.interval.high < among_people.interval.low


def test_the_confusion_of_a_judge_adds_up_to_its_verdicts(people, judges):
    verdicts = judges["pandalm-7b"]
    given = ~np.isnan(verdicts)
    matrix = confusion_matrix(people[0][given], verdicts[given])
    assert matrix.labels == (0, 1, 2)
    assert matrix.counts.sum() == given.sum()
    assert np.trace(matrix.counts) == np.sum(people[0][given] == verdicts[given])


def test_a_judge_corrected_by_a_fifth_of_the_labels_finds_what_people_said(people, judges):
    wins, judged = (people[0] == 1).astype(float), judges["gpt-3.5-turbo"]
    given = ~np.isnan(judged)
    wins, judged = wins[given], (judged[given] == 1).astype(float)
    order = np.random.default_rng(0).permutation(wins.size)
    labelled, rest = order[: wins.size // 5], order[wins.size // 5 :]
    corrected = rogan_gladen_rate(judged[labelled], wins[labelled], judged[rest], confidence=0.95)
    assert corrected.interval.low < wins.mean() < corrected.interval.high
