"""Which code a function of this process runs, as a hash: what functions that Python code hands over are cached by.

What is hashed is the compiled code, which is what runs, whatever a notebook or an editor has made of the source since.
"""

import dis
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from eval_assets.errors import ConfigError
from eval_assets.user_code.finding import is_installed

MAX_DEPTH = 20
PLAIN = (type(None), type(...), bool, int, float, complex, str, bytes, range, PurePath)
"""Values that are told apart by how they are written."""


class UnhashableCodeError(ConfigError):
    """A function holds a value that has no hash: nobody can tell whether it is still the same function."""


def function_fingerprint(function: Callable[..., Any]) -> str:
    """Hash what a function does.

    What counts: its code, its defaults, what its closure holds, and of its module the functions, classes and values
    that it names, each with what it names in turn. Modules and functions of elsewhere count by their names, those of
    the user by the source of their file. Comments, layout and docstrings of other functions don't count.

    Raises:
        UnhashableCodeError: It holds or names an object that is neither a plain value nor code.

    >>> def double(x, by=2):
    ...     return by * x
    >>> before = function_fingerprint(double)
    >>> double.__defaults__ = (3,)
    >>> function_fingerprint(double) == before
    False
    """
    name = str(getattr(function, "__name__", type(function).__name__))
    return _sha256(_Reader(_home_of(function)).function(function, repr(name)))


def code_fingerprint(code: CodeType) -> str:
    """Hash compiled code, wherever in its file it stands."""
    return _sha256(_code_facts(code))


class _Reader:
    """Reads what a function is made of; what was seen before counts once."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []  # ids stay unique as long as what they are of lives

    def function(self, found: Any, path: str) -> Any:
        if isinstance(found, partial):
            return ["partial", self.value(found.func, path), self.value([*found.args, found.keywords], path)]
        if isinstance(found, MethodType):
            return ["method", self.function(found.__func__, path), self.value(found.__self__, f"{path}.__self__")]
        if isinstance(found, FunctionType):
            return self._once(found, lambda: self._plain_function(found, path))
        if isinstance(found, BuiltinFunctionType | type):
            return self.value(found, path)
        return self._object(found, path, 0)

    def value(self, value: Any, path: str, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise UnhashableCodeError(f"{path} is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, PLAIN) and type(value).__module__ in ("builtins", "pathlib", "types"):
            return [type(value).__name__, repr(value)]
        for read in (self._container, self._code):
            found = read(value, path, depth)
            if found is not None:
                return found
        return self._object(value, path, depth)

    def _container(self, value: Any, path: str, depth: int) -> Any:
        """A list, tuple, set or mapping by its items; null for anything else."""
        kind = type(value)
        if kind in (list, tuple):
            return [kind.__name__, [self.value(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(value)]]
        if kind in (set, frozenset):
            return [kind.__name__, sorted(json.dumps(self.value(item, path, depth + 1)) for item in value)]
        if kind is dict:
            names = [self.value(name, path, depth + 1) for name in value]
            items = [self.value(item, f"{path}[{name!r}]", depth + 1) for name, item in value.items()]
            return ["dict", list(zip(names, items, strict=True))]
        return None

    def _code(self, value: Any, path: str, depth: int) -> Any:
        """A module, class or function; null for anything else."""
        if isinstance(value, ModuleType):
            return self._module(value.__name__, getattr(value, "__file__", None))
        if isinstance(value, type):
            return self._class(value, path)
        if isinstance(value, BuiltinFunctionType):
            return ["builtin", value.__module__, value.__qualname__]
        if isinstance(value, FunctionType | MethodType | partial):
            is_of_elsewhere = isinstance(value, FunctionType) and value.__module__ != self._home
            return self._elsewhere("function of", value) if is_of_elsewhere else self.function(value, path)
        if callable(value) and hasattr(value, "__wrapped__"):  # `functools.cache` and the like
            return ["wrapped", type(value).__qualname__, self.value(value.__wrapped__, path, depth + 1)]
        return None

    def _plain_function(self, function: FunctionType, path: str) -> Any:
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        held = {name: cell.cell_contents for name, cell in cells.items() if cell != CellType()}
        named = {
            name: function.__globals__[name] for name in _names_in(function.__code__) if name in function.__globals__
        }
        return [
            "function",
            _code_facts(function.__code__),
            self.value([function.__defaults__, function.__kwdefaults__], f"a default of {path}"),
            [[name, self.value(held[name], f"{name!r}, which {path} closes over,")] for name in sorted(held)],
            [[name, self.value(named[name], f"{name!r}, which {path} names,")] for name in sorted(named)],
        ]

    def _elsewhere(self, what: str, found: Any) -> Any:
        module = sys.modules.get(found.__module__)
        return [what, self._module(found.__module__, getattr(module, "__file__", None)), found.__qualname__]

    def _class(self, found: type, path: str) -> Any:
        if found.__module__ != self._home:
            return self._elsewhere("class of", found)
        return self._once(found, lambda: self._own_class(found, path))

    def _own_class(self, found: type, path: str) -> Any:
        parts = {
            name: part
            for name, part in vars(found).items()
            if not (name.startswith("__") and name.endswith("__")) or isinstance(part, FunctionType)
        }
        read = []
        for name, part in sorted(parts.items()):
            plain = getattr(part, "__func__", None) or getattr(part, "fget", None) or part
            if inspect.ismemberdescriptor(plain) or inspect.isgetsetdescriptor(plain):
                continue
            read.append([name, self.value(plain, f"{path}.{name}")])
        return ["class", found.__qualname__, [self.value(base, path) for base in found.__bases__], read]

    def _object(self, value: Any, path: str, depth: int) -> Any:
        """An object of a class of the user's, by its class and what it holds; others can't be looked into."""
        kind = type(value)
        if kind.__module__ != self._home or not hasattr(value, "__dict__"):
            raise _unhashable(path, value)
        held = self._once(value, lambda: self.value(vars(value), path, depth + 1))
        return ["object", self._class(kind, path), held]

    def _once(self, found: Any, read: Callable[[], Any]) -> Any:
        if id(found) in self._seen:
            return ["seen", self._seen[id(found)]]
        self._seen[id(found)] = len(self._seen)
        self._kept.append(found)
        return read()

    def _module(self, name: str, file: str | None) -> Any:
        """A module of the user counts by its source, any other by its name."""
        if file is None or not file.endswith(".py") or is_installed(Path(file)) or _is_of_python(name):
            return ["module", name]
        try:
            return ["module", name, hashlib.sha256(Path(file).read_bytes()).hexdigest()]
        except OSError:
            return ["module", name]


def _is_of_python(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def _home_of(function: Any) -> str:
    """The module that a function, or what an object is called by, was written in."""
    if isinstance(function, partial):
        return _home_of(function.func)
    return str(getattr(function, "__module__", None) or type(function).__module__)


def _names_in(code: CodeType) -> set[str]:
    """Names that code, and code within it, looks up in its module."""
    own = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return own.union(*(_names_in(inner) for inner in _inner(code)))


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _code_facts(code: CodeType) -> Any:
    constants = [_code_facts(each) if isinstance(each, CodeType) else _constant(each) for each in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    return ["code", code.co_code.hex(), constants, names, counts, code.co_exceptiontable.hex()]


def _constant(value: Any) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _unhashable(path: str, value: Any) -> UnhashableCodeError:
    kind = type(value)
    return UnhashableCodeError(f"{path} is an object of {kind.__module__}.{kind.__qualname__}")


def _sha256(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
