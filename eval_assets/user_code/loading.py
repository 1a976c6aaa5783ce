"""Modules of the user, imported as their files stand: never an older compilation, never what a process remembers.

Every module below the folder of one that was loaded keeps the hash of the source it was made from. Once a file has
another, all of these modules are imported anew, since nobody knows which of them took what from which.
"""

import hashlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import RLock
from types import CodeType, ModuleType
from typing import Any

from eval_assets.user_code.finding import OWN_PACKAGE, find_module, is_installed

SOURCE_SHA256 = "__eval_assets_source_sha256__"
"""Name in a module of the user: hash of the source it was made from."""

_IMPORTING = RLock()


class _FreshLoader(SourceFileLoader):
    """Compiles the source itself; compilations on disk are found by second and size, and may be of an older source."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self.get_data(path)
        self.sha256 = hashlib.sha256(source).hexdigest()
        code: CodeType = self.source_to_code(source, path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        code = self.get_code(module.__name__)
        vars(module)[SOURCE_SHA256] = self.sha256
        _FINDER.loaded.add(module.__name__)
        exec(code, vars(module))  # noqa: S102  importing is running


class _UserModules(MetaPathFinder):
    """Finds modules of the user's folders, before Python's own finder of files does."""

    def __init__(self) -> None:
        self.folders = set[Path]()
        self.loaded = set[str]()
        """Names under which modules of these folders were imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] == OWN_PACKAGE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader) or not self.holds(spec.origin):
            return None
        spec.loader = _FreshLoader(spec.loader.name, spec.loader.path)
        spec.cached = None
        return spec

    def holds(self, file: str | None) -> bool:
        """Whether a file lies in a folder of the user and belongs to no installed package."""
        if not file or not file.endswith(".py") or is_installed(Path(file)):
            return False
        return any(Path(file).resolve().is_relative_to(folder) for folder in self.folders)


_FINDER = _UserModules()


def load_module(name: str, project_dir: Path | None = None) -> ModuleType:
    """Import a module of the user as its file, and those of the modules it takes from, stand now.

    Args:
        name: Its dotted name.
        project_dir: The folder that holds `data/`; it stays at the end of `sys.path`, for imports while code runs.

    Raises:
        ImportError: There is no such module.
        BaseException: What running the module raises.
    """
    with _IMPORTING:
        _watch(name, project_dir)
        spec = find_module(name, project_dir)
        # Copied in one step: other threads import meanwhile.
        there = ((module, sys.modules.get(module)) for module in [*_FINDER.loaded])
        known = {module: loaded for module, loaded in there if SOURCE_SHA256 in getattr(loaded, "__dict__", {})}
        outdated = set(known) if any(_has_changed(loaded) for loaded in known.values()) else set[str]()
        if _is_another(sys.modules.get(name), spec):
            # Its namesake may also have been imported by whoever calls, from a folder that is none of ours.
            top = name.partition(".")[0]
            outdated |= {*known, *(module for module in [*sys.modules] if module.partition(".")[0] == top)}
        for module in outdated - {"__main__"}:
            del sys.modules[module]
        with _first_on_path(spec, project_dir):
            return importlib.import_module(name)


def _is_another(loaded: ModuleType | None, spec: ModuleSpec | None) -> bool:
    """Whether the module that is loaded under a name isn't the one this project has."""
    return bool(loaded and spec and spec.has_location and getattr(loaded, "__file__", spec.origin) != spec.origin)


@contextmanager
def _first_on_path(spec: ModuleSpec | None, project_dir: Path | None) -> Iterator[None]:
    """Look in the project first, for a module of its own, while it is imported."""
    if project_dir is None or not (spec and spec.origin and Path(spec.origin).is_relative_to(project_dir)):
        yield
        return
    sys.path.insert(0, str(project_dir))
    try:
        yield
    finally:
        sys.path.remove(str(project_dir))


def _watch(name: str, project_dir: Path | None) -> None:
    """Have modules imported from their source that lie in the project, or beside a module."""
    if project_dir is not None and str(project_dir) not in sys.path:
        sys.path.append(str(project_dir))
    if project_dir is not None:
        _FINDER.folders.add(project_dir.resolve())
    elif (top := find_module(name.partition(".")[0])) and top.origin and not is_installed(Path(top.origin)):
        folder = Path(top.origin).resolve().parent
        _FINDER.folders.add(folder.parent if top.submodule_search_locations else folder)
    if _FINDER not in sys.meta_path:
        place = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        sys.meta_path.insert(place, _FINDER)


def _has_changed(module: Any) -> bool:
    try:
        source = Path(str(module.__file__)).read_bytes()
    except OSError:
        return True
    return bool(hashlib.sha256(source).hexdigest() != vars(module)[SOURCE_SHA256])
