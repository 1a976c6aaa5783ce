"""Which code answers for provider `callable`, as a hash. Imports none of it; calling it is in `callable_client`."""

import functools
from importlib.metadata import packages_distributions, version
from pathlib import Path

from eval_assets.config.files.file_states import file_sha256
from eval_assets.config.model import ModelFile
from eval_assets.errors import ConfigError
from eval_assets.user_code.finding import find_module, is_installed


def callable_version(file: ModelFile, models_dir: Path) -> str:
    """Hash of the module that a model file names.

    A module of yours counts by the source of its one file: what it imports isn't seen, so name a version among the
    model's parameters when that changes. A module of an installed package counts by the package's version.

    Raises:
        ConfigError: There is no such module.
    """
    name = str(file.callable).partition(":")[0]
    project_dir = project_dir_of(models_dir)
    spec = find_module(name, project_dir)
    if spec is None or spec.origin is None:
        raise ConfigError(f"expected the module {name!r} on sys.path or in {project_dir}, there is none of that name")
    path = Path(spec.origin)
    package = _package_of(name.partition(".")[0]) if is_installed(path) else None
    return f"{package}=={version(package)}" if package else file_sha256(path)


def project_dir_of(models_dir: Path) -> Path:
    """The folder that holds `data/`, where modules of the user are looked up after `sys.path`."""
    return models_dir.resolve().parents[1]


@functools.cache
def _package_of(top_module: str) -> str | None:
    """The installed package that brings a module; reading all packages takes 0.2 s."""
    packages = packages_distributions().get(top_module)
    return packages[0] if packages else None
