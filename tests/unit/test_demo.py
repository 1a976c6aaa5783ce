"""What `make demo` does with files; the runs themselves are those of any project."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from eval_assets.config.project_files import load_project

CHECKOUT = Path(__file__).parents[2]
PROMPT = Path("data/prompts/answer-with-context.md")
STAND_IN = f"""#!/bin/sh
echo "$PWD $DAGSTER_HOME $(grep -c 'at most ten words' {PROMPT}) $*" >> "$LOG"
"""


@pytest.fixture
def copy(tmp_path) -> Path:
    """The files of the checkout that the demo needs, and a command line that writes down what it is told."""
    copy = tmp_path / "check out"
    (copy / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(CHECKOUT / "data", copy / "data", ignore=shutil.ignore_patterns("warehouse"))
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, copy)
    (copy / ".venv" / "bin" / "python").touch()
    stand_in = copy / ".venv" / "bin" / "eval-assets"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    (copy / ".venv" / ".demo-ready").touch()
    return copy


def commands_of_the_demo(copy: Path) -> list[str]:
    """What `make demo` called, each with where it stood, its Dagster home, and whether the prompt was edited."""
    log = copy / "log"
    log.write_text("")
    subprocess.run(
        ["/usr/bin/env", "make", "demo"], cwd=copy, env={**os.environ, "LOG": str(log)}, check=True, capture_output=True
    )
    return log.read_text().splitlines()


def test_the_demo_edits_a_copy_and_a_second_one_only_looks_what_changed_since(copy: Path) -> None:
    before = (copy / PROMPT).read_text()
    demo = f"{copy}/demo"
    edited = [f"{demo} {demo}/.dagster 1 run quickstart", f"{demo} {demo}/.dagster 1 report quickstart --brief"]
    assert commands_of_the_demo(copy) == [line.replace(" 1 ", " 0 ") for line in edited] + edited
    assert (copy / PROMPT).read_text() == before
    again = copy / "demo" / PROMPT
    again.write_text(again.read_text().replace("Answer", "Reply"))
    assert commands_of_the_demo(copy) == edited
    assert "Reply the question" in again.read_text()


def test_git_ignores_the_demo() -> None:
    assert "demo/" in (CHECKOUT / ".gitignore").read_text().splitlines()


def test_every_question_of_the_quickstart_has_a_context() -> None:
    project = load_project(CHECKOUT / "data")
    first = project.evaluation("quickstart").file.slice.first
    lines = (CHECKOUT / "data" / "datasets" / "llm-operations-qa.jsonl").read_text("utf-8").splitlines()
    assert [bool(re.search(r'"context": "\w', line)) for line in lines] == [True] * first + [False] * (
        len(lines) - first
    )
