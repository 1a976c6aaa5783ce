"""Labels that people give: what is taken, which one counts, and that CSV files bring back what was exported."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from eval_assets.calibration.given_labels import (
    GivenLabel,
    as_labels,
    fingerprint,
    labels_version,
    stored_labels,
    used_labels,
)
from eval_assets.calibration.label_files import COLUMNS, Imported, export_labels, import_labels
from eval_assets.calibration.labelling import Labelling
from eval_assets.calibration.measuring import JudgeFacts, JudgeTables, measure_judge
from eval_assets.calibration.pair_agreement import agreement_on_pairs
from eval_assets.calibration.review_queue import labelled_items, outputs_to_review, pairs_to_review, review_queue
from eval_assets.cli.main import commands
from eval_assets.errors import DatasetError, LabelError
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import JUDGE_SCORES, PREDICTIONS
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES
from tests.small_project import project_with

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
ODD = ' "yes",\r\nor\tno; =1+1 \u202e'
EVALUATION = (
    "dataset: qa\nmodels: [echo, lead]\nprompts: [ask]\njudges: [right, style]\nwithout_metrics: [toxicity]\n"
    "pairwise: {judge: right}\n"
)


def outputs(warehouse: Warehouse, **of_models: list[str | None]) -> None:
    """Replace what the candidates say of the examples x0, x1 and so on."""
    for model, texts in of_models.items():
        cell = {"evaluation": "e", "model": model, "prompt": "ask"}
        rows = [
            {
                **cell,
                "prediction_id": f"{model}-{n}",
                "example_id": f"x{n}",
                "sample_index": 0,
                "position": n,
                "output": text,
            }
            for n, text in enumerate(texts)
        ]
        warehouse.replace("predictions", pl.DataFrame(rows, schema=PREDICTIONS), cell, {"data_version": "1"})


@pytest.fixture
def labelling(tmp_path: Path) -> Labelling:
    judges = {
        "judges/style.yaml": "definition: Style?\nmodel: echo\nscale: {type: pass_fail}\n",
        "models/lead.yaml": "provider: callable\ncallable: eval_assets.providers.baselines:lead_sentence\n",
    }
    project = project_with(tmp_path, **judges, **{"evaluations/e.yaml": EVALUATION})
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    outputs(warehouse, echo=["Yes.", ODD, None], lead=["No.", "Maybe.", "Yes."])
    return Labelling(project, warehouse, "e")


def label(said: str | None = "4", example: str = "x0", **fields: object) -> GivenLabel:
    return GivenLabel(example_id=example, candidate="echo@ask", rater="ann", label=said, judge="right", **fields)  # type: ignore[arg-type]


def used(labelling: Labelling) -> list[tuple[str, str, str]]:
    rows = used_labels(stored_labels(labelling.warehouse, "qa"))
    return rows.select("example_id", "rater", "label").rows()


def test_a_later_label_counts_in_place_of_an_earlier_one_and_both_stay(labelling):
    labelling.give([label("2"), label("5", "x1")])
    labelling.give([label("4", note="read it again")])
    assert used(labelling) == [("x1", "ann", "5"), ("x0", "ann", "4")]
    stored = stored_labels(labelling.warehouse, "qa")
    assert stored["label"].to_list() == ["2", "5", "4"]
    assert stored["label_id"].n_unique() == 3
    assert stored.row(2, named=True)["note"] == "read it again"


def test_a_label_that_is_taken_back_counts_no_more_and_stays(labelling):
    labelling.give([label("2")])
    labelling.give([label(None)])
    assert used(labelling) == []
    assert stored_labels(labelling.warehouse, "qa").height == 2


def test_raters_judges_and_pairs_have_labels_of_their_own(labelling):
    labelling.give(
        [
            label("2"),
            GivenLabel("x0", "echo@ask", "bob", "3", judge="right"),
            GivenLabel("x0", "echo@ask", "ann", "pass", judge="style"),
            GivenLabel("x0", "echo@ask", "ann", "tie", judge="right", other="lead@ask"),
        ]
    )
    assert len(used(labelling)) == 4
    stored = stored_labels(labelling.warehouse, "qa")
    assert stored["score"].to_list() == [2.0, 3.0, None, None]
    assert as_labels(used_labels(stored)).height == 3  # the pair is no label of an output
    assert stored.row(3, named=True)["other_output_sha256"] == fingerprint("No.")


REFUSED = [  # the label, and what is said of it
    (label("6"), "expected a verdict on the scale (right: 1 to 5), got '6'"),
    (GivenLabel("x0", "echo@ask", "ann", "great"), "(right: 1 to 5; style: pass, fail), got 'great'"),
    (GivenLabel("x0", "ehco@ask", "ann", "4"), "got 'ehco@ask'; did you mean 'echo@ask'?"),
    (GivenLabel("x0", "echo@ask", "ann", "4", judge="rihgt"), "got 'rihgt'; did you mean 'right'?"),
    (GivenLabel("x0", "echo@ask", " ", "4"), "expected the name of the rater"),
    (label(example="x9"), "expected an output of echo@ask on example 'x9', sample 0, there is none in e"),
    (label(sample_index=1), "sample 1, there is none in e"),
    (label(example="x2"), "has none: there is nothing to label"),
    (label(shown=fingerprint("Perhaps.")), "has changed since it was shown; look at it again"),
    (label("better", other="lead@ask"), "expected one of a, b, tie for a pair, got 'better'"),
    (label("a", other="echo@ask"), "expected two candidates side by side"),
    (label("a", other="lead@ask", other_shown=fingerprint("Old.")), "the output of lead@ask on example 'x0'"),
]


@pytest.mark.parametrize(("refused", "said"), REFUSED)
def test_a_label_that_can_not_be_taken_is_said_and_none_beside_it_is_added(labelling, refused, said):
    with pytest.raises(LabelError) as error:
        labelling.give([label("1", "x1"), refused])
    assert said in str(error.value)
    assert stored_labels(labelling.warehouse, "qa").is_empty()


def agreement(labelling: Labelling) -> dict[str, dict[str, object]]:
    """Statistic → its row, of the judge `right`, who gives everything a 4."""
    rows = [
        {"evaluation": "e", "model": "echo", "prompt": "ask", "judge": "right", "prediction_id": f"echo-{n}", "draw": 0,
         "example_id": f"x{n}", "score_id": f"s{n}", "score": 4.0, "outcome": "ok"}
        for n in range(3)
    ]  # fmt: skip
    tables = JudgeTables(
        verdicts=pl.DataFrame(rows, schema=JUDGE_SCORES),
        predictions=labelling.warehouse.scan("predictions", {"evaluation": "e"}).collect(),
        labels=as_labels(used_labels(stored_labels(labelling.warehouse, "qa"))),
    )
    facts = JudgeFacts(judge=labelling.project.judge("right"))
    measured = measure_judge(tables, facts, evaluation="e", confidence=0.95, seed=0, run_id="r")
    return {row["statistic"]: row for row in measured.agreement.iter_rows(named=True)}


def test_a_label_says_nothing_of_another_output_and_that_is_counted(labelling):
    labelling.give([label("4"), label("2", "x1")])
    assert (agreement(labelling)["raw_agreement"]["value"], agreement(labelling)["raw_agreement"]["n"]) == (0.5, 2)
    outputs(labelling.warehouse, echo=["Yes.", "Quite another.", None])
    measured = agreement(labelling)["raw_agreement"]
    assert (measured["value"], measured["n"]) == (1.0, 1)
    assert '"outdated_labels": 1' in str(measured["detail"])
    (counted,) = labelling.counts().to_dicts()
    assert (counted["judge"], counted["n_given"], counted["n_used"], counted["n_outdated"]) == ("right", 2, 2, 1)


def test_labels_of_outputs_that_were_picked_count_as_agreement_but_correct_no_mean(labelling):
    labelling.give([label("2", is_chosen=True), label("4", "x1")])
    found = agreement(labelling)
    assert found["raw_agreement"]["n"] == 2
    assert '"chosen_labels": 1' in str(found["raw_agreement"]["detail"])
    assert found["corrected_mean"]["n"] == 1


def test_the_version_of_labels_is_that_of_those_that_count(labelling):
    version = lambda: labels_version(labelling.warehouse, "qa", ["right"])  # noqa: E731
    assert version() == ""
    labelling.give([label("4")])
    first = version()
    labelling.give([GivenLabel("x0", "echo@ask", "ann", "pass", judge="style")])
    assert version() == first != ""
    assert labels_version(labelling.warehouse, "qa", []) == ""
    labelling.give([label("4")])
    assert version() != first


def test_an_exported_file_brings_the_same_labels_back_and_nothing_the_second_time(labelling, tmp_path):
    labelling.give(
        [
            label("4", given_at=NOON),
            label("5", "x1", note='she said "well"\nand more', is_chosen=True, given_at=NOON),
            GivenLabel("x1", "lead@ask", "bob", "b", judge="right", other="echo@ask", given_at=NOON),
            GivenLabel("x0", "lead@ask", "bob", "3", given_at=NOON + timedelta(seconds=1)),
        ]
    )
    labelling.give([label("2", given_at=NOON + timedelta(hours=1)), GivenLabel("x0", "lead@ask", "bob", None)])
    before = stored_labels(labelling.warehouse, "qa")
    file = tmp_path / "labels.csv"
    file.write_text(export_labels(before), "utf-8", newline="")
    assert import_labels(labelling, file).n_added == 0
    elsewhere = Labelling(labelling.project, Warehouse(str(tmp_path / "elsewhere")), "e")
    outputs(elsewhere.warehouse, echo=["Yes.", ODD, None], lead=["No.", "Maybe.", "Yes."])
    assert import_labels(elsewhere, file) == Imported(6, 0, 0)
    after = stored_labels(elsewhere.warehouse, "qa")
    assert after.drop("label_id", "given_at").equals(before.drop("label_id", "given_at"))
    assert import_labels(elsewhere, file).n_added == 0
    exported = list(csv.DictReader(io.StringIO(export_labels(before, only_used=True))))
    assert tuple(exported[0]) == COLUMNS
    assert sorted((row["example_id"], row["rater"], row["label"]) for row in exported) == [
        ("x0", "ann", "2"),
        ("x1", "ann", "5"),
        ("x1", "bob", "a"),  # of lead and echo the second, of echo and lead the first
    ]


def test_a_file_with_the_needed_columns_is_of_what_is_said_now(labelling, tmp_path):
    file = tmp_path / "sheet.csv"
    file.write_text("example_id;model;prompt;label\nx0;echo;ask;4\nx1;echo;ask;2\n")
    assert import_labels(labelling, file, rater="carl") == Imported(2, 0, 0)
    assert stored_labels(labelling.warehouse, "qa")["output"].to_list() == ["Yes.", ODD]


def test_labels_of_former_outputs_are_kept_and_counted(labelling, tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("example_id,model,prompt,label,rater,output\nx0,echo,ask,4,ann,Formerly.\nx0,lead,ask,4,ann,No.\n")
    assert import_labels(labelling, file) == Imported(2, 0, 1)


MISTAKES = [  # the file, and what is said of it
    ("example_id,model,promt,label\nx0,echo,ask,4\n", ":2: prompt: the column is absent; did you mean 'promt'?"),
    ("example_id,model,prompt,label,rater\nx0,echo,ask,9,ann\n", ":2: expected a verdict on the scale"),
    (
        "example_id,model,prompt,label\nx0,echo,ask,4\n",
        "rater: expected the name of the rater, the file has none here; name her",
    ),
    ("example_id,model,prompt,label,rater\n,echo,ask,4,ann\n", ":2: example_id: expected a value, got none"),
    (
        "example_id,model,prompt,label,rater,is_chosen\nx0,echo,ask,4,ann,maybe\n",
        "is_chosen: expected true or false, got 'maybe'",
    ),
    (
        "example_id,model,prompt,label,rater,sample_index\nx0,echo,ask,4,ann,-1\n",
        "sample_index: expected a whole number, got '-1'",
    ),
    ("example_id,model,prompt,label,rater,given_at\nx0,echo,ask,4,ann,noon\n", "given_at: expected an ISO time"),
    (
        "example_id,model,prompt,label,rater,evaluation\nx0,echo,ask,4,ann,f\n",
        "evaluation: expected labels of e, got 'f'",
    ),
    (
        "example_id,model,prompt,label,rater,output,output_sha256\nx0,echo,ask,4,ann,No,abc\n",
        "isn't the one that `output_sha256` tells",
    ),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_file_with_a_mistake_is_refused_whole_with_its_line(labelling, tmp_path, text, said):
    file = tmp_path / "sheet.csv"
    file.write_text(
        text + ("x1,echo,ask,4,ann" + "," * (text.split("\n")[0].count(",") - 4) + "\n" if "rater" in text else "")
    )
    with pytest.raises(DatasetError) as error:
        import_labels(labelling, file)
    assert said in str(error.value)
    assert stored_labels(labelling.warehouse, "qa").is_empty()


def test_the_queue_leaves_out_what_the_rater_has_labelled_as_it_is_now(labelling):
    scales = {judge: labelling.scale_of(judge) for judge in labelling.judges}
    asked = {"dataset": "qa", "rater": "ann", "judge": "right"}
    items = outputs_to_review(labelling.warehouse, "e", labelling.project.evaluation("e").candidates, scales)
    assert set(items["item_id"]) == {"echo-0", "echo-1", "lead-0", "lead-1", "lead-2"}  # one has no text
    labelling.give([label("4"), label("2", "x1"), label("a", other="lead@ask")])
    pairs = pairs_to_review(items, "echo@ask", "lead@ask")
    assert labelled_items(labelling.warehouse, items, **asked) == {"echo-0", "echo-1"}
    assert labelled_items(labelling.warehouse, pairs, **asked) == {"echo-0 lead-0"}
    outputs(labelling.warehouse, echo=["Yes.", "Another.", None])
    items = outputs_to_review(labelling.warehouse, "e", labelling.project.evaluation("e").candidates, scales)
    done = labelled_items(labelling.warehouse, items, **asked)
    assert done == {"echo-0"}
    assert set(review_queue(items, done=done)["item_id"]) == {"echo-1", "lead-0", "lead-1", "lead-2"}


def preferred(*rows: tuple[str, str | None]) -> pl.DataFrame:
    """What the judge prefers of lead and echo, an example each."""
    made = [
        {"evaluation": "e", "judge": "right", "example_id": example, "sample_index": 0, "candidate_a": "lead@ask",
         "candidate_b": "echo@ask", "preferred": said, "outcome": "ok" if said else "unparsed"}
        for example, said in rows
    ]  # fmt: skip
    return pl.DataFrame(made, schema=PAIRWISE_PREFERENCES)


def pair(said: str, example: str, rater: str = "ann") -> GivenLabel:
    return GivenLabel(example, "echo@ask", rater, said, judge="right", other="lead@ask")


def test_a_pair_is_one_whichever_of_the_two_was_shown_first(labelling):
    labelling.give([pair("a", "x0"), GivenLabel("x0", "lead@ask", "ann", "a", judge="right", other="echo@ask")])
    (row,) = used_labels(stored_labels(labelling.warehouse, "qa")).to_dicts()
    assert (row["model"], row["other_model"], row["label"]) == ("echo", "lead", "b")
    assert (row["output"], row["other_output"]) == ("Yes.", "No.")


def test_a_judge_is_measured_on_the_pairs_that_people_compared_whichever_they_saw_first(labelling):
    outputs(labelling.warehouse, echo=list("abcde"), lead=list("vwxyz"))
    labelling.give([pair("b", "x0"), pair("a", "x1"), pair("tie", "x2"), pair("b", "x3"), pair("a", "x4")])
    labelling.give([pair("b", "x2", "bob"), pair("a", "x3", "bob")])  # more prefer lead; as many as echo: a tie
    outputs(labelling.warehouse, echo=list("abcd?"), lead=list("vwxyz"))  # the label of x4 is of another output
    predictions = labelling.warehouse.scan("predictions", {"evaluation": "e"}).collect()
    judged = preferred(("x0", "a"), ("x1", "a"), ("x2", "a"), ("x3", "tie"), ("x4", "b"), ("x5", None))
    given = used_labels(stored_labels(labelling.warehouse, "qa"))
    found = {each.name: each for each in agreement_on_pairs(judged, predictions, given, confidence=0.95, seed=0)}
    # x0 lead, lead; x1 echo, lead; x2 lead, lead; x3 tie, tie: three of four
    assert (found["pairs_raw_agreement"].value, found["pairs_raw_agreement"].n) == (0.75, 4)
    assert found["pairs_cohen_kappa"].detail["counts"] == [[0, 0, 1], [0, 1, 0], [0, 0, 2]]
    # by chance: lead 2/4 * 3/4, tie 1/4 * 1/4: 0.4375; (0.75 - 0.4375) / (1 - 0.4375)
    assert found["pairs_cohen_kappa"].value == pytest.approx(0.3125 / 0.5625)
    assert list(agreement_on_pairs(judged, predictions, given.clear(), confidence=0.95, seed=0)) == []


def test_the_commands_import_export_and_count(labelling, tmp_path, monkeypatch):
    monkeypatch.setenv("EVAL_ASSETS_WAREHOUSE", labelling.warehouse.root)
    data = ["--data", str(labelling.project.data_dir), "labels"]

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(commands, [*data, *arguments], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout.strip()

    assert said("list", "e") == "nobody has labelled an output yet"
    sheet = tmp_path / "sheet.csv"
    rows = ["x0,echo,ask,right,2,", "x0,lead,ask,right,3,Formerly.", "x1,echo,ask,,pass,"]
    sheet.write_text("\n".join(["example_id,model,prompt,judge,label,output", *rows]) + "\n")
    assert said("import", "e", str(sheet), "--rater", "ann").splitlines() == [
        "3 labels added, 0 known already",
        "1 of them are of outputs that no candidate gives now, and count for nothing",
    ]
    sheet.write_text("example_id,model,prompt,judge,label\nx0,echo,ask,right,4\n")
    assert said("import", "e", str(sheet), "--rater", "ann") == "1 label added, 0 known already"
    assert said("import", "e", str(sheet), "--rater", "ann") == "0 labels added, 1 known already"
    counted = [line.partition("; last ")[0] for line in said("list", "e").splitlines()]
    assert counted == [
        "right, ann: 2 labels, 1 replaced or taken back, 1 of outputs that no candidate gives now",
        "every judge, ann: 1 label",
    ]
    exported = [row["label"] for row in csv.DictReader(io.StringIO(said("export", "e")))]
    assert exported == ["2", "3", "pass", "4"]
    said("export", "e", "--used", "-o", str(tmp_path / "used.csv"))
    used_ones = csv.DictReader((tmp_path / "used.csv").read_text("utf-8").splitlines())
    assert [row["label"] for row in used_ones] == ["3", "pass", "4"]
