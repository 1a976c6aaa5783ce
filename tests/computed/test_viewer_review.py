"""The review: what is on the screen and what is not, what a form may say, and where edits are refused."""

import html
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from starlette.testclient import TestClient

from eval_assets.calibration.given_labels import fingerprint, stored_labels
from eval_assets.calibration.labelling import Labelling
from eval_assets.calibration.review_queue import DISAGREEMENT, RANDOM
from eval_assets.config.scales import IntegerScale, LabelScale, NumberScale, PassFailScale
from eval_assets.config.settings import settings_from
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import JUDGE_SCORES, PREDICTIONS
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES
from eval_assets.viewer.app import viewer_app
from eval_assets.viewer.edits import MOST_BYTES
from eval_assets.viewer.review_form import SentLabel
from eval_assets.viewer.review_given import Review
from eval_assets.viewer.review_task import ReviewQueues, ReviewTask, choices_on
from eval_assets.viewer.viewed_project import ViewedProject
from tests.small_project import project_with

REVIEW, AGREEMENT = "/evaluations/e/review", "/evaluations/e/agreement"
PAIR = "pair:echo@ask lead@ask"
SCRIPT = "<script>window.ran = 1</script>"
SAID = {
    "echo": [f"Yes. {SCRIPT}", "One.", None],
    "lead": ["No.", "Two.", "Three."],
    "gone": ["a candidate that left"],
}
TEN_KEYS = [(letter, key) for letter, key in zip("abcdefghij", "1234567890", strict=True)]
ORIGIN = {"origin": "http://localhost:3141", "sec-fetch-site": "same-origin"}


def answered(warehouse: Warehouse, model: str, texts: list[str | None]) -> None:
    """Replace what a model says of the examples x0, x1 and so on; the judge `right` gives everything a 5."""
    cell = {"evaluation": "e", "model": model, "prompt": "ask"}
    same = [
        {**cell, "prediction_id": f"p-{model}-{n}", "example_id": f"x{n}", "sample_index": 0, "position": n}
        for n in range(len(texts))
    ]
    predictions = [
        {**row, "output": text, "inputs": f"Why {row['example_id']}?"} for row, text in zip(same, texts, strict=True)
    ]
    verdicts = [{**row, "judge": "right", "draw": 0, "score": 5.0, "justification": "hidden reason"} for row in same]
    warehouse.replace("predictions", pl.DataFrame(predictions, schema=PREDICTIONS), cell, {"data_version": "1"})
    warehouse.replace("judge_scores", pl.DataFrame(verdicts, schema=JUDGE_SCORES), cell, {"data_version": "1"})


@pytest.fixture(scope="module")
def answered_project(tmp_path_factory) -> Path:
    """A project whose outputs can be labelled, for copies."""
    folder = tmp_path_factory.mktemp("answered")
    files = {
        "judges/right.yaml": "definition: Is it right?\nrubric: 1 wrong, 5 right\nmodel: echo\n",
        "judges/style.yaml": "definition: Style?\nmodel: echo\nscale: {type: pass_fail}\n",
        "judges/share.yaml": "definition: How much?\nmodel: echo\nscale: {type: number, min: 0, max: 1}\n",
        "models/lead.yaml": "provider: callable\ncallable: eval_assets.providers.baselines:lead_sentence\n",
        "evaluations/e.yaml": "dataset: qa\nmodels: [echo, lead]\nprompts: [ask]\njudges: [right, style, share]\n"
        "without_metrics: [toxicity]\npairwise: {judge: right}\n",
        "evaluations/alone.yaml": "dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity]\n",
    }
    project_with(folder, **files)
    warehouse = Warehouse(settings_from({}, data_dir=folder / "data").warehouse_root)
    for model, texts in SAID.items():
        answered(warehouse, model, texts)
    preferred = {"evaluation": "e", "judge": "right", "example_id": "x0", "sample_index": 0, "preferred": "a"}
    rows = [{**preferred, "candidate_a": "lead@ask", "candidate_b": "echo@ask", "justification_in_order": "plainer"}]
    place = {"evaluation": "e"}
    warehouse.replace("pairwise_preferences", pl.DataFrame(rows, schema=PAIRWISE_PREFERENCES), place, {})
    return folder


@pytest.fixture
def project(answered_project, tmp_path) -> ViewedProject:
    shutil.copytree(answered_project, tmp_path, dirs_exist_ok=True)
    settings = settings_from({}, data_dir=tmp_path / "data")
    return ViewedProject(settings, Warehouse(settings.warehouse_root), can_edit=True)


def client_of(project: ViewedProject) -> TestClient:
    return TestClient(viewer_app(project, ["localhost"]), base_url="http://localhost:3141")


@pytest.fixture
def viewer(project):
    return client_of(project)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.text)))


def form_of(answer) -> dict[str, str]:
    """The hidden fields of the last form of a page: those of the label."""
    pairs = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', answer.text)
    return {name: html.unescape(value) for name, value in pairs}


def opened(viewer, rater: str = "ann", **asked: str):
    answer = viewer.get(REVIEW, params={"rater": rater, **asked})
    assert answer.status_code == 200, answer.text
    return answer


def given(project: ViewedProject) -> pl.DataFrame:
    return stored_labels(project.warehouse, "qa")


def test_a_label_is_kept_with_who_when_and_why_and_the_next_output_follows(viewer, project) -> None:
    form = form_of(opened(viewer))
    answer = viewer.post(REVIEW, data={**form, "label": "4", "note": "nearly\r\n <b>"}, headers=ORIGIN)
    assert (answer.status_code, answer.history[0].status_code) == (200, 303)
    (row,) = given(project).to_dicts()
    assert (row["rater"], row["label"], row["score"], row["judge"]) == ("ann", "4", 4.0, "right")
    assert (row["note"], row["is_chosen"], row["evaluation"]) == ("nearly\n <b>", False, "e")
    assert row["output_sha256"] == form["shown"] == fingerprint(row["output"])
    assert form_of(answer)["item"] != form["item"]
    assert "1 of 5 labelled" in text_of(answer)


def test_whose_output_it_is_and_what_the_judge_said_are_shown_when_the_whole_example_is_labelled(viewer) -> None:
    """What a judge says of one output of an example tells what it says of the next."""
    hidden = re.compile(r"hidden reason|echo@|lead@|<b>echo|<b>lead")
    page = opened(viewer)
    example = re.search(r"Why (x\d)\?", page.text)[1]
    for label in "23"[: {"x2": 1}.get(example, 2)]:  # of x2 only one candidate said something
        asked = page.text.replace("echo@ask or lead@ask", "").replace(PAIR, "")  # the other thing that can be labelled
        assert not hidden.search(asked)
        page = viewer.post(REVIEW, data={**form_of(page), "label": label})
    assert f"Why {example}?" not in page.text
    assert hidden.search(page.text)
    assert re.search(r"(echo|lead) @ ask [23] 5 hidden reason", text_of(page))


def test_where_people_and_the_judge_disagree_names_no_output_of_an_example_that_is_not_settled(project) -> None:
    labelling = Labelling(project.files(), project.warehouse, "e")
    queue = ReviewQueues(project.warehouse).queue(labelling, ReviewTask("right"))
    done = {"p-echo-0", "p-lead-2"}  # lead's answer to x0 is left; of x2 it is the only one
    assert Review(labelling, ReviewTask("right"), "ann", queue, done).settled == {"p-lead-2"}


def test_a_label_that_is_taken_back_stays_and_counts_no_more(viewer, project) -> None:
    first = form_of(opened(viewer))
    viewer.post(REVIEW, data={**first, "label": "2"})
    back = viewer.post(REVIEW, data={**first, "do": "take back"})
    assert given(project)["label"].to_list() == ["2", None]
    assert form_of(back)["item"] == first["item"]
    assert "given=" not in str(back.url)


def test_what_is_skipped_comes_again_at_the_end(viewer) -> None:
    items = []
    answer = opened(viewer)
    while 'name="item"' in answer.text:
        items.append(form_of(answer)["item"])
        answer = opened(viewer, after=items[-1])
    assert sorted(items) == [
        "p-echo-0",
        "p-echo-1",
        "p-lead-0",
        "p-lead-1",
        "p-lead-2",
    ]  # no failed one, none that left
    assert "No output is left behind the one you skipped" in text_of(answer)
    kept = viewer.post(REVIEW, data={**form_of(opened(viewer, after=items[0])), "label": "1"})
    assert "after=p-" in str(kept.url)
    assert form_of(kept)["item"] == items[2]


def test_everything_labelled_is_said(viewer) -> None:
    answer = opened(viewer)
    for _ in range(5):
        answer = viewer.post(REVIEW, data={**form_of(answer), "label": "3"})
    assert "You have labelled everything there is" in text_of(answer)
    assert "Why x" not in text_of(answer)
    assert "0 of 5 labelled" in text_of(opened(viewer, "ben"))


def test_a_pair_is_shown_without_names_and_kept_for_whom_it_was_meant(viewer, project) -> None:
    for _ in range(2):
        answer = opened(viewer, what=PAIR)
        shown = re.findall(
            r'<section class="answer card" aria-label="(Left|Right)">.*?tabindex="0">([^<]*)', answer.text
        )
        wanted = {text.split("&")[0].strip(): side.lower() for side, text in shown}
        side = wanted.get("Yes.") or wanted["One."]
        said = viewer.post(REVIEW, data={**form_of(answer), "label": side})
        assert re.search(r"echo @ ask(?: , lead @ ask)? echo@ask ", text_of(said))
    rows = given(project).select("model", "other_model", "label", "judge", "score").rows()
    assert rows == [("echo", "lead", "a", "right", None)] * 2  # `a` is the first by name, whichever was left


def test_the_judges_preference_is_shown_after_that_of_a_person(viewer) -> None:
    answer = opened(viewer, what=PAIR)
    while "Yes." not in answer.text:
        answer = opened(viewer, what=PAIR, after=form_of(answer)["item"])
    assert "plainer" not in answer.text
    said = text_of(viewer.post(REVIEW, data={**form_of(answer), "label": "tie"}))
    assert re.search(r"(echo @ ask , lead @ ask|lead @ ask , echo @ ask) neither lead@ask plainer", said)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"label": "6"}, "expected a verdict on the scale (right: 1 to 5), got '6'"),
        ({"label": SCRIPT}, "expected a verdict on the scale"),
        ({"label": " "}, "label: expected a verdict, got none"),
        ({"what": PAIR}, "item: expected an output of the review"),
        ({"item": "p-nobody"}, "the example was answered anew since it was shown"),
        ({"item": "p-gone-0"}, "left the evaluation"),
        ({"shown": "0" * 64}, "has changed since it was shown; look at it again"),
        ({"shown": ""}, "has changed since it was shown; look at it again"),
        ({"rater": " "}, "rater: expected the name of who labels, got none"),
        ({"rater": "a" * 81}, "rater: expected a name of at most 80 characters, got 81"),
        ({"rater": "an\x00n"}, "characters that can't be seen: 'an\\x00n'"),
        ({"rater": "\u202eann"}, "characters that can't be seen: '\\u202eann'"),
        ({"rater": "ann\nben"}, "characters that can't be seen"),
        ({"note": "n" * 2_001}, "note: expected at most 2,000 characters, got 2,001"),
        ({"note": "n" * MOST_BYTES}, "expected a form of at most 65,536 bytes"),
        ({"nots": "why"}, "did you mean 'note'?"),
    ],
)
def test_what_cannot_be_taken_is_said_and_nothing_is_stored(viewer, project, changed, said) -> None:
    answer = viewer.post(REVIEW, data={**form_of(opened(viewer)), "label": "3", **changed})
    assert (answer.status_code, said in text_of(answer)) == (400, True), text_of(answer)
    assert "nothing was stored" in text_of(answer)
    assert SCRIPT not in answer.text
    assert given(project).is_empty()


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"{}", "application/json", "expected a form"),
        (b"", "text/plain", "expected a form"),
        (b"note=%ff", None, "in UTF-8"),
        (b"note=\xff", None, "in UTF-8"),
        (b"&".join(b"n%d=1" % n for n in range(99)), None, "fields of a form"),
        (b"label=1&label=5", None, "got one of them twice"),
    ],
)
def test_what_is_no_form_is_refused(viewer, content, kind, said) -> None:
    headers = {"content-type": kind or "application/x-www-form-urlencoded"}
    answer = viewer.post(REVIEW, content=content, headers=headers)
    assert (answer.status_code, said in text_of(answer)) == (400, True), text_of(answer)


def test_an_output_that_changed_meanwhile_is_not_labelled_by_what_was_on_the_screen(viewer, project) -> None:
    form = form_of(opened(viewer))
    answered(project.warehouse, "echo", ["Anew.", "Anew.", None])
    answered(project.warehouse, "lead", ["Anew!", "Anew!", "Anew!"])
    answer = viewer.post(REVIEW, data={**form, "label": "3"})
    assert (answer.status_code, "look at it again" in text_of(answer)) == (400, True)
    assert given(project).is_empty()
    assert "Anew" in opened(viewer).text


def test_an_edit_from_elsewhere_is_refused(viewer, project) -> None:
    form = {**form_of(opened(viewer)), "label": "3"}
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {**ORIGIN, "sec-fetch-site": "none"},
    ):
        answer = viewer.post(REVIEW, data=form, headers=headers)
        assert (answer.status_code, "got one from elsewhere" in text_of(answer)) == (403, True), headers
    assert viewer.post(REVIEW, data=form, headers={"host": "evil.example"}).status_code == 421
    assert given(project).is_empty()


def test_an_edit_needs_the_token_of_a_page_and_the_cookie_beside_it(viewer, project) -> None:
    form = {**form_of(opened(viewer)), "label": "3"}
    without_cookie = client_of(project).post(REVIEW, data=form)  # another server, too: its token is another
    viewer_cookies = dict(viewer.cookies)
    viewer.cookies.clear()
    answers = [without_cookie, viewer.post(REVIEW, data=form, headers=ORIGIN)]
    viewer.cookies.update(viewer_cookies)
    tokens = ("", "x", "ä", form["token"][:-1])
    answers += [viewer.post(REVIEW, data={**form, "token": token}, headers=ORIGIN) for token in tokens]
    for answer in answers:
        assert (answer.status_code, "without its token or cookie" in text_of(answer)) == (403, True)
    assert given(project).is_empty()
    cookie = viewer.get(REVIEW).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_viewer_that_only_reads_takes_nothing_and_says_how_to_start_one_that_does(viewer, project) -> None:
    form = {**form_of(opened(viewer)), "label": "3"}
    reading = client_of(ViewedProject(project.settings, project.warehouse))
    refused = reading.post(REVIEW, data=form, headers=ORIGIN)
    assert (refused.status_code, "--allow-edit" in text_of(refused)) == (405, True)
    for address in (REVIEW, AGREEMENT, "/evaluations/e/labels.csv"):
        answer = reading.get(address)
        assert (answer.status_code, "eval-assets view e --allow-edit" in text_of(answer)) == (403, True)
    assert given(project).is_empty()


def test_a_form_for_another_page_is_refused(viewer) -> None:
    for address in ("/", "/evaluations/e", "/evaluations/e/labels.csv", "/nowhere"):
        assert viewer.post(address, data=form_of(opened(viewer)), headers=ORIGIN).status_code == 405


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"what": "judge:rigth"}, 404, "did you mean 'judge:right'?"),
        ({"what": SCRIPT}, 404, "what: expected one of"),
        ({"rater": "ann", "after": "p-nobody"}, 404, "after: expected an output of the review"),
        ({"rater": "ann", "given": "l-nothing"}, 404, "given: expected a label of ann"),
        ({"rater": "a" * 99}, 400, "at most 80 characters"),
        ({"color": "red"}, 404, "got 'color'"),
    ],
)
def test_what_there_is_not_is_said_on_a_page(viewer, asked, status, said) -> None:
    answer = viewer.get(REVIEW, params=asked)
    assert (answer.status_code, said in text_of(answer)) == (status, True), text_of(answer)
    assert SCRIPT not in answer.text


def test_an_evaluation_without_anything_to_label_says_so(viewer) -> None:
    assert "there is no 'nope'" in text_of(viewer.get("/evaluations/nope/review"))
    assert "alone has no judge and one candidate" in text_of(viewer.get("/evaluations/alone/review"))


@pytest.mark.parametrize(("part", "is_chosen"), [(RANDOM, False), (DISAGREEMENT, True)])
def test_outputs_that_were_picked_for_disagreement_are_marked(project, part, is_chosen) -> None:
    labelling = Labelling(project.files(), project.warehouse, "e")
    item = ReviewQueues(project.warehouse).queue(labelling, ReviewTask("right")).row(0, named=True)
    sent = SentLabel.of({"rater": "ann", "item": item["item_id"], "label": "3"})
    assert sent.label(ReviewTask("right"), {**item, "part": part}).is_chosen == is_chosen


def test_hostile_names_and_outputs_are_text(viewer) -> None:
    answer = opened(viewer, SCRIPT)
    while "Yes." not in answer.text:
        answer = opened(viewer, SCRIPT, after=form_of(answer)["item"])
    said = viewer.post(REVIEW, data={**form_of(answer), "label": "1", "note": SCRIPT})
    assert SCRIPT not in answer.text + said.text
    assert SCRIPT in html.unescape(answer.text)
    assert SCRIPT in viewer.get("/evaluations/e/labels.csv").text.replace('""', '"')


def test_labels_are_downloaded_as_the_command_writes_them(viewer) -> None:
    viewer.post(REVIEW, data={**form_of(opened(viewer)), "label": "5"})
    answer = viewer.get("/evaluations/e/labels.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="e-labels.csv"'
    assert answer.text.startswith("example_id,sample_index,model,prompt,")
    assert ",right,ann,5," in answer.text


@pytest.mark.parametrize(
    ("scale", "buttons"),
    [
        (IntegerScale(), [(name, name) for name in "12345"]),
        (IntegerScale(min=0, max=3), [(name, name) for name in "0123"]),
        (IntegerScale(min=-1, max=1), [("-1", "1"), ("0", "2"), ("1", "3")]),
        (IntegerScale(min=0, max=100), []),
        (IntegerScale(min=0, max=10**9), []),
        (NumberScale(type="number"), []),
        (PassFailScale(type="pass_fail"), [("pass", "1"), ("fail", "2")]),
        (LabelScale(type="labels", labels={"good": 1, "bad": 0}), [("good", "1"), ("bad", "2")]),
        (LabelScale(type="labels", labels=dict.fromkeys("abcdefghij", 1)), TEN_KEYS),
        (LabelScale(type="labels", labels={f"n{n}": n for n in range(11)}), []),
    ],
)  # fmt: skip
def test_a_scale_has_buttons_with_keys_or_a_field_for_a_number(scale, buttons) -> None:
    assert [(choice.value, choice.key) for choice in choices_on(scale)] == buttons


def test_a_scale_of_any_number_is_answered_by_writing_it(viewer, project) -> None:
    answer = opened(viewer, what="judge:share")
    assert 'type="number" name="label" min="0.0" max="1.0"' in answer.text
    viewer.post(REVIEW, data={**form_of(answer), "label": "0.25"})
    assert given(project)["score"].to_list() == [0.25]
    assert viewer.post(REVIEW, data={**form_of(answer), "label": "nan"}).status_code == 400
