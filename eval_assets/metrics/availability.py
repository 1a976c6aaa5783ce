"""Whether a metric can be computed here: its packages and its model. No network is used to find out."""

import os
from importlib.util import find_spec
from pathlib import Path

from eval_assets.errors import MetricError
from eval_assets.metrics.definition import Metric, ResolvedMetric

UNAVAILABLE = "unavailable: "
"""How the reason of a score begins that was skipped because the metric can't be computed here."""


class MetricUnavailableError(MetricError):
    """A metric can't be computed on this machine; the message is the remedy."""


def unavailable(resolved: ResolvedMetric) -> str | None:
    """Say what is missing for a metric and how to get it; None when nothing is.

    A model of the hub that the evaluation names may be downloaded when scoring; the default model of a metric is only
    used when it is on this machine already.
    """
    definition = resolved.definition
    missing = [module for module in definition.modules if find_spec(module) is None]
    if missing:
        return f"{UNAVAILABLE}install {', '.join(missing)}: pip install {_distribution(definition)}"
    if definition.default_model is None:
        return None
    named = resolved.parameters["model"]
    model = named or definition.default_model
    if is_path(model):
        if Path(model).expanduser().is_dir():
            return None
        return f"{UNAVAILABLE}expected the model of {resolved.label!r} in the folder {model!r}, which does not exist"
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    if is_cached(model) or (named and not offline):
        return None
    return (
        f"{UNAVAILABLE}the model {model!r} is not on this machine; download it once with `hf download {model}`, "
        f"or give metric {resolved.definition.name!r} a parameter `model` with a local folder or a hub id"
    )


def is_path(model: str) -> bool:
    """Tell a folder from a hub id `owner/name`.

    >>> is_path("./models/toxicity"), is_path("facebook/opt-125m")
    (True, False)
    """
    return model.startswith((".", "/", "~")) or Path(model).is_dir()


def is_cached(model: str) -> bool:
    """Tell whether the local cache of the hub has the configuration of a model."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(model, "config.json"), str)


def _distribution(definition: Metric) -> str:
    return f"'eval-assets[{definition.extra}]'" if definition.extra else " ".join(definition.libraries)
