"""Batches on Azure: they belong to the resource, lines name the deployment, and files are read before they are used."""

import re

import pytest

from eval_assets.errors import ProviderError
from eval_assets.providers.batches import openai_batches
from eval_assets.providers.clients import azure_address
from tests.faults.batch_worker import N, batched_project, opened, run

pytestmark = pytest.mark.usefixtures("hurried")
KEY = "AZURE_KEY_OF_TESTS"


@pytest.fixture(params=["by version", "without version"])
def folder(request, tmp_path, provider, monkeypatch):
    """A project with one deployment, on a resource that lives where the loopback provider does."""
    monkeypatch.setenv(KEY, "azure-secret")
    monkeypatch.setattr(azure_address, "AZURE_HOST", re.compile(r"^127\.0\.0\.1$"))
    monkeypatch.setattr(openai_batches, "FIRST_PAUSE_SECONDS", 0.01)
    provider.batches.is_azure = True
    query = {"query": '{api-version: "2024-10-21"}'} if request.param == "by version" else {}
    resource = provider.base_url.removesuffix("/v1")
    return batched_project(tmp_path, resource, model="our-gpt-4o", api_key_env=KEY, **query)


def test_a_deployment_is_asked_in_batches_of_its_resource(folder, provider):
    assert run(folder) == 0
    with opened(folder) as room:
        assert room.warehouse.scan("predictions").collect()["outcome"].to_list() == ["ok"] * N
    (batch,) = provider.batches.created
    assert batch.endpoint == "/chat/completions"
    assert {(line["url"], line["body"]["model"]) for line in provider.batches.lines} == {
        ("/chat/completions", "our-gpt-4o")
    }
    by_version = "?api-version=2024-10-21" if "openai/v1" not in provider.batches.paths[0] else ""
    before = "/openai" if by_version else "/openai/v1"
    assert provider.batches.paths[0] == f"{before}/files{by_version}"
    assert provider.batches.paths[-1].startswith(f"{before}/files/file-")
    assert {headers.get("api-key") for headers in provider.batches.headers} == {"azure-secret"}
    assert not any("Authorization" in headers for headers in provider.batches.headers)
    # Two looks at the file of requests until it was read.
    assert provider.batches.calls["GET /files/{id}"] == 2


def test_a_file_that_azure_cannot_read_submits_nothing(folder, provider):
    provider.batches.file_ends = "error"
    with pytest.raises(ProviderError, match="the provider can't read the file of requests"):
        run(folder)
    assert provider.batches.created == []
