"""What each provider is, one line each: whatever depends on the provider asks its line, nobody asks its name.

To add one: its client module, its line here, and its name, needed field, dialects and further fields in `config.model`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from eval_assets.config.model import Model, ModelFile, ProviderName
from eval_assets.providers.batches.anthropic_batches import open_anthropic_batches
from eval_assets.providers.batches.openai_batches import open_openai_batches
from eval_assets.providers.batches.service import BatchService
from eval_assets.providers.clients.anthropic_client import anthropic_account, anthropic_address, open_anthropic
from eval_assets.providers.clients.any_llm_client import PACKAGE as ANY_LLM
from eval_assets.providers.clients.any_llm_client import any_llm_account, any_llm_address, open_any_llm
from eval_assets.providers.clients.callable_client import callable_address, open_callable
from eval_assets.providers.clients.callable_version import callable_version
from eval_assets.providers.clients.mlflow_client import mlflow_address, mlflow_version, open_mlflow
from eval_assets.providers.clients.openai_opening import open_openai, openai_account, openai_address
from eval_assets.providers.clients.recorded_client import recorded_address, recorded_version
from eval_assets.providers.clients.recorded_verdicts import open_recorded
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.local.embedded_client import open_embedded
from eval_assets.providers.local.transformers_opening import open_transformers
from eval_assets.requests.exchange import Client


def local_address(file: ModelFile) -> tuple[str, str]:
    """Endpoint and model id of weights on this machine."""
    return "local", str(file.model) if file.gguf_file is None else f"{file.model}#{file.gguf_file}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """How a provider answers; what isn't said holds for language models that are served.

    Args:
        open_client: Makes the client of a model; nothing is asked of the model yet.
        address: Endpoint and model id of a model file, as they stand in request keys. Only what the file says counts.
        version: Hash of the code or file that answers, given the folder `data/models`; null where none is edited.
        is_shown: What of the example itself, besides the rendered prompt: its columns, or its id and position alone.
        sees_documents: It is shown the documents of the dataset.
        has_sampling_parameters: Those that endpoints know; else the parameters are its own.
        has_tokens: Prompts and replies are counted in tokens.
        account: Which account of its address a model file uses, all models of which share what is allowed; null where
            each stands alone.
        open_batches: Opens the batches of a model; null where requests are sent one by one alone.
        package: Which has to be there, by the name it is imported under; an extra brings it.
        takes_reply_formats: A JSON schema or JSON mode may be asked of it.
        takes_tools: It may be given tools, and messages that call them.
        takes_images: Messages may hold images.
        runs_user_code: A function of the user answers.
        is_recorded: Replies, or verdicts, stand in a file: nothing is asked.
        loads_weights: Its models are loaded on this machine, one after the other.
        is_bundled: Its models come with this package, and are too small to judge.
    """

    open_client: Callable[[Model, Surroundings], Client]
    address: Callable[[ModelFile], tuple[str, str]] = local_address
    version: Callable[[ModelFile, Path], str] | None = None
    is_shown: Literal["nothing", "columns", "place"] = "nothing"
    sees_documents: bool = False
    has_sampling_parameters: bool = True
    has_tokens: bool = True
    account: Callable[[ModelFile], str] | None = None
    open_batches: Callable[[Model, Surroundings], BatchService] | None = None
    package: str | None = None
    takes_reply_formats: bool = False
    takes_tools: bool = False
    takes_images: bool = False
    runs_user_code: bool = False
    is_recorded: bool = False
    loads_weights: bool = False
    is_bundled: bool = False

    @property
    def is_shown_the_example(self) -> bool:
        """Whether it answers to more than the rendered prompt, so that columns are part of the request key."""
        return self.is_shown != "nothing"


PROVIDERS: Mapping[ProviderName, Provider] = MappingProxyType(
    {
        "openai": Provider(
            open_client=open_openai,
            address=openai_address,
            account=openai_account,
            open_batches=open_openai_batches,
            takes_reply_formats=True,
            takes_tools=True,
            takes_images=True,
        ),
        "anthropic": Provider(
            open_client=open_anthropic,
            address=anthropic_address,
            account=anthropic_account,
            open_batches=open_anthropic_batches,
            takes_reply_formats=True,
            takes_tools=True,
            takes_images=True,
        ),
        "embedded": Provider(open_client=open_embedded, takes_reply_formats=True, loads_weights=True, is_bundled=True),
        "transformers": Provider(open_client=open_transformers, loads_weights=True),
        "callable": Provider(
            open_client=open_callable,
            address=callable_address,
            version=callable_version,
            is_shown="columns",
            sees_documents=True,
            has_sampling_parameters=False,
            has_tokens=False,
            takes_tools=True,
            takes_images=True,
            runs_user_code=True,
        ),
        "mlflow": Provider(
            open_client=open_mlflow,
            address=mlflow_address,
            version=mlflow_version,
            package="mlflow",
            is_shown="columns",
            has_sampling_parameters=False,
            has_tokens=False,
            takes_tools=True,
            takes_images=True,
            runs_user_code=True,
        ),
        "any-llm": Provider(
            open_client=open_any_llm,
            address=any_llm_address,
            account=any_llm_account,
            package=ANY_LLM,
            takes_reply_formats=True,
            takes_tools=True,
            takes_images=True,
        ),
        "recorded": Provider(
            open_client=open_recorded,
            address=recorded_address,
            version=recorded_version,
            is_shown="place",
            has_sampling_parameters=False,
            has_tokens=False,
            takes_tools=True,
            takes_images=True,
            is_recorded=True,
        ),
    }
)


def provider_of(model: Model) -> Provider:
    """The provider of a model."""
    return PROVIDERS[model.file.provider]
