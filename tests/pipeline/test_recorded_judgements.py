"""Verdicts and preferences that were formed elsewhere, from the files of their document to the report."""

import json

import dagster as dg
import polars as pl
import pytest

from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.report_reading import read_report
from tests.documented_files import write_shown
from tests.projects import Files, Lab

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The project of the page, run once; to be read and copied."""
    folder = write_shown("recorded-judgements.md", tmp_path_factory.mktemp("published")).parent
    files = Files(folder, "")
    files.write("models", "new", {**files.read("models", "old"), "file": "new.csv"})
    with dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(files, instance)
        assert not lab.run().failed
        yield lab


@pytest.fixture(scope="module")
def edited(published, tmp_path_factory):
    """A copy run again with pairs in both orders, a verdict that is missing and one off the scale."""
    lab = published.copied(tmp_path_factory.mktemp("edited"))
    duels = lab.files.data / "models" / "duels.jsonl"
    swapped = [
        {"id": "it", "first": "old", "second": "new", "preference": 1},
        {"id": "cl", "first": "old@plain", "second": "new@plain", "preference": 0.3},
    ]
    duels.write_text(duels.read_text("utf-8") + "".join(f"{json.dumps(row)}\n" for row in swapped), "utf-8")
    ratings = lab.files.data / "models" / "ratings.csv"
    kept = ratings.read_text("utf-8").replace("it,old,1,wrong city\n", "").replace("cl,old,1", "cl,old,9")
    ratings.write_text(kept, "utf-8")
    lab.run()
    return lab


def rows(lab, table):
    return lab.warehouse.scan(table, {"evaluation": "published"}).collect()


def test_recorded_verdicts_are_read_by_example_and_candidate(published):
    scores = rows(published, "judge_scores").sort("model", "position")
    assert scores.filter(model="old")["score"].to_list() == [5, 1, 5, 1]
    assert scores.filter(model="new")["score"].to_list() == [5, 5, 4, 5]
    assert scores.filter(model="new")["justification"].to_list() == [None, None, "too short", None]
    assert set(scores["method"]) == {"recorded"}
    assert json.loads(scores["raw_reply"][2]) == {"verdict": "4", "justification": "too short"}


def test_recorded_preferences_are_counted_with_ties_and_probabilities(published):
    preferences = rows(published, "pairwise_preferences").sort("example_id")
    # Chile 0.9, France 0.5, Italy "new", and Japan 0.6 for old, which is 0.4 for new.
    assert preferences["preference"].to_list() == pytest.approx([0.9, 0.5, 1.0, 0.4])
    assert preferences["preferred"].to_list() == ["a", "tie", "a", "b"]
    assert preferences["is_flipped"].to_list() == [None] * 4  # nobody recorded both orders
    duel = rows(published, "pairwise_results").filter(model="new").filter(pl.col("compared_with").is_not_null())
    assert duel.select("win_rate", "wins", "ties", "losses", "flip_rate").row(0) == (pytest.approx(0.7), 2, 1, 1, None)
    assert "win rate 70 %" in report_table_of(published)


def report_table_of(lab):
    with lab.engine_room() as engine_room:
        return report_table(read_report(engine_room, "published"))


def test_nothing_runs_again_until_the_file_of_verdicts_changes(published, tmp_path):
    lab = published.copied(tmp_path)
    assert not lab.plan().stale_cells
    ratings = lab.files.data / "models" / "ratings.csv"
    ratings.write_text(ratings.read_text("utf-8").replace("jp,new,4,too short", "jp,new,5,"), "utf-8")
    lab.run()
    assert rows(lab, "judge_scores").filter(model="new")["score"].mean() == 5


def test_a_pair_recorded_in_both_orders_counts_once_and_shows_its_flip(edited):
    found = {row["example_id"]: row for row in rows(edited, "pairwise_preferences").iter_rows(named=True)}
    assert (found["it"]["preference"], found["it"]["is_flipped"]) == (0.5, True)
    assert found["cl"]["preference"] == pytest.approx(0.8)  # (0.9 + 0.7) / 2
    assert found["cl"]["is_flipped"] is False
    assert found["fr"]["is_flipped"] is None


def test_a_verdict_that_is_missing_or_off_the_scale_stays_a_row_without_score(edited):
    old = rows(edited, "judge_scores").filter(model="old").sort("position")
    assert old["score"].to_list() == [5, None, 5, None]
    assert old["outcome"][3] == "unparsed"
    assert "expected a whole number from 1 to 5, got 9" in old["reason"][3]
    assert "not_recorded" in old["reason"][1]
