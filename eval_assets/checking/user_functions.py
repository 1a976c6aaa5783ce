"""Functions of the user that files name as `module:function`: do they exist, and can they be imported?

They are imported here, as a run imports them: nothing of this is for the time when definitions load.
"""

import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from eval_assets.checking.provided_columns import ProvidedColumns
from eval_assets.config.given import GivenFunction
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.problems import Problem, hint_at, nearest
from eval_assets.config.project import Loaded
from eval_assets.errors import ConfigError, MetricError
from eval_assets.providers.clients.callable_arguments import (
    INPUTS,
    REQUEST_NAMES,
    ROWS,
    NamedArguments,
    is_given_inputs,
    named_arguments,
)
from eval_assets.providers.clients.callable_calls import refuse_uncallable
from eval_assets.providers.clients.callable_target import described, load_target
from eval_assets.providers.identity import implementation_of
from eval_assets.providers.traits import provider_of
from eval_assets.requests.exchange import HIDDEN
from eval_assets.user_code.finding import find_module, why_refused


def callable_problems(
    loaded: Loaded[Model], project_dir: Path, given: Mapping[str, GivenFunction]
) -> Iterator[Problem]:
    """Why what answers for a `callable` model can't be called.

    Args:
        loaded: A model of `data/models`.
        project_dir: The folder that holds `data/`.
        given: Functions that Python code hands over.
    """
    target = loaded.item.file.callable
    if provider_of(loaded.item).runs_user_code and target is not None and target not in given:
        said = function_fault(target, project_dir, partial(_refuse_uncallable, loaded.item.file, project_dir))
        if said:
            yield loaded.problem(("callable",), said)


def _refuse_uncallable(file: ModelFile, project_dir: Path) -> None:
    target = str(file.callable)
    refuse_uncallable(load_target(target, project_dir), target, file.arguments, streams=file.stream)


def kept_model_problems(loaded: Loaded[Model], models_dir: Path) -> Iterator[Problem]:
    """Why a model that somebody else's code keeps can't be one of these evaluations; it isn't loaded here."""
    if provider_of(loaded.item).runs_user_code and loaded.item.file.callable is None:
        try:
            implementation_of(loaded.item, models_dir)
        except ConfigError as error:
            yield loaded.problem(("model",), str(error))


def token_function_problems(loaded: Loaded[Model], project_dir: Path) -> Iterator[Problem]:
    """Why a function that returns access tokens can't be had. It isn't called."""
    target = loaded.item.file.token_function
    if target is not None and (said := function_fault(target, project_dir, lambda: load_target(target, project_dir))):
        yield loaded.problem(("token_function",), said)


def callable_argument_problems(
    loaded: Loaded[Model],
    columns: ProvidedColumns,
    project_dir: Path,
    given: Mapping[str, GivenFunction],
) -> Iterator[Problem]:
    """Arguments of a `callable` model that nothing fills, and parameters that it doesn't take.

    Args:
        loaded: A model of `data/models` whose code can be imported, or of which something else is said.
        columns: What the rows provide.
        project_dir: The folder that holds `data/`.
        given: Functions that Python code hands over.
    """
    target = loaded.item.file.callable
    if not provider_of(loaded.item).runs_user_code or target is None:
        return
    try:
        handed_over = given.get(target)
        found = load_target(target, project_dir) if handed_over is None else handed_over.function
        arguments = named_arguments(found)
    except (Exception, SystemExit):  # noqa: BLE001  user code may raise anything; `callable_problems` says it
        return
    if arguments is None:
        return
    parameters = loaded.item.file.parameters
    of_request = {*REQUEST_NAMES, *(["documents"] if columns.dataset.card.documents else [])}
    for name in _unfilled(arguments, columns, {*parameters, *of_request}):
        provided = columns.names - {HIDDEN} | of_request
        hint = "callables aren't shown the targets" if name == HIDDEN else columns.hint(name, provided)
        said = (
            f"nothing fills the argument {name!r} of {target!r}: it is no column of dataset "
            f"{columns.dataset.name!r}, no parameter, and has no default; {hint}"
        )
        yield loaded.problem(("callable",), said)
    for name in [] if arguments.takes_any else parameters:
        if name not in arguments.names:
            said = f"{target!r} takes no parameter {name!r}; {nearest(name, arguments.names)}"
            yield loaded.problem(("parameters", name), said)


def _unfilled(arguments: NamedArguments, columns: ProvidedColumns, known: set[str]) -> list[str]:
    """Arguments that neither these names, nor a column, nor a field of the inputs fills."""
    if arguments.takes_rows((), ()) and not columns.has(ROWS):
        return []
    open_names = [name for name in arguments.required if name not in known and not columns.has(name)]
    if HIDDEN in arguments.required and HIDDEN not in known:
        return [*open_names, HIDDEN]
    if not open_names and not arguments.by_position:
        return []
    shown = columns.names - {HIDDEN}
    if is_given_inputs(arguments, {*known, *shown}, shown):
        return []
    return [*arguments.by_position, *(name for name in open_names if not columns.has_path(f"{INPUTS}.{name}"))]


def function_fault(target: str, project_dir: Path, load: Callable[[], object]) -> str | None:
    """Why a function can't be had; null if it can.

    Args:
        target: `module:function`.
        project_dir: The folder that holds `data/`.
        load: Imports it.
    """
    missing = missing_module(target, project_dir) or why_refused(target.partition(":")[0], project_dir)
    if missing:
        return missing
    try:
        load()
    except (ConfigError, MetricError) as error:
        said = str(error).removeprefix(f"callable {target!r}: ")
    except (Exception, SystemExit) as error:  # noqa: BLE001  importing runs user code, which may raise anything
        said = f"importing {target!r} failed: {described(error)}"
    else:
        return None
    found = find_module(target.partition(":")[0], project_dir)
    return f"{said} (in {found.origin})" if found and found.origin else said


def missing_module(target: str, project_dir: Path) -> str | None:
    """Say that a target is malformed, or that there is no module of its name; null otherwise. Imports nothing."""
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        return f"expected `module:function`, got {target!r}"
    if module in sys.modules or find_module(module, project_dir) is not None:
        return None
    hint = hint_at(module, _modules_beside(module, project_dir)) or "; put it there, or install it"
    return f"expected the module {module!r} in {project_dir} or installed, there is none{hint}"


def _modules_beside(module: str, project_dir: Path) -> list[str]:
    """Modules in the package, or the folder of the project, in which a module would lie."""
    package = module.rpartition(".")[0]
    found = find_module(package, project_dir) if package else None
    folders = list(found.submodule_search_locations or []) if found else [str(project_dir)]
    prefix = f"{package}." if found else ""
    return [prefix + known.name for known in pkgutil.iter_modules(folders)]
