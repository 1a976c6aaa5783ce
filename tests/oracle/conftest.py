"""Judgements to compare on, in the files of the public ones."""

from pathlib import Path

import pytest

from benchmarks.public_judgements import DATASETS
from tests.oracle.datasets import own_pairs, own_responses, sources


@pytest.fixture(scope="session", params=sources("pandalm"))
def pandalm_folder(request, tmp_path_factory) -> Path:
    """Three people and two judges on which of two outputs is better, in the files of PandaLM."""
    if request.param == "public":
        return DATASETS / "pandalm"
    return own_pairs(tmp_path_factory.mktemp("pandalm"))


@pytest.fixture(scope="session", params=sources("mtrag"))
def mtrag_folder(request, tmp_path_factory) -> Path:
    """People's grades and two metrics of the responses of three systems, in the file of MTRAG."""
    if request.param == "public":
        return DATASETS / "mtrag"
    return own_responses(tmp_path_factory.mktemp("mtrag"))
