"""Where a deployment on Azure is asked, told from the address of its resource."""

import re
from urllib.parse import urlsplit

from eval_assets.config.model import ModelFile
from eval_assets.config.served import DEFAULT_API

AZURE_HOST = re.compile(r"\.(openai|services\.ai|cognitiveservices)\.azure\.(com|us|cn)$")
API_VERSION = "api-version"


def is_on_azure(base_url: str) -> bool:
    """Whether an address is one of Azure's, where a key goes into a header `api-key`.

    >>> is_on_azure("https://ours.openai.azure.com"), is_on_azure("https://api.openai.com/v1")
    (True, False)
    """
    return AZURE_HOST.search(urlsplit(base_url).hostname or "") is not None


def azure_resource_url(file: ModelFile) -> str | None:
    """Where files and batches of a resource are; null where the address is none of Azure's.

    >>> file = {"provider": "openai", "model": "our-gpt", "base_url": "https://ours.openai.azure.com"}
    >>> azure_resource_url(ModelFile(**file, query={"api-version": "2024-10-21"}))
    'https://ours.openai.azure.com/openai'
    >>> azure_resource_url(ModelFile(**file))
    'https://ours.openai.azure.com/openai/v1'
    """
    base_url = azure_base_url(file)
    if base_url is None or not is_on_azure(base_url):
        return None
    return re.sub(r"/deployments/[^/]+/?$", "", base_url)


def azure_base_url(file: ModelFile) -> str | None:
    """The address of a resource with what leads to its deployment; one that leads further is left as it stands.

    With a version of the API deployments have a path each; without, all are found at `/openai/v1`, by the model id.

    >>> file = {"provider": "openai", "model": "our-gpt", "base_url": "https://ours.openai.azure.com"}
    >>> azure_base_url(ModelFile(**file, query={"api-version": "2024-10-21"}))
    'https://ours.openai.azure.com/openai/deployments/our-gpt'
    >>> azure_base_url(ModelFile(**file))
    'https://ours.openai.azure.com/openai/v1'
    """
    base_url = file.base_url
    if base_url is None or not is_on_azure(base_url) or urlsplit(base_url).path.strip("/") not in ("", "openai"):
        return base_url
    root = base_url.rstrip("/").removesuffix("/openai")
    by_path = API_VERSION in file.query and file.api == DEFAULT_API
    return f"{root}/openai/{f'deployments/{file.model}' if by_path else 'v1'}"
