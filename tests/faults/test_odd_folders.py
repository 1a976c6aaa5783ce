"""Projects below folders with odd names: they work, or one sentence at the start says why not."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from eval_assets.automation.home import dagster_home
from eval_assets.automation.instance import open_instance
from eval_assets.errors import StorageError
from eval_assets.storage.warehouse import Warehouse
from tests.builders import frame_of, prediction
from tests.command_line import isolated, outcome_of
from tests.small_project import project_with

HOME = Path("/project/.dagster")
CELL = {"evaluation": "trial", "model": "alpha", "prompt": "ask"}
VERDICT_CODE = 'def verdict(output):\n    return \'{"justification": "said so", "verdict": "pass"}\'\n'
FILES = {
    "models/rule.yaml": "provider: callable\ncallable: rule_of_odd_folders:verdict\n",
    "judges/right.yaml": "definition: Is it right?\nscale: {type: pass_fail}\nmodel: rule\n",
    "evaluations/e.yaml": (
        "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [right]\n"
        "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n"
    ),
}
USABLE = [
    "a b", "ü", "e\u0301", "日本", "a#b", "100%", "%", "a?b", "it's", "a:b", "a*b", "a+b", "a&b", "a;b", 'a"b', "a{b}",
    "a<b>", "a`b", "a,b", "a@b", "a!b", "$HOME", "~", "(a)", "-a", ".a",
]  # fmt: skip
UNUSABLE = ["a[b", "a]b", "a|b", "a^b", "a\\b", "a=b", "a%20b", "a%2Fb", "a\nb", "a\x7fb"]


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run a command on a project folder: exit code and what it printed."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        isolated(monkeypatch, folder / ".dagster")
        return outcome_of(capsys.readouterr, folder / "data", *arguments)

    return run


@pytest.mark.parametrize("name", USABLE)
def test_a_table_below_an_odd_folder_is_written_read_and_pruned(tmp_path: Path, name: str) -> None:
    root = tmp_path / name / "warehouse"
    warehouse = Warehouse(str(root))
    # The longest of three commits is the one that counts, and another reader sees it: 2 rows, then 1 after the delete.
    for n in (1, 3, 2):
        rows = [prediction(f"p-{number}") for number in range(n)]
        warehouse.replace("predictions", frame_of("predictions", rows), CELL, {"data_version": str(n)})
    read = Warehouse(str(root))
    assert read.scan("predictions", CELL).collect()["prediction_id"].sort().to_list() == ["p-0", "p-1"]
    assert read.delete("predictions", "prediction_id = 'p-0'") == 1
    assert read.scan("predictions").filter(pl.col("model") == "alpha").collect().height == 1
    assert read.scan("predictions", version=1).collect().height == 1
    assert (root / "predictions" / "_delta_log").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [name]  # and nowhere else


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my próject #1 (100%), it's a&b", '日本 {a} "b" <c> a:b*c+d;e $HOME ~'])
def test_a_project_below_an_odd_folder_runs_from_check_to_trace(tmp_path: Path, cli, monkeypatch, name: str) -> None:
    folder = tmp_path / name
    project_with(folder, **FILES)
    (folder / "rule_of_odd_folders.py").write_text(VERDICT_CODE)
    assert cli(folder, "check")[0] == 0
    assert cli(folder, "plan", "e")[0] == 0
    code, _, said = cli(folder, "run", "e")
    assert code == 0, said
    code, out, said = cli(folder, "report", "e", "--format", "json")
    assert code == 0, said
    (candidate,) = json.loads(out)["candidates"]
    assert candidate["metrics"]["right"]["mean"] == 1.0  # the judge says pass to the only example
    score = Warehouse(str(folder / "data" / "warehouse")).scan("judge_scores").collect()["score_id"][0]
    assert cli(folder, "trace", score)[0] == 0
    code, _, said = cli(folder, "run", "e")
    assert (code, "up to date" in said) == (0, True)
    assert (folder / ".dagster" / "history" / "runs.db").exists()
    page = folder / "data" / "warehouse" / "reports" / "e.html"
    assert page.exists()


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_folder_that_tables_cannot_lie_in_is_refused_in_one_sentence(tmp_path: Path, cli, name: str) -> None:
    folder = tmp_path / name
    project_with(folder)
    for arguments in (("plan", "e"), ("run", "e"), ("report", "e"), ("trace", "s-1"), ("cache", "stats")):
        code, _, said = cli(folder, *arguments)
        assert code == 2, arguments
        assert said.startswith("StorageError: expected a warehouse folder that delta-rs can open, got ")
        assert "EVAL_ASSETS_WAREHOUSE" in said
        assert len(said.splitlines()) == 1
    assert not (folder / "data" / "warehouse").exists()


@pytest.mark.parametrize(("name", "found"), [("a?b", "'?'"), ("a%20b", "'%20'"), ("%41", "'%41'")])
def test_a_home_that_dagster_would_keep_elsewhere_is_refused(tmp_path: Path, name: str, found: str) -> None:
    with pytest.raises(StorageError, match="set DAGSTER_HOME to a folder") as refused:
        dagster_home(HOME, {"DAGSTER_HOME": str(tmp_path / name)})
    assert found in str(refused.value)


def test_a_home_that_is_not_absolute_is_refused_and_an_empty_one_is_none(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="expected DAGSTER_HOME to be an absolute path, got 'relative/home'"):
        dagster_home(HOME, {"DAGSTER_HOME": "relative/home"})
    assert dagster_home(HOME, {"DAGSTER_HOME": ""}) == dagster_home(HOME, {}) == HOME


def _a_file(home: Path) -> None:
    home.write_text("")


def _settings(text: str) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        home.mkdir()
        (home / "dagster.yaml").write_text(text)

    return write


def _damaged(home: Path) -> None:
    (home / "history").mkdir(parents=True)
    (home / "history" / "runs.db").write_bytes(b"no database" * 500)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_a_file, "expected DAGSTER_HOME to be a folder that can be written, got"),
        (_settings("a: [\n"), "dagster.yaml, or remove it"),
        (_settings("nonsense: 1\n"), "dagster.yaml, or remove it"),
        (_damaged, "move that folder away, which loses the list of runs and nothing else"),
    ],
)
def test_a_home_that_can_not_be_opened_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], said: str
) -> None:
    make(tmp_path / "home")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with pytest.raises(StorageError) as refused, open_instance(HOME):
        pass
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_folder_without_any_file_is_not_said_to_be_up_to_date(tmp_path: Path, cli) -> None:
    (tmp_path / "data").mkdir()
    code, said, _ = cli(tmp_path, "check")
    assert (code, said.splitlines()[1]) == (0, "ok: 0 datasets, 0 prompts, 0 models, 0 judges, 0 evaluations")
    assert said.startswith("note: expected --data to name the folder with datasets, prompts, models, judges, ")
    code, said, _ = cli(tmp_path, "plan")
    nothing = "Nothing to run: expected candidates, which the files in data/evaluations declare, got none.\n"
    assert (code, said) == (0, nothing)


def test_a_folder_that_can_not_be_written_is_one_sentence(tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    project_with(tmp_path)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EVAL_ASSETS_STATE", str(tmp_path / "file" / "state"))
    code, _, said = cli(tmp_path, "run", "e")
    assert code == 5
    assert f"{tmp_path}/file" in said
    assert "EVAL_ASSETS_STATE" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["a b", "a#b", "100%", "a[b]", "ü", "%zz"])
def test_a_home_that_dagster_takes_as_it_is_is_used(tmp_path: Path, name: str) -> None:
    assert dagster_home(HOME, {"DAGSTER_HOME": str(tmp_path / name)}) == tmp_path / name
