"""A provider on loopback."""

import pytest

from tests.loopback import LoopbackProvider


@pytest.fixture
def provider():
    with LoopbackProvider() as running:
        yield running
