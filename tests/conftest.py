"""What holds for every test."""

import sys
from pathlib import Path

import pytest
from absl import logging as absl_logging
from hypothesis import settings

from eval_assets.user_code import loading

# rouge_score brings absl, whose handler holds the standard error of the moment of its import: pytest's capture file,
# which it would close when Dagster sets logging up anew.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__

# What a property test promises is a result, not a time on a busy machine.
settings.register_profile("untimed", deadline=None, max_examples=40)
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the computed project of `tests.viewed`, for reading and for copies only."""
    from tests.viewed import write_viewed

    return write_viewed(tmp_path_factory.mktemp("viewed"))


@pytest.fixture(autouse=True)
def folders_of_modules():
    """Folders that a project adds go with the test: each is looked through for every module that isn't found."""
    paths, watched = sys.path.copy(), loading._FINDER.folders.copy()
    yield
    sys.path[:] = paths
    loading._FINDER.folders &= watched
