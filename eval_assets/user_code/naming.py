"""From `module:name` in a file to the function or object it names."""

import inspect
from pathlib import Path
from typing import Any

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.user_code.finding import why_refused
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
