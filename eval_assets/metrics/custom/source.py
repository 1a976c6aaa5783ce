"""Metric functions of the user, `module:function`, read and hashed from their source without being imported.

What calls them is in `calls`.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eval_assets.config.problems import hint_at
from eval_assets.errors import MetricError
from eval_assets.metrics.custom.annotations import is_column, is_pass_or_fail
from eval_assets.metrics.definition import CustomFunction, texts_of
from eval_assets.user_code.finding import source_of, why_refused


def read_function(path: str, parameters: Mapping[str, Any], project_dir: Path | None = None) -> CustomFunction:
    """Read a metric function from its source, without running it.

    Args:
        path: `module:function`.
        parameters: Values the evaluation file gives by name.
        project_dir: The folder that holds `data/`, whose modules may be named.

    Raises:
        MetricError: No such module or function, one that may not be named, or it can't take these parameters.

    >>> read_function("eval_assets.providers.baselines:lead_sentence", {}).arguments
    ('inputs',)
    """
    module_name, _, name = path.partition(":")
    refused = why_refused(module_name, project_dir)
    if refused:
        raise MetricError(refused)
    module, functions = _parsed(path, project_dir)
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
        code_sha256=_code_sha256(module, functions[name], module_name, project_dir),
        arguments=tuple(argument.arg for argument in from_rows),
        optional=frozenset(_with_default(declared)),
        vectorized=any(is_column(argument.annotation) for argument in from_rows),
        returns_boolean=is_pass_or_fail(functions[name].returns),
        project_dir=project_dir,
    )


def code_sha256_of(path: str, project_dir: Path | None = None) -> str:
    """Hash a metric function, and what it uses, as the files stand now.

    Raises:
        MetricError: There is no such module or function any more.
    """
    module_name, _, name = path.partition(":")
    module, functions = _parsed(path, project_dir)
    return _code_sha256(module, functions[name], module_name, project_dir)


def _parsed(path: str, project_dir: Path | None) -> tuple[ast.Module, dict[str, ast.FunctionDef]]:
    """Parse the module of a function that is there, and list the functions of the module."""
    module_name, _, name = path.partition(":")
    source_file = source_of(module_name, project_dir)
    if not name or source_file is None:
        raise MetricError(
            f"expected a metric function as `module:function` in a module that can be found, got {path!r}; "
            "put the module beside the project or install it"
        )
    try:
        module = ast.parse(source_file.read_text("utf-8"), str(source_file))
    except (SyntaxError, UnicodeDecodeError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise MetricError(f"{source_file.name}:{line or 1}: not valid Python: {said}") from error
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        has = f"it has {texts_of(functions) or 'none'}{hint_at(name, functions)}"
        raise MetricError(f"expected a function {name!r} in {source_file}, {has}")
    return module, functions


def _with_default(declared: ast.arguments) -> Iterator[str]:
    yield from (argument.arg for argument in declared.args[len(declared.args) - len(declared.defaults) :])
    yield from (
        argument.arg
        for argument, default in zip(declared.kwonlyargs, declared.kw_defaults, strict=True)
        if default is not None
    )


def _code_sha256(module: ast.Module, function: ast.FunctionDef, module_name: str, project_dir: Path | None) -> str:
    """Hash the function and every statement of its module that it reaches by name; comments and layout don't count.

    Modules it imports are not followed, except those of the same package or folder, and what these import of it: their
    whole source counts.
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
    for source in _sources_of_neighbours(in_order, module_name, project_dir):
        digest.update(source)
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


def _sources_of_neighbours(nodes: Sequence[ast.stmt], module_name: str, project_dir: Path | None) -> list[bytes]:
    """Read the modules in the folder of the metric's module, or below, that it and they import, in order of place."""
    own = source_of(module_name, project_dir)
    sources = dict[Path, bytes]()
    pending = list(_imported(nodes, module_name))
    while own and pending:
        name = pending.pop()
        file = source_of(name, project_dir)
        if file is None or file == own or file in sources or own.parent not in file.parents:
            continue
        sources[file] = file.read_bytes()
        with suppress(SyntaxError, ValueError):  # what is no Python fails when it is imported
            pending += _imported(ast.parse(sources[file]).body, name)
    return [sources[file] for file in sorted(sources)]


def _imported(nodes: Sequence[ast.stmt], module_name: str) -> set[str]:
    """Name the modules that statements of a module may import."""
    names = set[str]()
    for child in (child for node in nodes for child in ast.walk(node)):
        if isinstance(child, ast.Import):
            names |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            parents = module_name.split(".")[: -child.level] if child.level else []
            base = ".".join([*parents, *([child.module] if child.module else [])])
            names |= {base, *(f"{base}.{alias.name}".lstrip(".") for alias in child.names)} - {""}
    return names
