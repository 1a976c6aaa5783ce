"""The code or file that answers for a local provider, as a hash: an edit makes its answers stale.

Imports no code of the user; calling it is in `callable_client`.
"""

import functools
import hashlib
import importlib.util
import sysconfig
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions, version
from pathlib import Path

from eval_assets.config.model import Model
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.recorded import recorded_file


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


def find_module(name: str, project_dir: Path) -> ModuleSpec | None:
    """Where a module lies, found without importing it or the packages around it; null if nowhere."""
    top, *rest = name.split(".")
    spec = _find_top(top, project_dir)
    for depth, _ in enumerate(rest, start=2):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(name.split(".")[:depth]), spec.submodule_search_locations)
    return spec


def _find_top(name: str, project_dir: Path) -> ModuleSpec | None:
    try:
        found = importlib.util.find_spec(name)
    except ValueError:  # a module without a specification, such as `__main__`
        return None
    return found or PathFinder.find_spec(name, [str(project_dir)])


def _module_version(name: str, project_dir: Path) -> str:
    spec = find_module(name, project_dir)
    if spec is None or spec.origin is None:
        raise ConfigError(f"expected the module {name!r} on sys.path or in {project_dir}, there is none of that name")
    path = Path(spec.origin)
    package = _package_of(name.partition(".")[0]) if _is_installed(path) else None
    return f"{package}=={version(package)}" if package else _file_sha256(path)


def _is_installed(path: Path) -> bool:
    paths = sysconfig.get_paths()
    return any(path.is_relative_to(paths[kind]) for kind in ("purelib", "platlib"))


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
