"""From `module:name` in a file to the function or object it names."""

import inspect
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.user_code.finding import find_module, why_refused
from eval_assets.user_code.fingerprints import code_fingerprint
from eval_assets.user_code.loading import load_module


def split_target(target: str) -> tuple[str, str]:
    """Split `module:name`.

    Raises:
        ConfigError: It has another form.

    >>> split_target("team.metrics:cites_source")
    ('team.metrics', 'cites_source')
    """
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise ConfigError(f"expected `module:function`, got {target!r}")
    return module, name


def load_named(target: str, project_dir: Path | None) -> Any:
    """Import what `module:name` names; `name` may be dotted.

    Args:
        target: As a file says.
        project_dir: The folder that holds `data/`, whose modules may be named; see `why_refused`.

    Raises:
        ConfigError: Malformed, a module or function that may not be named, or no such name.
        BaseException: What importing the module raises.
    """
    module_name, path = split_target(target)
    refused = why_refused(module_name, project_dir)
    if refused:
        raise ConfigError(refused)
    found: Any = load_module(module_name, project_dir)
    for name in path.split("."):
        if name.startswith("__") or not hasattr(found, name):
            names = [known for known in dir(found) if not known.startswith("_")]
            raise ConfigError(f"{module_name!r} has no {name!r}; {nearest(name, names)}")
        found = getattr(found, name)
        if inspect.ismodule(found):
            raise ConfigError(
                f"expected a function or object of {module_name!r}, got {name!r}, which is the module "
                f"{found.__name__!r}; name that module, `{found.__name__}:function`, if it is the project's"
            )
    home = _home_of(found)
    refused = why_refused(home, project_dir) if home not in {None, module_name} else None
    if refused:
        raise ConfigError(f"{path!r} of {module_name!r} is a function of another module: {refused}")
    return found


def _home_of(found: Any) -> str | None:
    """The module that a function is defined in; null for an object, which whoever made it has chosen."""
    if not (inspect.isroutine(found) or inspect.isclass(found)):
        return None
    bound_to = getattr(found, "__self__", None)
    if bound_to is not None and not inspect.ismodule(bound_to) and not inspect.isclass(bound_to):
        return None
    if inspect.ismodule(bound_to):
        return bound_to.__name__
    return getattr(bound_to if inspect.isclass(bound_to) else found, "__module__", None)


def target_of(function: Any, project_dir: Path) -> str | None:
    """What a file of the project would name a function by; null if it can't.

    Args:
        function: A function of this process.
        project_dir: The folder that holds `data/`.

    Raises:
        ConfigError: It is one of the project's, and its file was edited since it was imported.
    """
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<")
    if not inspect.isfunction(function) or not module or module == "__main__" or "<" in name:
        return None
    spec = find_module(module, project_dir)
    if spec is None or not (spec.origin or "").endswith(".py") or why_refused(module, project_dir) is not None:
        return None
    target = f"{module}:{name}"
    try:
        found = load_named(target, project_dir)
    except (ConfigError, ImportError):
        return None
    if found is not function:
        return None
    _refuse_edited(function, Path(str(spec.origin)))
    return target


def _refuse_edited(function: Any, file: Path) -> None:
    """Refuse a function whose file says something else by now: its replies would be kept as those of the new code."""
    imported = vars(sys.modules[function.__module__])
    compiled = compile(file.read_bytes(), str(file), "exec")
    in_file = {code.co_name: code for code in compiled.co_consts if isinstance(code, CodeType)}
    for name, code in in_file.items():
        known = imported.get(name)
        if not isinstance(known, FunctionType) or known.__code__.co_filename != str(file):
            continue
        if code_fingerprint(known.__code__) != code_fingerprint(code):
            raise ConfigError(
                f"{function.__qualname__}: {file.name} was edited since it was imported here; reload it "
                f"(`importlib.reload({function.__module__})`, or `%autoreload 2` in a notebook), and pass the "
                "function again"
            )
