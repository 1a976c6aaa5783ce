"""A project on a loopback provider with a Dagster instance of its own, for tests from file to comparison."""

import dagster as dg
import pytest

from tests.loopback import LoopbackProvider
from tests.projects import Lab, echo_or_verdict, write_project


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
