"""What a provider can't be sent: tools, images. Said before anything is sent, for `check` and for each row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval_assets.config.model import Model
from eval_assets.providers.traits import PROVIDERS, provider_of
from eval_assets.requests.conversations import images_in
from eval_assets.requests.exchange import Message


def unable_to_answer(model: Model, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> str | None:
    """Why a model can't be sent a prompt; null if it can.

    Args:
        model: The model.
        messages: The rendered prompt.
        tools: What it may call.
    """
    return next(_faults(model, messages, tools), None)


def _faults(model: Model, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    provider, called = provider_of(model), f"model {model.name!r} of provider {model.file.provider!r}"
    if tools and not provider.takes_tools:
        yield f"{called} takes no tools; {_others('takes_tools')}"
    if tools and "tools" in model.file.parameters:
        yield f"model {model.name!r} has `tools` among its `parameters`, and the prompt gives others; keep one of them"
    if not provider.takes_tools and any(message["role"] == "tool" or "tool_calls" in message for message in messages):
        yield f"{called} takes no messages that call tools or answer calls; {_others('takes_tools')}"
    if not provider.takes_images and any(True for _ in images_in(messages)):
        yield f"{called} takes no images; {_others('takes_images')}"


def _others(trait: str) -> str:
    able = [name for name, provider in PROVIDERS.items() if getattr(provider, trait)]
    return f"those of {', '.join(able)} do"
