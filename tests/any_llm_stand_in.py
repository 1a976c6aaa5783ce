"""A stand-in for the package `any_llm`: what the provider uses of it, for an endpoint that speaks chat completions.

`tests/providers/test_any_llm.py` runs the same tests against it and against the package, where that is installed.
"""

import os
from types import ModuleType, SimpleNamespace
from typing import Any, Self


class AnyLLMError(Exception):
    """What every error is, with what its endpoint told."""

    def __init__(self, message: str, status_code: int | None = None, code: str | None = None, **told: Any) -> None:
        super().__init__(message)
        self.status_code, self.code = status_code, code
        self.param, self.error_type = told.get("param"), told.get("error_type")
        self.retry_after = told.get("retry_after")


class RateLimitError(AnyLLMError):
    pass


class AuthenticationError(AnyLLMError):
    pass


class ModelNotFoundError(AnyLLMError):
    pass


class InvalidRequestError(AnyLLMError):
    pass


class ProviderError(AnyLLMError):
    pass


class ContentFilterError(AnyLLMError):
    pass


class UnsupportedProviderError(AnyLLMError):
    pass


class UnsupportedParameterError(AnyLLMError):
    pass


class MissingApiKeyError(AnyLLMError):
    def __init__(self, env_var_name: str) -> None:
        super().__init__(f"No API key provided. Please set the {env_var_name} environment variable.")
        self.env_var_name = env_var_name


BY_STATUS = {
    400: InvalidRequestError,
    401: AuthenticationError,
    404: ModelNotFoundError,
    429: RateLimitError,
}


class AnyLLM:
    """One provider, which is OpenAI."""

    def __init__(self, api_key: str, api_base: str) -> None:
        self._api_key, self._api_base = api_key, api_base

    @classmethod
    def create(cls, provider: str, api_key: str | None = None, api_base: str | None = None, **how: Any) -> Self:
        assert how["unified_exceptions"] is True
        assert how.get("max_retries", 0) == 0
        if provider == "mistral":
            raise ImportError("mistral required packages are not installed. pip install 'any-llm-sdk[mistral]'")
        if provider != "openai":
            raise UnsupportedProviderError(f"'{provider}' is not a supported provider. Supported providers: openai")
        key = api_key or os.environ.get("OPENAI_API_KEY")
        if not key:
            raise MissingApiKeyError("OPENAI_API_KEY")
        return cls(key, str(api_base))

    async def acompletion(self, model: str, messages: list[dict[str, Any]], **parameters: Any) -> Any:
        import httpx2

        body = {"model": model, "messages": messages, **parameters}
        headers = {"Authorization": f"Bearer {self._api_key}"}
        try:
            async with httpx2.AsyncClient() as client:
                response = await client.post(f"{self._api_base}/chat/completions", json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise ProviderError(str(error)) from error
        if response.is_success:
            return SimpleNamespace(model_dump=lambda **_: response.json())
        error = response.json()["error"]
        told = {name: error.get(name) for name in ("code", "param")}
        kind = BY_STATUS.get(response.status_code, ProviderError)
        if "filtered" in error["message"]:
            kind = ContentFilterError
        retry = response.headers.get("retry-after")
        raise kind(error["message"], response.status_code, **told, error_type=error.get("type"), retry_after=retry)


def modules() -> dict[str, ModuleType]:
    """What `import any_llm` and `import any_llm.exceptions` find."""
    package, exceptions = ModuleType("any_llm"), ModuleType("any_llm.exceptions")
    package.AnyLLM = AnyLLM  # type: ignore[attr-defined]
    for error in (AnyLLMError, *AnyLLMError.__subclasses__()):
        setattr(exceptions, error.__name__, error)
    return {"any_llm": package, "any_llm.exceptions": exceptions}
