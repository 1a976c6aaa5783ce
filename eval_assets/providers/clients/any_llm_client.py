"""Provider `any-llm`: what that package knows to ask and this one doesn't, as `provider:model`. Needs the extra.

Requests are written, and replies brought into the shape of chat completions, by the package; what they and its errors
mean is read as everywhere.
"""

import inspect
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from eval_assets.config.model import Model, ModelFile
from eval_assets.errors import ConfigError, MissingKeyError
from eval_assets.providers.apis.api_form import drawn
from eval_assets.providers.clients.openai_replies import refusal_of, reply_of
from eval_assets.providers.clients.served_endpoints import endpoint_of, secret_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import FORMAT, Dialect
from eval_assets.providers.failures import AttemptFailure, RequestFailed
from eval_assets.providers.http.statuses import failure_of, takes_no_such_format
from eval_assets.providers.redaction import redacted
from eval_assets.providers.replies.guessed_tokens import with_guessed_tokens
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity, lane_of

PACKAGE = "any_llm"
REMEDY = "install it with: pip install 'eval-assets[any-llm]' (in a checkout: pip install -e '.[any-llm]')"
FORMATS = ("json_schema", "json_object")
FILTERED = "content_filter"
LONGEST_MESSAGE = 500

STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "AuthenticationError": 401,
        "InsufficientFundsError": 402,
        "ModelNotFoundError": 404,
        "RateLimitError": 429,
        "UpstreamProviderError": 502,
        "GatewayTimeoutError": 504,
        "InvalidRequestError": 400,
        "ContextLengthExceededError": 400,
        "ContentFilterError": 400,
        "UnsupportedParameterError": 400,
    }
)
"""Class of an error of the package → the status that it stands for, where it tells none; of others 500."""


class AnyLLMClient:
    """Asks one model by way of the package.

    Args:
        llm: What `any_llm.AnyLLM.create` returns.
        model_id: As the provider knows it.
        dialect: What was found out about reply formats.
        secret: What no message may show.
    """

    def __init__(self, llm: Any, model_id: str, dialect: Dialect, secret: str | None) -> None:
        self._llm, self._model_id, self._dialect = llm, model_id, dialect
        self._secrets = [secret] if secret else []

    async def complete(self, request: Request) -> Reply:
        """Send one request; raises a failure of `failures` unless a reply or a refusal came."""
        while True:
            asked = self._asked(request)
            requested_at, began = datetime.now(UTC), time.perf_counter()
            try:
                completion = await self._llm.acompletion(
                    model=self._model_id,
                    messages=[dict(message) for message in request.messages],
                    **drawn(dict(asked), request.sample_index),
                )
                latency_seconds = time.perf_counter() - began
                body = completion.model_dump(mode="json")
                reply = reply_of(body, latency_seconds=latency_seconds, requested_at=requested_at)
                self._dialect.accepted(asked)
                return with_guessed_tokens(reply, request)
            except AttemptFailure as failure:
                failure.args = (self._told(str(failure)),)
                raise
            except Exception as error:  # noqa: BLE001  each provider of the package has errors of its own
                found = self._meaning(error, requested_at, time.perf_counter() - began)
                if isinstance(found, Reply):
                    return found
                if not self._is_asked_otherwise_now(request, asked, str(found)):
                    raise found from None

    async def aclose(self) -> None:
        """Close connections, which the package leaves to the client of each provider, if that can."""
        close = getattr(getattr(self._llm, "client", None), "close", None)
        if close is not None and inspect.isawaitable(closing := close()):
            await closing

    def _asked(self, request: Request) -> dict[str, Any]:
        """The parameters of a request, its reply format and its tools."""
        wanted = request.response_format
        if request.may_weaken_format:
            wanted = self._dialect.format_sent(wanted, FORMATS)
        given: dict[str, Any] = {} if wanted is None else {FORMAT: dict(wanted)}
        if request.tools:
            given["tools"] = list(request.tools)
        return {**request.parameters, **given}

    def _is_asked_otherwise_now(self, request: Request, asked: Mapping[str, Any], said: str) -> bool:
        """Whether the reply format was refused, and the request can do with a weaker one."""
        if not (request.may_weaken_format and FORMAT in asked and FORMAT not in request.parameters):
            return False
        if not takes_no_such_format(said):
            return False
        self._dialect.format_refused(request.response_format, asked[FORMAT], FORMATS)
        return True

    def _meaning(self, error: Exception, requested_at: datetime, seconds: float) -> Reply | AttemptFailure:
        """What an error of the package means: a refusal, or the failure that its status stands for."""
        from any_llm.exceptions import AnyLLMError

        said = self._told(str(error))
        if not isinstance(error, AnyLLMError):
            return RequestFailed(
                f"any-llm failed with {type(error).__name__}: {said}", "client_failed", of_endpoint=True
            )
        name = type(error).__name__
        told = error.status_code
        status = told if isinstance(told, int) and told >= 400 else STATUS_OF.get(name, 500)  # noqa: PLR2004
        code = FILTERED if name == "ContentFilterError" else error.code or error.error_type
        body = {"error": {"message": said, "code": code, "param": error.param}}
        refusal = refusal_of(status, body, latency_seconds=seconds, requested_at=requested_at)
        if refusal is not None:
            return replace(refusal, error=said)
        wait = getattr(error, "retry_after", None)
        return failure_of(status, {} if wait is None else {"retry-after": str(wait)}, body, self._model_id)

    def _told(self, text: str) -> str:
        return " ".join(redacted(text, self._secrets).split())[:LONGEST_MESSAGE]


def open_any_llm(model: Model, surroundings: Surroundings) -> AnyLLMClient:
    """The client of a model file, with the key from the variable that it names, or else from any-llm's own.

    Raises:
        MissingKeyError: The variable is not set.
        ConfigError: The package, or what it needs for this provider, isn't installed, or it knows no such provider.
    """
    file = model.file
    provider, model_id = str(file.model).split(":", 1)
    key = None if file.api_key_env is None else secret_of(model, file.api_key_env, surroundings.environment)
    lane = lane_of(ModelIdentity(file.provider, *any_llm_address(file)))
    llm = _created(model, provider, key)
    return AnyLLMClient(llm, model_id, Dialect.of(model, lane, surroundings.dialects), key)


def any_llm_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of a model file.

    >>> any_llm_address(ModelFile(provider="any-llm", model="mistral:mistral-small-latest"))
    ('any-llm', 'mistral:mistral-small-latest')
    """
    return "any-llm" if file.base_url is None else endpoint_of(file.base_url), str(file.model)


def any_llm_account(file: ModelFile) -> str:
    """The variable that holds the key, or whose default it is."""
    return file.api_key_env or str(file.model).partition(":")[0]


def _created(model: Model, provider: str, key: str | None) -> Any:
    try:
        from any_llm import AnyLLM
        from any_llm.exceptions import AnyLLMError, MissingApiKeyError, UnsupportedParameterError
    except ImportError as error:
        raise ConfigError(f"provider 'any-llm' needs a package that isn't installed ({error}); {REMEDY}") from error
    how = {"api_key": key, "api_base": model.file.base_url, "unified_exceptions": True}
    called = f"model {model.name!r}: any-llm"
    try:
        try:
            return AnyLLM.create(provider, **how, max_retries=0)  # attempts are made, and counted, here
        except UnsupportedParameterError:
            return AnyLLM.create(provider, **how)
    except MissingApiKeyError as error:
        raise MissingKeyError(
            f"model {model.name!r} needs the environment variable {error.env_var_name}, which is not set; nothing was "
            "sent"
        ) from None
    except ImportError as error:
        raise ConfigError(f"{called} needs further packages for {provider!r}: {error}") from error
    except AnyLLMError as error:
        raise ConfigError(f"{called} can't ask {provider!r}: {error}") from error
