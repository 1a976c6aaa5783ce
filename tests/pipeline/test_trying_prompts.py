"""A prompt edited in the viewer: tried on a few rows, saved, and run without being paid for twice."""

import html
import re
import threading
import time

import dagster as dg
import pytest

from tests.loopback import Fault, LoopbackProvider
from tests.projects import JUDGE_MODEL, Lab, echo_or_verdict, write_project
from tests.viewed import viewer_of

PAGE = "/evaluations/main/try"
NEW = "## user\nIn one word: {{ inputs }}\n"


@pytest.fixture
def lab(tmp_path):
    with LoopbackProvider(answer=echo_or_verdict) as provider, dg.DagsterInstance.ephemeral() as instance:
        yield Lab(write_project(tmp_path / "tried", provider.base_url), instance), provider


@pytest.fixture
def viewer(lab):
    with viewer_of(lab[0].files.folder, can_edit=True) as client:
        yield client


def asked(provider) -> dict[str, int]:
    """Requests to each model since the last call."""
    counts = {"generate": 0, "judge": 0}
    for body in provider.bodies:
        counts["judge" if body["model"] == JUDGE_MODEL else "generate"] += 1
    provider.bodies.clear()
    return counts


def send(viewer, do: str, **changed: str):
    """Send the form of the page with some fields changed, and go where it leads."""
    page = viewer.get(PAGE).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    text = html.unescape(re.search(r'<textarea name="text"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)[1])
    fields = {"text": text, "model": "alpha", "first": "5", "ids": "", "max_requests": "50", "max_cost_usd": ""}
    return viewer.post(PAGE, data={**hidden, **fields, "do": do, **changed})


def tried(viewer, **changed: str) -> str:
    """Try a prompt, and wait for the page that shows what it found."""
    send(viewer, "run", **changed)
    while viewer.get(f"{PAGE}/progress").text:
        time.sleep(0.05)
    return html.unescape(viewer.get(PAGE).text)


def test_a_prompt_is_edited_tried_on_three_rows_saved_and_run_without_paying_twice(lab, viewer):
    lab, provider = lab
    lab.run(evaluations=["main"])
    asked(provider)
    page = tried(viewer, text=NEW, first="3")
    # The current prompt's replies and verdicts are at hand: only the edited one is asked, and judged.
    assert asked(provider) == {"generate": 3, "judge": 3}
    assert "6 requests sent" in page
    assert "<ins>In one word:" in page
    file = lab.files.data / "prompts" / "short.md"
    before = file.read_text()
    assert lab.plan(evaluations=["main"]).is_empty
    assert "is saved" in send(viewer, "save").text
    assert file.read_text() == NEW != before
    plan = lab.plan(evaluations=["main"], models=["alpha"])
    (stale,) = [cell for cell in plan.cells if cell.is_stale]
    assert (stale.cell.key, stale.work.generate, stale.work.judge) == ("main:alpha@short", 1, 1)
    assert "+In one word: {{ inputs }}" in str(stale.staleness.diffs)
    lab.run(evaluations=["main"], models=["alpha"])
    # Of 4 rows 3 were asked in the trial.
    assert asked(provider) == {"generate": 1, "judge": 1}


def test_parameters_are_tried_saved_as_a_model_and_run_without_paying_twice(lab, viewer):
    lab, provider = lab
    lab.run(evaluations=["main"])
    provider.bodies.clear()
    page = tried(viewer, parameters="parameters: {temperature: 0.3, max_tokens: 7}", first="3")
    generated = [body for body in provider.bodies if body["model"] != JUDGE_MODEL]
    assert [(body["temperature"], body["max_tokens"]) for body in generated] == [(0.3, 7)] * 3
    assert "alpha.edited" in page
    assert "+parameters: {temperature: 0.3, max_tokens: 7}" in page
    send(viewer, "save_model", save_as="alpha-cool", parameters="parameters: {temperature: 0.3, max_tokens: 7}")
    evaluation = lab.files.data / "evaluations" / "main.yaml"
    evaluation.write_text(evaluation.read_text().replace("alpha", "alpha-cool", 1))
    plan = lab.plan(evaluations=["main"], models=["alpha-cool"])
    assert {cell.work.generate for cell in plan.cells} == {1, 4}  # of 4 rows 3 were asked with this prompt


def test_a_trial_above_its_budget_sends_nothing(lab, viewer):
    _, provider = lab
    page = tried(viewer, text=NEW, first="3", max_requests="11")
    # 3 rows, current and edited, each with a verdict: 12.
    assert "nothing was sent: this takes 12 requests, at most 11 may be sent" in page
    assert "no price is stated for alpha, referee" in tried(viewer, text=NEW, max_requests="", max_cost_usd="1")
    assert asked(provider) == {"generate": 0, "judge": 0}


def test_chosen_rows_are_tried_and_a_failed_one_says_why(lab, viewer):
    _, provider = lab
    provider.script(Fault(400, message="no such thing"), Fault(400, message="no such thing"))
    page = tried(viewer, text=NEW, ids="q1\nq2\nq77")
    assert "no such thing" in page
    assert "no example with these ids: q77" in page
    assert page.count('class="outcome">error') == 2
    assert all(f">{example}</a>" in page for example in ("q1", "q2"))
    assert ">q0</a>" not in page


def test_one_trial_runs_at_a_time_and_can_be_stopped(lab, viewer):
    _, provider = lab
    provider.latency_seconds = 1.0
    send(viewer, "run", text=NEW)
    assert "one runs at a time" in send(viewer, "run", text=NEW).text
    send(viewer, "stop")
    while viewer.get(f"{PAGE}/progress").text:
        time.sleep(0.05)
    assert "stop" in viewer.get(PAGE).text.split('role="alert">')[1]


def test_a_trial_ends_with_the_server(lab):
    lab, provider = lab
    provider.latency_seconds = 1.0
    with viewer_of(lab.files.folder, can_edit=True) as viewer:
        send(viewer, "run", text=NEW)
        while not asked(provider)["generate"]:
            time.sleep(0.01)
    assert "viewer trial" not in {thread.name for thread in threading.enumerate()}
    assert asked(provider)["judge"] == 0
