"""The code or file that answers for a local provider, as a hash: an edit makes its answers stale.

Imports no code of the user; calling it is in `callable_client`.
"""

import functools
import hashlib
from importlib.metadata import packages_distributions, version
from pathlib import Path

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.recorded_client import recorded_file
from eval_assets.user_code.finding import find_module, is_installed


def implementation_of(model: Model, models_dir: Path) -> str | None:
    """Hash of what answers for a `callable` or `recorded` model; null for models that are served.

    A module of yours counts by the source of its one file: what it imports isn't seen, so name a version among the
    model's parameters when that changes. A module of an installed package counts by the package's version.

    Args:
        model: A model of `data/models`.
        models_dir: The folder `data/models`.

    Raises:
        ConfigError: The module can't be found, or the file of predictions doesn't exist.
    """
    match model.file.provider:
        case "callable":
            target = str(model.file.callable)
            return _module_version(target.partition(":")[0], project_dir_of(models_dir))
        case "recorded":
            return _file_sha256(recorded_file(str(model.file.file), models_dir))
        case _:
            return None


def project_dir_of(models_dir: Path) -> Path:
    """The folder that holds `data/`, where modules of the user are looked up after `sys.path`."""
    return models_dir.resolve().parents[1]


def refuse_another(model: Model, models_dir: Path, implementation: str | None) -> None:
    """Refuse code or a file that is no longer what a model's version names: its answers would be kept as of the other.

    Args:
        model: A model of `data/models`.
        models_dir: The folder `data/models`.
        implementation: What `implementation_of` gave when the model was materialized; null where nobody asked.

    Raises:
        ConfigError: It is another one now.
    """
    if implementation is not None and implementation_of(model, models_dir) != implementation:
        named = model.file.callable if model.file.provider == "callable" else model.file.file
        raise ConfigError(
            f"expected {model.file.provider} {named!r} as it was when model {model.name!r} was materialized, it was "
            f"edited since; materialize models[{model.name}] again, or use `eval-assets run`, which does"
        )


def _module_version(name: str, project_dir: Path) -> str:
    spec = find_module(name, project_dir)
    if spec is None or spec.origin is None:
        raise ConfigError(f"expected the module {name!r} on sys.path or in {project_dir}, there is none of that name")
    path = Path(spec.origin)
    package = _package_of(name.partition(".")[0]) if is_installed(path) else None
    return f"{package}=={version(package)}" if package else _file_sha256(path)


@functools.cache
def _package_of(top_module: str) -> str | None:
    """The installed package that brings a module; reading all packages takes 0.2 s."""
    packages = packages_distributions().get(top_module)
    return packages[0] if packages else None


def _file_sha256(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"expected a readable file {path}, got {error.strerror}") from error
    return _sha256_of_version(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=256)
def _sha256_of_version(path: Path, modified_ns: int, size: int) -> str:  # noqa: ARG001  the key of the cache
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
