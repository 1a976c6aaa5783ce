"""The client for Claude in its own API: at Anthropic, on Amazon Bedrock, on Google Cloud, or behind a gateway."""

import re
from urllib.parse import urlsplit

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.served import is_bedrock_runtime
from eval_assets.providers.apis.api_form import ApiForm
from eval_assets.providers.apis.messages_api import MESSAGES, MESSAGES_ON_BEDROCK, MESSAGES_ON_VERTEX
from eval_assets.providers.apis.prompt_caching import PointingByMark
from eval_assets.providers.clients.access_tokens import key_name_of, tokens_of
from eval_assets.providers.clients.aws_credentials import signer_of
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.served_endpoints import endpoint_of, secret_of, secrets_named
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import Dialect
from eval_assets.requests.keys import ModelIdentity, lane_of

ANTHROPIC_URL = "https://api.anthropic.com/v1"
KEY = "ANTHROPIC_API_KEY"
VERSION = {"anthropic-version": "2023-06-01"}
"""The version that takes sampling parameters, for models that do, and that every cloud serves."""

ON_VERTEX = re.compile(r"/publishers/anthropic/models/?$")


def open_anthropic(model: Model, surroundings: Surroundings) -> OpenAIClient:
    """The client of a model file, with secrets from the environment.

    Raises:
        MissingKeyError: A variable that the file names, or ANTHROPIC_API_KEY for Anthropic itself, is not set.
    """
    file, environment = model.file, surroundings.environment
    base_url, key_name = file.base_url or ANTHROPIC_URL, key_name_of(file, ANTHROPIC_URL, KEY)
    form = _form_at(base_url)
    key = {} if key_name is None else {"x-api-key": secret_of(model, key_name, environment)}
    return OpenAIClient(
        model_id=str(file.model),
        api=form,
        base_url=base_url,
        headers=key | {header: secret_of(model, name, environment) for header, name in file.headers_env.items()},
        fixed_headers=VERSION if form is MESSAGES else {},
        query=file.query,
        secret_query={field: secret_of(model, name, environment) for field, name in file.query_env.items()},
        max_connections=file.limits.max_concurrency,
        max_reply_mib=file.limits.max_reply_mib,
        streams=file.stream,
        dialect=Dialect.of(
            model, lane_of(ModelIdentity(file.provider, *anthropic_address(file))), surroundings.dialects
        ),
        pointing=PointingByMark(),
        tokens=tokens_of(model, surroundings),
        signer=signer_of(model, environment),
    )


def anthropic_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file.

    >>> anthropic_address(ModelFile(provider="anthropic", model="claude-sonnet-4-5"))
    ('https://api.anthropic.com/v1', 'claude-sonnet-4-5')
    """
    return endpoint_of(file.base_url or ANTHROPIC_URL, file.query), str(file.model)


def anthropic_account(file: ModelFile) -> str:
    """The variables that hold the key and whatever else is secret, by name."""
    return secrets_named(file, key_name_of(file, ANTHROPIC_URL, KEY))


def _form_at(base_url: str) -> ApiForm:
    """The API as an address has it: two clouds name the model in it, and the version in the body."""
    if ON_VERTEX.search(urlsplit(base_url).path):
        return MESSAGES_ON_VERTEX
    return MESSAGES_ON_BEDROCK if is_bedrock_runtime(base_url) else MESSAGES
