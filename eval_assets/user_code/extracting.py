"""Functions of a notebook or script as the text of a module that can be imported, if that is the same code."""

import ast
import builtins
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from eval_assets.config.files.secrets import SECRET_VARIABLE, WRITTEN_KEY, names_a_secret, written_secrets
from eval_assets.errors import ConfigError
from eval_assets.user_code.fingerprints import UnhashableCodeError, function_fingerprint


def module_text(functions: Mapping[str, Callable[..., Any]]) -> str:
    """The text of a module with these functions, and whatever of their module they name.

    Args:
        functions: The name that each has to have → the function.

    Raises:
        ConfigError: One holds or names what has no text, or is another function when it is read from its text.

    >>> module_text({"len": len})
    Traceback (most recent call last):
    eval_assets.errors.ConfigError: 'len' has no source that can be found
    """
    text = _Text()
    for name, function in functions.items():
        if not isinstance(function, FunctionType):
            raise ConfigError(f"{name!r} has no source that can be found")
        if not name.isidentifier() or function.__name__ != name:
            raise ConfigError(f"{name!r} is no function that `def` makes")
        text.add(function, name)
    written = text.written()
    for name, function in functions.items():
        _refuse_another(function, name, written)
    return written


class _Text:
    """Imports, values and definitions, each once, each before what names it."""

    def __init__(self) -> None:
        self._imports: dict[str, None] = {}
        self._values: dict[str, str] = {}
        self._definitions: dict[str, str] = {}
        self._homes: dict[str, Any] = {}

    def add(self, found: Any, name: str) -> None:
        """A function or class with what it names."""
        if name in self._homes:
            if self._homes[name] is not found:
                raise ConfigError(f"two different things are called {name!r}")
            return
        self._homes[name] = found
        if isinstance(found, FunctionType) and found.__closure__:
            raise ConfigError(f"{name!r} closes over {', '.join(map(repr, found.__code__.co_freevars))}")
        try:
            source = textwrap.dedent(inspect.getsource(found))
            tree = ast.parse(source)
        except (OSError, TypeError, SyntaxError) as error:
            raise ConfigError(f"{name!r} has no source that can be found") from error
        scope = vars(sys.modules[found.__module__]) if inspect.isclass(found) else found.__globals__
        for named in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {name}):
            if named in scope:
                self._add_named(named, scope[named], home=found.__module__, by=name)
        if WRITTEN_KEY.search(source):
            raise ConfigError(f"{name!r} holds a secret; read it from the environment where it is used")
        self._definitions[name] = source.rstrip()

    def written(self) -> str:
        """All of it."""
        parts = ["\n".join(sorted(self._imports)), "\n".join(f"{n} = {v}" for n, v in self._values.items())]
        head = "\n\n".join(part for part in parts if part)
        return "\n\n\n".join([*([head] if head else []), *self._definitions.values()]) + "\n"

    def _add_named(self, name: str, found: Any, *, home: str, by: str) -> None:
        if getattr(builtins, name, None) is found:
            return
        if isinstance(found, ModuleType):
            self._imports[f"import {found.__name__}" + ("" if found.__name__ == name else f" as {name}")] = None
        elif isinstance(found, FunctionType | type) and found.__module__ == home:
            self.add(found, name)
        elif getattr(sys.modules.get(getattr(found, "__module__", None) or ""), name, None) is found:
            self._imports[f"from {found.__module__} import {name}"] = None
        else:
            self._values[name] = _literal(found, name, by)


def _literal(value: Any, name: str, by: str) -> str:
    if _is_secret(value, name):
        raise ConfigError(f"{by!r} names {name!r}, which holds a secret; read it from the environment where it is used")
    text = repr(value)
    try:
        same = bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError, TypeError):
        same = False
    if not same:
        raise ConfigError(f"{by!r} names {name!r}, which has no text: an object of {type(value).__qualname__}")
    return text


def _is_secret(value: Any, name: str) -> bool:
    """Whether a value is a secret: by its name, by its form, or because the environment has it for one."""
    secrets = {held for variable, held in os.environ.items() if held and SECRET_VARIABLE.search(variable)}
    texts = [value] if isinstance(value, str) else list(value.values()) if isinstance(value, dict) else []
    is_secret = (isinstance(value, str) and names_a_secret(name)) or any(text in secrets for text in map(str, texts))
    return is_secret or any(True for _ in written_secrets({name: value}))


def _refuse_another(function: Callable[..., Any], name: str, written: str) -> None:
    """Refuse a text that makes another function of the name."""
    space: dict[str, Any] = {"__name__": function.__module__}
    exec(compile(written, f"<{name}>", "exec"), space)  # noqa: S102  the function's own source
    try:
        same = function_fingerprint(space[name]) == function_fingerprint(function)
    except UnhashableCodeError as error:
        raise ConfigError(str(error)) from error
    if not same:
        raise ConfigError(f"{name!r} is another function when it is read from its source; define it anew")


def importable_name(name: str) -> str:
    """A name as a module's.

    >>> importable_name("support-2.metrics")
    'support_2_metrics'
    """
    plain = "".join(character if character.isalnum() else "_" for character in name)
    return plain if plain.isidentifier() else f"m_{plain}"
