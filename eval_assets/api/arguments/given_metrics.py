"""The metrics that `ea.evaluate` is given: names, functions, or fields as an evaluation file has them."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval_assets.api.arguments.declaring import code_version
from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.given import GivenFunction, given_target
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.registry import TASK_DEFAULTS
from eval_assets.user_code.naming import target_of

DEFAULT = "default"
RENAMED = {"outputs": "output"}
"""Argument of a scorer of MLflow's kind → what it is here."""


@dataclass(frozen=True, slots=True)
class GivenMetrics:
    """Metrics as an evaluation file names them.

    Args:
        choices: Items of its `metrics`.
        without: Its `without_metrics`.
        given: Functions that Python code hands over.
        notes: What the user should know about them.
    """

    choices: Sequence[Mapping[str, Any]]
    without: Sequence[str]
    given: Mapping[str, GivenFunction] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def given_metrics(metrics: Any, task: TaskType, project: Project) -> GivenMetrics:
    """Read what was given.

    Args:
        metrics: "default", or a list of names, functions and mappings; the defaults of the task count only where
            "default" is among them.
        task: Decides the defaults.
        project: Where modules of functions are looked up.

    Raises:
        ConfigError: One of them is no metric.
    """
    listed = [metrics] if isinstance(metrics, str | Mapping) or callable(metrics) else list(metrics)
    choices: list[Mapping[str, Any]] = []
    given: dict[str, GivenFunction] = {}
    notes: list[str] = []
    for item in listed:
        if item == DEFAULT:
            continue
        fields = _fields(item)
        if callable(fields.get("function")):
            function = fields["function"]
            name = fields.setdefault("metric", _name_of(function))
            called = _with_our_names(function)
            target = target_of(function, project.data_dir.parent) if called is function else None
            if target is None:
                target = given_target(name)
                version, note = code_version(function, said=f"metric {name}: its scores")
                given[target] = GivenFunction(called, version)
                notes += [note] if note else []
            fields["function"] = target
        choices.append(fields)
    without = () if DEFAULT in listed else TASK_DEFAULTS[task]
    return GivenMetrics(choices, without, given, tuple(notes))


def _fields(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"metric": item}
    if isinstance(item, Mapping):
        return dict(item)
    if callable(item):
        return {"function": item}
    raise ConfigError(f"metrics: expected names, functions or mappings with `metric`, got {item!r:.80}")


def _name_of(function: Callable[..., Any]) -> str:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "", str(getattr(function, "__name__", type(function).__name__)))
    return plain.lstrip("._-") or "metric"


def _with_our_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself; if it asks for `outputs` or `expectations`, as MLflow's scorers do, one that fills them."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function
    asked = set(signature.parameters)
    if not asked & {*RENAMED, "expectations"}:
        return function

    def score(**given: Any) -> Any:
        filled = {name: value for name, value in given.items() if name in asked}
        filled |= {theirs: given[ours] for theirs, ours in RENAMED.items() if theirs in asked}
        if "expectations" in asked:
            expected = {} if given.get("targets") is None else {"expected_response": given["targets"]}
            filled["expectations"] = {**expected, **(given.get("expectations") or {})}
        return function(**filled)

    wanted = {RENAMED.get(name, name): parameter for name, parameter in signature.parameters.items()}
    optional = ("targets", "expectations") if "expectations" in asked else ()
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if name in optional and name not in asked - {"expectations"} else wanted[name].default,
        )
        for name in dict.fromkeys([*wanted, *optional])
    ]
    score.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return score
