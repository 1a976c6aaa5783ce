"""A project folder for each test, in which calls of the Python door leave their tables."""

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project, which is the working directory."""
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)
    monkeypatch.delenv("EVAL_ASSETS_DATA", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    (tmp_path / "data" / "evaluations").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
