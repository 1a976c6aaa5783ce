"""Modules that files name: where they lie, and whether a file may name them. Imports none of them.

A file in `data/` is written by many hands and calls what it names with texts of a dataset or a model. So it may name
functions of modules in the project's folder, and of modules that whoever runs the project lists, but no others:
`subprocess:getoutput` would run a question as a command.
"""

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from importlib.machinery import FileFinder, ModuleSpec, PathFinder
from pathlib import Path

from eval_assets.config.settings import MODULES_VARIABLE, listed_modules

OWN_PACKAGE = "eval_assets"
SHIPPED_MODULES = frozenset({"eval_assets.providers.baselines"})
"""Modules of this package that files may name."""


def find_module(name: str, project_dir: Path | None = None) -> ModuleSpec | None:
    """Where a module lies, found without importing it or the packages around it; null if nowhere.

    Args:
        name: Its dotted name.
        project_dir: Where modules are looked up after Python's own and installed ones, and before others, such as those
            of another project.
    """
    forget_listings()
    top, *rest = name.split(".")
    spec = _find_top(top, project_dir)
    for depth, _ in enumerate(rest, start=2):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(name.split(".")[:depth]), spec.submodule_search_locations)
    return spec


def forget_listings() -> None:
    """Have folders looked into again, since files may have been written meanwhile.

    `importlib.invalidate_caches` does it too, but fails when another thread imports from a new folder at that moment.
    """
    for folder, finder in sys.path_importer_cache.copy().items():  # copied in one step
        if finder is None:  # there was no such folder
            sys.path_importer_cache.pop(folder, None)
        elif isinstance(finder, FileFinder):
            finder.invalidate_caches()


def source_of(name: str, project_dir: Path | None = None) -> Path | None:
    """The file with the source of a module; null if there is none."""
    spec = find_module(name, project_dir)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def why_refused(name: str, project_dir: Path | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Why a file may not name functions of a module; null if it may, or if there is no such module.

    Args:
        name: The module.
        project_dir: The folder that holds `data/`; where it is null, any module counts as the project's that is neither
            Python's, nor installed, nor of this package.
        environment: Lists modules that may be named besides, see `MODULES_VARIABLE`.

    >>> print(why_refused("subprocess", None))
    expected a module of the project, got 'subprocess', which is part of Python: its functions would be called with \
texts of a dataset or a model. Call it from a function of yours, or list it in the environment variable \
EVAL_ASSETS_MODULES
    >>> why_refused("subprocess", None, {"EVAL_ASSETS_MODULES": "team_metrics, subprocess"})
    """
    listed = listed_modules(environment)
    if name in SHIPPED_MODULES or any(name == module or name.startswith(f"{module}.") for module in listed):
        return None
    foreign = _foreign(name, project_dir)
    if foreign is None:
        return None
    place = f"of the project in {project_dir}" if project_dir else "of the project"
    return (
        f"expected a module {place}, got {name!r}, which {foreign}: its functions would be called with texts of a "
        f"dataset or a model. Call it from a function of yours, or list it in the environment variable "
        f"{MODULES_VARIABLE}"
    )


def is_installed(path: Path) -> bool:
    """Whether a file belongs to an installed package."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return any(path.is_relative_to(place) for place in _places_of_packages())


@cache
def _places_of_packages() -> tuple[str, ...]:
    """Where this interpreter has its packages."""
    paths = sysconfig.get_paths()
    return paths["purelib"], paths["platlib"]


def _foreign(name: str, project_dir: Path | None) -> str | None:
    """What a module is that isn't the project's; null for one that is, or that doesn't exist."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return "is part of Python"
    if top in {OWN_PACKAGE, "__main__"}:
        return f"is part of {OWN_PACKAGE if top == OWN_PACKAGE else 'the program that runs'}"
    spec = find_module(name, project_dir)
    if spec is None:
        return None
    places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or [])
    for place in map(Path, places):
        if is_installed(place):
            return "is installed"
        if project_dir is not None and not place.resolve().is_relative_to(project_dir.resolve()):
            return f"lies in {place.parent}"
    return None if places else "has no file"


def _find_top(name: str, project_dir: Path | None) -> ModuleSpec | None:
    try:
        found = importlib.util.find_spec(name)
    except ValueError:  # a module without a specification, such as `__main__`
        return None
    own = PathFinder.find_spec(name, [str(project_dir)]) if project_dir else None
    if found and (own is None or not own.has_location or _wins(found)):
        return found
    return own


def _wins(found: ModuleSpec) -> bool:
    """Whether a module comes before one of its name in the project: Python's own and installed ones do."""
    return found.name in sys.stdlib_module_names or not found.origin or is_installed(Path(found.origin))
