"""Who answers, told from a model file: its part of a request key, and the version of the code or file behind it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from eval_assets.config.given import GivenFunction
from eval_assets.config.model import Model
from eval_assets.providers.traits import provider_of
from eval_assets.requests.canonical_json import json_sha256
from eval_assets.requests.keys import ModelIdentity, lane_of


def identity_of(model: Model, implementation: str | None = None) -> ModelIdentity:
    """The identity of a model file. Only what the file says counts, never the environment.

    Args:
        model: A model of `data/models`.
        implementation: Hash of a callable's source, of a file of recorded predictions, or of local weights.
    """
    provider = provider_of(model)
    endpoint, model_id = provider.address(model.file)
    return ModelIdentity(
        model.file.provider, endpoint, model_id, implementation, is_shown_the_example=provider.is_shown_the_example
    )


def lane_of_model(model: Model) -> str:
    """The lane in which a model's replies are kept, whatever code or file is behind it."""
    return lane_of(identity_of(model))


def account_of(model: Model) -> str:
    """Name of the account that a model is asked on; it reads, and is unique, as a lane is.

    Models of one account are limited together.
    """
    identity, account = identity_of(model), provider_of(model).account
    return lane_of(identity if account is None else replace(identity, model_id=account(model.file)))


def implementation_of(model: Model, models_dir: Path, given: Mapping[str, GivenFunction] | None = None) -> str | None:
    """Hash of what answers for a `callable` or `recorded` model: an edit makes its answers stale; null if it is served.

    Args:
        model: A model of `data/models`.
        models_dir: The folder `data/models`.
        given: Functions that Python code hands over.

    Raises:
        ConfigError: The module can't be found, or the file of predictions doesn't exist.
    """
    handed_over = given and given.get(model.file.callable or "")
    version = provider_of(model).version
    if handed_over:
        found = handed_over.version
    elif version is None:
        return None
    else:
        found = version(model.file, models_dir)
    return json_sha256([found, model.file.arguments]) if model.file.arguments else found
