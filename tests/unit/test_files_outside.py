"""Files that lie, or lead, outside the project are refused; nothing of them is shown."""

from pathlib import Path

import pytest

from eval_assets.config.files.places import lies_outside, project_root
from eval_assets.config.project_files import load_project
from tests.small_project import FILES, problems_of, project_with

ROWS = FILES["datasets/qa.jsonl"]
RECORDED = '{"example_id": "a", "output": "So."}\n'


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "rows.jsonl").write_text(ROWS)
    (folder / "recorded.jsonl").write_text(RECORDED)
    (folder / "secret.yaml").write_text("password: hush\nlist: [hush\n")
    (folder / "secret.md").write_text("hush\n")
    return folder


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("datasets/qa.yaml", "task: text\nfile: {}/rows.jsonl\n"),
        ("datasets/qa.yaml", "task: text\nfile: ../../../outside/rows.jsonl\n"),
        ("datasets/qa.yaml", "task: text\ndocuments: {{file: {}/rows.jsonl}}\n"),
        ("datasets/qa.yaml", "task: text\nlabels:\n  - {{file: ../../../outside/rows.jsonl}}\n"),
        ("datasets/qa.yaml", "task: text\nfile: linked.jsonl\n"),
        ("models/echo.yaml", "provider: recorded\nfile: {}/recorded.jsonl\n"),
        ("models/echo.yaml", "provider: recorded\nfile: ../../../outside/recorded.jsonl\n"),
        ("models/echo.yaml", "provider: recorded\nfile: linked.jsonl\n"),
    ],
)
def test_rows_and_predictions_outside_the_project_are_refused(
    tmp_path: Path, outside: Path, name: str, content: str
) -> None:
    project_with(tmp_path / "project", **{name: content.format(outside)})
    for kind, target in (("datasets", "rows.jsonl"), ("models", "recorded.jsonl")):
        (tmp_path / "project/data" / kind / "linked.jsonl").symlink_to(outside / target)
    project = load_project(tmp_path / "project/data")
    said = project.broken[name.split("/", maxsplit=1)[0], Path(name).stem]
    assert said.startswith(f"data/{name}:{2 if 'labels' not in content else 3}: ")
    assert "expected a file inside the project folder" in said


def test_rows_beside_a_card_may_not_be_a_link_to_outside_either(tmp_path: Path, outside: Path) -> None:
    project_with(tmp_path / "project", **{"datasets/qa.jsonl": None})
    (tmp_path / "project/data/datasets/qa.jsonl").symlink_to(outside / "rows.jsonl")
    said = load_project(tmp_path / "project/data").broken["datasets", "qa"]
    assert said.startswith("data/datasets/qa.yaml:1: expected a file inside the project folder, got 'qa.jsonl'")


@pytest.mark.parametrize(
    "name", ["models/a.yaml", "judges/a.yaml", "evaluations/a.yaml", "datasets/a.yaml", "prompts/a.md"]
)
def test_a_link_that_leads_out_shows_nothing_of_where_it_leads(tmp_path: Path, outside: Path, name: str) -> None:
    project_with(tmp_path / "project")
    (tmp_path / "project/data" / name).symlink_to(outside / f"secret{Path(name).suffix}")
    (said,) = problems_of(load_project(tmp_path / "project/data"))
    assert said.startswith(f"data/{name}: expected a file inside the project folder, got a link that leads out of it")
    assert "hush" not in said


def test_files_elsewhere_in_the_project_and_links_within_it_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/rows.jsonl").write_text(ROWS)
    (tmp_path / "raw/recorded.jsonl").write_text(RECORDED)
    project_with(
        tmp_path,
        **{
            "datasets/qa.yaml": FILES["datasets/qa.yaml"] + "file: ../../raw/rows.jsonl\n",
            "datasets/qa.jsonl": None,
            "models/echo.yaml": f"provider: recorded\nfile: {tmp_path}/raw/recorded.jsonl\n",
            "judges/right.yaml": "definition: Right?\nmodel: judge\n",
            "models/judge.yaml": FILES["models/echo.yaml"],
        },
    )
    (tmp_path / "data/models/again.yaml").symlink_to("echo.yaml")
    assert problems_of(load_project(tmp_path / "data")) == []


def test_whoever_runs_a_project_may_name_a_folder_in_a_variable(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(outside))
    changed = {"models/other.yaml": "provider: recorded\nfile: ${RUNS}/recorded.jsonl\n"}
    assert problems_of(project_with(tmp_path / "project", **changed)) == []
    changed = {"models/other.yaml": "provider: recorded\nfile: ${RUNS}/../recorded.jsonl\n"}
    said = project_with(tmp_path / "project", **changed).broken["models", "other"]
    assert said.startswith("data/models/other.yaml:2: file: expected a path without '..' after the variable")


def test_the_root_of_the_file_system_is_no_project() -> None:
    assert project_root(Path("/data")) == Path("/data")
    assert project_root(Path("/project/data")) == Path("/project")
    assert lies_outside(Path("/data/models/../../etc/passwd"), project_root(Path("/data")))
