"""Running the command line in the process of a test."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval_assets.cli.main import main


def isolated(monkeypatch, home: Path) -> None:
    """Give commands a Dagster instance of their own, and the warehouse of their project."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)


def exit_code(data: Path, *arguments: str) -> int:
    """Run a command on the files of a project."""
    try:
        main(["--data", str(data), *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def outcome_of(printed: Callable[[], Any], data: Path, *arguments: str) -> tuple[int, str, str]:
    """Run a command: exit code, and what it printed on standard output and on standard error below the project's line.

    Args:
        printed: `readouterr` of pytest's `capsys` or `capfd`.
        data: The folder of the project's files.
        arguments: Of the command.
    """
    printed()
    code = exit_code(data, *arguments)
    said = printed()
    return code, said.out, re.sub("^project .*\n", "", said.err)
