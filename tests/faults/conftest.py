"""A provider on loopback, and a client that doesn't wait long between attempts."""

import pytest

from eval_assets.providers import attempts
from tests.loopback import LoopbackProvider


@pytest.fixture
def provider():
    with LoopbackProvider() as running:
        yield running


@pytest.fixture
def short_backoff(monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_BACKOFF_SECONDS", 0.01)
