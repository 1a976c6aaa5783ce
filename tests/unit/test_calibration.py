"""What is said of a judge from its verdicts and people's labels; expected values are worked out beside them."""

import json

import numpy as np
import polars as pl
import pytest

from eval_assets.calibration.measuring import JudgeFacts, JudgeTables, measure_judge
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.statistics.judging.agreement import cohen_kappa
from eval_assets.tables.cell_tables import JUDGE_SCORES, PREDICTIONS
from eval_assets.tables.evaluation_tables import JUDGE_AGREEMENT, JUDGE_DISAGREEMENTS, PAIRWISE_PREFERENCES
from eval_assets.tables.input_tables import LABELS

PASS_FAIL = {"type": "pass_fail"}
EXAMPLE = {"output": "x", "score": 3, "justification": "The log is missing."}


def judge(name="grader", **fields):
    return Judge(name=name, file=JudgeFile(definition="Right?", model="referee", **fields))


def verdicts(scores, *, model="m", juror=None, draw=0, name="grader", justification="because"):
    rows = [
        {
            "evaluation": "e",
            "model": model,
            "prompt": "p",
            "judge": name,
            "juror": juror,
            "draw": draw,
            "prediction_id": f"{model}-{index}",
            "example_id": f"x{index}",
            "score_id": f"s-{model}-{index}",
            "score": score,
            "justification": justification,
            "outcome": "ok" if score is not None else "unparsed",
        }
        for index, score in enumerate(scores)
    ]
    return pl.DataFrame(rows, schema=JUDGE_SCORES)


def predictions(n, *, model="m", output="{index}"):
    rows = [
        {
            "evaluation": "e",
            "model": model,
            "prompt": "p",
            "prediction_id": f"{model}-{index}",
            "output": output.format(index=index),
        }
        for index in range(n)
    ]
    return pl.DataFrame(rows, schema=PREDICTIONS)


def labels(scores, *, rater="ann", **fields):
    rows = [
        {
            "dataset": "d",
            "example_id": f"x{index}",
            "rater": rater,
            "label": f"{score:g}",
            "score": float(score),
            **fields,
        }
        for index, score in enumerate(scores)
        if score is not None
    ]
    return pl.DataFrame(rows, schema=LABELS)


def measured(given, said, n=None, facts=None, outputs=None, **tables):
    known = JudgeTables(given, predictions(n or given.height) if outputs is None else outputs, said, **tables)
    return measure_judge(known, facts or JudgeFacts(judge()), evaluation="e", confidence=0.95, seed=0, run_id="r")


def rows_of(result):
    return {row["statistic"]: row for row in result.agreement.iter_rows(named=True)}


def test_a_judge_that_agrees_with_people_on_three_of_four():
    result = measured(verdicts([5, 5, 1, 1]), labels([5, 5, 1, 5]))
    rows = rows_of(result)
    assert (dict(result.agreement.schema), dict(result.disagreements.schema)) == (JUDGE_AGREEMENT, JUDGE_DISAGREEMENTS)
    assert (rows["raw_agreement"]["value"], rows["raw_agreement"]["n"]) == (0.75, 4)
    # chance: people 5 in 3 of 4, the judge in 2 of 4: 3/4 * 1/2 + 1/4 * 1/2 = 1/2; (0.75 - 0.5) / (1 - 0.5)
    assert rows["cohen_kappa"]["value"] == pytest.approx(0.5)
    assert rows["cohen_kappa_quadratic"]["value"] == pytest.approx(0.5)  # only the grades 1 and 5 occur
    detail = json.loads(rows["confusion_matrix"]["detail"])
    assert detail["labels"] == ["1", "2", "3", "4", "5"]
    assert (detail["counts"][0], detail["counts"][4]) == ([1, 0, 0, 0, 0], [1, 0, 0, 0, 2])
    assert json.loads(rows["raw_agreement"]["raters"]) == ["ann"]
    assert rows["krippendorff_alpha_raters"]["method"] == "one rater: nobody to agree with"


def test_without_labels_every_row_that_needs_them_says_so():
    rows = rows_of(measured(verdicts([5, 4, 1]), labels([])))
    for name in ("raw_agreement", "cohen_kappa", "cohen_kappa_quadratic", "spearman", "krippendorff_alpha_with_judge"):
        assert (rows[name]["value"], rows[name]["method"]) == (None, "uncalibrated: no human labels")
    assert rows["length_bias_beyond_people"]["method"] == "uncalibrated: no human labels"
    assert "corrected_mean" not in rows
    assert rows["most_frequent_score_share"]["value"] == pytest.approx(1 / 3)


def test_a_label_of_another_output_does_not_count():
    rows = rows_of(measured(verdicts([5, 5]), labels([1, 1], output="0")))  # only the first output is "0"
    assert rows["raw_agreement"]["n"] == 1
    assert json.loads(rows["raw_agreement"]["detail"])["outdated_labels"] == 1


def test_labels_that_are_all_of_other_outputs_leave_the_judge_uncalibrated():
    rows = rows_of(measured(verdicts([5, 5]), labels([1, 1], output="former")))
    expected = (
        "uncalibrated: no human labels of these outputs; 2 labels are of other outputs, 0 not on the judge's scale"
    )
    assert rows["spearman"]["method"] == expected


@pytest.mark.parametrize("narrowed", [{"model": "gone"}, {"prompt": "gone"}, {"model": "m", "prompt": "gone"}])
def test_labels_of_a_candidate_that_was_not_judged_are_told_of(narrowed):
    rows = rows_of(measured(verdicts([5, 5]), labels([1, 1], **narrowed)))
    assert "; 2 labels are of other outputs" in rows["spearman"]["method"]


def test_a_label_of_one_model_counts_for_that_model_alone():
    both = pl.concat([verdicts([5, 5]), verdicts([5, 5], model="n")])
    outputs = pl.concat([predictions(2), predictions(2, model="n")])
    assert rows_of(measured(both, labels([5, 1], model="n"), outputs=outputs))["raw_agreement"]["n"] == 2
    assert rows_of(measured(both, labels([5, 1]), outputs=outputs))["raw_agreement"]["n"] == 4


def several(n_examples, candidates, score_of):
    """Verdicts, outputs and labels of candidates `(model, prompt)`; `score_of` gives an example's verdict by place."""
    given, outputs = [], []
    for model, prompt in candidates:
        name = f"{model}{prompt}"
        rows = verdicts([score_of(index) for index in range(n_examples)], model=name)
        given.append(rows.with_columns(model=pl.lit(model), prompt=pl.lit(prompt)))
        texts = predictions(n_examples, model=name, output=f"{name} {{index}}")
        outputs.append(texts.with_columns(model=pl.lit(model), prompt=pl.lit(prompt)))
    return pl.concat(given), pl.concat(outputs)


@pytest.mark.parametrize(
    ("narrowed", "n"),
    [
        ({}, 8),
        ({"prompt": "q"}, 4),
        ({"model": "m"}, 4),
        ({"model": "m", "prompt": "q"}, 2),
        ({"prompt": "nobody's"}, 0),
        ({"output": "mq 0"}, 1),
        ({"output": "mq 0", "prompt": "p"}, 0),
    ],
)
def test_a_label_counts_for_what_its_columns_name_and_for_nothing_else(narrowed, n):
    given, outputs = several(2, [("m", "p"), ("m", "q"), ("n", "p"), ("n", "q")], lambda _: 5)
    row = rows_of(measured(given, labels([5, 5], **narrowed), outputs=outputs))["raw_agreement"]
    assert row["n"] == n


def test_a_label_of_one_prompt_goes_before_one_of_every_prompt():
    given, outputs = several(1, [("m", "p"), ("m", "q")], lambda _: 5)
    said = pl.concat([labels([1]), labels([5], prompt="q")])
    assert rows_of(measured(given, said, outputs=outputs))["raw_agreement"]["value"] == 0.5


def test_labels_that_hold_for_every_candidate_count_once_an_example():
    people = [5, 1] * 10
    alone, outputs = several(20, [("m", "p")], lambda index: [5, 5, 1, 1, 1][index % 5])
    many, all_outputs = several(20, [(f"m{place}", "p") for place in range(12)], lambda i: [5, 5, 1, 1, 1][i % 5])
    one = rows_of(measured(alone, labels(people), outputs=outputs))
    twelve = rows_of(measured(many, labels(people), outputs=all_outputs))
    for name in ("cohen_kappa", "cohen_kappa_quadratic", "spearman", "raw_agreement"):
        assert twelve[name]["n"] == 12 * one[name]["n"]
        assert twelve[name]["value"] == pytest.approx(one[name]["value"])
        ends = [(row["ci_low"], row["ci_high"]) for row in (one[name], twelve[name])]
        # the same twenty examples tell the same, however many candidates give alike outputs
        assert ends[1] == pytest.approx(ends[0], abs=0.02)
    assert json.loads(twelve["cohen_kappa"]["detail"])["examples"] == 20


def test_examples_of_a_cluster_count_as_one_for_a_judge_too():
    people, scores = [5, 1] * 20, [5, 5, 1, 1, 1] * 8
    alone = rows_of(measured(verdicts(scores), labels(people)))
    # four examples a cluster, in the order in which labels and verdicts repeat after ten and twenty examples
    clusters = pl.DataFrame(
        {"example_id": [f"x{index}" for index in range(40)], "cluster": [i % 10 for i in range(40)]}
    )
    clustered = rows_of(measured(verdicts(scores), labels(people), clusters=clusters))
    for name in ("cohen_kappa", "spearman", "raw_agreement", "krippendorff_alpha_with_judge"):
        widths = [row[name]["ci_high"] - row[name]["ci_low"] for row in (alone, clustered)]
        assert clustered[name]["value"] == alone[name]["value"]
        assert widths[1] > 1.5 * widths[0]  # ten draws in place of forty: twice as wide


@pytest.mark.parametrize("n_candidates", [1, 4])
def test_a_judge_that_guesses_is_seldom_called_better_than_chance(n_candidates):
    rng, fooled = np.random.default_rng(0), 0
    for seed in range(150):
        said, people = rng.integers(0, 2, (2, 40)).astype(float)
        agreement = cohen_kappa(
            np.tile(people, n_candidates),
            np.tile(said, n_candidates),
            clusters=np.tile(np.arange(40), n_candidates),
            confidence=0.95,
            n_resamples=300,
            seed=seed,
        )
        fooled += agreement.interval.low is not None and agreement.interval.low > 0
    assert fooled / 150 < 0.025 + 0.02 + 2 * np.sqrt(0.025 * 0.975 / 150)  # two points, and two errors


def test_habits_of_a_judge_are_bounded_by_examples_and_not_by_outputs():
    alone, outputs = several(20, [("m", "p")], lambda index: 5 if index % 4 else 1)
    many, all_outputs = several(20, [(f"m{place}", "p") for place in range(6)], lambda index: 5 if index % 4 else 1)
    shares = [
        rows_of(measured(given, labels([]), outputs=texts))["most_frequent_score_share"]
        for given, texts in ((alone, outputs), (many, all_outputs))
    ]
    assert [row["value"] for row in shares] == [0.75, 0.75]
    # six equal outputs an example are one: the interval is no shorter
    assert shares[1]["ci_high"] - shares[1]["ci_low"] >= shares[0]["ci_high"] - shares[0]["ci_low"] - 0.01


def test_the_more_specific_of_two_labels_by_one_rater_counts():
    said = pl.concat([labels([1]), labels([5], model="m"), labels([3], output="other")])
    assert rows_of(measured(verdicts([5]), said))["raw_agreement"]["value"] == 1.0


def test_several_raters_count_as_their_lower_median_and_several_verdicts_as_theirs():
    said = pl.concat([labels([5, 1], rater="ann"), labels([4, 1], rater="bob")])  # medians 4 and 1
    given = pl.concat([verdicts([4, 2]), verdicts([5, 1], draw=1)])  # medians 4 and 1, means 4.5 and 1.5
    result = measured(given, said, n=2)
    assert rows_of(result)["raw_agreement"]["value"] == 1.0
    # people's means are 4.5 and 1, the judge's 4.5 and 1.5
    assert result.disagreements.select("example_id", "difference", "human_label").rows() == [
        ("x1", 0.5, "ann: 1; bob: 1")
    ]


def test_labels_for_another_judge_and_off_the_scale_do_not_count():
    said = pl.concat([labels([5], judge="other"), labels([9, 5])])
    rows = rows_of(measured(verdicts([5, 5]), said))
    assert rows["raw_agreement"]["n"] == 1
    assert json.loads(rows["raw_agreement"]["detail"])["labels_off_scale"] == 1


def test_a_judge_that_scores_by_numbers_has_no_kappa():
    facts = JudgeFacts(judge(scale={"type": "number", "min": 0, "max": 1}))
    rows = rows_of(measured(verdicts([0.2, 0.4, 0.9]), labels([0.1, 0.5, 0.8]), facts=facts))
    assert (rows["cohen_kappa"]["value"], rows["cohen_kappa"]["method"]) == (None, "the scores lie between grades")
    assert rows["spearman"]["value"] == pytest.approx(1.0)


def test_the_worst_disagreement_comes_first_with_its_score_id():
    worst = measured(verdicts([5, 2, 3]), labels([1, 3, 3])).disagreements
    assert worst.select("rank", "score_id", "human_score", "judge_score", "difference").rows() == [
        (1, "s-m-0", 1.0, 5.0, 4.0),
        (2, "s-m-1", 3.0, 2.0, -1.0),
    ]


def test_too_few_labels_correct_nothing_and_say_so():
    row = rows_of(measured(verdicts([5] * 20), labels([4] * 10)))["corrected_mean"]
    assert (row["value"], row["method"], row["n"]) == (None, "none: 10 human labels, at least 40 are needed", 10)
    assert json.loads(row["detail"])["judge_mean"] == 5.0


def test_a_mean_is_corrected_by_what_people_said_of_some_rows():
    given = [5, 4, 3, 2] * 30
    said = [score - 1 for score in given[:60]]  # the judge is one grade too kind
    row = rows_of(measured(verdicts(given), labels(said)))["corrected_mean"]
    assert row["method"] == "prediction-powered"
    assert row["value"] == pytest.approx(2.5)  # the judge's 3.5 less one grade
    assert (row["model"], row["prompt"], row["n"]) == ("m", "p", 60)


def test_a_pass_rate_is_corrected_after_rogan_and_gladen():
    # people pass 20 of 40 labelled; the judge passes 18 of those and 4 of the others: sensitivity 0.9, specificity 0.8
    human = [1] * 20 + [0] * 20
    judged = [1] * 18 + [0] * 2 + [1] * 4 + [0] * 16
    unlabelled = [1] * 62 + [0] * 38
    facts = JudgeFacts(judge(scale=PASS_FAIL))
    row = rows_of(measured(verdicts(judged + unlabelled), labels(human), facts=facts))["corrected_mean"]
    assert row["method"] == "rogan-gladen"
    assert row["value"] == pytest.approx((0.62 + 0.8 - 1) / (0.9 + 0.8 - 1))


def test_copied_reasons_and_one_score_for_all_are_counted():
    facts = JudgeFacts(judge(examples=[EXAMPLE]))
    given = pl.concat([verdicts([2, 2, 2], justification="the log is missing"), verdicts([4], model="n")])
    rows = rows_of(measured(given, labels([]), facts=facts))
    assert (rows["most_frequent_score_share"]["value"], rows["copied_justification_share"]["value"]) == (0.75, 0.75)
    assert json.loads(rows["most_frequent_score_share"]["detail"]) == {"score": 2.0}
    assert rows["copied_justification_share"]["raters"] is None


def test_preference_for_the_own_family_is_a_difference_example_by_example():
    both = pl.concat([verdicts([5, 4, 4]), verdicts([3, 3, 2], model="n")])
    facts = JudgeFacts(judge(), family="tiny", kin=("m",))
    rows = rows_of(measured(both, labels([]), facts=facts))
    assert rows["self_preference"]["value"] == pytest.approx(5 / 3)  # (2 + 1 + 2) / 3
    assert rows["self_preference_beyond_people"]["value"] is None


def test_length_bias_is_the_slope_over_a_hundred_characters():
    outputs = pl.concat([predictions(1, output="x" * 100), predictions(1, model="n", output="x" * 200)])
    outputs = pl.concat([outputs, predictions(1, model="o", output="x" * 300)])
    given = pl.concat([verdicts([score], model=model) for score, model in ((1, "m"), (3, "n"), (5, "o"))])
    rows = rows_of(measured(given, labels([]), outputs=outputs))
    assert rows["length_bias"]["value"] == pytest.approx(2.0)  # two grades for each hundred characters


def test_jurors_are_compared_with_each_other():
    panel = [judge("one"), judge("two")]
    facts = JudgeFacts(Judge(name="grader", file=JudgeFile(kind="jury", jurors=("one", "two"))), jurors=panel)
    given = pl.concat([verdicts([5, 1, 3], juror="one"), verdicts([5, 1, 3], juror="two"), verdicts([5, 1, 3])])
    row = rows_of(measured(given, labels([]), n=3, facts=facts))["krippendorff_alpha_jurors"]
    assert (row["value"], row["n"]) == (1.0, 3)


def test_a_judge_that_only_compares_is_measured_by_its_comparisons():
    answers = [("a", "a"), ("a", "b"), ("a", "b"), ("tie", "tie")]
    preferences = pl.DataFrame(
        [
            {
                "judge": "grader",
                "outcome": "ok",
                "preferred_in_order": first,
                "preferred_in_reverse": second,
                "is_flipped": first != second,
            }
            for first, second in answers
        ],
        schema=PAIRWISE_PREFERENCES,
    )
    rows = rows_of(measured(verdicts([]), labels([]), n=1, preferences=preferences))
    assert rows["position_flip_rate"]["value"] == 0.5
    assert rows["first_place_preference"]["value"] == pytest.approx(0.5)  # (0 + 1 + 1 + 0) / 4
    assert set(rows) == {"position_flip_rate", "first_place_preference"}
