"""A project on a loopback provider with a Dagster instance of its own, for tests from file to comparison."""

import shutil
from collections import defaultdict
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.automation.instance import open_instance
from eval_assets.checks import data_quality
from eval_assets.quality.inspection import Inspection
from tests.command_line import exit_code, isolated, outcome_of
from tests.dagster_in_memory import connections_kept
from tests.loopback import LoopbackProvider
from tests.projects import Files, Lab, echo_or_verdict, write_project


@pytest.fixture(scope="session", autouse=True)
def in_memory():
    with connections_kept():
        yield


@pytest.fixture(scope="module")
def unchecked():
    """Rows pass unseen: checking them takes a third of a small run, and `test_data_quality` is about it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_quality, "inspect", lambda *_: Inspection(defaultdict(tuple), 0))
        yield


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


@pytest.fixture(scope="session")
def new_instance(tmp_path_factory: pytest.TempPathFactory):
    """The folder of a Dagster instance that has seen nothing, for copies: making one is dear."""
    home = tmp_path_factory.mktemp("new") / "dagster"
    with pytest.MonkeyPatch.context() as patched:
        isolated(patched, home)
        with open_instance(home) as instance:
            assert instance.get_runs() == []
    return home


@pytest.fixture
def cli(files: Files, new_instance: Path, tmp_path: Path, monkeypatch, capsys):
    """Run a command in this process: exit code and what it printed."""
    isolated(monkeypatch, shutil.copytree(new_instance, tmp_path / "dagster"))
    return partial(outcome_of, capsys.readouterr, files.data)


@pytest.fixture(scope="session")
def computed(tmp_path_factory: pytest.TempPathFactory):
    """A project in which the command line has run both evaluations, and the provider it asked; for copies only."""
    with LoopbackProvider(answer=echo_or_verdict) as serving, pytest.MonkeyPatch.context() as patched:
        files = write_project(tmp_path_factory.mktemp("computed"), serving.base_url)
        isolated(patched, files.folder / "dagster")
        assert exit_code(files.data, "run") == 0
        patched.undo()
        yield files, serving


@pytest.fixture
def files_after_run(computed: tuple[Files, LoopbackProvider], tmp_path: Path):
    """A copy of that project, its warehouse and its Dagster instance included."""
    original, _ = computed
    return Files(shutil.copytree(original.folder, tmp_path / original.folder.name), original.base_url)


@pytest.fixture
def provider_after_run(computed: tuple[Files, LoopbackProvider]):
    """The provider of that project, which answers as before again after the test; it has counted earlier requests."""
    _, serving = computed
    yield serving
    serving.answer, serving.faults = echo_or_verdict, None


@pytest.fixture
def cli_after_run(files_after_run: Files, provider_after_run, monkeypatch, capsys):
    """Run a command on that copy."""
    isolated(monkeypatch, files_after_run.folder / "dagster")
    return partial(outcome_of, capsys.readouterr, files_after_run.data)
