"""What a client may need besides its model file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eval_assets.cluster.ray_session import RaySession
from eval_assets.config.given import GivenFunction
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.providers.local.embedded import EmbeddedServers


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a model is opened.

    Args:
        models_dir: The folder `data/models`: files of predictions and of weights are looked up from there, modules of
            the user in the folder that holds `data/`.
        embedded: Owner of the embedded servers.
        environment: Where secrets are.
        given: Functions that Python code hands over: what stands for them in models → each.
        dialects: What was found out about the names of parameters.
        cluster: Workers for models with `engine: ray`; null where none may be opened.
    """

    models_dir: Path
    embedded: EmbeddedServers
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    given: Mapping[str, GivenFunction] = field(default_factory=dict)
    dialects: DialectMemory = field(default_factory=DialectMemory)
    cluster: RaySession | None = None

    @property
    def images_dir(self) -> Path:
        """The folder `data/datasets`, where the paths of images begin."""
        return self.models_dir.parent / "datasets"
