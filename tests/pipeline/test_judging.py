"""From human labels to agreement, and candidates side by side, through the whole pipeline on a loopback provider."""

import json
import re
from html import unescape

import dagster as dg
import polars as pl
import pytest
from starlette.testclient import TestClient

from eval_assets.errors import ConfigError
from eval_assets.planning.plan_text import plan_text
from eval_assets.planning.staleness import StalenessReader
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.judge_agreement import agreement_now
from eval_assets.stages.report_reading import read_report
from eval_assets.storage.tracing.trace import trace
from eval_assets.storage.tracing.trace_text import trace_text
from eval_assets.viewer.app import viewer_app
from eval_assets.viewer.viewed_project import ViewedProject
from tests.loopback import Fault, LoopbackProvider
from tests.projects import JUDGE_MODEL, Lab, write_project

pytestmark = pytest.mark.usefixtures("unchecked")

N_ROWS = 4
LABEL_FILE = {"labels": [{"file": "qa.labels.jsonl", "judge": "grader"}]}
SIDE_BY_SIDE = {"pairwise": {"judge": "grader"}}


def is_pair(body):
    return body["model"] == JUDGE_MODEL and any("<output_a-" in message["content"] for message in body["messages"])


def answer(body):
    """The judge finds every output worth a 4, and alpha's outputs better than beta's in whichever place they stand."""
    asked = "\n".join(message["content"] for message in body["messages"])
    if body["model"] != JUDGE_MODEL:
        return f"{body['model']}: {body['messages'][-1]['content']}"
    if not is_pair(body):
        return '{"justification": "as asked", "score": 4}'
    return json.dumps(
        {"justification": "alpha", "verdict": "A" if asked.index("alpha-1:") < asked.index("beta-1:") else "B"}
    )


@pytest.fixture(scope="module")
def serving():
    with LoopbackProvider(answer=answer) as running:
        yield running


@pytest.fixture
def provider(serving):
    """The provider of the module, for one test: it answers as agreed again afterwards."""
    yield serving
    serving.answer, serving.faults = answer, None


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


def new_lab(folder, serving, instance):
    files = write_project(folder, serving.base_url, n_rows=N_ROWS)
    files.change("evaluations", "main", prompts=["short"])
    files.remove("evaluations", "other")
    return Lab(files, instance)


@pytest.fixture(scope="module")
def ran(tmp_path_factory, serving, instance):
    """A project that was run once, and is copied by the tests that go on from there."""
    lab = new_lab(tmp_path_factory.mktemp("ran"), serving, instance)
    assert not lab.run().failed
    return lab


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, ran):
    """The same with labels of four outputs, run again."""
    lab = ran.copied(tmp_path_factory.mktemp("labelled"))
    label(lab, [4, 4, 1, 2])
    assert not lab.run().failed
    return lab


@pytest.fixture(scope="module")
def compared(tmp_path_factory, ran, serving):
    """The same with its two candidates side by side, run again; with that run's plan, and how much it sent."""
    lab = ran.copied(tmp_path_factory.mktemp("compared"))
    lab.files.change("evaluations", "main", **SIDE_BY_SIDE)
    plan, paid = lab.plan(), serving.requests
    assert not lab.run().failed
    return lab, plan, serving.requests - paid


@pytest.fixture
def lab(tmp_path, provider):
    """A project that was never run, nor was its instance used."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield new_lab(tmp_path, provider, instance)


def label(lab, scores, **fields):
    """People's labels of the first examples."""
    rows = [
        {"example_id": f"q{number}", "rater": "ann", "label": score, **fields} for number, score in enumerate(scores)
    ]
    (lab.files.data / "datasets" / "qa.labels.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    lab.files.change("datasets", "qa", **LABEL_FILE)


def statistics(lab):
    rows = lab.warehouse.scan("judge_agreement", {"evaluation": "main"}).collect()
    return {row["statistic"]: row for row in rows.filter(pl.col("model").is_null()).iter_rows(named=True)}


def report(lab):
    with lab.engine_room() as engine_room:
        return read_report(engine_room, "main")


def trust(lab):
    (judge,) = report(lab).judging.trust
    return judge


def test_without_labels_the_report_says_that_nobody_knows(ran):
    assert statistics(ran)["cohen_kappa"]["method"] == "uncalibrated: no human labels"
    assert trust(ran).uncalibrated == "uncalibrated: no human labels"
    found = report(ran)
    for text in (report_table(found), report_markdown(found), report_html(found), json.dumps(report_json(found))):
        assert "uncalibrated: no human labels" in " ".join(text.split())


def test_labels_become_rows_of_agreement_and_send_nothing(ran, tmp_path, provider):
    lab = ran.copied(tmp_path)
    paid = provider.requests
    label(lab, [4, 4, 1], model="alpha")
    assert not lab.run().failed
    assert provider.requests == paid
    rows = statistics(lab)
    assert (rows["raw_agreement"]["value"], rows["raw_agreement"]["n"]) == (pytest.approx(2 / 3), 3)
    assert json.loads(rows["raw_agreement"]["raters"]) == ["ann"]
    worst = lab.warehouse.scan("judge_disagreements").collect()
    assert worst.select("example_id", "human_score", "judge_score", "justification").rows() == [
        ("q2", 1.0, 4.0, "as asked")
    ]
    scored = lab.warehouse.scan("judge_scores").filter(pl.col("score_id") == worst["score_id"][0]).collect()
    assert scored.select("model", "example_id").rows() == [("alpha", "q2")]
    assert trust(lab).uncalibrated is None
    assert "compared with 3 outputs labelled by ann" in trust(lab).sentence
    assert lab.plan().is_empty


def test_slices_of_a_card_and_a_second_judge_are_measured_too(labelled, tmp_path, provider):
    lab = labelled.copied(tmp_path)
    lab.files.change("datasets", "qa", slices=["targets"], **LABEL_FILE)
    paid = provider.requests
    assert not lab.run().failed
    assert provider.requests == paid
    rows = lab.warehouse.scan("judge_agreement", {"evaluation": "main"}).collect().drop_nulls("slice_column")
    assert rows.select("slice_column", "slice_value", "value", "n").unique().sort("slice_value").rows() == [
        ("targets", f'["answer {number}"]', None, 2)
        for number in range(4)  # the labels hold for both candidates
    ]
    assert all(method.startswith("too few: 1 of") for method in rows["method"])
    lab.files.write("judges", "second", lab.files.read("judges", "grader") | {"definition": "It is right, really."})
    lab.files.change("evaluations", "main", judges=["grader", "second"])
    assert not lab.run().failed
    rows = lab.warehouse.scan("judge_agreement", {"evaluation": "main"}).collect().drop_nulls("other_judge")
    assert set(rows.select("judge", "other_judge").rows()) == {("grader", "second")}
    (same,) = rows.filter(statistic="judges_raw_agreement").to_dicts()
    assert (same["value"], same["n"]) == (1.0, 2 * N_ROWS)  # the provider gives every output a 4
    assert "with the judge second: same score 100 %" in report_table(report(lab))
    assert lab.plan().is_empty


def test_an_edited_rubric_leaves_the_judge_uncalibrated_until_it_has_run_again(labelled, tmp_path):
    lab = labelled.copied(tmp_path)
    assert trust(lab).uncalibrated is None
    lab.files.edit_rubric()
    expected = "uncalibrated: agreement was measured with version 1, before it changed"
    assert trust(lab).uncalibrated == expected
    lab.run()
    assert trust(lab).uncalibrated is None
    assert trust(lab).statistics["spearman"]["judge_version"] == 2


def test_another_model_behind_the_judge_leaves_it_uncalibrated(labelled, tmp_path):
    lab = labelled.copied(tmp_path)
    assert trust(lab).uncalibrated is None
    lab.files.change_parameter("referee", top_p=0.5)
    assert trust(lab).uncalibrated is not None


def test_a_changed_label_makes_agreement_stale_and_measures_anew(labelled, tmp_path):
    lab = labelled.copied(tmp_path)
    assert statistics(lab)["raw_agreement"]["value"] == 0.5  # 2 of the 4 labels are the judge's 4
    label(lab, [4, 4, 4])
    assert lab.plan().comparisons == ("main",)
    lab.run()
    assert statistics(lab)["raw_agreement"]["value"] == 1.0
    assert lab.plan().is_empty


def test_a_label_that_cannot_be_read_stops_the_dataset_and_keeps_the_former_labels(labelled, tmp_path):
    lab = labelled.copied(tmp_path)
    former = lab.warehouse.scan("labels").collect()
    label(lab, [4, 4, 4], rater="")
    with pytest.raises(ConfigError, match=r"data/datasets/qa.labels.jsonl:1: rater: expected a value"):
        lab.plan()
    assert not lab.read("eval_datasets", "qa").success
    assert former.height == 4
    assert lab.warehouse.scan("labels").collect().equals(former)


def test_candidates_are_compared_side_by_side_with_two_requests_a_pair_once(compared, tmp_path, provider):
    original, plan, n_sent = compared
    (planned,) = plan.pairwise
    assert planned.judge == 2 * N_ROWS
    assert f"main side by side: {2 * N_ROWS} requests" in plan_text(plan)
    assert plan.as_json()["totals"]["judge"] == 2 * N_ROWS
    assert n_sent == 2 * N_ROWS
    lab = original.copied(tmp_path)
    assert lab.plan().is_empty
    paid = provider.requests
    lab.files.change("evaluations", "main", description="another")
    lab.files.change("evaluations", "main", confidence=0.9)
    lab.run()
    assert provider.requests == paid  # nothing is paid twice


def test_no_reply_behind_a_verdict_is_pruned_as_unreferenced(lab, provider):
    """Questions of a tree, first replies before a repair and comparisons side by side are all needed again."""
    tree = {"question": "Is it true?", "yes": {"question": "Is it short?", "yes": 5, "no": 3}, "no": 1}
    lab.files.write(
        "judges", "walker", {"definition": "It is right.", "kind": "tree", "tree": tree, "model": "referee"}
    )
    lab.files.change("evaluations", "main", judges=["grader", "walker"], **SIDE_BY_SIDE)

    def hesitant(body):
        asked = body["messages"]
        if body["model"] == JUDGE_MODEL and not is_pair(body) and asked[-1]["role"] == "user":
            is_first = all(message["role"] != "assistant" for message in asked)
            is_question = "Question: " in asked[0]["content"]
            if is_question:
                return '{"justification": "so it is", "verdict": "yes"}'
            return "let me think" if is_first else '{"justification": "as asked", "score": 4}'
        return answer(body)

    provider.answer = hesitant
    assert not lab.run().failed
    verdicts = lab.warehouse.scan("judge_scores").select("judge", "outcome", "request_keys").collect()
    assert verdicts["outcome"].unique().to_list() == ["ok"]
    assert set(verdicts["request_keys"].map_elements(lambda keys: len(json.loads(keys)), return_dtype=int)) == {2}
    with lab.engine_room() as engine_room:
        assert engine_room.store.prune(unreferenced=True) == []
    walked = lab.warehouse.scan("judge_scores").filter(judge="walker").select("score_id").head(1).collect().item()
    (earlier,) = trace(lab.warehouse, walked)["judge"]["earlier"]
    assert "Question: Is it true?" in earlier["messages"][0]["content"]
    assert json.loads(earlier["raw_reply"])["verdict"] == "yes"
    assert "asked before" in trace_text(trace(lab.warehouse, walked))
    lab.files.remove("judges", "walker")
    lab.files.change("evaluations", "main", judges=["grader"])
    lab.run()
    with lab.engine_room() as engine_room:
        (pruned,) = engine_room.store.prune(unreferenced=True)
    # Two questions on each of four outputs of two candidates.
    assert pruned.n_replies == 2 * 2 * N_ROWS


def test_a_plan_over_a_new_project_counts_what_a_run_then_sends(lab, provider):
    lab.files.change("evaluations", "main", **SIDE_BY_SIDE)
    planned = lab.plan().as_json()["totals"]
    before = provider.requests
    lab.run()
    assert provider.requests - before == planned["generate"] + planned["judge"] > 0


def test_the_winner_side_by_side_is_the_same_in_both_orders(compared):
    lab, _, _ = compared
    answers = lab.warehouse.scan("pairwise_preferences").collect()
    assert answers["preferred"].to_list() == ["b"] * N_ROWS  # beta against the baseline alpha
    assert not answers["is_flipped"].any()
    results = lab.warehouse.scan("pairwise_results").collect()
    duel = results.filter(model="beta", compared_with="alpha@short").row(0, named=True)
    assert (duel["wins"], duel["ties"], duel["losses"], duel["win_rate"], duel["flip_rate"]) == (0, 0, 4, 0.0, 0.0)
    assert results.filter(pl.col("compared_with").is_null()).sort("rank")["model"].to_list() == ["alpha", "beta"]
    assert statistics(lab)["position_flip_rate"]["value"] == 0.0
    runs = lab.warehouse.scan("runs").filter(stage="pairwise_preferences").collect()
    assert runs.select("evaluation", "model", "n_sent").rows() == [("main", None, 2 * N_ROWS)]
    found = report(lab)
    for text in (report_table(found), report_markdown(found), report_html(found)):
        assert "Bradley-Terry" in text


def test_a_failed_comparison_is_asked_again(ran, tmp_path, provider):
    lab = ran.copied(tmp_path)
    provider.faults = lambda body: Fault(500) if is_pair(body) else None
    lab.files.change("evaluations", "main", **SIDE_BY_SIDE)
    lab.run()
    answers = lab.warehouse.scan("pairwise_preferences").collect()
    assert answers["outcome"].unique().to_list() == ["error"]
    assert answers["preferred"].null_count() == N_ROWS
    provider.faults = None
    assert lab.plan().comparisons == ("main",)
    lab.run()
    assert lab.warehouse.scan("pairwise_preferences").collect()["outcome"].to_list() == ["ok"] * N_ROWS


class Reviewing:
    """Ann at the review of a project, as she goes from output to output by the page's own forms."""

    def __init__(self, lab, what=""):
        app = viewer_app(ViewedProject(lab.settings, lab.warehouse, can_edit=True), ["localhost"])
        self.viewer = TestClient(app, base_url="http://localhost:3141")
        self.asked = {"rater": "ann", "what": what}
        self.page = self.viewer.get("/evaluations/main/review", params=self.asked)

    def say(self, label):
        hidden = {name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)">', self.page.text)}
        self.page = self.viewer.post("/evaluations/main/review", data={**hidden, "label": label})
        assert self.page.status_code == 200, self.page.text

    def agreement(self):
        return unescape(self.viewer.get("/evaluations/main/agreement", params=self.asked).text)


def test_labels_that_people_give_in_a_review_are_measured_by_the_next_run_which_sends_nothing(ran, provider, tmp_path):
    lab = ran.copied(tmp_path)
    ann = Reviewing(lab)
    for _ in range(2 * N_ROWS):
        ann.say("2")
    assert re.search(r"<b>2</b></td><td><b>4</b></td>", ann.page.text)  # hers and the judge's
    assert "You have labelled everything" in ann.page.text
    assert re.search(rf"same score as people</th>.*>0 %<.*>{2 * N_ROWS}<", ann.agreement())
    assert re.search(r"ann: 2</td><td[^>]*>4</td>", ann.agreement())  # the worst disagreements
    with lab.engine_room() as room:
        (now,) = agreement_now(room, "main", "grader").agreement.filter(statistic="raw_agreement").to_dicts()
        assert (now["value"], now["n"]) == (0.0, 2 * N_ROWS)
        outdated = StalenessReader(room.project, room.versions, room.warehouse).outdated("main")
    assert outdated == ("people gave other labels since judge_agreement was computed",)
    plan = lab.plan()
    assert (list(plan.stale_cells), [join.tables for join in plan.joined]) == ([], [{"judge_agreement", "comparison"}])
    sent = provider.requests
    lab.run()
    assert provider.requests == sent
    found = statistics(lab)["raw_agreement"]
    assert (found["value"], found["n"], found["raters"]) == (
        0.0,
        2 * N_ROWS,
        '["ann"]',
    )  # the judge gives everything a 4
    assert lab.plan().is_empty


def test_pairs_that_people_compare_in_a_review_are_measured_against_the_judges_preferences(compared, tmp_path):
    ann = Reviewing(compared[0].copied(tmp_path), "pair:alpha@short beta@short")
    for _ in range(N_ROWS):
        ann.say("tie")
    assert re.search(r"<b>neither</b></td><td><b>alpha@short</b></td>", ann.page.text)
    assert re.search(rf"same preference as people</th>.*>0 %<.*>{N_ROWS}<", ann.agreement())
