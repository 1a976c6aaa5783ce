"""What a model file says of how a served model is asked: the API that is spoken, and what lets requests in."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from eval_assets.config.model import ModelFile

ApiName = Literal["chat", "responses", "completions"]
DEFAULT_API: ApiName = "chat"
WITH_A_CHOICE_OF_APIS = ("openai",)
APIS_OF_THEIR_OWN: Mapping[str, str] = MappingProxyType({"anthropic": "messages"})
"""Provider → the API that it alone speaks."""

WITH_PROVIDERS_OF_ITS_OWN = ("any-llm",)

TEXT_APIS: tuple[ApiName, ...] = ("completions",)
"""APIs that take a text in place of messages: no roles, tools, images, reply formats."""

WAYS_IN = ("api_key_env", "token_command", "token_function", "aws_region")
AWS_KEY_ID, AWS_SECRET, AWS_SESSION = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
"""Variables that hold what signs requests to Amazon Bedrock; the last only where credentials end."""


def is_default_api(value: object) -> bool:
    """Whether a model is asked in the API that files of old don't name."""
    return value == DEFAULT_API


def asks_many_providers(provider: str) -> bool:
    """Whether the model id names a provider, too, which is asked by somebody else's client."""
    return provider in WITH_PROVIDERS_OF_ITS_OWN


def is_bedrock_runtime(base_url: str | None) -> bool:
    """Whether an address is Amazon Bedrock's own, where the address of a request names the model.

    >>> is_bedrock_runtime("https://bedrock-runtime.us-east-1.amazonaws.com")
    True
    """
    host = urlsplit(base_url or "").hostname or ""
    return "bedrock-runtime" in host


def thinking_budget(parameters: Mapping[str, Any]) -> int:
    """Tokens set aside for thoughts by a parameter `thinking`, as Anthropic has it; 0 where it states none.

    >>> thinking_budget({"thinking": {"type": "enabled", "budget_tokens": 2048}})
    2048
    """
    thinking = parameters.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, Mapping) else None
    return budget if isinstance(budget, int) else 0


def serving_faults(file: "ModelFile", served: Collection[str]) -> Iterator[str]:
    """Why a model can't be asked as its file says.

    Args:
        file: The model file.
        served: Providers whose models are served.
    """
    provider: str = file.provider
    if file.api != DEFAULT_API and provider not in WITH_A_CHOICE_OF_APIS:
        meant = " or ".join(map(repr, WITH_A_CHOICE_OF_APIS))
        yield f"expected `api: {file.api}` with provider {meant}, got {provider!r}"
    if file.api == "responses" and file.parameters.get("stop") is not None:
        yield "the Responses API takes no `stop`: leave it out, or write `api: chat`"
    if file.api in TEXT_APIS and file.parameters.get("max_tokens") is None:
        yield f"expected `max_tokens` among the parameters with `api: {file.api}`: endpoints stop after 16 without it"
    yield from _streaming_faults(file)
    yield from _any_llm_faults(file)
    if file.api == "responses" and file.parameters.get("max_output_tokens") is not None:
        yield "expected the limit as `max_tokens`, which budgets go by; it is sent as `max_output_tokens`"
    yield from _ways_in_faults(file, served)
    budget, limit = thinking_budget(file.parameters), file.parameters.get("max_tokens")
    if file.spoken_api == "messages" and budget and (limit or 0) <= budget:
        told = f"the {budget} of `thinking.budget_tokens`, which count against it"
        yield f"expected `max_tokens` above {told}, got {limit!r}"


def _ways_in_faults(file: "ModelFile", served: Collection[str]) -> Iterator[str]:
    """Why nothing lets in, or several things."""
    provider: str = file.provider
    stated = [name for name in WAYS_IN if getattr(file, name) is not None]
    if len(stated) > 1:
        yield f"expected one of {', '.join(WAYS_IN)}, got {' and '.join(stated)}"
    if stated and stated != ["api_key_env"] and provider not in served:
        yield f"expected `{stated[0]}` with provider {' or '.join(served)}, got {provider!r}"
    if file.aws_region is not None and file.base_url is None:
        yield "expected `base_url` with `aws_region`, such as https://bedrock-mantle.us-east-1.api.aws/anthropic/v1"


def _any_llm_faults(file: "ModelFile") -> Iterator[str]:
    """Why any-llm can't be asked so: it takes a provider, a model, a key and an address."""
    if not asks_many_providers(file.provider):
        return
    asked, _, model_id = str(file.model).partition(":")
    if not asked or not model_id:
        yield f"expected `model: provider:id` with provider 'any-llm', as in mistral:mistral-small, got {file.model!r}"
    for name in ("headers_env", "query", "query_env"):
        if getattr(file, name):
            yield f"provider 'any-llm' takes no `{name}`: leave it out, or ask the endpoint with provider 'openai'"


def _streaming_faults(file: "ModelFile") -> Iterator[str]:
    """Why replies can't come piece by piece."""
    if file.mode == "batch" and file.stream:
        yield "replies of batches come whole: leave out `stream`, or `mode: batch`"
    if file.stream and file.spoken_api == "messages" and is_bedrock_runtime(file.base_url):
        told = "write `base_url: https://bedrock-mantle.REGION.api.aws/anthropic/v1`, or leave `stream` out"
        yield f"`stream` can't be read from bedrock-runtime, whose streams are no events of HTTP: {told}"
