"""What a model file says of how a served model is asked: the API that is spoken, and what lets requests in."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from eval_assets.config.model import ModelFile

ApiName = Literal["chat", "responses", "completions"]
DEFAULT_API: ApiName = "chat"
WITH_A_CHOICE_OF_APIS = ("openai",)
APIS_OF_THEIR_OWN: Mapping[str, str] = MappingProxyType({"anthropic": "messages"})
"""Provider → the API that it alone speaks."""

TEXT_APIS: tuple[ApiName, ...] = ("completions",)
"""APIs that take a text in place of messages: no roles, tools, images, reply formats."""

WAYS_IN = ("api_key_env", "token_command", "token_function")


def is_default_api(value: object) -> bool:
    """Whether a model is asked in the API that files of old don't name."""
    return value == DEFAULT_API


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
    if file.mode == "batch" and file.stream:
        yield "replies of batches come whole: leave out `stream`, or `mode: batch`"
    if file.api == "responses" and file.parameters.get("max_output_tokens") is not None:
        yield "expected the limit as `max_tokens`, which budgets go by; it is sent as `max_output_tokens`"
    stated = [name for name in WAYS_IN if getattr(file, name) is not None]
    if len(stated) > 1:
        yield f"expected one of {', '.join(WAYS_IN)}, got {' and '.join(stated)}"
    if stated and stated != ["api_key_env"] and provider not in served:
        yield f"expected `{stated[0]}` with provider {' or '.join(served)}, got {provider!r}"
    budget, limit = thinking_budget(file.parameters), file.parameters.get("max_tokens")
    if file.spoken_api == "messages" and budget and (limit or 0) <= budget:
        told = f"the {budget} of `thinking.budget_tokens`, which count against it"
        yield f"expected `max_tokens` above {told}, got {limit!r}"
