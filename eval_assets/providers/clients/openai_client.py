"""The client for any OpenAI-compatible endpoint: OpenAI, Azure, Databricks, vLLM, Ollama, a proxy.

Sends one request at a time and never retries: concurrency, retries and deadlines are in `sending`.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pydantic_core

from eval_assets.config.model import Model
from eval_assets.errors import MissingKeyError
from eval_assets.providers.clients.openai_replies import failure_of, now, quota_of, refusal_of, reply_of
from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.providers.failures import TransientFailure
from eval_assets.providers.keys import OPENAI_URL
from eval_assets.providers.requests import Reply, Request

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai._types import RequestOptions

OPENAI_HOST = "api.openai.com"
OK = 200


class OpenAIClient:
    """Chat completions over HTTP; connects at the first request.

    Args:
        model_id: As the endpoint knows it.
        base_url: Up to and without `/chat/completions`.
        api_key: Sent as bearer token; none is sent when null.
        headers: Further request headers.
        query: Further query parameters.
        secret_query: Further query parameters that no message may show.
        max_connections: At least the concurrency.
    """

    def __init__(
        self,
        *,
        model_id: str,
        base_url: str = OPENAI_URL,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        secret_query: Mapping[str, str] | None = None,
        max_connections: int = 1_000,
    ) -> None:
        self.quota = Quota()
        self._model_id, self._base_url, self._api_key = model_id, base_url, api_key
        self._headers, self._max_connections = dict(headers or {}), max_connections
        self._query = {**(query or {}), **(secret_query or {})}
        self._secrets = [
            secret for secret in (api_key, *self._headers.values(), *(secret_query or {}).values()) if secret
        ]
        self._options: RequestOptions = {}
        self._openai: AsyncOpenAI | None = None

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises a failure of `failures` unless a reply or a refusal came."""
        import httpx2
        import openai

        client = self._openai or self._connect()
        requested_at, began = now(), time.perf_counter()
        try:
            # The raw response: parsing it into the SDK's models would cost as much CPU as all the rest.
            response = await client.post(
                "/chat/completions", cast_to=httpx2.Response, body=self._body(request), options=self._options
            )
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            raise self._lost(error) from None
        latency_seconds = time.perf_counter() - began
        self.quota = quota_of(response.headers)
        body = self._parsed(response.content, response.status_code)
        if response.status_code == OK:
            return reply_of(body, latency_seconds=latency_seconds, requested_at=requested_at)
        refusal = refusal_of(response.status_code, body, latency_seconds=latency_seconds, requested_at=requested_at)
        if refusal is not None:
            return refusal
        raise failure_of(response.status_code, response.headers, body, self._model_id)

    async def aclose(self) -> None:
        """Close connections."""
        if self._openai is not None:
            await self._openai.close()
            self._openai = None

    def _body(self, request: Request) -> dict[str, Any]:
        body = {"model": self._model_id, "messages": request.messages, **request.parameters}
        if isinstance(body.get("seed"), int):
            body["seed"] += request.sample_index  # one seed for all samples would draw the same reply again
        if request.response_format is not None:
            body["response_format"] = request.response_format
        return body

    def _parsed(self, content: bytes, status: int) -> Any:
        """The JSON of a body; of an error that isn't JSON the text."""
        text = content
        for secret in self._secrets:
            text = text.replace(secret.encode(), b"***")
        try:
            return pydantic_core.from_json(text)
        except ValueError:
            if status == OK:
                raise TransientFailure(f"expected JSON, got {text[:80]!r}", kind="invalid_json") from None
            return text.decode(errors="replace")

    def _lost(self, error: Exception) -> TransientFailure:
        """Whether there never was a connection, or it broke: the SDK reports both as a timeout, the transport knows."""
        import aiohttp

        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        said = str(cause) or type(cause).__name__
        for secret in self._secrets:
            said = said.replace(secret, "***")
        if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.InvalidURL | ConnectionRefusedError):
            return TransientFailure(f"{self._base_url} can't be reached: {said}", kind="connection")
        return TransientFailure(f"the connection to {self._base_url} broke: {said}", kind="connection_lost")

    def _connect(self) -> "AsyncOpenAI":
        import httpx2
        from openai import AsyncOpenAI, DefaultAioHttpClient, Omit

        if self._api_key is None and "authorization" not in {header.lower() for header in self._headers}:
            self._options = {"headers": {"Authorization": Omit()}}
        headers: dict[str, Any] = {}
        if urlsplit(self._base_url).hostname != OPENAI_HOST:
            # The SDK reads these from the environment; they are nobody else's business.
            headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        limits = httpx2.Limits(max_connections=self._max_connections, max_keepalive_connections=self._max_connections)
        self._openai = AsyncOpenAI(
            api_key=self._api_key or "none",
            base_url=self._base_url,
            max_retries=0,
            timeout=None,  # the engine's deadline counts
            default_headers={**headers, **self._headers},
            default_query=self._query,
            http_client=DefaultAioHttpClient(limits=limits, timeout=None),
        )
        return self._openai


def openai_client(model: Model, environment: Mapping[str, str]) -> OpenAIClient:
    """The client of a model file, with secrets from the environment.

    Raises:
        MissingKeyError: A variable that the file names, or OPENAI_API_KEY for OpenAI itself, is not set.
    """
    file = model.file
    base_url = file.base_url or OPENAI_URL
    key_name = file.api_key_env or ("OPENAI_API_KEY" if urlsplit(base_url).hostname == OPENAI_HOST else None)
    return OpenAIClient(
        model_id=str(file.model),
        base_url=base_url,
        api_key=None if key_name is None else _secret(model, key_name, environment),
        headers={header: _secret(model, name, environment) for header, name in file.headers_env.items()},
        query=file.query,
        secret_query={field: _secret(model, name, environment) for field, name in file.query_env.items()},
        max_connections=file.limits.max_concurrency,
    )


def _secret(model: Model, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise MissingKeyError(
            f"model {model.name!r} needs the environment variable {name}, which is not set; nothing was sent"
        )
    return value
