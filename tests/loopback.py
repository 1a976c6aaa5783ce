"""A provider on loopback that counts what it is asked and misbehaves on demand, in any of the APIs of `loopback_apis`.

    with LoopbackProvider() as provider:
        provider.script(Fault(429, retry_after="0.1"), Fault("reset"))   # the next two requests
        ...
        assert provider.requests == 3

As a process of its own: `python -m tests.loopback --latency 0.05` prints its base_url; `GET /_stats` tells the counts.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self

from aiohttp import web

from tests.loopback_apis import APIS, CHAT, COMPLETIONS, MESSAGES, RESPONSES, SpokenApi
from tests.loopback_batches import LoopbackBatches
from tests.loopback_message_batches import LoopbackMessageBatches

TOOL_CALLS = [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}]
Answering = Callable[[Mapping[str, Any]], str]
Manner = Literal[
    "reset",
    "half_body",
    "invalid_json",
    "empty_choice",
    "length",
    "content_filter",
    "filtered",
    "refusal",
    "hang",
    "tool_calls",
    "no_text",
    "no_choice",
    "broken_stream",
    "ended_stream",
    "error_in_stream",
]


@dataclass(frozen=True)
class Fault:
    """What happens to one request: an HTTP status, with a body as it stands if one is given, or a manner."""

    what: int | Manner
    retry_after: str | None = None
    message: str = "scripted"
    code: str | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def thought_out(text: str, n_thoughts: int, body: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """What is left of a text, a token a word, how it ends, and its usage, after so many tokens of thoughts."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or 1_000_000
    words = text.split()
    n_used = min(limit, n_thoughts + len(words))
    spent = {"completion_tokens": n_used, "completion_tokens_details": {"reasoning_tokens": min(n_thoughts, limit)}}
    is_whole = n_thoughts + len(words) <= limit
    return (
        (text if is_whole else " ".join(words[: max(0, limit - n_thoughts)])),
        ("stop" if is_whole else "length"),
        spent,
    )


def within(body: Mapping[str, Any], name: str) -> Any:
    """What a body holds under a name, in which dots lead into objects; null if it doesn't."""
    for part in name.split("."):
        body = body.get(part) if isinstance(body, Mapping) else None  # type: ignore[assignment]
    return body


@dataclass
class LoopbackProvider:
    """A provider for one test.

    Args:
        answer: Text of the reply to a request body; default echoes the last message.
        latency_seconds: Time taken for each reply.
        faults: Chosen per request body; null answers normally. Asked after the scripted ones are used up.
        max_at_once: Beyond it requests get a 429.
        api_key: If set, other keys get a 401.
        models: If set, other models get a 404.
        supports_json_schema: If not, a `json_schema` response format gets a 400.
        headers: Added to every reply, such as rate limits.
        takes_no: Parameters that get a 400, in the words of the API.
        thinking: Tokens spent on thoughts before the answer to a request body; they count against its limit.
        always_streams: Replies come as events though nobody asked for it.
        token_seconds: Time between two events of a stream.
        is_anywhere: Its APIs are found below any path, not below `/v1` alone.
        answers_as: The model that it says has answered; the one that was asked for when null.
        fingerprint: What it says of the state of its servers.
        on_body: Told of each body as it came.
    """

    answer: Answering | None = None
    latency_seconds: float = 0.0
    faults: Callable[[Mapping[str, Any]], Fault | None] | None = None
    max_at_once: int | None = None
    api_key: str | None = None
    models: set[str] | None = None
    supports_json_schema: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    keep_bodies: bool = True
    takes_no: tuple[str, ...] = ()
    thinking: Callable[[Mapping[str, Any]], int] | None = None
    always_streams: bool = False
    token_seconds: float = 0.0
    is_anywhere: bool = False
    answers_as: str | None = None
    fingerprint: str | None = None
    on_body: Callable[[bytes], object] = lambda _: None

    requests: int = field(default=0, init=False)
    paid: int = field(default=0, init=False)
    at_once: int = field(default=0, init=False)
    most_at_once: int = field(default=0, init=False)
    bodies: list[dict[str, Any]] = field(default_factory=list, init=False)
    times: list[float] = field(default_factory=list, init=False)
    request_headers: list[Mapping[str, str]] = field(default_factory=list, init=False)
    paths: list[str] = field(default_factory=list, init=False)
    by_hash: Counter[str] = field(default_factory=Counter, init=False)
    paid_by_hash: Counter[str] = field(default_factory=Counter, init=False)
    base_url: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._script: deque[Fault | None] = deque()
        self.batches = LoopbackBatches(self.batched)
        self.message_batches = LoopbackMessageBatches(partial(self.batched, api=MESSAGES))

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def script(self, *faults: Fault | None) -> None:
        """Faults of the next requests, in order of arrival; null answers one normally."""
        self._script.extend(faults)

    @property
    def stats(self) -> dict[str, Any]:
        """Counts, as `GET /_stats` tells them."""
        return {
            "requests": self.requests,
            "paid": self.paid,
            "by_hash": self.by_hash,
            "paid_by_hash": self.paid_by_hash,
        }

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self.start())
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(runner.cleanup())
            self._loop.close()

    async def start(self, port: int = 0) -> web.AppRunner:
        """Serve in the running loop."""
        app = web.Application(client_max_size=2**26)
        for api in APIS:
            before = "/{before:.*}" if self.is_anywhere else "/v1"
            app.router.add_post(f"{before}{api.path}", partial(self._complete, api))
        app.router.add_get("/_stats", self._tell)
        self.batches.add_routes(app)
        self.message_batches.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return runner

    async def _tell(self, _: web.Request) -> web.Response:
        return web.json_response(self.stats)

    def batched(self, body: Mapping[str, Any], api: SpokenApi | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of the response to a line of a batch; scripted faults are statuses, or ways to end."""
        if api is None:
            api = RESPONSES if "input" in body else COMPLETIONS if "prompt" in body else CHAT
        fault = self._script.popleft() if self._script else self.faults(body) if self.faults else None
        if fault is None and (refused := next((name for name in self.takes_no if name in body), None)):
            fault = Fault(400, body=json.dumps(api.refusal(refused, body[refused])).encode())
        if fault is None:
            return 200, api.reply(body, self._reply(api.as_chat(body)))
        if isinstance(fault.what, int):
            error = api.error(fault.what, fault.message, fault.code)
            return fault.what, error if fault.body is None else json.loads(fault.body)
        billed = self._without_answer(fault.what, api.as_chat(body))
        assert billed is not None
        return 200, api.reply(body, billed)

    async def _complete(self, api: SpokenApi, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        self.on_body(raw)
        digest = hashlib.sha256(raw).hexdigest()
        self.requests += 1
        self.by_hash[digest] += 1
        if self.keep_bodies:
            self.bodies.append(body)
            self.times.append(time.monotonic())
            self.request_headers.append(request.headers)
            self.paths.append(request.raw_path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._react(api, request, body, digest)
        finally:
            self.at_once -= 1

    async def _react(
        self, api: SpokenApi, request: web.Request, body: dict[str, Any], digest: str
    ) -> web.StreamResponse:
        fault = self._script.popleft() if self._script else self.faults(body) if self.faults else None
        key = request.headers.get("x-api-key") or request.headers.get("Authorization")
        if self.api_key is not None and key not in (self.api_key, f"Bearer {self.api_key}"):
            # Real providers repeat part of the key; ours repeats all of it, to see whether it is scrubbed.
            fault = Fault(401, message=f"Incorrect API key provided: {key}", code="invalid_api_key")
        elif self.models is not None and body["model"] not in self.models:
            fault = Fault(404, message=f"The model {body['model']!r} does not exist", code="model_not_found")
        elif not self.supports_json_schema and within(api.as_chat(body), "response_format.type") == "json_schema":
            fault = Fault(400, message="response_format json_schema is not supported", code="unsupported_value")
        elif refused := next((name for name in self.takes_no if within(body, name) is not None), None):
            fault = Fault(400, body=json.dumps(api.refusal(refused, within(body, refused))).encode())
        elif self.max_at_once is not None and self.at_once > self.max_at_once:
            fault = Fault(429, retry_after="0.05", message="too many requests at once")
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if fault is None:
            reply = self._reply(api.as_chat(body))
            return self._paid(digest, await self._sent(request, api, body, reply))
        if fault.body is not None:
            assert isinstance(fault.what, int)
            return web.Response(
                body=fault.body, status=fault.what, headers={"Content-Type": "text/plain", **fault.headers}
            )
        if isinstance(fault.what, int):
            error = api.error(fault.what, fault.message, fault.code)
            headers = self.headers | ({} if fault.retry_after is None else {"Retry-After": fault.retry_after})
            headers |= fault.headers
            return web.json_response(error, status=fault.what, headers=headers)
        return await self._misbehave(fault.what, api, request, body, digest)

    async def _misbehave(
        self, manner: Manner, api: SpokenApi, request: web.Request, asked: dict[str, Any], digest: str
    ) -> web.StreamResponse:
        body = api.as_chat(asked)
        if (billed := self._without_answer(manner, body)) is not None:
            return self._paid(digest, await self._sent(request, api, asked, billed))
        match manner:
            case "filtered":
                error = {"error": {"message": "The response was filtered", "code": "content_filter", "status": 400}}
                return web.json_response(error, status=400)
            case "empty_choice":
                return web.json_response(api.reply(asked, self._reply(body) | {"choices": [], "usage": None}))
            case "invalid_json":
                return web.Response(text='{"choices": [{"message": ', content_type="application/json")
            case "half_body":
                text = json.dumps(api.reply(asked, self._reply(body))).encode()
                response = web.StreamResponse(
                    headers={"Content-Type": "application/json", "Content-Length": str(len(text))}
                )
                await response.prepare(request)
                await response.write(text[: len(text) // 2])
            case "broken_stream":
                await self._stream(request, api, asked, self._reply(body), n_events=2)
            case "ended_stream" | "error_in_stream":
                fails = manner == "error_in_stream"
                return await self._stream(request, api, asked, self._reply(body), n_events=2, is_failing=fails)
            case "hang":
                await asyncio.sleep(3600)
        # What is left ends with a connection torn down.
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _without_answer(self, manner: Manner, body: dict[str, Any]) -> dict[str, Any] | None:
        """A billed reply that is no whole answer; null for the other manners."""
        match manner:
            case "length" | "content_filter":
                return self._reply(body, finish_reason=manner)
            case "refusal":
                return self._reply(body, text=None, refusal="I can't help with that.")
            case "tool_calls":
                reply = self._reply(body, text=None, finish_reason="tool_calls")
                reply["choices"][0]["message"]["tool_calls"] = TOOL_CALLS
                return reply
            case "no_text":
                spent = {"prompt_tokens": 5, "completion_tokens": 256, "total_tokens": 261}
                return self._reply(body, text=None) | {"usage": spent}
            case "no_choice":
                return self._reply(body) | {"choices": []}
            case _:
                return None

    async def _sent(
        self, request: web.Request, api: SpokenApi, asked: dict[str, Any], reply: dict[str, Any]
    ) -> web.StreamResponse:
        """Send a reply, whole or in the events of its API."""
        if self.always_streams or asked.get("stream"):
            return await self._stream(request, api, asked, reply)
        return web.json_response(api.reply(asked, reply), headers=self.headers)

    async def _stream(
        self,
        request: web.Request,
        api: SpokenApi,
        asked: dict[str, Any],
        reply: dict[str, Any],
        *,
        n_events: int | None = None,
        is_failing: bool = False,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **self.headers})
        await response.prepare(request)
        events = [*api.events(api.reply(asked, reply), asked)][:n_events]
        for event in [*events, api.error_event("scripted")] if is_failing else events:
            await response.write(f"{event}\n\n".encode())
            await asyncio.sleep(self.token_seconds)
        return response

    def _paid(self, digest: str, response: web.StreamResponse) -> web.StreamResponse:
        self.paid += 1
        self.paid_by_hash[digest] += 1
        return response

    _ids = itertools.count()

    def _reply(
        self, body: dict[str, Any], text: str | None = "", finish_reason: str = "stop", refusal: str | None = None
    ) -> dict[str, Any]:
        asked = str(body["messages"][-1]["content"])
        if text is not None:
            text = f"echo: {asked}" if self.answer is None else self.answer(body)
        spent: dict[str, Any] = {"completion_tokens": len((text or "").split())}
        if self.thinking is not None:
            text, finish_reason, spent = thought_out(text or "", self.thinking(body), body)
        return {
            "id": f"chatcmpl-{next(self._ids)}",
            "object": "chat.completion",
            "created": 0,
            "model": self.answers_as or body["model"],
            "system_fingerprint": self.fingerprint,
            "service_tier": "default",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": refusal},
                    "finish_reason": finish_reason,
                    "logprobs": {"content": [{"token": "a", "logprob": -0.1}]} if body.get("logprobs") else None,
                }
            ],
            "usage": {
                "prompt_tokens": len(asked.split()),
                "total_tokens": 0,
                **spent,
            },
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()

    async def serve() -> None:
        provider = LoopbackProvider(latency_seconds=arguments.latency, keep_bodies=False)
        await provider.start(arguments.port)
        print(provider.base_url, flush=True)  # noqa: T201  its only output
        await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
