"""The project of `docs/your-code.md`: functions, recorded predictions, a tree, a jury and labels, run as shown."""

import dagster as dg
import pytest

from tests.documented_files import write_shown
from tests.projects import Files, Lab

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The project of the page, run once; to be read."""
    folder = write_shown("your-code.md", tmp_path_factory.mktemp("shown")).parent
    with dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(Files(folder, ""), instance)
        assert not lab.run().failed
        yield lab


def by_model(lab, table, **wanted):
    """Model → the scores of its examples in the file's order: France, Italy, Japan, Chile."""
    rows = lab.warehouse.scan(table).collect().filter(**wanted).sort("model", "position")
    return {model[0]: frame for model, frame in rows.partition_by("model", as_dict=True).items()}


def scores(lab, metric):
    return {
        model: frame["score"].to_list() for model, frame in by_model(lab, "heuristic_metrics", metric=metric).items()
    }


def test_functions_and_files_answer(shown):
    outputs = {model: frame["output"].to_list() for model, frame in by_model(shown, "predictions").items()}
    polite = [f"{answer}, with pleasure." for answer in ("Paris", "Milan", "Tokyo", "somewhere in America")]
    assert outputs == {
        "guide": polite,
        "guesser": ["Rome"] * 4,
        "last-year": ["Paris", "Rome", "Kyoto", None],
        "librarian": ["Paris", "Rome", "unknown", "unknown"],
    }
    # "Capital of France? One word." are five words.
    assert by_model(shown, "predictions")["guesser"]["prompt_tokens"].to_list() == [5] * 4
    assert by_model(shown, "predictions")["last-year"]["latency_seconds"].to_list() == [0.8, 1.1, 0.9, None]


def test_metrics_score_by_column_other_score_and_parameter(shown):
    assert scores(shown, "one_word") == {"guide": [0] * 4, "guesser": [1] * 4, "last-year": [1, 1, 1, None]}
    # Two letters: Pa, Mi, To and so of the guide; only Ro of the guesser; Ky is not To.
    assert scores(shown, "near_miss") == {
        "guide": [1, 0, 1, 0],
        "guesser": [0, 1, 0, 0],
        "last-year": [1, 1, 0, None],
    }
    assert scores(shown, "length")["last-year"] == [5, 4, 5, None]
    labels = {
        model: set(frame["label"]) for model, frame in by_model(shown, "heuristic_metrics", metric="kind").items()
    }
    assert labels == {"guide": {"sentence"}, "guesser": {"word"}, "last-year": {"word", None}}


def test_metrics_read_what_an_application_returned_beside_its_answer(shown):
    rows = by_model(shown, "predictions")["librarian"]
    assert (rows["cost_usd"].to_list(), rows["extra"].null_count()) == ([0.0002] * 4, 0)
    # "Paris is the capital of France." holds the target; nothing was found for Japan and Chile
    assert scores(shown, "context_recall") == {"librarian": [1, 1, 0, 0]}
    assert scores(shown, "frugal") == {"librarian": [1, 1, 1, 1]}


def test_a_tree_walks_to_its_score_and_a_jury_votes(shown):
    fit = {model: frame["score"].to_list() for model, frame in by_model(shown, "judge_scores", judge="fit").items()}
    assert fit == {"guide": [2, 1, 2, 1], "guesser": [1, 3, 1, 1], "last-year": [3, 3, 1, None]}
    votes = by_model(shown, "judge_scores", judge="jury")
    passed = {model: frame.filter(frame["juror"].is_null())["score"].to_list() for model, frame in votes.items()}
    # Two strict jurors outvote the lenient one.
    assert passed == {"guide": [1, 0, 1, 0], "guesser": [0, 1, 0, 0], "last-year": [1, 1, 0, None]}


def test_labels_of_people_measure_the_jury(shown):
    rows = shown.warehouse.scan("judge_agreement").collect().filter(judge="jury", statistic="raw_agreement")
    # Paris and Rome passed, Kyoto and Rome for Japan failed: four outputs, on all of which the jury agrees with people.
    assert rows.select("value", "n").rows() == [(1.0, 4)]
