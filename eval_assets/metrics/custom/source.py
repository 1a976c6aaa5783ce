"""Metric functions of the user, `module:function`, read and hashed from their source without being imported.

What calls them is in `calls`.
"""

import ast
import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from eval_assets.config.problems import hint_at
from eval_assets.errors import MetricError
from eval_assets.metrics.definition import CustomFunction, texts_of

BOOLEANS = ("bool", "Literal[0, 1]")
"""Annotations of a score that is 0 or 1 and nothing else."""


def read_function(path: str, parameters: Mapping[str, Any]) -> CustomFunction:
    """Read a metric function from its source, without running it.

    Args:
        path: `module:function`.
        parameters: Values the evaluation file gives by name.

    Raises:
        MetricError: No such module or function, or it can't take these parameters.

    >>> read_function("statistics:fmean", {}).arguments
    ('data', 'weights')
    """
    module_name, _, name = path.partition(":")
    source_file = _source_file(module_name)
    if not name or source_file is None:
        raise MetricError(
            f"expected a metric function as `module:function` in a module that can be found, got {path!r}; "
            "put the module beside the project or install it"
        )
    try:
        module = ast.parse(source_file.read_text("utf-8"), str(source_file))
    except SyntaxError as error:
        raise MetricError(f"{source_file.name}:{error.lineno}: not valid Python: {error.msg}") from error
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        has = f"it has {texts_of(functions) or 'none'}{hint_at(name, functions)}"
        raise MetricError(f"expected a function {name!r} in {source_file}, {has}")
    declared = functions[name].args
    if declared.vararg or declared.kwarg or declared.posonlyargs:
        raise MetricError(f"expected {path!r} to take its arguments by name, without `*args`, `**kwargs` or `/`")
    arguments = [*declared.args, *declared.kwonlyargs]
    unknown = set(parameters) - {argument.arg for argument in arguments}
    if unknown:
        raise MetricError(
            f"expected parameters that {path!r} takes, got {texts_of(unknown)}; "
            f"its arguments are {texts_of(argument.arg for argument in arguments)}"
        )
    from_rows = [argument for argument in arguments if argument.arg not in parameters]
    return CustomFunction(
        path=path,
        code_sha256=_code_sha256(module, functions[name], module_name),
        arguments=tuple(argument.arg for argument in from_rows),
        optional=frozenset(_with_default(declared)),
        vectorized=any(
            argument.annotation is not None
            and ast.unparse(argument.annotation) in {"pl.Series", "polars.Series", "Series"}
            for argument in from_rows
        ),
        returns_boolean=_is_boolean(functions[name].returns),
    )


def _with_default(declared: ast.arguments) -> Iterator[str]:
    yield from (argument.arg for argument in declared.args[len(declared.args) - len(declared.defaults) :])
    yield from (
        argument.arg
        for argument, default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True)
        if default is not None
    )


def _is_boolean(annotation: ast.expr | None) -> bool:
    """Whether an annotation is a boolean: alone, optional, first of a pair with its reason, or a list of such."""
    match annotation:
        case ast.Constant(value=str(quoted)):
            return quoted in BOOLEANS
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _is_boolean(left)
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return _is_boolean(item)
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=[score, _])):
            return _is_boolean(score)
        case _:
            return annotation is not None and ast.unparse(annotation) in BOOLEANS


def _source_file(module_name: str) -> Path | None:
    """Find the source of a module; unlike `importlib.util.find_spec` it runs no parent package."""
    places: Sequence[str] | None = None
    origin: str | None = None
    parts = module_name.split(".")
    importlib.invalidate_caches()
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), places)
        if spec is None:
            return None
        places, origin = spec.submodule_search_locations, spec.origin
        if places is None and depth < len(parts) - 1:
            return None
    return Path(origin) if origin and origin.endswith(".py") else None


def _code_sha256(module: ast.Module, function: ast.FunctionDef, module_name: str) -> str:
    """Hash the function and every statement of its module that it reaches by name; comments and layout don't count.

    Modules it imports are not followed, except those of the same package or folder: their whole source counts.
    """
    defined = [(node, _names_bound(node)) for node in module.body]
    reached = [node for node, names in defined if names is None]
    wanted = set[str]()
    pending: list[ast.stmt] = [function, *reached]
    reached = []
    while pending:
        node = pending.pop()
        if node in reached:
            continue
        reached.append(node)
        names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)} - wanted
        wanted |= names
        pending += [other for other, bound in defined if bound is not None and bound & names]
    in_order = [node for node in module.body if node in reached]
    digest = hashlib.sha256("\n".join(ast.unparse(node) for node in in_order).encode())
    for neighbour in _neighbours(in_order, module_name):
        digest.update(neighbour.read_bytes())
    return digest.hexdigest()


def _names_bound(node: ast.stmt) -> set[str] | None:
    """Name what a statement of a module defines; None for one that acts, which counts always."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        return None if "*" in names else names
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return {
            child.id for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)
        } or None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return set()
    return None


def _neighbours(nodes: Sequence[ast.stmt], module_name: str) -> list[Path]:
    """Find imported modules that lie in the folder of the metric's module or below it."""
    own = _source_file(module_name)
    names = set[str]()
    for child in (child for node in nodes for child in ast.walk(node)):
        if isinstance(child, ast.Import):
            names |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            parents = module_name.split(".")[: -child.level] if child.level else []
            base = ".".join([*parents, *([child.module] if child.module else [])])
            names |= {base, *(f"{base}.{alias.name}".lstrip(".") for alias in child.names)} - {""}
    files = {_source_file(name) for name in names} - {None, own}
    return sorted(file for file in files if file and own and own.parent in file.parents)
