"""The metrics an evaluation chooses, and the functions behind them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from eval_assets.checking.user_functions import function_fault, missing_module
from eval_assets.config.evaluation import Evaluation, MetricChoice
from eval_assets.config.given import is_given
from eval_assets.config.problems import Location, Problem
from eval_assets.config.project import Loaded
from eval_assets.errors import MetricError
from eval_assets.metrics.custom.calls import load_function
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.providers.clients.callable_target import load_target

MetricsOf = Callable[[Evaluation], Sequence[ResolvedMetric]]
"""Gives the heuristic metrics of an evaluation; raises MetricError for a bad choice."""


def metric_problems(loaded: Loaded[Evaluation], metrics_of: MetricsOf, project_dir: Path) -> list[Problem]:
    """What is wrong with the metrics of an evaluation.

    Args:
        loaded: The evaluation.
        metrics_of: Resolves its metrics.
        project_dir: The folder that holds `data/`.
    """
    refused = _refused(loaded, (), metrics_of)
    if refused:
        return [loaded.problem(("without_metrics",), refused)]
    choices = range(len(loaded.item.file.metrics))
    found = [problem for index in choices for problem in _choice_problems(loaded, index, metrics_of, project_dir)]
    refused = None if found else _refused(loaded, loaded.item.file.metrics, metrics_of)
    if refused:
        return [loaded.problem(("metrics",), refused)]
    return found


def _choice_problems(
    loaded: Loaded[Evaluation], index: int, metrics_of: MetricsOf, project_dir: Path
) -> Iterator[Problem]:
    """What is wrong with one metric for itself: name, parameters, function, aggregates."""
    choice = loaded.item.file.metrics[index]
    place: Location = ("metrics", index, "function") if choice.function else ("metrics", index)
    named = None if is_given(choice.function) else choice.function
    said = (named and missing_module(named, project_dir)) or _refused(loaded, (choice,), metrics_of)
    if said:
        yield loaded.problem(place, said)
        return
    chosen = [metric.function for metric in metrics_of(_choosing(loaded.item, (choice,)))]
    for function in (function for function in chosen if function and function.function is None):
        load = partial(load_function, function.path, function.code_sha256, project_dir)
        said = function_fault(function.path, project_dir, load)
        if said:
            yield loaded.problem(place, said)
    for name in (name for name in choice.parameters.get("aggregates", []) if ":" in name):
        said = function_fault(name, project_dir, partial(load_target, name, project_dir))
        if said:
            yield loaded.problem(("metrics", index, "parameters", "aggregates"), said)


def _refused(loaded: Loaded[Evaluation], choices: tuple[MetricChoice, ...], metrics_of: MetricsOf) -> str | None:
    """Why the evaluation couldn't have these metrics; null if it could."""
    try:
        metrics_of(_choosing(loaded.item, choices))
    except MetricError as error:
        return str(error)
    return None


def _choosing(evaluation: Evaluation, choices: tuple[MetricChoice, ...]) -> Evaluation:
    """The evaluation with these metrics in place of its own."""
    return evaluation.model_copy(update={"file": evaluation.file.model_copy(update={"metrics": choices})})
