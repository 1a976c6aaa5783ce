"""The client for any OpenAI-compatible endpoint: OpenAI, Azure, Databricks, vLLM, Ollama, a proxy.

Sends one request at a time and never retries: concurrency, retries and deadlines are in `sending`. What HTTP itself
brings is read in `providers.http`.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from eval_assets.config.model import Limits, Model, ModelFile
from eval_assets.errors import ConfigError, MissingKeyError
from eval_assets.providers.clients.openai_replies import refusal_of, reply_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import Dialect
from eval_assets.providers.dialects.not_taken import STATUSES, refused_name
from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.providers.failures import AttemptFailure, PartitionFailure, RequestFailed, TransientFailure
from eval_assets.providers.http.bodies import REPLACEMENT, is_event_stream, is_page, json_of, page_text
from eval_assets.providers.http.connections import FIRST_TOKEN_AT, MIB, bounded_client, failed_connection
from eval_assets.providers.http.event_streams import completion_of
from eval_assets.providers.http.headers import quota_of
from eval_assets.providers.http.statuses import (
    COMPLETIONS,
    REPLIED,
    address_of,
    error_of,
    failure_of,
    takes_no_such_format,
)
from eval_assets.providers.redaction import redacted, redacted_texts
from eval_assets.providers.replies.guessed_tokens import with_guessed_tokens
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity, lane_of

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai._types import RequestOptions

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_MESSAGE = 500
USAGE_OF_A_STREAM = "stream_options"
STREAMING: Mapping[str, Any] = MappingProxyType({"stream": True, USAGE_OF_A_STREAM: {"include_usage": True}})
"""What asks for a reply piece by piece, with its usage at the end."""

SEEDS = ("seed", "random_seed")
LARGEST_REPLY_MIB = Limits().max_reply_mib


class OpenAIClient:
    """Chat completions over HTTP; connects at the first request, and follows no redirect.

    Args:
        model_id: As the endpoint knows it.
        base_url: Up to and without `/chat/completions`.
        api_key: Sent as bearer token; none is sent when null.
        headers: Further request headers.
        query: Further query parameters.
        secret_query: Further query parameters that no message may show.
        max_connections: At least the concurrency.
        max_reply_mib: Largest body of a response, decompressed.
        dialect: How parameters are spelled; null finds out by itself.
        streams: Replies are asked for piece by piece, so that the time to the first token is known.
    """

    def __init__(  # noqa: PLR0913  what may differ between endpoints, each by name
        self,
        *,
        model_id: str,
        base_url: str = OPENAI_URL,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        secret_query: Mapping[str, str] | None = None,
        max_connections: int = 1_000,
        max_reply_mib: float = LARGEST_REPLY_MIB,
        dialect: Dialect | None = None,
        streams: bool = False,
    ) -> None:
        self.quota = Quota()
        self._dialect = dialect or Dialect(f"model {model_id!r}", model_id)
        self._model_id, self._base_url, self._api_key = model_id, base_url, api_key
        self._headers, self._max_connections = dict(headers or {}), max_connections
        self._query = {**(query or {}), **(secret_query or {})}
        self._max_body_bytes = round(max_reply_mib * MIB)
        self._secrets = [
            secret for secret in (api_key, *self._headers.values(), *(secret_query or {}).values()) if secret
        ]
        self._options: RequestOptions = {}
        self._streaming: Mapping[str, Any] = STREAMING if streams else {}
        self._openai: AsyncOpenAI | None = None

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises a failure of `failures` unless a reply or a refusal came."""
        try:
            while True:
                requested_at, began = datetime.now(UTC), time.perf_counter()
                sent = self._dialect.spelled(request.parameters)
                if self._streaming:
                    sent = {**sent, **self._streaming}
                if (asked := self._format_of(request)) is not None:
                    sent = {**sent, "response_format": asked}
                response = await self._response(request, sent)
                latency_seconds = time.perf_counter() - began
                self.quota = quota_of(response.headers)
                if response.status_code in STATUSES and self._may_be_asked_otherwise(response, request, sent):
                    continue
                reply = self._read(response, request, latency_seconds=latency_seconds, requested_at=requested_at)
                self._dialect.accepted(request.parameters)
                first_token_at = response.extensions.get(FIRST_TOKEN_AT)
                return reply if first_token_at is None else replace(reply, first_token_seconds=first_token_at - began)
        except AttemptFailure as failure:
            failure.args = (self._told(str(failure)),)
            raise

    async def aclose(self) -> None:
        """Close connections."""
        if self._openai is not None:
            await self._openai.close()
            self._openai = None

    def _may_be_asked_otherwise(self, response: "httpx2.Response", request: Request, sent: Mapping[str, Any]) -> bool:
        """Whether something was refused that has another name or form, or that the request can do without."""
        body = self._parsed(response.content, response.status_code)
        if USAGE_OF_A_STREAM in sent and USAGE_OF_A_STREAM in error_of(body)[1]:
            self._streaming = {"stream": True}  # then usage is guessed
            return True
        if (
            request.may_weaken_format
            and request.response_format is not None
            and takes_no_such_format(error_of(body)[1])
        ):
            if "response_format" not in sent or "response_format" in request.parameters:
                return False
            self._dialect.format_refused(request.response_format, sent["response_format"])
            return True
        name = refused_name(body, sent)
        return name is not None and self._dialect.refused(request.parameters, name)

    async def _response(self, request: Request, sent: Mapping[str, Any]) -> "httpx2.Response":
        """What the endpoint answers, whatever its status."""
        import aiohttp
        import httpx2
        import openai

        try:
            client = self._openai or self._connect()
        except (httpx2.InvalidURL, ValueError) as error:
            raise PartitionFailure(f"`base_url` {self._base_url!r} is no address: {error}", "unreachable") from None
        try:
            # The raw response: parsing it into the SDK's models would cost as much CPU as all the rest.
            return await client.post(
                COMPLETIONS, cast_to=httpx2.Response, body=self._body(request, sent), options=self._options
            )
        except openai.APIStatusError as error:
            return error.response
        except (openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError, OSError, UnicodeError) as error:
            raise failed_connection(error, address_of(self._base_url)) from None
        except (TypeError, ValueError) as error:  # of JSON and of headers
            raise RequestFailed(f"the request can't be written: {error}", kind="unsendable", of_endpoint=True) from None

    def _read(
        self, response: "httpx2.Response", request: Request, *, latency_seconds: float, requested_at: datetime
    ) -> Reply:
        """The reply or refusal in a response; else raises the failure it stands for."""
        status, body = response.status_code, self._parsed(response.content, response.status_code)
        if status in REPLIED:
            reply = reply_of(body, latency_seconds=latency_seconds, requested_at=requested_at)
            return with_guessed_tokens(reply, request)
        # The text of an error is no model's: it may repeat what was sent.
        body = redacted_texts(body, self._secrets)
        refusal = refusal_of(status, body, latency_seconds=latency_seconds, requested_at=requested_at)
        if refusal is not None:
            return replace(refusal, error=self._told(refusal.error or ""))
        url = address_of(self._base_url.rstrip("/") + COMPLETIONS)
        raise failure_of(status, response.headers, body, self._model_id, url)

    def _body(self, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
        body = {**sent, "model": self._model_id, "messages": request.messages}
        for name in SEEDS:
            if isinstance(body.get(name), int):
                body[name] += request.sample_index  # one seed for all samples would draw the same reply again
        return body

    def _format_of(self, request: Request) -> Mapping[str, Any] | None:
        if request.may_weaken_format:
            return self._dialect.format_sent(request.response_format)
        return request.response_format

    def _parsed(self, content: bytes, status: int) -> Any:
        """The JSON of a body, of a stream what its chunks amount to; of an error that isn't JSON the text."""
        if status in REPLIED and is_event_stream(content):  # some always stream
            return completion_of(content)
        try:
            return json_of(content)
        except ValueError as error:
            if status not in REPLIED:
                return page_text(content)
            # Redacted before it is cut: half a secret would not be found.
            text = self._redacted(page_text(content))[:80]
            raise TransientFailure(
                f"expected JSON, got {'the page ' if is_page(content) else ''}{text!r}: {error}",
                kind="invalid_json",
                lasting=is_page(content),
            ) from None

    def _redacted(self, text: str) -> str:
        return redacted(text, self._secrets)

    def _told(self, text: str) -> str:
        """A text as a message may hold it: no secret, one line, nothing that speaks to a terminal."""
        line = " ".join(self._redacted(text).split())
        return "".join(letter if letter.isprintable() else REPLACEMENT for letter in line)[:LONGEST_MESSAGE]

    def _connect(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, Omit

        if self._api_key is None and "authorization" not in {header.lower() for header in self._headers}:
            self._options = {"headers": {"Authorization": Omit()}}
        headers: dict[str, Any] = {}
        if urlsplit(self._base_url).hostname != OPENAI_HOST:
            # The SDK reads these from the environment; they are nobody else's business.
            headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        self._openai = AsyncOpenAI(
            api_key=self._api_key or "none",
            base_url=self._base_url,
            max_retries=0,
            timeout=None,  # the engine's deadline counts
            default_headers={**headers, **self._headers},
            default_query=self._query,
            http_client=bounded_client(max_connections=self._max_connections, max_body_bytes=self._max_body_bytes),
        )
        return self._openai


def open_openai(model: Model, surroundings: Surroundings) -> OpenAIClient:
    """The client of a model file, with secrets from the environment.

    Raises:
        MissingKeyError: A variable that the file names, or OPENAI_API_KEY for OpenAI itself, is not set.
    """
    file, environment = model.file, surroundings.environment
    base_url, key_name = file.base_url or OPENAI_URL, _key_name(file)
    return OpenAIClient(
        model_id=str(file.model),
        base_url=base_url,
        api_key=None if key_name is None else _secret(model, key_name, environment),
        headers={header: _secret(model, name, environment) for header, name in file.headers_env.items()},
        query=file.query,
        secret_query={field: _secret(model, name, environment) for field, name in file.query_env.items()},
        max_connections=file.limits.max_concurrency,
        max_reply_mib=file.limits.max_reply_mib,
        streams=file.stream,
        dialect=Dialect.of(model, lane_of(ModelIdentity(file.provider, *openai_address(file))), surroundings.dialects),
    )


def openai_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file."""
    return endpoint_of(file.base_url or OPENAI_URL, file.query), str(file.model)


def openai_account(file: ModelFile) -> str:
    """The variables that hold the key and whatever else is secret, by name: what they hold is nobody's business.

    >>> openai_account(ModelFile(provider="openai", model="gpt-4o", headers_env={"X-Key": "GATEWAY_KEY"}))
    'OPENAI_API_KEY X-Key=GATEWAY_KEY'
    """
    named = sorted({**file.headers_env, **file.query_env}.items())
    return " ".join(part for part in (_key_name(file), *map("=".join, named)) if part)


def endpoint_of(base_url: str, query: Mapping[str, str] | None = None) -> str:
    """One spelling for one address: lower-case host, no default port, no final slash, sorted query.

    >>> endpoint_of("HTTPS://Api.Example.com:443/v1/", {"api-version": "2"})
    'https://api.example.com/v1?api-version=2'
    """
    parts = urlsplit(base_url)
    if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
        raise ConfigError(f"expected a base_url that begins with http:// or https://, got {base_url!r}")
    scheme = parts.scheme.lower()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = "" if parts.port in (None, DEFAULT_PORTS[scheme]) else f":{parts.port}"
    asked = "&".join(part for part in (parts.query, urlencode(sorted((query or {}).items()))) if part)
    return f"{scheme}://{host}{port}{parts.path.rstrip('/')}{'?' if asked else ''}{asked}"


def _key_name(file: ModelFile) -> str | None:
    """The variable that holds the key; null if none is sent."""
    is_openai = urlsplit(file.base_url or OPENAI_URL).hostname == OPENAI_HOST
    return file.api_key_env or ("OPENAI_API_KEY" if is_openai else None)


def _secret(model: Model, name: str, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise MissingKeyError(
            f"model {model.name!r} needs the environment variable {name}, which is not set; nothing was sent"
        )
    return value
