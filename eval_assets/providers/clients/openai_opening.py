"""The client of a model file of provider `openai`: where it is asked, in which API, and with which secrets."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from eval_assets.config.model import Model, ModelFile
from eval_assets.config.served import DEFAULT_API, TEXT_APIS, ApiName
from eval_assets.providers.apis.api_form import ApiForm
from eval_assets.providers.apis.chat_api import CHAT
from eval_assets.providers.apis.completions_api import COMPLETIONS
from eval_assets.providers.apis.prompt_caching import Pointing, pointing_by_key, pointing_to_nothing
from eval_assets.providers.apis.responses_api import RESPONSES
from eval_assets.providers.clients.access_tokens import key_name_of, tokens_of
from eval_assets.providers.clients.aws_credentials import signer_of
from eval_assets.providers.clients.azure_address import azure_base_url, is_on_azure
from eval_assets.providers.clients.openai_client import OPENAI_HOST, OPENAI_URL, OpenAIClient
from eval_assets.providers.clients.served_endpoints import endpoint_of, secret_of, secrets_named
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import Dialect
from eval_assets.requests.keys import ModelIdentity, lane_of

KEY = "OPENAI_API_KEY"
APIS: Mapping[ApiName, ApiForm] = MappingProxyType({"chat": CHAT, "responses": RESPONSES, "completions": COMPLETIONS})


def open_openai(model: Model, surroundings: Surroundings, *, base_url: str | None = None) -> OpenAIClient:
    """The client of a model file, with secrets from the environment.

    Args:
        model: Of provider `openai`.
        surroundings: Where secrets are.
        base_url: In place of the file's.

    Raises:
        MissingKeyError: A variable that the file names, or OPENAI_API_KEY for OpenAI itself, is not set.
    """
    file, environment = model.file, surroundings.environment
    base_url, key_name = base_url or azure_base_url(file) or OPENAI_URL, key_name_of(file, OPENAI_URL, KEY)
    key = None if key_name is None else secret_of(model, key_name, environment)
    return OpenAIClient(
        model_id=str(file.model),
        api=APIS[file.api],
        base_url=base_url,
        api_key=None if is_on_azure(base_url) else key,
        headers=({"api-key": key} if key and is_on_azure(base_url) else {})
        | {header: secret_of(model, name, environment) for header, name in file.headers_env.items()},
        query=file.query,
        secret_query={field: secret_of(model, name, environment) for field, name in file.query_env.items()},
        max_connections=file.limits.max_concurrency,
        max_reply_mib=file.limits.max_reply_mib,
        streams=file.stream,
        dialect=Dialect.of(model, lane_of(ModelIdentity(file.provider, *openai_address(file))), surroundings.dialects),
        pointing=_pointing(file, is_openai=urlsplit(base_url).hostname == OPENAI_HOST),
        tokens=tokens_of(model, surroundings),
        signer=signer_of(model, environment),
    )


def _pointing(file: ModelFile, *, is_openai: bool) -> Pointing:
    """How a prompt cache is told; nobody is told that isn't known to understand."""
    is_told = file.api == "responses" or (is_openai and file.api not in TEXT_APIS)
    return pointing_by_key if is_told else pointing_to_nothing


def openai_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file; an API other than the usual one is an address of its own.

    >>> openai_address(ModelFile(provider="openai", model="gpt-5", api="responses"))
    ('https://api.openai.com/v1/responses', 'gpt-5')
    """
    base_url = azure_base_url(file) or OPENAI_URL
    if file.api != DEFAULT_API:
        base_url = base_url.rstrip("/") + APIS[file.api].path
    return endpoint_of(base_url, file.query), str(file.model)


def openai_account(file: ModelFile) -> str:
    """The variables that hold the key and whatever else is secret, by name: what they hold is nobody's business.

    >>> openai_account(ModelFile(provider="openai", model="gpt-4o", headers_env={"X-Key": "GATEWAY_KEY"}))
    'OPENAI_API_KEY X-Key=GATEWAY_KEY'
    """
    return secrets_named(file, key_name_of(file, OPENAI_URL, KEY))
