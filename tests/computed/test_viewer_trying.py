"""Trying prompts: who may, what a form may say, and what becomes of a file that is saved."""

import html
import re
import stat

import pytest

from eval_assets.checking.references import model_problems
from eval_assets.config.project_files import load_project
from eval_assets.errors import ConfigError, EditError
from eval_assets.viewer.edits import MOST_BYTES
from eval_assets.viewer.prompt_saving import save_prompt, stands_as
from eval_assets.viewer.trial import Draft, trial_project
from eval_assets.viewer.trial_models import save_model
from tests.small_project import FILES, project_with
from tests.viewed import viewer_of

PAGE = "/evaluations/e/try"
OLD = FILES["prompts/ask.md"]
NEW = "## user\nBriefly: {{ inputs }}\n"


@pytest.fixture
def folder(tmp_path):
    project_with(tmp_path, **{"prompts/other.md": OLD, "prompts/ask.edited.md": OLD})
    return tmp_path


@pytest.fixture
def viewer(folder):
    return viewer_of(folder, can_edit=True)


def text_of(folder) -> str:
    return (folder / "data" / "prompts" / "ask.md").read_text()


def form_of(viewer, **asked: str) -> dict[str, str]:
    page = viewer.get(PAGE, params=asked).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    fields |= dict(re.findall(r'<input type="number" name="(\w+)"[^>]* value="([^"]*)"', page))
    for name, value in re.findall(r'<textarea name="(\w+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL):
        fields[name] = html.unescape(value)
    return fields | {"model": "echo"}


def send(viewer, do: str, **changed: str):
    return viewer.post(PAGE, data={**form_of(viewer), **changed, "do": do})


def said(answer) -> str:
    return html.unescape(re.search(r'role="(?:alert|status)">(.*?)</p>', answer.text, re.DOTALL)[1])


def draft(**changed) -> Draft:
    fields = {"evaluation": "e", "prompt": "ask", "model": "echo", "text": NEW, "opened": stands_as(OLD)}
    return Draft(**{**fields, **changed})


def test_a_viewer_that_only_reads_says_how_prompts_can_be_tried(folder):
    viewer = viewer_of(folder)
    for path in (PAGE, f"{PAGE}/progress"):
        answer = viewer.get(path)
        assert answer.status_code == 403
        assert "eval-assets view e --allow-edit" in html.unescape(answer.text)
    assert viewer.post(PAGE, data={"do": "save", "prompt": "ask", "text": NEW}).status_code == 405
    assert text_of(folder) == OLD


def test_the_page_shows_the_file_five_rows_and_a_budget(viewer):
    fields = form_of(viewer)
    assert (fields["text"], fields["first"], fields["ids"], fields["max_requests"]) == (OLD, "5", "", "50")
    assert form_of(viewer, id="a")["ids"] == "a"


def test_a_saved_edit_is_the_files_text_and_keeps_its_rights(folder, viewer):
    path = folder / "data" / "prompts" / "ask.md"
    path.chmod(0o640)
    assert "data/prompts/ask.md is saved" in said(send(viewer, "save", text=NEW.replace("\n", "\r\n")))
    assert text_of(folder) == NEW
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(file.name for file in path.parent.iterdir()) == ["ask.edited.md", "ask.md", "other.md"]
    assert form_of(viewer)["text"] == NEW


def test_line_ends_of_a_file_stay_as_they_are(folder):
    path = folder / "data" / "prompts" / "ask.md"
    path.write_bytes(OLD.replace("\n", "\r\n").encode())
    viewer = viewer_of(folder, can_edit=True)
    send(viewer, "save", text=NEW)
    assert path.read_bytes() == NEW.replace("\n", "\r\n").encode()


def test_a_file_that_has_changed_meanwhile_is_not_overwritten(folder, viewer):
    viewer.get(PAGE)
    (folder / "data" / "prompts" / "ask.md").write_text(f"{OLD}Please.\n")
    answer = send(viewer, "save", text=NEW)
    assert "has changed since this page was opened" in said(answer)
    assert text_of(folder) == f"{OLD}Please.\n"
    assert form_of(viewer)["text"] == NEW  # the edit isn't lost
    assert form_of(viewer, prompt="ask", anew="1")["text"] == f"{OLD}Please.\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no heading", "expected `## system`"),
        ("## user\n{{ inputs", "not a valid template"),
        ("## user\n{{ contxt }}\n", "contxt"),
        ("", "expected at least one section"),
    ],
)
def test_what_check_refuses_is_not_saved(folder, viewer, text, why):
    answer = send(viewer, "save", text=text)
    assert why in said(answer)
    assert "data/prompts/ask.md" in said(answer)
    assert text_of(folder) == OLD
    assert form_of(viewer)["text"] == text


@pytest.mark.parametrize("name", ["other", "../ask", "../../data/models/echo", "ask.md", ""])
def test_nothing_but_prompts_of_the_evaluation_is_written(folder, viewer, name):
    answer = viewer.post(PAGE, data={**form_of(viewer), "prompt": name, "text": NEW, "do": "save"})
    assert answer.status_code == 404
    with pytest.raises(EditError, match="expected a prompt file of e"):
        save_prompt(load_project(folder / "data"), draft(prompt=name, opened=stands_as(OLD)))
    assert (folder / "data" / "prompts" / "other.md").read_text() == OLD


def test_a_link_is_not_replaced_by_a_file(folder):
    path = folder / "data" / "prompts" / "ask.md"
    path.rename(folder / "data" / "elsewhere.md")
    path.symlink_to(folder / "data" / "elsewhere.md")
    with pytest.raises(EditError, match="is a link"):
        save_prompt(load_project(folder / "data"), draft())
    assert path.is_symlink()


def test_a_prompt_written_in_the_evaluation_is_edited_there(tmp_path):
    inline = "dataset: qa\nmodels: [echo]\nprompts:\n  - {name: own, user: 'Why {{ inputs }}'}\n  - ask\n"
    project = project_with(tmp_path, **{"evaluations/e.yaml": inline})
    assert "own" in project.prompts
    assert viewer_of(tmp_path, can_edit=True).get(PAGE, params={"prompt": "own"}).status_code == 404
    with pytest.raises(EditError, match="expected a prompt file"):
        save_prompt(project, draft(prompt="own"))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"max_requests": ""}, "expected a budget"),
        ({"max_requests": "-1"}, "max_requests: expected a number from 0"),
        ({"max_requests": "2.5"}, "max_requests: expected a number from 0"),
        ({"max_cost_usd": "nan"}, "max_cost_usd: expected a number from 0"),
        ({"first": "0"}, "rows: expected 1 to 100, got 0"),
        ({"ids": "\n".join(map(str, range(101)))}, "rows: expected 1 to 100, got 101"),
        ({"model": "nobody"}, "model: expected a file of data/models"),
    ],
)
def test_a_form_that_cannot_be_used_says_why_and_keeps_the_edit(viewer, changed, why):
    answer = send(viewer, "run", text=NEW, **changed)
    assert why in said(answer)
    assert form_of(viewer)["text"] == NEW
    assert viewer.get(f"{PAGE}/progress").text == ""


def test_forms_from_elsewhere_are_refused(folder, viewer):
    fields = {**form_of(viewer), "text": NEW, "do": "save"}
    assert viewer.post(PAGE, data={**fields, "token": "guessed"}).status_code == 403
    assert viewer.post(PAGE, data=fields, headers={"origin": "http://elsewhere"}).status_code == 403
    assert text_of(folder) == OLD


def test_a_prompt_may_be_longer_than_a_note(folder, viewer):
    long = f"## user\n{'word ' * MOST_BYTES}\n{{{{ inputs }}}}\n"
    assert "is saved" in said(send(viewer, "save", text=long))
    assert text_of(folder) == long


def test_a_trial_has_names_of_its_own_and_compares_with_the_current_prompt(folder):
    project = load_project(folder / "data")
    tried = trial_project(project, draft(ids=("a",)))
    file = tried.project.evaluation("try.e").file
    # A file `ask.edited.md` is there, which the trial must not pass for.
    assert file.prompts == ("ask", "ask.edited-x")
    assert (str(tried.current), str(tried.edited)) == ("echo@ask", "echo@ask.edited-x")
    assert (file.baseline, file.gates, file.slice.ids) == ("echo@ask", (), ("a",))
    assert tried.project.prompt("ask").messages[0].template == "Answer: {{ inputs }}"
    with pytest.raises(ConfigError, match=r"data/prompts/ask.md:1"):
        trial_project(project, draft(text="no heading"))


COOLER = "parameters:\n  temperature: 0.2\n  stop: [end]\n"


@pytest.fixture
def warm(folder):
    """The project with a served model that has parameters, and a comment in its file."""
    text = "# ours\nprovider: openai\nmodel: m\nbase_url: http://127.0.0.1:1/v1\nparameters: {temperature: 1}\n"
    (folder / "data" / "models" / "warm.yaml").write_text(text)
    return folder


def test_the_page_shows_the_parameters_of_the_chosen_model(warm, viewer):
    assert form_of(viewer)["parameters"] == "parameters: {}\n"
    assert form_of(viewer, model="warm")["parameters"] == "parameters: {temperature: 1}\n"
    # A model chosen on the form brings its own, unless others were typed, which are tried on it.
    send(viewer, "save", model="echo", parameters="parameters: {temperature: 1}\n", text="no heading")
    assert form_of(viewer)["parameters"] == "parameters: {}\n"
    send(viewer, "save", model="warm", parameters=COOLER, text="no heading")
    assert form_of(viewer)["parameters"] == COOLER


@pytest.mark.parametrize(
    ("text", "parameters", "candidates"),
    [
        (OLD, "", ["warm@ask", "warm@ask.edited-x"]),
        (OLD, "parameters: {temperature: 1}\n", ["warm@ask", "warm@ask.edited-x"]),
        (OLD, COOLER, ["warm@ask", "warm.edited@ask"]),
        (NEW, COOLER, ["warm@ask", "warm.edited@ask.edited-x"]),
    ],
)
def test_a_trial_compares_what_is_with_what_was_edited(warm, text, parameters, candidates):
    project = load_project(warm / "data")
    tried = trial_project(project, draft(model="warm", text=text, parameters=parameters))
    assert [str(one) for one in tried.project.evaluation("try.e").candidates] == candidates
    assert [str(tried.current), str(tried.edited)] == candidates
    now = tried.project.model(tried.edited.model).file
    assert now.parameters == ({"temperature": 0.2, "stop": ["end"]} if parameters == COOLER else {"temperature": 1})
    assert (now.model, now.base_url) == ("m", "http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    "wrong",
    [
        "parameters:\n  temperature: [\n",
        "parameters: hot\n",
        "parameters:\n  temperature: 1\n  model: other\n",
        "parameters:\n  api_key: sk-verysecretverysecret\n",
    ],
)
def test_parameters_are_refused_by_the_sentence_of_the_files_check(warm, wrong):
    with pytest.raises(ConfigError) as refused:
        trial_project(load_project(warm / "data"), draft(model="warm", parameters=wrong))
    rest = "provider: openai\nmodel: m\nbase_url: http://127.0.0.1:1/v1\n"
    (warm / "data" / "models" / "warm.yaml").write_text(f"{wrong}{rest}")
    after = load_project(warm / "data")
    checked = after.broken.get(("models", "warm")) or "\n".join(map(str, model_problems(after, "warm")))
    assert str(refused.value) == checked


def test_nothing_but_parameters_is_edited_here(warm):
    with pytest.raises(ConfigError, match=r"warm.yaml:2.*expected the block `parameters:` alone, got 'base_url'"):
        trial_project(
            load_project(warm / "data"), draft(model="warm", parameters="parameters: {}\nbase_url: http://other\n")
        )


def test_parameters_are_saved_as_a_new_model_beside_the_one_they_are_of(warm, viewer):
    before = (warm / "data" / "models" / "warm.yaml").read_text()
    answer = send(viewer, "save_model", model="warm", parameters=COOLER, save_as="cooler")
    assert "data/models/cooler.yaml is saved; with cooler among `models` of data/evaluations/e.yaml" in said(answer)
    saved = load_project(warm / "data").model("cooler").file
    assert (saved.parameters, saved.model) == ({"temperature": 0.2, "stop": ["end"]}, "m")
    assert (warm / "data" / "models" / "warm.yaml").read_text() == before
    names = sorted(path.name for path in (warm / "data" / "models").iterdir())
    assert names == ["cooler.yaml", "echo.yaml", "warm.yaml"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(warm, tmp_path):
    project = load_project(warm / "data")
    path = warm / "data" / "models" / "cooler.yaml"
    path.write_text("provider: nobody\n")
    with pytest.raises(EditError, match="is there already, and was not overwritten"):
        save_model(project, "warm", COOLER, "cooler")
    assert path.read_text() == "provider: nobody\n"
    assert sorted(each.name for each in path.parent.iterdir()) == ["cooler.yaml", "echo.yaml", "warm.yaml"]


@pytest.mark.parametrize(
    ("save_as", "parameters", "why"),
    [
        ("warm", COOLER, "there is a model warm already"),
        ("../warm", COOLER, "expected a name of lower-case letters"),
        ("", COOLER, "expected a name of lower-case letters"),
        ("cooler", "parameters: {temperature: 1}", "has these parameters already"),
        ("cooler", "parameters: hot", "expected"),
        ("broken", COOLER, "there is a model broken already"),
    ],
)
def test_a_model_that_cannot_be_saved_says_why_and_keeps_the_edit(warm, viewer, save_as, parameters, why):
    (warm / "data" / "models" / "broken.yaml").write_text("provider: nobody\n")
    answer = send(viewer, "save_model", model="warm", parameters=parameters, save_as=save_as)
    assert why in said(answer)
    assert form_of(viewer, model="warm")["parameters"].strip() == parameters.strip()
    assert sorted(path.name for path in (warm / "data" / "models").iterdir()) == [
        "broken.yaml",
        "echo.yaml",
        "warm.yaml",
    ]
    assert (warm / "data" / "models" / "broken.yaml").read_text() == "provider: nobody\n"
