"""The events in which the loopback provider sends a reply piece by piece, in the order and shapes of each API.

An event is the lines before its blank one. Each function takes the whole reply in its API's shape, and the request.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Body = Mapping[str, Any]


def chat_events(reply: Body, body: Body) -> Iterator[str]:
    """As OpenAI does: the role first, a chunk a word, the finish reason, then usage if asked for."""
    head = {"id": reply["id"], "object": "chat.completion.chunk", "created": 0, "model": reply["model"]}
    for choice in reply["choices"]:
        message = choice["message"]
        calls = [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(message.get("tool_calls") or [])]
        refused = [{"refusal": word} for word in _words(message.get("refusal"))]
        said = [{"content": word} for word in _words(message["content"])]
        first = {"role": "assistant", "content": "" if said else None}
        for delta in [first, *said, *refused, *calls]:
            logprobs = choice["logprobs"] if delta.get("content") else None
            yield _data(
                {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None, "logprobs": logprobs}]}
            )
        yield _data({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _data({**head, "choices": [], "usage": reply["usage"]})
    yield "data: [DONE]"


def text_events(reply: Body, body: Body) -> Iterator[str]:
    """As plain completions come: a chunk a word in the shape of the whole, the finish reason, usage if asked for."""
    head = {"id": reply["id"], "object": "text_completion", "created": 0, "model": reply["model"]}
    for choice in reply["choices"]:
        for place, word in enumerate(_words(choice["text"])):
            told = choice["logprobs"] and {
                name: values[place : place + 1] for name, values in choice["logprobs"].items()
            }
            yield _data({**head, "choices": [{"index": 0, "text": word, "finish_reason": None, "logprobs": told}]})
        ended = {"index": 0, "text": "", "finish_reason": choice["finish_reason"], "logprobs": None}
        yield _data({**head, "choices": [ended]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _data({**head, "choices": [], "usage": reply["usage"]})
    yield "data: [DONE]"


def chat_error_event(message: str) -> str:
    return _data({"error": {"message": message, "code": 503}})


def response_events(reply: Body, _body: Body) -> Iterator[str]:
    """As the Responses API does: the response, each item and part as it begins, grows and ends, the whole response."""
    for number, event in enumerate(_of_a_response(reply)):
        yield _named({**event, "sequence_number": number})


def response_error_event(message: str) -> str:
    event = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": 9}
    return _named(event)


def message_events(reply: Body, _body: Body) -> Iterator[str]:
    """As Anthropic does: the message, each block as it begins, grows and ends, then how it ended, and its usage."""
    spent = reply["usage"]
    started = {**spent, "output_tokens": 1, "output_tokens_details": None}
    ended = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield _named({"type": "message_start", "message": {**reply, **ended, "content": [], "usage": started}})
    yield _named({"type": "ping"})
    for index, block in enumerate(reply["content"]):
        empty, deltas = _taken_apart(block)
        yield _named({"type": "content_block_start", "index": index, "content_block": empty})
        for delta in deltas:
            yield _named({"type": "content_block_delta", "index": index, "delta": delta})
        yield _named({"type": "content_block_stop", "index": index})
    usage = {name: spent[name] for name in ("output_tokens", "output_tokens_details")}
    yield _named({"type": "message_delta", "delta": {name: reply[name] for name in ended}, "usage": usage})
    yield _named({"type": "message_stop"})


def message_error_event(message: str) -> str:
    return _named({"type": "error", "error": {"type": "overloaded_error", "message": message}})


def _of_a_response(reply: Body) -> Iterator[dict[str, Any]]:
    begun = {**reply, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(reply["output"]):
        place = {"item_id": item["id"], "output_index": index}
        yield {"type": "response.output_item.added", "output_index": index, "item": _begun(item)}
        for at, part in enumerate(item.get("summary") or ()):
            for word in _words(part["text"]):
                yield {"type": "response.reasoning_summary_text.delta", **place, "summary_index": at, "delta": word}
        for at, part in enumerate(item.get("content") or ()):
            kind, text = ("refusal", part["refusal"]) if "refusal" in part else ("output_text", part["text"])
            logprobs = {"logprobs": []} if kind == "output_text" else {}
            for word in _words(text):
                yield {"type": f"response.{kind}.delta", **place, "content_index": at, "delta": word, **logprobs}
        if item["type"] == "function_call":
            for half in _halves(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": half}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{reply['status']}", "response": dict(reply)}


def _begun(item: Body) -> dict[str, Any]:
    empty = {"summary": [], "content": [], "arguments": "", "status": "in_progress"}
    return {**item, **{name: value for name, value in empty.items() if name in item}}


def _taken_apart(block: Body) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it begins, and the pieces that make it whole."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": word} for word in _words(block["text"])]
        case "thinking":
            thoughts = [{"type": "thinking_delta", "thinking": word} for word in _words(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*thoughts, signed]
        case _:
            halves = ["", *_halves(json.dumps(block["input"]))]
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": half} for half in halves]


def _words(text: str | None) -> list[str]:
    return re.findall(r"\S+\s*", text or "")


def _halves(text: str) -> list[str]:
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def _data(event: Body) -> str:
    return f"data: {json.dumps(event)}"


def _named(event: Body) -> str:
    return f"event: {event['type']}\n{_data(event)}"
