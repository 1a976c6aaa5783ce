"""A model file, `data/models/<name>.yaml`: provider, model id, sampling parameters, prices, limits."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from eval_assets.config.engine_name import LOCAL, RAY, EngineName, is_local
from eval_assets.config.fields import FileModel, Owner, Slug, VariableName, is_empty, is_null
from eval_assets.config.files.parameter_names import BY_PROJECT
from eval_assets.config.local_limits import gathering_limits, local_limits, spread_limits
from eval_assets.config.prices import Prices
from eval_assets.config.recorded_columns import RecordedColumns
from eval_assets.config.served import APIS_OF_THEIR_OWN, DEFAULT_API, ApiName, is_default_api, serving_faults

ProviderName = Literal["openai", "anthropic", "embedded", "transformers", "callable", "mlflow", "any-llm", "recorded"]
NEEDED_FIELD: Mapping[ProviderName, str] = MappingProxyType(
    {
        "openai": "model",
        "anthropic": "model",
        "embedded": "model",
        "transformers": "model",
        "callable": "callable",
        "mlflow": "model",
        "any-llm": "model",
        "recorded": "file",
    }
)
"""Provider → the field of a model file that it can't do without: who answers."""

WITH_DIALECTS: tuple[ProviderName, ...] = ("openai", "anthropic")
"""Providers whose endpoints differ in the names of parameters, and in which they take."""

WITH_REPLICAS: tuple[ProviderName, ...] = ("transformers",)
"""Providers whose models are loaded by whoever asks them, so that a cluster can hold several of each."""

WITH_BATCHES: tuple[ProviderName, ...] = ("openai", "anthropic")
"""Providers that take many requests as one file and answer them within a day."""

FIELDS_OF: Mapping[str, tuple[ProviderName, ...]] = MappingProxyType(
    {"arguments": ("callable",), "stream": ("openai", "anthropic", "embedded", "callable")}
)
"""Field → the only providers that know what to do with it."""

ReasoningTags = Literal["at_start", "opened_by_template", "anywhere", "ignored"]


def has_dialects(provider: ProviderName) -> bool:
    """Whether the endpoints of a provider differ in the names of parameters."""
    return provider in WITH_DIALECTS


def takes_batches(provider: ProviderName) -> bool:
    """Whether a provider takes many requests as one file."""
    return provider in WITH_BATCHES


def takes_field(provider: ProviderName, field: str) -> bool:
    """Whether a provider knows what to do with a field; most fields are of all."""
    return field not in FIELDS_OF or provider in FIELDS_OF[field]


class Limits(FileModel):
    """How a provider may be used. Never part of a request key."""

    max_concurrency: int = Field(
        16,
        ge=1,
        description="Most requests under way at once; fewer while the provider answers 429. A `transformers` model has "
        "twice its batch size, or 512 on an accelerator.",
    )
    start_concurrency: int = Field(
        1,
        ge=1,
        description="Requests under way at first; the first success adds 15, each further one three. A `transformers` "
        "model starts at its most.",
    )
    requests_per_minute: float | None = Field(None, gt=0, description="Most requests a minute; no bound when absent.")
    tokens_per_minute: float | None = Field(
        None, gt=0, description="Most tokens a minute, of prompts and replies together; no bound when absent."
    )
    timeout_seconds: float = Field(
        120.0,
        gt=0,
        description="Seconds until one request has all bytes of its reply; 3,600 for `transformers` on an accelerator.",
    )
    max_retries: int = Field(5, ge=0, description="Further attempts after 408, 409, 429, 5xx and connection errors.")
    max_reply_mib: float = Field(
        16.0, gt=0, le=1024, description="Largest body of a reply, decompressed, in MiB; a larger one fails its row."
    )
    give_up_after: int | None = Field(
        10, ge=1, description="Equal failures in a row, before any reply, that stop the cell; null never stops it."
    )


FITTING_LIMITS: Mapping[ProviderName, Callable[[str, int | None], dict[str, Any]]] = MappingProxyType(
    {"transformers": local_limits, "callable": gathering_limits, "mlflow": gathering_limits}
)
"""Provider → its limits where a model file states none, by device and batch size."""


def _is_live(value: object) -> bool:
    """Whether a mode is the one that files of old have."""
    return value == "live"


class ModelFile(FileModel):
    """Contents of a model file. Secrets are named, never written: `api_key_env` holds a variable's name."""

    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    provider: ProviderName = Field(
        description="Who answers: `openai` for every OpenAI-compatible endpoint, `anthropic` for Claude in its own "
        "API, `embedded` for the bundled model, `transformers` for local weights, `callable` for your Python, "
        "`mlflow` for a model that MLflow keeps, `any-llm` for what that package knows to ask, "
        "`recorded` for a file of predictions."
    )
    model: str | None = Field(
        None,
        description="Model id at the provider, on Azure the deployment; hub id or path for `transformers`; for "
        "`mlflow` `models:/name/3`, `runs:/id/path`, or a folder beside the model file that a model was saved in; for "
        "`any-llm` its provider and the id, `mistral:mistral-small-latest`.",
    )
    base_url: str | None = Field(
        None, description="Address of the endpoint, up to `/v1`; when absent OpenAI's or Anthropic's own."
    )
    api: ApiName = Field(
        DEFAULT_API,
        description="Of `openai`, the API that is spoken: `chat` completions, `responses`, or plain `completions` "
        "for base models, which take one text.",
        exclude_if=is_default_api,
    )
    api_key_env: VariableName | None = Field(
        None,
        description="Name of the environment variable that holds the key; when absent `OPENAI_API_KEY` or "
        "`ANTHROPIC_API_KEY` for their owners' addresses, for others none.",
    )
    token_command: str | None = Field(
        None,
        min_length=1,
        description="In place of a key: a command that prints an access token, such as `az account get-access-token "
        "--resource https://cognitiveservices.azure.com`. No shell runs it; it runs anew before the token ends.",
        exclude_if=is_null,
    )
    token_function: str | None = Field(
        None,
        description="In place of a key: `module:function` of a module beside `data/` that returns an access token.",
        exclude_if=is_null,
    )
    aws_region: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]+$",
        description="In place of a key: the region of Amazon Bedrock for which requests are signed (SigV4), with "
        "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where it is set, `AWS_SESSION_TOKEN`.",
        exclude_if=is_null,
    )
    headers_env: dict[str, VariableName] = Field(
        default_factory=dict, description="Extra request headers: header name → name of the environment variable."
    )
    query: dict[str, str] = Field(
        default_factory=dict, description="Extra query parameters of the address, such as `api-version`."
    )
    query_env: dict[str, VariableName] = Field(
        default_factory=dict, description="Query parameters that are secret: name → name of the environment variable."
    )
    family: str | None = Field(
        None, description="Model family; a judge is checked for preferring its own. Unknown when absent."
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Sampling parameters, sent as the model's family takes them."
    )
    dialect: dict[str, str | None] = Field(
        default_factory=dict,
        description="What the endpoint calls a parameter, by its name above, a dot leading into an object; null: it "
        "isn't sent. Known of common families, found out of others.",
        exclude_if=is_empty,
    )
    thinks: bool | None = Field(
        None,
        description="Whether it thinks before it answers, so that a judge on it needs room for more than the verdict; "
        "known of common families when absent.",
        exclude_if=is_null,
    )
    follow_changes: bool = Field(
        False,
        description="Whether what another model answered, before the provider put a new one behind this name, is asked "
        "again; else that is only said.",
        exclude_if=is_empty,
    )
    reasoning_tags: ReasoningTags = Field(
        "at_start",
        description="Where `<think>` and its relatives hold thoughts: at the very start of a reply, up to the closing "
        "tag (`opened_by_template`), anywhere, or nowhere (`ignored`).",
    )
    tool_calls: Literal["kept_apart", "as_output"] = Field(
        "kept_apart",
        description="`as_output`: a reply that calls tools answers with its calls, a JSON list of name and arguments.",
    )
    stream: bool = Field(
        default=False,
        description="Whether replies are asked for piece by piece, so that the time to the first token is known; no "
        "other request is made of it. Of `callable` only runnables: functions stream by yielding.",
        exclude_if=is_empty,
    )
    mode: Literal["live", "batch"] = Field(
        "live",
        description="`batch`: requests are collected into files that the provider answers within a day, for less.",
        exclude_if=_is_live,
    )
    reference: bool = Field(
        default=False,
        description="Kept for comparison only: gates don't ask it, and it can't be shipped. Changes no result.",
        exclude_if=is_empty,
    )
    prices: Prices = Field(Prices(), description="What it charges, for estimates and budgets; unknown when absent.")
    limits: Limits = Field(Limits(), description="How fast it may be asked, how long it may take, when to give up.")
    callable: str | None = Field(
        None,
        description="For `callable`: what answers, `module:function` of a module beside `data/`, or `file.py:name`; a "
        "class is made once.",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="For `callable`: what a class is made with, by name.",
        exclude_if=is_empty,
    )
    file: str | None = Field(
        None,
        description="For `recorded`: the file of predictions, beside the model file or a path, which may begin with a "
        "variable as in `${RUNS}/run.jsonl`.",
    )
    columns: RecordedColumns = Field(
        RecordedColumns(), description="For `recorded`: where in a row of `file` example, output and the like stand."
    )
    gguf_file: str | None = Field(
        None, description="For `transformers`: a GGUF file in the model's folder; its other weights when absent."
    )
    device: str = Field("cpu", description="Of `transformers`, as torch names it: `cpu`, `cuda`, `cuda:1`, `mps`.")
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Requests that a `transformers` model generates at once; when absent 8 on `cpu`, elsewhere what "
        "memory allows. Examples that a `callable` or `mlflow` model is given at once, where it takes many.",
    )
    threads: int = Field(1, ge=1, description="Compute threads of `embedded` and `transformers` models.")
    engine: EngineName = Field(
        LOCAL,
        description="`ray`: a `transformers` model is loaded by workers of a Ray cluster, each a replica, with `cuda` "
        "on an accelerator of its own. Changes no result.",
        exclude_if=is_local,
    )
    replicas: int | None = Field(
        None,
        ge=1,
        description="With `engine: ray` how many replicas; when absent as many as the cluster has accelerators, or on "
        "`cpu` processors for their `threads`.",
        exclude_if=is_null,
    )

    @property
    def spoken_api(self) -> str:
        """The API in which its requests are written, if it is served."""
        return APIS_OF_THEIR_OWN.get(self.provider, self.api)

    @model_validator(mode="after")
    def _provider_has_what_it_needs(self) -> "ModelFile":
        field = NEEDED_FIELD[self.provider]
        if getattr(self, field) is None:
            raise ValueError(f"provider {self.provider!r} needs the field {field!r}")
        return self

    @field_validator("callable")
    @classmethod
    def _file_is_a_module(cls, named: str | None) -> str | None:
        """`chains/support.py:chain` names what `chains.support:chain` names."""
        path, colon, name = (named or "").partition(":")
        return f"{path.removesuffix('.py').replace('/', '.')}:{name}" if colon and path.endswith(".py") else named

    @model_validator(mode="after")
    def _fields_are_of_the_provider(self) -> "ModelFile":
        for field, providers in FIELDS_OF.items():
            if getattr(self, field) and not takes_field(self.provider, field):
                raise ValueError(f"expected `{field}` with provider {' or '.join(providers)}, got {self.provider!r}")
        return self

    @field_validator("engine")
    @classmethod
    def _ray_has_something_to_load(cls, engine: EngineName, info: ValidationInfo) -> EngineName:
        provider, device = info.data.get("provider"), info.data.get("device")
        if engine == RAY and provider is not None and provider not in WITH_REPLICAS:
            raise ValueError(
                f"expected `engine: ray` with provider {' or '.join(WITH_REPLICAS)}, got {provider!r}: models that "
                "are loaded can be spread; requests to others stay in the engine that knows their limits"
            )
        if engine == RAY and device is not None and device not in ("cpu", "cuda"):
            raise ValueError(
                f"expected `device: cpu` or `device: cuda` with `engine: ray`, which chooses the accelerator of each "
                f"replica, got {device!r}"
            )
        return engine

    @field_validator("replicas")
    @classmethod
    def _replicas_are_of_ray(cls, replicas: int | None, info: ValidationInfo) -> int | None:
        if replicas is not None and info.data.get("engine") == LOCAL:
            raise ValueError(f"expected `replicas` with `engine: ray`, got {replicas} with `engine: local`")
        return replicas

    @model_validator(mode="after")
    def _dialect_can_be_spoken(self) -> "ModelFile":
        if self.dialect and not has_dialects(self.provider):
            raise ValueError(f"expected `dialect` with provider {' or '.join(WITH_DIALECTS)}, got {self.provider!r}")
        for name, sent_as in self.dialect.items():
            if sent_as is not None and (place := sent_as.partition(".")[0]) in BY_PROJECT:
                raise ValueError(f"`dialect` can't call {name!r} {sent_as!r}: {BY_PROJECT[place]}")
        taken = [sent_as for sent_as in self.dialect.values() if sent_as is not None]
        if twice := sorted({sent_as for sent_as in taken if taken.count(sent_as) > 1}):
            raise ValueError(f"`dialect` calls several parameters {twice[0]!r}; only one can have a name")
        return self

    @model_validator(mode="after")
    def _can_be_served_so(self) -> "ModelFile":
        for said in serving_faults(self, WITH_DIALECTS):
            raise ValueError(said)
        return self

    @model_validator(mode="after")
    def _batches_are_taken(self) -> "ModelFile":
        if self.mode == "batch" and not takes_batches(self.provider):
            raise ValueError(f"expected `mode: batch` with provider {' or '.join(WITH_BATCHES)}, got {self.provider!r}")
        return self

    @model_validator(mode="after")
    def _limits_let_batches_fill(self) -> "ModelFile":
        """A local model's requests wait for each other, not for a server: limits nobody states must not cut batches."""
        limits_of = FITTING_LIMITS.get(self.provider)
        if limits_of is not None:
            fitting = limits_of(self.device, self.batch_size)
            fitting = spread_limits(fitting, self.replicas) if self.engine == RAY else fitting
            stated = {name: getattr(self.limits, name) for name in self.limits.model_fields_set}
            object.__setattr__(self, "limits", Limits(**(fitting | stated)))
        return self


class Model(FileModel):
    """A model with its name."""

    name: Slug = Field(description="Name of the file, without its ending.")
    file: ModelFile = Field(description="What the file says.")
