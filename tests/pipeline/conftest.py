"""A project on a loopback provider with a Dagster instance of its own, for tests from file to comparison."""

from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from tests.command_line import isolated, outcome_of
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
    isolated(monkeypatch, tmp_path / "dagster")
    return partial(outcome_of, capsys.readouterr, files.data)
