"""What a provider can't be sent: tools, images. Said before anything is sent, for `check` and for each row."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from eval_assets.config.model import Model
from eval_assets.config.served import TEXT_APIS
from eval_assets.providers.traits import PROVIDERS, provider_of
from eval_assets.requests.conversations import images_in
from eval_assets.requests.exchange import Message


def takes_reply_formats(model: Model) -> bool:
    """Whether a JSON schema or JSON mode may be asked of a model."""
    return provider_of(model).takes_reply_formats and model.file.api not in TEXT_APIS


def unable_to_answer(
    model: Model,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]],
    asked: Mapping[str, Any] | None = None,
) -> str | None:
    """Why a model can't be sent a prompt; null if it can.

    Args:
        model: The model.
        messages: The rendered prompt.
        tools: What it may call.
        asked: The form of answers that the prompt asks for.
    """
    faults = _faults_of_texts(model, messages, tools, asked) if model.file.api in TEXT_APIS else ()
    return next(chain(faults, _faults(model, messages, tools)), None)


def unable_to_judge(model: Model) -> str | None:
    """Why a model can't be a judge whatever it is asked; null if it can be."""
    if model.file.api not in TEXT_APIS:
        return None
    said = f"model {model.name!r} is asked with `api: {model.file.api}`, which takes one text"
    return f"{said}: judges are asked in messages; name a model with `api: chat`"


def _faults_of_texts(
    model: Model,
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]],
    asked: Mapping[str, Any] | None,
) -> Iterator[str]:
    called = f"model {model.name!r} is asked with `api: {model.file.api}`, which takes one text"
    otherwise = "or ask the model with `api: chat`"
    if len(messages) != 1:
        yield f"{called} and knows no roles, got {len(messages)} messages; write one `## user` section, {otherwise}"
    if tools or any("tool_calls" in message for message in messages):
        yield f"{called} and no tools; leave them out of the prompt, {otherwise}"
    if any(True for _ in images_in(messages)):
        yield f"{called} and no images; leave them out, {otherwise}"
    if asked is not None:
        yield f"{called} and no reply format; leave `response_format` out of the prompt, {otherwise}"


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
