"""Asking a model anew for one row in the viewer: what is sent, what stays as it is, and what a kept reply changes."""

import html
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.settings import settings_from
from eval_assets.planning.plan import make_plan
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.replies.asked_again import all_asked
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse
from tests.small_project import compute_everything, project_with
from tests.viewed import viewer_of

EXAMPLE = "/evaluations/e/example"
AGAIN = "/evaluations/e/again"
CODE = '''
from pathlib import Path

SAID = Path(__file__).with_name("said.txt")


def moody(inputs: str) -> str:
    """Says how often it was asked; falls over where the file says so."""
    so_far = SAID.read_text() if SAID.exists() else ""
    SAID.write_text(so_far + "x")
    if so_far.endswith("!"):
        raise ValueError("the model fell over")
    return f"<b>reply</b> number {len(so_far) + 1}"
'''


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("asking")
    (tmp_path / "moody_code.py").write_text(CODE)
    project_with(
        tmp_path,
        **{
            "models/moody.yaml": "provider: callable\ncallable: moody_code:moody\n"
            "prices: {prompt_usd_per_million: 0, completion_usd_per_million: 0, request_usd: 0.25}\n",
            "evaluations/e.yaml": "dataset: qa\nmodels: [moody]\nprompts: [ask]\nwithout_metrics: [toxicity]\n",
            "judges/right.yaml": None,
        },
    )
    compute_everything(tmp_path, run_id="run-1")
    return tmp_path


@pytest.fixture
def folder(computed, tmp_path):
    return Path(shutil.copytree(computed, tmp_path / "project"))


@pytest.fixture
def viewer(folder):
    return viewer_of(folder, can_edit=True)


def warehouse_of(folder) -> Warehouse:
    settings = settings_from({}, data_dir=folder / "data")
    return Warehouse(settings.warehouse_root, settings.storage_options)


def n_asked(folder) -> int:
    return len((folder / "said.txt").read_text())


def outputs(folder) -> list[str]:
    return warehouse_of(folder).scan("predictions").collect()["output"].to_list()


def causes(folder) -> list[str]:
    settings = settings_from({}, data_dir=folder / "data")
    with EngineRoom.from_settings(settings) as room:
        plan = make_plan(room)
    return [cause for cell in plan.cells for cause in cell.staleness.causes]


def page(viewer) -> str:
    return viewer.get(EXAMPLE, params={"id": "a"}).text


def form(text: str, do: str, **changed: str) -> dict[str, str]:
    """The fields of the form whose button does something."""
    found = next(part for part in re.findall(r"<form.*?</form>", text, re.DOTALL) if f'value="{do}"' in part)
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found))
    return {name: html.unescape(value) for name, value in fields.items()} | {"do": do, **changed}


def press(viewer, do: str, **changed: str):
    return viewer.post(AGAIN, data=form(page(viewer), do, **changed))


def said(answer) -> str:
    return html.unescape(re.search(r'role="(?:alert|status)">(.*?)</p>', answer.text, re.DOTALL)[1])


def test_a_new_reply_stands_beside_the_old_one_and_changes_nothing(folder, viewer):
    assert (outputs(folder), n_asked(folder)) == (["<b>reply</b> number 1"], 1)
    text = press(viewer, "ask").text
    assert n_asked(folder) == 2
    assert "&lt;b&gt;reply&lt;/b&gt; number <ins>2</ins>" in text
    assert "&lt;b&gt;reply&lt;/b&gt; number 1" in text
    assert "$0.25" in text
    assert "<b>reply" not in text
    assert outputs(folder) == ["<b>reply</b> number 1"]
    assert causes(folder) == []
    # A run that needs the request again takes the reply that is recorded, not the look.
    compute_everything(folder, run_id="run-2")
    assert (outputs(folder), n_asked(folder)) == (["<b>reply</b> number 1"], 2)


def test_a_kept_reply_is_planned_and_taken_in_by_the_next_run(folder, viewer):
    press(viewer, "ask")
    assert "`eval-assets run e` takes it in" in said(press(viewer, "keep"))
    assert causes(folder) == ["1 row asked again, and the new reply kept"]
    assert "kept" in page(viewer)
    compute_everything(folder, run_id="run-2")
    assert (outputs(folder), n_asked(folder)) == (["<b>reply</b> number 2"], 2)
    assert causes(folder) == []
    # The former reply is in the store, under its id, and on the page.
    stored = warehouse_of(folder).scan("responses").collect()
    asked = all_asked(warehouse_of(folder), "e").row(0, named=True)
    former = stored.filter(response_id=asked["former_response_id"])
    assert former["output"].to_list() == ["<b>reply</b> number 1"]
    assert stored["lane"].n_unique() == 1
    assert "number 1" in page(viewer)


def test_a_discarded_reply_leaves_the_row_and_is_kept_in_the_store(folder, viewer):
    press(viewer, "ask")
    assert "discarded" in said(press(viewer, "discard"))
    assert causes(folder) == []
    press(viewer, "ask")
    assert n_asked(folder) == 3  # a new look is a new request
    assert all_asked(warehouse_of(folder), "e")["state"].to_list() == ["discarded", "waiting"]
    stats = {row.lane.endswith("-again"): row.n_replies for row in ResponseStore(warehouse_of(folder)).stats()}
    assert stats == {True: 2, False: 1}


def test_two_clicks_at_once_pay_once_in_one_server_and_in_two(folder, viewer):
    other = viewer_of(folder, can_edit=True)
    clicks = [(one, form(page(one), "ask")) for one in (viewer, viewer, other)]
    with ThreadPoolExecutor(len(clicks)) as pool:
        sent = list(pool.map(lambda click: click[0].post(AGAIN, data=click[1]).status_code, clicks))
    assert sent == [200, 200, 200]
    assert n_asked(folder) == 2


def test_a_failed_request_is_shown_as_failed_and_cannot_be_kept(folder, viewer):
    (folder / "said.txt").write_text("x!")
    text = press(viewer, "ask").text
    assert "the request failed: the reply at hand stays" in text
    assert "the model fell over" in text
    asked = all_asked(warehouse_of(folder), "e").row(0, named=True)
    assert (asked["state"], asked["response_id"], asked["outcome"]) == ("failed", None, "error")
    answer = viewer.post(AGAIN, data={**form(text, "ask"), "do": "keep", "asked": asked["asking_id"]})
    assert "expected a reply that waits for a decision" in said(answer)
    assert outputs(folder) == ["<b>reply</b> number 1"]


def test_a_request_that_could_cost_more_is_not_sent(folder, viewer):
    assert "budget" in said(press(viewer, "ask", max_cost_usd="0.1"))
    assert n_asked(folder) == 1
    assert "max_cost_usd: expected a number from 0" in said(press(viewer, "ask", max_cost_usd="much"))
    press(viewer, "ask", max_cost_usd="0.3")
    assert n_asked(folder) == 2


def test_dollars_bound_nothing_where_no_price_is_known(folder):
    (folder / "data" / "models" / "moody.yaml").write_text("provider: callable\ncallable: moody_code:moody\n")
    assert "no price is stated for moody" in said(press(viewer_of(folder, can_edit=True), "ask", max_cost_usd="1"))
    assert n_asked(folder) == 1


def test_what_it_cost_is_in_the_account_of_runs(folder, viewer):
    press(viewer, "ask")
    runs = warehouse_of(folder).scan("runs").filter(pl.col("run_id") != "run-1").collect()
    assert runs.select("stage", "n_sent", "cost_usd").rows() == [("predictions", 1, 0.25)]


def test_a_row_that_a_run_answered_anew_meanwhile_is_not_replaced(folder, viewer):
    press(viewer, "ask")
    fields = form(page(viewer), "keep")
    path = folder / "data" / "evaluations" / "e.yaml"
    path.write_text(path.read_text() + "cache: refresh\n")
    compute_everything(folder, run_id="run-2")
    assert outputs(folder) == ["<b>reply</b> number 3"]
    assert "answered anew by a run since this reply was asked for" in said(viewer.post(AGAIN, data=fields))


def test_a_form_about_a_row_that_is_gone_is_refused(folder, viewer):
    press(viewer, "ask")
    fields = form(page(viewer), "keep")
    (folder / "data" / "prompts" / "ask.md").write_text("## user\nAnswer now: {{ inputs }}\n")
    compute_everything(folder, run_id="run-2")
    answer = viewer.post(AGAIN, data=fields)
    assert answer.status_code == 404  # the row has another request, so that the prediction is another one
    assert causes(folder) == []


def test_a_row_whose_prompt_was_read_anew_is_not_asked_for_by_another_request(folder, viewer):
    fields = form(page(viewer), "ask")
    (folder / "data" / "prompts" / "ask.md").write_text("## user\nAnswer now: {{ inputs }}\n")
    compute_everything(folder, run_id="run-2", without=("predictions", "heuristic_metrics", "judge_scores"))
    assert "`eval-assets run e` first" in said(viewer.post(AGAIN, data=fields))
    assert n_asked(folder) == 1


def test_a_decision_is_made_once(folder, viewer):
    press(viewer, "ask")
    fields = form(page(viewer), "keep")
    viewer.post(AGAIN, data=fields)
    assert "kept" in said(viewer.post(AGAIN, data=fields))
    assert "was kept already" in said(viewer.post(AGAIN, data={**fields, "do": "discard"}))


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"token": "guessed"}, 403),
        ({"prediction": "p-nothing"}, 404),
        ({"do": "burn"}, 404),
        ({"also": "this"}, 404),
    ],
)
def test_forms_that_are_not_of_the_page_are_refused(folder, viewer, changed, status):
    fields = form(page(viewer), "ask")
    assert viewer.post(AGAIN, data={**fields, **changed}).status_code == status
    assert viewer.post(AGAIN, data=fields, headers={"origin": "http://elsewhere"}).status_code == 403
    assert n_asked(folder) == 1


def test_a_viewer_that_only_reads_offers_nothing(folder):
    viewer = viewer_of(folder)
    assert "Ask again" not in page(viewer)
    assert viewer.post(AGAIN, data={"do": "ask"}).status_code == 405
