"""A provider on loopback, and a client that doesn't wait long between attempts."""

import pytest

from eval_assets.providers import attempts
from tests.faults.batch_worker import batched_project, hurry
from tests.loopback import LoopbackProvider


@pytest.fixture
def provider():
    with LoopbackProvider() as running:
        yield running


@pytest.fixture
def short_backoff(monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_BACKOFF_SECONDS", 0.01)


@pytest.fixture
def hurried(monkeypatch):
    """Batches are looked at every hundredth of a second."""
    hurry(monkeypatch.setattr)


@pytest.fixture
def folder(tmp_path, provider):
    """A project whose files are read, and whose one cell is still to be asked, in batches."""
    return batched_project(tmp_path, provider.base_url)
