"""Human labels beside a dataset: what is accepted, how each mistake is said, what they do to the data version."""

from dataclasses import asdict, replace

import pytest

from eval_assets.checking.references import check_project
from eval_assets.config.datasets.human_labels import HumanLabel, read_labels
from eval_assets.config.scales import IntegerScale, LabelScale, NumberScale, PassFailScale
from eval_assets.errors import DatasetError
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.file_versions import FileVersions, dataset_sha256
from tests.unit.test_project_files import problems_of, project_with

CARD = "task: question-answering\nlabels:\n  - {file: qa.labels.jsonl, judge: right}\n"
LABEL = '{"example_id": "a", "model": "echo", "output": "x", "rater": "ann", "label": 4}\n'


def labelled(folder, labels=LABEL, card=CARD, **files):
    return project_with(folder, **{"datasets/qa.yaml": card, "datasets/qa.labels.jsonl": labels, **files})


def read(project):
    return read_labels(project.dataset("qa"), project.datasets_dir, example_ids={"a"})


def test_a_label_is_read_with_its_judge_and_its_output(tmp_path):
    assert read(labelled(tmp_path)) == [HumanLabel("a", "right", "echo", "x", "ann", "4", 4.0)]


def test_a_label_without_model_and_output_holds_for_every_candidate(tmp_path):
    label = '{"example_id": "a", "rater": "ann", "label": "good"}\n'
    assert read(labelled(tmp_path, label)) == [HumanLabel("a", "right", None, None, "ann", "good", None)]


def test_a_label_may_name_its_prompt(tmp_path):
    label = '{"example_id": "a", "prompt": "brief", "rater": "ann", "label": 4}\n'
    assert read(labelled(tmp_path, label)) == [HumanLabel("a", "right", None, None, "ann", "4", 4.0, prompt="brief")]


def test_a_label_that_names_its_judge_is_compared_with_that_one_alone(tmp_path):
    label = '{"example_id": "a", "judge": "right", "rater": "ann", "label": 4}\n'
    project = labelled(tmp_path, label + label.replace('"right"', "null"), CARD.replace(", judge: right", ""))
    assert [given.judge for given in read(project)] == ["right", None]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            '"judge": "rigth"',
            "qa.labels.jsonl:1: judge: expected a file of data/judges, got 'rigth'; did you mean 'right'",
        ),
        ('"judge": 7', "qa.labels.jsonl:1: judge: expected text, got int 7"),
        (
            '"candidate": "echo@ask"',
            "candidate: got 'echo@ask', and no 'model': the label would hold for every candidate",
        ),
        ('"sample_index": 2', "sample_index: got 2, and no 'output': the label would hold for every sample"),
    ],
)
def test_a_column_that_narrows_a_label_is_obeyed_or_refused(tmp_path, columns, said):
    label = f'{{"example_id": "a", {columns}, "rater": "ann", "label": 4}}\n'
    assert said in "\n".join(problems_of(labelled(tmp_path, label)))


def test_columns_that_narrow_nothing_further_are_no_mistake(tmp_path):
    label = LABEL.replace('"rater"', '"candidate": "echo@ask", "sample_index": 2, "rater"')
    assert not [said for said in problems_of(labelled(tmp_path, label)) if "labels" in said]


def test_one_rater_may_label_the_outputs_of_two_prompts(tmp_path):
    row = '{{"example_id": "a", "prompt": "{}", "rater": "ann", "label": 4}}\n'
    assert [label.prompt for label in read(labelled(tmp_path, row.format("p") + row.format("q")))] == ["p", "q"]


def test_a_column_of_the_card_may_hold_the_prompt(tmp_path):
    card = CARD.replace("judge: right", "judge: right, prompt: template")
    label = '{"example_id": "a", "template": "brief", "rater": "ann", "label": 4}\n'
    assert read(labelled(tmp_path, label, card))[0].prompt == "brief"


def test_labels_without_a_prompt_keep_the_data_version_they_had():
    label = HumanLabel("a", None, "m", None, "ann", "4", 4.0)
    former = {key: value for key, value in asdict(label).items() if key != "prompt"}
    assert dataset_sha256([], [], [label]) == content_sha256([[], [], [former]])
    assert dataset_sha256([], [], [replace(label, prompt="p")]) != dataset_sha256([], [], [label])


def test_labels_in_csv_are_numbers_too(tmp_path):
    card = CARD.replace("jsonl, judge: right", "csv")
    project = labelled(tmp_path, card=card, **{"datasets/qa.labels.csv": "example_id,rater,label\na,ann,3\n"})
    assert read(project) == [HumanLabel("a", None, None, None, "ann", "3", 3.0)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (LABEL.replace('"a"', '"b"'), ["qa.labels.jsonl:1: example_id: the dataset has no example 'b'"]),
        (LABEL.replace('"rater"', '"rator"'), ["qa.labels.jsonl:1: rater: expected a value", "did you mean 'rator'?"]),
        (LABEL.replace("4", "true"), ["qa.labels.jsonl:1: label: expected a number or the name of a label, got True"]),
        (LABEL.replace('"x"', "7"), ["qa.labels.jsonl:1: output: expected text, got int 7"]),
        (LABEL * 2, ["qa.labels.jsonl:2: expected one label of an output by 'ann'", "qa.labels.jsonl:1"]),
        (LABEL.replace("4", "9"), ["qa.labels.jsonl:1: label: expected a verdict of judge 'right' (1 to 5), got '9'"]),
        ("{no json\n", ["qa.labels.jsonl:1: not valid JSON"]),
    ],
)
def test_a_label_that_cannot_be_used_is_named_with_file_and_line(tmp_path, labels, expected):
    said = "\n".join(problems_of(labelled(tmp_path, labels)))
    assert all(part in said for part in ["data/datasets/", *expected]), said


def test_a_missing_label_file_is_named(tmp_path):
    project = project_with(tmp_path, **{"datasets/qa.yaml": CARD})
    with pytest.raises(DatasetError, match=r"data/datasets/qa.labels.jsonl: the file doesn't exist"):
        read(project)


def test_labels_for_an_unknown_judge_are_named(tmp_path):
    project = labelled(tmp_path, card=CARD.replace("right", "rigth"))
    said = "\n".join(problems_of(project))
    assert "data/datasets/qa.yaml:3: labels[0].judge: expected a file of data/judges, got 'rigth'" in said


def test_pairwise_needs_a_judge_with_one_model(tmp_path):
    evaluation = "dataset: qa\nmodels: [echo]\nprompts: [ask]\npairwise: {judge: all}\nwithout_metrics: [toxicity]\n"
    project = labelled(
        tmp_path, **{"evaluations/e.yaml": evaluation, "judges/all.yaml": "kind: jury\njurors: [right]\n"}
    )
    found = check_project(project, lambda _: []).problems
    assert any("evaluations/e.yaml:4" in problem and "'all' is a jury" in problem for problem in found), found


def test_a_changed_label_is_another_version_of_the_dataset(tmp_path):
    bare = FileVersions(project_with(tmp_path / "bare")).sha256("datasets", "qa")
    first = FileVersions(labelled(tmp_path / "first")).sha256("datasets", "qa")
    second = FileVersions(labelled(tmp_path / "second", LABEL.replace("4", "5"))).sha256("datasets", "qa")
    assert len({bare, first, second}) == 3


@pytest.mark.parametrize(
    ("scale", "label", "score", "expected"),
    [
        (IntegerScale(), "4", 4.0, 4.0),
        (IntegerScale(), "4.5", 4.5, None),  # no whole number
        (IntegerScale(), "good", None, None),
        (NumberScale(type="number"), "0.25", 0.25, 0.25),
        (PassFailScale(type="pass_fail"), "fail", None, 0.0),
        (PassFailScale(type="pass_fail"), "1", 1.0, 1.0),
        (PassFailScale(type="pass_fail"), "0.5", 0.5, None),
        (LabelScale(type="labels", labels={"1": 0.0, "2": 1.0}), "1", 1.0, 0.0),  # a name before a number
    ],
)
def test_a_label_is_a_name_or_a_number_of_the_scale(scale, label, score, expected):
    assert scale.score_by_people(label, score) == expected
