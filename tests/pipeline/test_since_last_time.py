"""The support bot's story, as docs/tutorial.md tells it: each edit by itself, and nothing sent to look back."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.automation.instance import open_instance
from eval_assets.storage.warehouse import Warehouse
from tests.command_line import exit_code, isolated
from tests.tutorial import PAGE, run_step, steps, without_moments

STEPS = steps(PAGE.read_text("utf-8"))


@dataclass(frozen=True)
class Story:
    """What the commands printed, block by block, and how many replies were stored after each."""

    folder: Path
    printed: tuple[str, ...]
    n_replies: tuple[int, ...]

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(str(self.folder / "data" / "warehouse"))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("tutorial") / "support-bot"
    with pytest.MonkeyPatch.context() as patched:
        isolated(patched, folder.parent / "dagster")
        printed, n_replies = [], []
        for step in STEPS:
            printed.append(run_step(step, folder))
            stored = Warehouse(str(folder / "data" / "warehouse")).scan("responses")
            n_replies.append(stored.collect().height)
        return Story(folder, tuple(printed), tuple(n_replies))


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_the_page_says_what_its_commands_print(story: Story, number: int) -> None:
    said, printed = without_moments(STEPS[number].printed), without_moments(story.printed[number])
    assert printed == said, "python -m tests.tutorial"


def test_each_step_sends_what_it_needs_and_looking_back_nothing(story: Story) -> None:
    # A reply and a verdict a ticket; looking at it; the edited prompt again both; looking back; the edited rubric 24
    # verdicts; ten new tickets both; looking back; the first prompt once more: its 24 replies are at hand, those to the
    # new tickets and the verdicts by the present rubric are not.
    sent = [now - before for before, now in zip((0, *story.n_replies), story.n_replies, strict=False)]
    assert sent == [48, 0, 48, 0, 24, 20, 0, 10 + 34]


def test_every_output_of_the_report_has_the_section(story: Story, capsys) -> None:
    for style, said in (("table", "since last time:"), ("md", "### Since last time"), ("html", 'id="since"')):
        capsys.readouterr()
        assert exit_code(story.folder / "data", "report", "support", "--format", style) == 0
        printed = capsys.readouterr().out
        assert said in printed
        assert "t05" in printed  # among those that lost most


def test_the_asset_shows_it_and_its_numbers_are_plotted(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    home = story.folder.parent / "dagster"
    isolated(monkeypatch, home)
    with open_instance(home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("changes"))
        compared = instance.get_latest_materialization_event(dg.AssetKey("comparison"))
    assert event is not None
    assert compared is not None
    metadata = event.asset_materialization.metadata
    assert "prompt answer v2 → v3" in metadata["preview"].value
    assert metadata["bot@answer token_f1"].value == pytest.approx(-0.444, abs=0.001)
    assert "so far: 0.533 → 0.961" in compared.asset_materialization.metadata["trends"].value


def test_gates_go_by_the_answers_and_the_tables_keep_why(story: Story) -> None:
    history = [commit for commit in story.warehouse.history("gate_results") if "partition" in commit.metadata]
    verdicts = [
        story.warehouse.scan("gate_results", version=commit.version).sort("metric").collect()["verdict"].to_list()
        for commit in reversed(history)
    ]
    # Without gates; friendlier no more; another rubric and new rows: the answers are the same; right no more.
    assert verdicts == [[], ["NO-GO", "GO"], ["GO", "GO"], ["GO", "GO"], ["GO", "NO-GO"]]


def test_files_that_changed_since_are_told_and_their_state_is_not_released(story: Story, capsys) -> None:
    data, prompt = story.folder / "data", story.folder / "data" / "prompts" / "answer.md"
    before = prompt.read_text("utf-8")
    prompt.write_text(before.replace("kindly", "at length"), encoding="utf-8")
    try:
        capsys.readouterr()
        assert exit_code(data, "compare", "support") == 0
        assert (
            "the present state is not that of the files: bot@answer: prompt answer v3 → v4" in capsys.readouterr().err
        )
        assert exit_code(data, "release", "support") == 2
        assert "support is not up to date: bot@answer: prompt answer v3 → v4" in capsys.readouterr().err
    finally:
        prompt.write_text(before, encoding="utf-8")
    assert exit_code(data, "release", "support", "--list") == 0
    (listed,) = capsys.readouterr().out.splitlines()
    assert listed.startswith("r1 bot@answer, state ")
    assert exit_code(data, "compare", "support", "--since", "r7") == 2
    assert "expected previous, first, released, the name of a release" in capsys.readouterr().err


def test_a_release_makes_the_gates_that_are_held_against_it_stale(story: Story, capsys) -> None:
    data = story.folder / "data"
    assert exit_code(data, "release", "support", "--name", "kind-again") == 0
    assert exit_code(data, "gate", "support") == 3
    assert "another state was released since changes was computed" in capsys.readouterr().out
    assert exit_code(data, "run", "support") == 0  # GO: the present state is the released one
    assert story.warehouse.scan("responses").collect().height == story.n_replies[-1]
    gates = story.warehouse.scan("gate_results").collect()
    assert gates["verdict"].to_list() == ["GO", "GO"]
    assert gates["reason"][0] == "all 34 rows that are the same in both states are answered as before"
