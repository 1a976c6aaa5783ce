"""Which project a command is about: found from where one stands, named, or said not to be there."""

import re
from pathlib import Path

import pytest

from eval_assets.automation.instance import SHIPPED_SETTINGS
from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.config.settings import settings_from
from eval_assets.errors import ConfigError

CHECKOUT = Path(__file__).parents[2]


def project_at(folder: Path) -> Path:
    (folder / "data" / "evaluations").mkdir(parents=True)
    return folder


def declared_at(folder: Path, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eval-assets.toml").write_text(text)
    return folder


def test_the_nearest_project_upwards_is_the_one(tmp_path: Path) -> None:
    outer, inner = project_at(tmp_path), project_at(tmp_path / "team" / "support")
    (inner / "notes" / "drafts").mkdir(parents=True)
    for start in (inner, inner / "notes" / "drafts", inner / "data" / "evaluations"):
        assert settings_from({}, start=start).project_dir == inner
    found = settings_from({}, start=tmp_path / "team")
    assert (found.project_dir, found.data_dir) == (outer, outer / "data")
    assert (found.warehouse_root, found.home) == (str(outer / "data" / "warehouse"), outer / ".dagster")
    assert found.state_dir == outer / "data" / "warehouse" / "_state"


def test_a_data_folder_without_evaluations_is_no_project(tmp_path: Path) -> None:
    project_at(tmp_path)
    (tmp_path / "other" / "data").mkdir(parents=True)
    assert settings_from({}, start=tmp_path / "other").project_dir == tmp_path


def test_an_empty_settings_file_makes_a_folder_a_project(tmp_path: Path) -> None:
    found = settings_from({}, start=declared_at(tmp_path / "new"))
    assert (found.project_dir, found.data_dir) == (tmp_path / "new", tmp_path / "new" / "data")


def test_the_settings_file_says_where_the_others_lie_and_the_environment_says_it_last(tmp_path: Path) -> None:
    text = '# ours\ndata = "evals/files"\nwarehouse = "../tables"\nstate = "state"\n'
    folder = declared_at(tmp_path / "p", text)
    found = settings_from({}, start=folder)
    assert (found.project_dir, found.data_dir) == (folder, folder / "evals" / "files")
    assert (found.warehouse_root, found.state_dir) == (str(tmp_path / "tables"), folder / "state")
    assert found.home == folder / ".dagster"
    other = {"EVAL_ASSETS_WAREHOUSE": "s3://bucket/tables", "EVAL_ASSETS_STATE": str(tmp_path / "s")}
    found = settings_from(other, start=folder)
    assert (found.warehouse_root, found.state_dir) == ("s3://bucket/tables", tmp_path / "s")


def test_naming_the_project_or_its_files_comes_to_the_same(tmp_path: Path) -> None:
    plain, declared = project_at(tmp_path / "plain"), declared_at(tmp_path / "p", 'data = "evals"')
    (declared / "evals" / "evaluations").mkdir(parents=True)
    for named, project in (
        (plain, plain),
        (plain / "data", plain),
        (declared, declared),
        (declared / "evals", declared),
    ):
        for found in (
            settings_from({}, data_dir=named, start=tmp_path),
            settings_from({"EVAL_ASSETS_DATA": str(named)}, start=plain),
        ):
            assert found.project_dir == project
            assert (found.data_dir / "evaluations").is_dir()
    assert settings_from({"EVAL_ASSETS_DATA": str(plain)}, data_dir=declared).project_dir == declared


def test_where_there_is_no_project_the_error_says_where_it_was_looked_for_and_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"looked in .*; go to a project, .* start one here: `eval-assets init`"
    ) as said:
        settings_from({}, start=tmp_path / "nowhere")
    assert f"looked in {tmp_path / 'nowhere'}, {tmp_path}, " in str(said.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nwarehuose = 'x'", ":2: warehuose: unknown field; did you mean 'warehouse'?"),
        ("data = 3", ":1: data: expected text, got 3"),
        ("data = '.'", ":1: data: expected a folder below "),
        ("data = '../other'", ":1: data: expected a folder below "),
        ("data = ", ": not valid TOML: "),
    ],
)
def test_a_wrong_settings_file_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"eval-assets.toml{said}")):
        settings_from({}, start=declared_at(tmp_path, text))


def test_a_command_names_its_project_on_standard_error(tmp_path: Path, monkeypatch, capsys) -> None:
    project = project_at(tmp_path / "p")
    for name in ("EVAL_ASSETS_DATA", "EVAL_ASSETS_WAREHOUSE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project / "data")
    chosen_settings(None)
    assert capsys.readouterr() == ("", f"project {project}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVAL_ASSETS_DATA", str(project))
    monkeypatch.setenv("EVAL_ASSETS_WAREHOUSE", str(tmp_path / "w"))
    chosen_settings(None)
    assert capsys.readouterr().err == f"project {project}, named by EVAL_ASSETS_DATA, tables in {tmp_path / 'w'}\n"


def test_the_instance_of_this_project_begins_with_the_shipped_settings() -> None:
    ours, shipped = (
        file.read_text("utf-8").split("\n", 1)[1] for file in (CHECKOUT / "dagster.yaml", SHIPPED_SETTINGS)
    )
    assert ours == shipped
