"""Tables damaged on disk: every command names the table and what helps in one sentence, and that then helps."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from eval_assets.storage.integrity.remedies import REMEDIES
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import SCHEMAS
from tests.command_line import exit_code, isolated, outcome_of
from tests.small_project import project_with

FILES = {
    "models/rule.yaml": "provider: callable\ncallable: rule_of_damaged_tables:verdict\n",
    "judges/right.yaml": "definition: Is it right?\nscale: {type: pass_fail}\nmodel: rule\n",
    "evaluations/e.yaml": (
        "dataset: qa\nmodels: [echo]\nprompts: [ask]\njudges: [right]\n"
        "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count]\n"
    ),
}
CODE = 'def verdict(output):\n    return \'{"justification": "said so", "verdict": "pass"}\'\n'


@pytest.fixture(scope="module")
def computed(tmp_path_factory) -> Path:
    """A project after a run."""
    folder = tmp_path_factory.mktemp("project")
    project_with(folder, **FILES)
    (folder / "rule_of_damaged_tables.py").write_text(CODE)
    with pytest.MonkeyPatch.context() as patched:
        isolated(patched, folder / "home")
        assert exit_code(folder / "data", "run", "e") == 0
    return folder


@pytest.fixture
def folder(computed: Path, tmp_path: Path) -> Path:
    shutil.copytree(computed, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def cli(folder: Path, monkeypatch, capfd):
    """Run a command: exit code and what it printed on standard error, panics of libraries included."""
    isolated(monkeypatch, folder / "home")

    def run(*arguments: str) -> tuple[int, str]:
        code, _, err = outcome_of(capfd.readouterr, folder / "data", *arguments)
        return code, err

    return run


def data_file(table: Path) -> Path:
    return max(
        (path for path in table.rglob("*.parquet") if "_delta_log" not in path.parts), key=lambda p: p.stat().st_size
    )


def last_commit(table: Path) -> Path:
    return max((table / "_delta_log").glob("*.json"))


def overwrite(path: Path, share: float, n: int = 40) -> None:
    """Flip bytes in the middle of a file, which keeps its length."""
    content = bytearray(path.read_bytes())
    start = int(len(content) * share)
    content[start : start + n] = bytes(byte ^ 0xFF for byte in content[start : start + n])
    path.write_bytes(bytes(content))


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def protocol(**fields: object) -> str:
    return json.dumps({"protocol": fields}) + "\n"


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def replace_by(table: Path, frame: pl.DataFrame) -> None:
    shutil.rmtree(table)
    write_deltalake(str(table), frame)


def empty_log(table: Path) -> None:
    shutil.rmtree(table / "_delta_log")
    (table / "_delta_log").mkdir()


DAMAGES = {
    "a data file is missing": lambda table: data_file(table).unlink(),
    "a data file is cut short": lambda table: cut(data_file(table)),
    "a data file is empty": lambda table: data_file(table).write_bytes(b""),
    "a data file is of another kind": lambda table: data_file(table).write_text("hello"),
    "the footer of a data file is overwritten": lambda table: overwrite(data_file(table), 0.95),
    "the schema of a data file is overwritten": lambda table: overwrite(data_file(table), 0.85),
    "a commit is cut short": lambda table: cut(last_commit(table)),
    "a commit is empty": lambda table: last_commit(table).write_text(""),
    "a commit is no text": lambda table: last_commit(table).write_bytes(b"\xff\xfe\0" * 50),
    "the log is empty": empty_log,
    "the log is gone": lambda table: shutil.rmtree(table / "_delta_log"),
    "a newer protocol": lambda table: append(last_commit(table), protocol(minReaderVersion=9, minWriterVersion=9)),
    "other columns": lambda table: replace_by(table, pl.DataFrame({"x": [1]})),
    "another type": lambda table: replace_by(table, pl.DataFrame({"evaluation": [1], "model": [2], "prompt": [3]})),
}


def others(table: Path) -> dict[Path, bytes]:
    """Every file of the other tables."""
    logs = table.parent.rglob("_delta_log")
    tables = [log.parent for log in logs if log.parent != table]
    assert tables
    return {path: path.read_bytes() for other in tables for path in other.rglob("*") if path.is_file()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_is_named_by_every_command_and_no_other_is_touched(folder: Path, cli, damage: str) -> None:
    table = folder / "data" / "warehouse" / "predictions"
    prediction_id = Warehouse(str(table.parent)).scan("predictions").collect()["prediction_id"][0]
    before = others(table)
    DAMAGES[damage](table)
    for arguments in (("plan", "e"), ("run", "e"), ("report", "e", "--format", "json"), ("trace", prediction_id)):
        code, said = cli(*arguments)
        assert code == 2, arguments
        (sentence,) = said.splitlines()  # no panic, no trace of calls
        assert sentence.startswith(f"StorageError: the table 'predictions' in {table} can't be read: "), sentence
        assert "stored replies are not paid again" in sentence
    assert others(table) == before


def test_moving_a_damaged_table_away_helps_and_pays_nothing_again(folder: Path, cli) -> None:
    """What lay in the table goes with it and no other is touched, so that one kind of damage stands for all."""
    table = folder / "data" / "warehouse" / "predictions"
    cut(data_file(table))
    assert cli("run", "e")[0] == 2
    shutil.move(table, folder / "away")
    code, said = cli("run", "e")
    assert code == 0, said
    assert cli("report", "e", "--format", "json")[0] == 0
    # Both replies, of the model and of the judge, were found: nothing was asked again.
    responses = Warehouse(str(table.parent)).scan("responses").collect()
    assert responses.height == responses["request_key"].n_unique() == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda log: cut(max(log.glob("*.checkpoint.parquet"))),
        lambda log: max(log.glob("*.checkpoint.parquet")).write_text("z"),
        lambda log: max(log.glob("*.checkpoint.parquet")).unlink(),
    ],
    ids=["cut short", "of another kind", "missing"],
)
def test_a_damaged_checkpoint_goes_and_nothing_is_lost(tmp_path: Path, damage) -> None:
    warehouse = Warehouse(str(tmp_path))
    for n in range(12):  # a checkpoint every ten commits
        row = dict.fromkeys(SCHEMAS["runs"]) | {"run_id": str(n)}
        warehouse.append("runs", pl.DataFrame([row], schema=SCHEMAS["runs"]))
    log = tmp_path / "runs" / "_delta_log"
    damage(log)
    with pytest.raises(Exception, match=r"if a checkpoint is damaged, remove .*checkpoint\*, which loses nothing"):
        Warehouse(str(tmp_path)).scan("runs")
    for file in log.glob("*checkpoint*"):
        file.unlink()
    assert sorted(Warehouse(str(tmp_path)).scan("runs").collect()["run_id"], key=int) == [str(n) for n in range(12)]


def test_stored_replies_say_what_is_lost_with_them(folder: Path, cli) -> None:
    table = folder / "data" / "warehouse" / "responses"
    cut(data_file(table))
    code, said = cli("cache", "stats")
    assert code == 2
    assert "bring that folder back from a backup" in said
    assert "are paid again" in said
    shutil.move(table, folder / "away")
    code, said = cli("run", "e")
    assert (code, "up to date" in said) == (0, True)  # what was computed from them stays


@pytest.mark.parametrize("table", ["gate_results", "pairwise_results", "judge_disagreements", "labels", "documents"])
def test_a_table_written_beside_another_comes_back_after_it_was_moved_away(folder: Path, cli, table: str) -> None:
    path = folder / "data" / "warehouse" / table
    shutil.move(path, folder / "away")
    code, said = cli("run", "e")
    assert code == 0, said
    assert (path / "_delta_log").is_dir()


def test_every_remedy_is_of_a_table() -> None:
    assert set(REMEDIES) <= set(SCHEMAS)
