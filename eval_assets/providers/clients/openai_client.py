"""The client for any OpenAI-compatible endpoint: OpenAI, Azure, Databricks, vLLM, Ollama, a proxy.

Sends one request at a time and never retries: concurrency, retries and deadlines are in `sending`. What HTTP itself
brings is read in `providers.http`; what stands in the bodies, in `providers.apis`.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from eval_assets.config.model import Limits
from eval_assets.providers.apis.api_form import ApiForm
from eval_assets.providers.apis.chat_api import CHAT
from eval_assets.providers.apis.prompt_caching import Pointing, pointing_to_nothing
from eval_assets.providers.apis.streams import STREAM, USAGE_OF_A_STREAM
from eval_assets.providers.clients.access_tokens import Tokens
from eval_assets.providers.clients.aws_credentials import Signer
from eval_assets.providers.clients.openai_replies import refusal_of
from eval_assets.providers.dialects.found_out import FORMAT, SCHEMA, Dialect
from eval_assets.providers.dialects.not_taken import STATUSES, refused_name
from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.providers.failures import AttemptFailure, PartitionFailure, RequestFailed, TransientFailure
from eval_assets.providers.http.bodies import REPLACEMENT, is_event_stream, is_page, json_of, page_text
from eval_assets.providers.http.connections import (
    FIRST_TOKEN_AT,
    MIB,
    Finish,
    bounded_client,
    failed_connection,
    without_authorization,
)
from eval_assets.providers.http.headers import quota_of
from eval_assets.providers.http.statuses import (
    REPLIED,
    UNAUTHORIZED,
    address_of,
    error_of,
    failure_of,
    takes_no_such_format,
)
from eval_assets.providers.redaction import redacted, redacted_texts
from eval_assets.providers.replies.guessed_tokens import with_guessed_tokens
from eval_assets.requests.exchange import Reply, Request

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI
    from openai._types import RequestOptions

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
LONGEST_MESSAGE = 500
LARGEST_REPLY_MIB = Limits().max_reply_mib


class OpenAIClient:
    """Asks a model over HTTP; connects at the first request, and follows no redirect.

    Args:
        model_id: As the endpoint knows it.
        api: How requests are written and replies read.
        base_url: Up to and without the path of the API.
        api_key: Sent as bearer token; none is sent when null.
        headers: Further request headers.
        query: Further query parameters.
        secret_query: Further query parameters that no message may show.
        max_connections: At least the concurrency.
        max_reply_mib: Largest body of a response, decompressed.
        dialect: How parameters are spelled; null finds out by itself.
        streams: Replies are asked for piece by piece, so that the time to the first token is known.
        fixed_headers: Further request headers that are no secrets.
        pointing: How its prompt cache is told what requests have in common.
        tokens: What is sent as bearer token where that ends after a while.
        signer: Signs requests in place of a key.
    """

    def __init__(  # noqa: PLR0913  what may differ between endpoints, each by name
        self,
        *,
        model_id: str,
        api: ApiForm = CHAT,
        base_url: str = OPENAI_URL,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        secret_query: Mapping[str, str] | None = None,
        max_connections: int = 1_000,
        max_reply_mib: float = LARGEST_REPLY_MIB,
        dialect: Dialect | None = None,
        streams: bool = False,
        fixed_headers: Mapping[str, str] | None = None,
        pointing: Pointing = pointing_to_nothing,
        tokens: Tokens | None = None,
        signer: Signer | None = None,
    ) -> None:
        self.quota = Quota()
        path = (streams and api.streamed_path) or api.path
        self._api, self._path = api, path.format(model=quote(model_id, safe="@"))
        self._tokens, self._signer = tokens, signer
        self._pointing, self._fixed_headers = pointing, dict(fixed_headers or {})
        self._dialect = dialect or Dialect(f"model {model_id!r}", model_id)
        self._model_id, self._base_url, self._api_key = model_id, base_url, api_key
        self._headers, self._max_connections = dict(headers or {}), max_connections
        self._query = {**(query or {}), **(secret_query or {})}
        self._max_body_bytes = round(max_reply_mib * MIB)
        self._secrets = [
            secret
            for secret in (
                api_key,
                *self._headers.values(),
                *(secret_query or {}).values(),
                *(signer.secrets if signer else ()),
            )
            if secret
        ]
        self._streaming: Mapping[str, Any] = api.streaming if streams else {}
        self._openai: AsyncOpenAI | None = None

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises a failure of `failures` unless a reply or a refusal came."""
        try:
            pointed, token, is_renewed = self._pointing(request.messages), await self._token(), False
            while True:
                requested_at, began = datetime.now(UTC), time.perf_counter()
                asked = self._asked(request, pointed)
                sent = self._dialect.spelled(asked)
                if self._streaming:
                    sent = {**sent, **self._streaming}
                response = await self._response(request, sent, token)
                latency_seconds = time.perf_counter() - began
                self.quota = quota_of(response.headers)
                if response.status_code in STATUSES and self._may_be_asked_otherwise(response, request, asked, sent):
                    continue
                if response.status_code == UNAUTHORIZED and not is_renewed:
                    former, token = token, await self._token(refused=token)
                    is_renewed = True
                    if token != former:
                        continue
                reply = self._read(response, request, latency_seconds=latency_seconds, requested_at=requested_at)
                self._dialect.accepted(asked)
                first_token_at = response.extensions.get(FIRST_TOKEN_AT)
                return reply if first_token_at is None else replace(reply, first_token_seconds=first_token_at - began)
        except AttemptFailure as failure:
            failure.args = (self._told(str(failure)),)
            raise

    @property
    def path(self) -> str:
        """Of the API that is spoken, below the base URL."""
        return self._path

    def body_of(self, request: Request) -> dict[str, Any]:
        """What is sent for a request: also as a line of a batch."""
        return self._api.body(self._model_id, request, self._dialect.spelled(self._asked(request)))

    def reply_in(self, status: int, body: bytes, request: Request, *, requested_at: datetime) -> Reply:
        """The reply in a response that came by way of a batch, whose latency nobody measured.

        Raises:
            AttemptFailure: It holds none. A parameter or a reply format that the endpoint doesn't take is remembered:
                the request may be sent again, asked otherwise.
        """
        import httpx2

        response = httpx2.Response(status, content=body)
        try:
            if status in STATUSES and self._is_asked_otherwise_now(response, request):
                said = f"HTTP {status}: something isn't taken, and is asked otherwise from now on"
                raise TransientFailure(said, "unsupported_parameter")
            reply = self._read(response, request, latency_seconds=0.0, requested_at=requested_at)
        except AttemptFailure as failure:
            failure.args = (self._told(str(failure)),)
            raise
        self._dialect.accepted(self._asked(request))
        return replace(reply, latency_seconds=None)

    async def called(self, call: "Callable[[AsyncOpenAI], Awaitable[Any]]", path: str) -> Any:
        """What the SDK says when it is asked something else than a completion.

        Args:
            call: Asks it.
            path: Of the endpoint, for messages.

        Raises:
            AttemptFailure: It brought nothing.
        """
        import aiohttp
        import httpx2
        import openai

        url = address_of(self._base_url.rstrip("/") + path)
        try:
            client, token = self._openai or self._connect(), await self._token()
            if token is not None:
                client = client.with_options(default_headers={"Authorization": f"Bearer {token}"})
            return await call(client)
        except openai.APIStatusError as error:
            response = error.response
            body = redacted_texts(self._parsed(response.content, response.status_code), self._secrets)
            failure = failure_of(response.status_code, response.headers, body, self._model_id, url)
        except (openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError, OSError, UnicodeError) as error:
            failure = failed_connection(error, address_of(self._base_url))
        except AttemptFailure as error:
            failure = error
        failure.args = (self._told(str(failure)),)
        raise failure

    async def aclose(self) -> None:
        """Close connections."""
        if self._openai is not None:
            await self._openai.close()
            self._openai = None

    def _asked(self, request: Request, pointed: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The parameters of a request, its reply format, its tools, and what a prompt cache is told.

        Args:
            request: What is asked.
            pointed: What the cache is told of it, if that was made up already; a second time it may be told more.
        """
        pointed = self._pointing(request.messages) if pointed is None else pointed
        given: dict[str, Any] = {}
        wanted = request.response_format
        if request.may_weaken_format:
            wanted = self._dialect.format_sent(wanted, self._api.formats)
        if wanted is not None:
            given[FORMAT] = wanted
        if request.tools:
            given["tools"] = list(request.tools)
        return {**pointed, **request.parameters, **given} if pointed or given else request.parameters

    def _may_be_asked_otherwise(
        self, response: "httpx2.Response", request: Request, asked: Mapping[str, Any], sent: Mapping[str, Any]
    ) -> bool:
        """Whether something was refused that has another name or form, or that the request can do without."""
        body = self._parsed(response.content, response.status_code)
        if USAGE_OF_A_STREAM in sent and USAGE_OF_A_STREAM in error_of(body)[1]:
            self._streaming = STREAM  # then usage is guessed
            return True
        # Another name of a format comes before a weaker one.
        if (name := refused_name(body, sent)) is not None:
            return self._dialect.refused(asked, name)
        if FORMAT not in asked or not self._may_weaken(body, request):
            return False
        self._dialect.format_refused(request.response_format, asked[FORMAT], self._api.formats)
        return True

    def _is_asked_otherwise_now(self, response: "httpx2.Response", request: Request) -> bool:
        """Whether something was refused that isn't sent any more, by what this response or one before it taught."""
        asked = self._asked(request)
        body, sent = self._parsed(response.content, response.status_code), self._dialect.spelled(asked)
        if (name := refused_name(body, {**asked, **sent})) is not None:
            return name not in sent or self._dialect.refused(asked, name)
        if not self._may_weaken(body, request):
            return False
        given = asked.get(FORMAT)
        # What speaks of schemas where none is sent any more was sent before that was found out.
        if given is not None and (given == request.response_format or SCHEMA not in error_of(body)[1].casefold()):
            self._dialect.format_refused(request.response_format, given, self._api.formats)
        return True

    def _may_weaken(self, body: Any, request: Request) -> bool:
        """Whether an error refuses the reply format, and the request can do with a weaker one."""
        is_declared = request.response_format is not None and FORMAT not in request.parameters
        return request.may_weaken_format and is_declared and takes_no_such_format(error_of(body)[1])

    async def _token(self, refused: str | None = None) -> str | None:
        """The token to send, if one is sent: no message will show it."""
        if self._tokens is None:
            return None
        token = await self._tokens.current(refused)
        if token not in self._secrets:
            self._secrets.append(token)
        return token

    async def _response(self, request: Request, sent: Mapping[str, Any], token: str | None) -> "httpx2.Response":
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
            body = self._api.body(self._model_id, request, sent)
            options: RequestOptions = {} if token is None else {"headers": {"Authorization": f"Bearer {token}"}}
            return await client.post(self._path, cast_to=httpx2.Response, body=body, options=options)
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
            reply = self._api.reply(body, request, latency_seconds=latency_seconds, requested_at=requested_at)
            return with_guessed_tokens(reply, request)
        # The text of an error is no model's: it may repeat what was sent.
        body = redacted_texts(body, self._secrets)
        refusal = refusal_of(status, body, latency_seconds=latency_seconds, requested_at=requested_at)
        if refusal is not None:
            return replace(refusal, error=self._told(refusal.error or ""))
        url = address_of(self._base_url.rstrip("/") + self._path)
        raise failure_of(status, response.headers, body, self._model_id, url)

    def _parsed(self, content: bytes, status: int) -> Any:
        """The JSON of a body, of a stream what its chunks amount to; of an error that isn't JSON the text."""
        if status in REPLIED and is_event_stream(content):  # some always stream
            return self._api.whole(content)
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

    @property
    def _finish(self) -> Finish | None:
        """What is done to each request as it goes out: the SDK always sends a bearer token, and none may be meant."""
        if self._signer is not None:
            return self._signer.sign
        named = {header.lower() for header in self._headers}
        is_meant = self._api_key is not None or self._tokens is not None or "authorization" in named
        return None if is_meant else without_authorization

    def _connect(self) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, Omit

        headers: dict[str, Any] = {}
        if urlsplit(self._base_url).hostname != OPENAI_HOST:
            # The SDK reads these from the environment; they are nobody else's business.
            headers |= {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
        self._openai = AsyncOpenAI(
            api_key=self._api_key or "none",
            base_url=self._base_url,
            max_retries=0,
            timeout=None,  # the engine's deadline counts
            default_headers={**headers, **self._fixed_headers, **self._headers},
            default_query=self._query,
            http_client=bounded_client(
                max_connections=self._max_connections,
                max_body_bytes=self._max_body_bytes,
                finish=self._finish,
                is_verbatim=self._signer is not None,
            ),
        )
        return self._openai
