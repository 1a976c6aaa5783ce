"""Units know nothing of Dagster: nothing they import does, and nothing they call."""

import sys

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_dagster():
    is_there = "dagster" in sys.modules  # tests of other folders that run in the same process have imported it
    yield
    assert is_there or "dagster" not in sys.modules
