# ruff: noqa: SIM905  names, in lists that stay readable
"""Words of other tools, and what is written here instead. What is only mistyped is told by `problems.nearest`."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

ONE_ENDPOINT = "write `provider: openai` with the `base_url` of its OpenAI-compatible endpoint"

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "api_base": "base_url",
        "budget": "max_cost_usd",
        "budget_usd": "max_cost_usd",
        "candidates": "models",
        "concurrency": "max_concurrency",
        "criteria": "definition",
        "criterion": "definition",
        "data": "dataset",
        "deployment": "model",
        "endpoint": "base_url",
        "engine": "model",
        "epochs": "samples",
        "evaluators": "metrics",
        "model_id": "model",
        "model_name": "model",
        "name": "metric",
        "repetitions": "samples",
        "retries": "max_retries",
        "rpm": "requests_per_minute",
        "scorers": "metrics",
        "timeout": "timeout_seconds",
        "tpm": "tokens_per_minute",
        "url": "base_url",
    }
)
"""Their name of a field → ours."""

WAYS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "limit": ("slice", "`slice: {first: …}`"),
        "max_examples": ("slice", "`slice: {first: …}`"),
        "sample_size": ("slice", "`slice: {first: …}`"),
        "threshold": ("min", "`min`, `max` or `max_drop`"),
        "headers": ("headers_env", "`headers_env: {header: NAME_OF_A_VARIABLE}`"),
    }
)
"""Their name of a field → a field that has to be among ours, and how it is written."""

PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            "anthropic azure azure_openai azure-openai bedrock cohere databricks deepseek fireworks gemini google groq "
            "litellm llama.cpp llamacpp lmstudio mistral nvidia ollama openai-compatible openai_compatible openrouter "
            "perplexity sglang tgi together vertex vllm xai".split(),
            ONE_ENDPOINT,
        ),
        **dict.fromkeys(("hf", "huggingface", "local", "pipeline", "torch"), "write `provider: transformers`"),
        **dict.fromkeys(("custom", "function", "langchain", "pyfunc", "python"), "write `provider: callable`"),
        **dict.fromkeys(("csv", "file", "json", "static"), "write `provider: recorded`"),
    }
)
"""Their name of a provider → what is written here."""

ROLES: Mapping[str, str] = MappingProxyType(
    {"ai": "assistant", "bot": "assistant", "developer": "system", "human": "user", "instructions": "system"}
)
"""Their name of who speaks → ours."""


def meant_field(name: str, fields: Collection[str]) -> str | None:
    """What to write for a field of another tool; null if there is none among ours.

    >>> meant_field("rpm", ["requests_per_minute"]), meant_field("Limit", ["slice"]), meant_field("rpm", ["slice"])
    ('write `requests_per_minute`', 'write `slice: {first: …}`', None)
    """
    ours, written = WAYS.get(name.lower(), (FIELDS.get(name.lower()), f"`{FIELDS.get(name.lower())}`"))
    return f"write {written}" if ours in fields else None
