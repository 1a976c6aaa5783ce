"""An object store on loopback, and a warehouse of its own in it for each test."""

import itertools

import pytest

from tests.loopback_s3 import LoopbackS3

NUMBERS = itertools.count()


@pytest.fixture(scope="package")
def store():
    with LoopbackS3() as running:
        yield running


@pytest.fixture
def root():
    return f"s3://lake/warehouse-{next(NUMBERS)}"
