"""Finding what `module:function` names, and making an object of a class that answers.

How it is called is in `callable_calls`.
"""

import inspect
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_arguments import is_class_that_answers
from eval_assets.providers.redaction import redacted
from eval_assets.requests.canonical_json import canonical_json
from eval_assets.user_code.naming import load_named

_MADE: dict[tuple[str, str], tuple[type, Any]] = {}
_MAKING = threading.Lock()


def load_target(target: str, project_dir: Path) -> Any:
    """Import what `module:name` names; `name` may be dotted.

    Args:
        target: As the model file says.
        project_dir: The folder that holds `data/`. Its modules may be named; installed ones of the same name win.

    Raises:
        ConfigError: Malformed, no such module or name, one that may not be named, or the import itself failed.
    """
    try:
        return load_named(target, project_dir)
    except ConfigError as error:
        raise ConfigError(f"callable {target!r}: {error}") from error
    except Exception as error:  # importing runs user code, which may raise anything
        module_name = target.partition(":")[0]
        raise ConfigError(f"callable {target!r}: importing {module_name!r} failed: {described(error)}") from error


def described(error: BaseException) -> str:
    """Type and message of an exception of user code, free of secrets.

    >>> described(ValueError("no such city"))
    'ValueError: no such city'
    """
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  its `__str__` is user code, too
        said = ""
    return redacted(f"{type(error).__name__}: {said}") if said else type(error).__name__


def made_of(found: Any, arguments: Mapping[str, Any], target: str) -> Any:
    """What answers: of a class an object, made once in this process for the same arguments; anything else as it is.

    Args:
        found: From `load_target`.
        arguments: What the class is made with, by name.
        target: How messages name it.

    Raises:
        ConfigError: The class can't be made with them, or there is none to make.
    """
    if not is_class_that_answers(found):
        if arguments:
            raise ConfigError(
                f"callable {target!r}: `arguments` are what a class is made with, and this is a "
                f"{type(found).__name__}; name the class, or give them as `parameters`"
            )
        return found
    key = (target, canonical_json(arguments))
    with _MAKING:
        of_class, made = _MADE.get(key, (None, None))
        if of_class is not found:
            refuse_arguments(found, arguments, target)
            try:
                made = found(**arguments)
            except (Exception, SystemExit) as error:  # user code may raise anything
                raise ConfigError(f"callable {target!r}: making it failed: {described(error)}") from error
            _MADE[key] = (found, made)
        return made


def refuse_arguments(found: type, arguments: Mapping[str, Any], target: str) -> None:
    """Refuse a class that these arguments don't fit; raises as `made_of` does."""
    try:
        inspect.signature(found).bind(**arguments)
    except TypeError as error:
        raise ConfigError(f"callable {target!r}: `arguments` of the model file don't fit: {error}") from error
    except ValueError:  # a class that doesn't tell is made and sees for itself
        return
