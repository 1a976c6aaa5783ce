"""A project on a loopback provider with a Dagster instance of its own, for tests from file to comparison."""

from pathlib import Path

import dagster as dg
import pytest

from eval_assets.cli.main import main
from tests.loopback import LoopbackProvider
from tests.projects import Files, Lab, echo_or_verdict, write_project


@pytest.fixture
def provider():
    with LoopbackProvider(answer=echo_or_verdict) as running:
        yield running


@pytest.fixture
def files(tmp_path, provider):
    return write_project(tmp_path, provider.base_url)


@pytest.fixture
def lab(files):
    with dg.DagsterInstance.ephemeral() as instance:
        yield Lab(files, instance)


@pytest.fixture
def cli(files: Files, tmp_path: Path, monkeypatch, capsys):
    """Run a command in this process: exit code and what it printed."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            main(["--data", str(files.data), *arguments])
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run
