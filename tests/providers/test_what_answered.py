"""Who answered, as providers report it: kept with each reply; said, and asked again if wanted, once it changes."""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.settings import settings_from
from eval_assets.planning.plan import CellPlan, make_plan
from eval_assets.planning.plan_text import plan_text
from eval_assets.planning.present_report import present_report
from eval_assets.providers.clients.opening import open_client
from eval_assets.reports.computed.answerers import answerer_notes
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell
from eval_assets.storage.replies.model_changes import ModelChange, last_change
from tests.builders import NOON, frame_of, prediction, response, warehouse_of
from tests.engines import question, surroundings
from tests.loopback import LoopbackProvider
from tests.projects import VERDICT
from tests.providers.test_openai_client import ask
from tests.small_project import compute_everything, project_with

CELL = Cell("e", "served", "ask")
N_ROWS = 3


@pytest.mark.parametrize("fields", [{"provider": "openai"}, {"provider": "openai", "api": "responses"}])
def test_openai_says_who_answered(provider, fields):
    provider.answers_as, provider.fingerprint = "gpt-2026-08-06", "fp_1"
    file = ModelFile(model="gpt", base_url=provider.base_url, **fields)
    reply = ask(open_client(Model(name="m", file=file), surroundings({})))
    assert (reply.answered_by, reply.service_tier) == ("gpt-2026-08-06", "default")
    assert reply.system_fingerprint == (None if "api" in fields else "fp_1")


def test_anthropic_says_who_answered(provider):
    provider.answers_as = "claude-sonnet-4-5-20250929"
    file = ModelFile(provider="anthropic", model="claude-sonnet-4-5", base_url=provider.base_url)
    reply = ask(open_client(Model(name="m", file=file), surroundings({})), question("Hi"))
    told = reply.answered_by, reply.system_fingerprint, reply.service_tier
    assert told == ("claude-sonnet-4-5-20250929", None, "standard")


def answered(*answers: tuple[str | None, int]) -> list[dict]:
    """Rows of `responses` of one lane: who answered, and how many hours after noon it was asked."""
    return [
        response(f"r{number}", lane="lane", request_key=f"k{number}", answered_by=who, requested_at=_at(hours))
        for number, (who, hours) in enumerate(answers)
    ]


def _at(hours: int) -> datetime:
    return NOON + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("answers", "change"),
    [
        ([("old", 0), ("old", 1)], None),
        ([(None, 0), ("new", 1)], None),  # who answered before isn't known
        ([("old", 0), ("old", 1), ("new", 2), ("new", 3)], ModelChange("old", "new", _at(2))),
        ([("older", 0), ("old", 1), ("new", 2)], ModelChange("old", "new", _at(2))),
        # In turns: what was asked since the first reply of the last one counts as asked of both.
        ([("old", 0), ("new", 1), ("old", 2), ("new", 3)], ModelChange("old", "new", _at(1))),
        ([("old", 0), ("new", 1), ("old", 2)], None),  # back again, and nothing is older
    ],
)
def test_a_change_is_told_from_stored_replies(tmp_path, answers, change):
    warehouse = warehouse_of(tmp_path, responses=answered(*answers))
    assert last_change(warehouse, "lane") == change
    assert last_change(warehouse, "another") is None


def write_files(folder: Path, base_url: str) -> None:
    """A small project with one served model, which another one judges."""
    served = f"provider: openai\nmodel: m\nbase_url: {base_url}\n"
    files = {
        "datasets/qa.jsonl": "".join(f'{{"example_id": "{n}", "inputs": "Why {n}?"}}\n' for n in range(N_ROWS)),
        "models/served.yaml": served,
        "models/referee.yaml": served.replace("model: m\n", "model: judge\n"),
        "judges/right.yaml": "definition: Is it right?\nmodel: referee\n",
        "evaluations/e.yaml": (
            "dataset: qa\nmodels: [served]\nprompts: [ask]\njudges: [right]\n"
            "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n"
        ),
    }
    project_with(folder, **files)


def room_of(folder: Path) -> EngineRoom:
    return EngineRoom.from_settings(settings_from({}, data_dir=folder / "data"))


def planned(folder: Path) -> tuple[CellPlan, tuple[str, ...]]:
    with room_of(folder) as room:
        plan = make_plan(room, evaluations=["e"])
        return plan.cells[0], plan.remarks


@pytest.fixture(scope="module")
def changing(tmp_path_factory) -> Iterator[tuple[LoopbackProvider, Path]]:
    """A project that was run twice: the first rows were answered by the old model, one row by the new one."""
    tmp_path = tmp_path_factory.mktemp("changing")
    with LoopbackProvider(answer=lambda _: VERDICT, answers_as="m-old", fingerprint="fp_1") as provider:
        write_files(tmp_path, provider.base_url)
        compute_everything(tmp_path, run_id="first")
        provider.answers_as = "m-new"
        with (tmp_path / "data" / "datasets" / "qa.jsonl").open("a") as rows:
            rows.write('{"example_id": "last", "inputs": "Why at last?"}\n')
        compute_everything(tmp_path, run_id="second")
        yield provider, tmp_path


def test_a_replaced_model_is_said_and_nothing_is_asked_again(changing):
    provider, folder = changing
    cell, remarks = planned(folder)
    assert (cell.is_stale, cell.work.generate) == (False, 0)
    (said, of_judge) = remarks
    assert said.startswith("model served answers as m-new since ")
    assert "before as m-old: 3 predictions of m-old or earlier; `follow_changes: true` in data/models/served" in said
    assert of_judge.startswith("model referee answers as m-new since ")
    before = provider.requests
    compute_everything(folder, run_id="third")
    assert provider.requests == before


def test_a_file_that_follows_has_the_rows_of_the_former_model_asked_again_once(changing, tmp_path):
    provider, folder = changing[0], shutil.copytree(changing[1], tmp_path / "copy")
    path = folder / "data" / "models" / "served.yaml"
    path.write_text(path.read_text() + "follow_changes: true\n")
    cell, remarks = planned(folder)
    (cause,) = cell.staleness.causes
    assert cause.endswith("before as m-old: 3 predictions asked again")
    assert (cell.work.generate, cell.work.reuse) == (3, 1)
    assert [remark.split()[1] for remark in remarks] == ["referee"]  # it isn't followed
    before = provider.requests
    compute_everything(folder, run_id="third")
    assert provider.requests == before + 3  # the same text came again: no verdict had to be asked for
    with room_of(folder) as room:
        rows = room.warehouse.scan("predictions", CELL.partition).collect()
    assert rows["answered_by"].to_list() == ["m-new"] * 4
    assert planned(folder)[0].staleness.causes == ()
    compute_everything(folder, run_id="fourth")
    assert provider.requests == before + 3


def test_a_judge_on_a_model_that_is_followed_is_asked_again_once(changing, tmp_path):
    provider, folder = changing[0], shutil.copytree(changing[1], tmp_path / "copy")
    path = folder / "data" / "models" / "referee.yaml"
    path.write_text(path.read_text() + "follow_changes: true\n")
    cell, _ = planned(folder)
    (cause,) = cell.staleness.causes
    assert cause.startswith("model referee answers as m-new since ")
    assert cause.endswith("3 verdicts asked again")
    assert (cell.work.generate, cell.work.judge) == (0, 3)
    before = provider.requests
    compute_everything(folder, run_id="third")
    assert provider.requests == before + 3
    assert planned(folder)[0].staleness.causes == ()


def test_replies_are_kept_with_who_gave_them_and_verdicts_too(changing):
    _, folder = changing
    with room_of(folder) as room:
        stored = room.warehouse.scan("responses").collect()
        verdicts = room.warehouse.scan("judge_scores", CELL.partition).collect()
    assert set(stored["answered_by"]) == {"m-old", "m-new"}
    assert set(stored["system_fingerprint"]) == {"fp_1"}
    assert set(verdicts["answered_by"]) == {"m-old", "m-new"}


def test_a_report_as_last_computed_says_what_was_replaced(changing):
    _, folder = changing
    with room_of(folder) as room:
        report = present_report(room, "e")
    assert report.outdated == ()  # nothing in the files is
    for beginning in (
        "Model served answers as m-new since ",
        "Model referee answers as m-new since ",
        "The model served answered as m-old (3 since ",
        "The judges' model referee answered as m-old (",
    ):
        assert any(note.text.startswith(beginning) for note in report.notes), beginning


def test_a_report_says_which_rows_are_whose():
    told = [("old", "fp_1", 0), ("old", "fp_1", 1), ("new", "fp_2", 2), (None, None, 3)]
    rows = [
        prediction(example_id=str(n), model="gpt", answered_by=who, system_fingerprint=print_, requested_at=_at(hours))
        for n, (who, print_, hours) in enumerate(told)
    ]
    notes = [note.text for note in answerer_notes(frame_of("predictions", rows), frame_of("judge_scores", []))]
    since = f"{NOON:%Y-%m-%d %H:%M}", f"{_at(2):%Y-%m-%d %H:%M}"
    assert notes == [
        f"The model gpt answered as old (2 since {since[0]}), new (1 since {since[1]}), without a change of the file.",
        (
            f"The model gpt answered with the system fingerprints fp_1 (2 since {since[0]}), fp_2 (1 since {since[1]})"
            ", so the provider changed something about it meanwhile."
        ),
    ]
    assert list(answerer_notes(frame_of("predictions", rows[:2]), frame_of("judge_scores", []))) == []


PREFERENCE = '{"justification": "A is better.", "label": "A"}'


def test_comparisons_side_by_side_of_a_replaced_judge_are_said_and_asked_again_once_where_its_file_follows(tmp_path):
    with LoopbackProvider(answers_as="m-old") as provider:
        provider.answer = lambda body: PREFERENCE if body["model"] == "judge" else str(body["messages"][-1]["content"])
        write_files(tmp_path, provider.base_url)
        data = tmp_path / "data"
        (data / "prompts" / "again.md").write_text("## user\nOnce more: {{ inputs }}\n")
        (data / "evaluations" / "e.yaml").write_text(
            "dataset: qa\nmodels: [served]\nprompts: [ask, again]\nmetrics: [latency]\n"
            "pairwise: {judge: right}\nbaseline: served@ask\n"
        )
        compute_everything(tmp_path, run_id="first")
        provider.answers_as = "m-new"
        with (data / "datasets" / "qa.jsonl").open("a") as rows:
            rows.write('{"example_id": "last", "inputs": "Why at last?"}\n')
        compute_everything(tmp_path, run_id="second")

        with room_of(tmp_path) as room:
            plan = make_plan(room, evaluations=["e"])
        assert plan.is_empty
        (said,) = [remark for remark in plan.remarks if remark.startswith("model referee ")]
        assert "before as m-old: 3 comparisons of m-old or earlier; `follow_changes: true`" in said

        referee = data / "models" / "referee.yaml"
        referee.write_text(referee.read_text() + "follow_changes: true\n")
        with room_of(tmp_path) as room:
            plan = make_plan(room, evaluations=["e"])
        (side_by_side,) = plan.pairwise
        (cause,) = side_by_side.causes
        assert cause.endswith("before as m-old: 3 comparisons asked again")
        assert f"  because {cause}" in plan_text(plan).splitlines()
        assert (side_by_side.judge, plan.stale_cells) == (2 * N_ROWS, ())  # in both orders
        before = provider.requests
        compute_everything(tmp_path, run_id="third")
        assert provider.requests == before + 2 * N_ROWS
        with room_of(tmp_path) as room:
            assert make_plan(room, evaluations=["e"]).is_empty
            history = room.warehouse.history("pairwise_preferences")
            versions = [version for commit in history if (version := commit.metadata.get("data_version"))]
        assert versions[0] == versions[1] != versions[2]  # the new model says the same: nothing below is stale
