"""What `check` says of parameters that models don't take, from the table and from what was found out."""

from pathlib import Path

import pytest

from eval_assets.checking.parameter_spelling import spelling_remarks
from eval_assets.config.project import Project
from eval_assets.providers.dialects.families import FAMILIES
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.providers.identity import identity_of
from eval_assets.requests.keys import lane_of
from tests.command_line import isolated, outcome_of
from tests.loopback import LoopbackProvider
from tests.small_project import project_with

MODEL = "provider: openai\nmodel: {}\nbase_url: {}\nparameters: {{temperature: 0, max_tokens: {}}}\n"
PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def project_on(
    folder: Path, model_id: str, *, base_url: str = "http://127.0.0.1:9/v1", max_tokens: int = 4_096
) -> Project:
    """A project whose only candidate, and whose judge, ask one served model."""
    model = MODEL.format(model_id, base_url, max_tokens)
    judge = "definition: Is it right?\nmodel: echo\nparameters: {top_p: 0.5}\n"
    return project_with(folder, **{"models/echo.yaml": model, "judges/right.yaml": judge})


def test_what_a_family_does_not_take_is_noted_for_candidates_and_judges(tmp_path):
    assert list(spelling_remarks(project_on(tmp_path, "o3-mini"), "e", DialectMemory())) == [
        "evaluation e: model 'echo' takes no temperature: it is not sent",
        "evaluation e: judge 'right' on model 'echo' takes no temperature, top_p: they are not sent",
    ]


def test_a_model_that_takes_everything_is_not_mentioned(tmp_path):
    assert list(spelling_remarks(project_on(tmp_path, "gpt-4o", max_tokens=64), "e", DialectMemory())) == []


def test_what_was_found_out_is_noted_too(tmp_path):
    project, memory = project_on(tmp_path, "ours"), DialectMemory()
    memory.learn(lane_of(identity_of(project.model("echo"))), "temperature", None)
    candidate, judge = spelling_remarks(project, "e", memory)
    assert candidate == "evaluation e: model 'echo' takes no temperature: it is not sent"
    assert "judge 'right'" in judge


def test_a_candidate_that_thinks_within_few_tokens_is_noted(tmp_path):
    (said,) = (
        remark
        for remark in spelling_remarks(project_on(tmp_path, "o3-mini", max_tokens=256), "e", DialectMemory())
        if "thinks" in remark
    )
    assert said.startswith("evaluation e: model 'echo' thinks before it answers, within the same 256 tokens")


def test_connecting_finds_out_what_a_model_takes_and_checks_know_it_from_then_on(tmp_path, monkeypatch, capsys):
    isolated(monkeypatch, tmp_path)
    with LoopbackProvider(takes_no=("max_tokens", "temperature")) as provider:
        project_on(tmp_path, "ours", base_url=provider.base_url)
        code, out, _ = outcome_of(capsys.readouterr, tmp_path / "data", "check", "--connect")
        assert provider.requests == 4  # two refusals, one reply to the candidate's parameters, one to the judge's
    assert code == 0
    first, second = (line for line in out.splitlines() if line.startswith("connected: "))
    assert first.startswith("connected: model 'echo': answered in ")
    assert first.endswith("calls max_tokens max_completion_tokens; takes no temperature: it is not sent")
    assert second.endswith("takes no temperature: it is not sent")
    code, out, _ = outcome_of(capsys.readouterr, tmp_path / "data", "check")
    assert "note: evaluation e: model 'echo' takes no temperature: it is not sent" in out
    assert code == 0


@pytest.mark.parametrize("fault", [401, 404])
def test_a_model_that_does_not_answer_is_a_problem(tmp_path, monkeypatch, capsys, fault):
    isolated(monkeypatch, tmp_path)
    options = {401: {"api_key": "another-key"}, 404: {"models": {"other"}}}[fault]
    with LoopbackProvider(**options) as provider:
        project_on(tmp_path, "ours", base_url=provider.base_url)
        code, out, err = outcome_of(capsys.readouterr, tmp_path / "data", "check", "--connect")
    assert code == 1
    assert f"model 'echo': {'the key was refused' if fault == 401 else 'model '}" in out
    assert "2 problems" in err


def test_the_page_names_every_family():
    text = PAGE.read_text(encoding="utf-8")
    assert [family.called for family in FAMILIES if f"| {family.called} |" not in text] == []
