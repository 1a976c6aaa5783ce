"""Which client answers for a model: one entry per provider. How each works is in its own module."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from eval_assets.config.model import Model, ProviderName
from eval_assets.providers.clients.callable_client import CallableClient
from eval_assets.providers.clients.openai_client import openai_client
from eval_assets.providers.clients.recorded_client import recorded_file
from eval_assets.providers.clients.recorded_verdicts import recorded_client
from eval_assets.providers.implementation import project_dir_of, refuse_another
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.providers.local.embedded_client import EmbeddedClient
from eval_assets.providers.local.transformers_client import TransformersClient
from eval_assets.requests.exchange import Client

MOST_EMBEDDED_AT_ONCE = 4
"""Each request at once costs the embedded server 90 MB, and beyond a few they only slow each other down."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a client may need besides its model file."""

    models_dir: Path
    embedded: EmbeddedServers
    environment: Mapping[str, str]


def open_client(
    model: Model,
    *,
    models_dir: Path,
    embedded: EmbeddedServers,
    environment: Mapping[str, str] = os.environ,
    implementation: str | None = None,
) -> Client:
    """Make the client of a model; nothing is asked of the model yet.

    Args:
        model: A model of `data/models`.
        models_dir: The folder `data/models`: files of predictions and of weights are looked up from there, modules of
            the user in the folder that holds `data/`.
        embedded: Owner of the embedded servers; the one for this model is started.
        environment: Where secrets are.
        implementation: Hash of the code or file that has to answer; null for whatever is there.

    Raises:
        MissingKeyError: A secret that the model needs isn't set.
        ConfigError: The callable, the file of predictions or the embedded model can't be used, or is another one.
        ProviderError: The embedded model doesn't start, or a package isn't installed.
    """
    refuse_another(model, models_dir, implementation)
    client = CLIENTS[model.file.provider](model, Surroundings(models_dir, embedded, environment))
    refuse_another(model, models_dir, implementation)  # it may have been edited while it was read
    return client


def _openai(model: Model, surroundings: Surroundings) -> Client:
    return openai_client(model, surroundings.environment)


def _embedded(model: Model, surroundings: Surroundings) -> Client:
    at_once = model.file.limits.max_concurrency
    return EmbeddedClient(
        surroundings.embedded,
        str(model.file.model),
        threads=model.file.threads,
        n_parallel=min(at_once, MOST_EMBEDDED_AT_ONCE),
        max_connections=at_once,
        max_reply_mib=model.file.limits.max_reply_mib,
    )


def _transformers(model: Model, surroundings: Surroundings) -> Client:
    file = model.file
    local = surroundings.models_dir / str(file.model)
    return TransformersClient(
        str(local) if local.exists() else str(file.model),
        gguf_file=file.gguf_file,
        device=file.device,
        batch_size=file.batch_size,
        threads=file.threads,
    )


def _callable(model: Model, surroundings: Surroundings) -> Client:
    return CallableClient(str(model.file.callable), project_dir=project_dir_of(surroundings.models_dir))


def _recorded(model: Model, surroundings: Surroundings) -> Client:
    return recorded_client(recorded_file(str(model.file.file), surroundings.models_dir), model.file.columns)


CLIENTS: Mapping[ProviderName, Callable[[Model, Surroundings], Client]] = MappingProxyType(
    {
        "openai": _openai,
        "embedded": _embedded,
        "transformers": _transformers,
        "callable": _callable,
        "recorded": _recorded,
    }
)
