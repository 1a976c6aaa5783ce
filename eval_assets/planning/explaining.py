"""What a metric or judge of an evaluation is, as its files and code stand, beside how its numbers came about."""

import inspect
from functools import partial

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.metrics.custom.calls import load_function
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.formulas import FORMULAS, Formula
from eval_assets.planning.present_report import present_report
from eval_assets.reports.rendered.explained import ScoreDefinition, metric_explained
from eval_assets.stages.engine_room import EngineRoom


def explain_metric(engine_room: EngineRoom, evaluation: str, metric: str) -> str:
    """Say how the numbers of a metric came about: formula, method, assumptions, source.

    Args:
        engine_room: Project and warehouse.
        evaluation: Its name.
        metric: One of its metrics or judges.

    Raises:
        ConfigError: The evaluation has no such metric, or was never computed with it.
    """
    report = present_report(engine_room, evaluation)
    if metric not in report.metrics:
        raise ConfigError(
            f"--explain: expected one of {', '.join(map(repr, report.metrics))}, got {metric!r}; "
            f"{nearest(metric, report.metrics)}"
        )
    return metric_explained(report, metric, _definition(engine_room, evaluation, metric))


def _definition(engine_room: EngineRoom, evaluation: str, metric: str) -> ScoreDefinition:
    chosen = engine_room.project.evaluation(evaluation)
    resolved = next((one for one in engine_room.versions.metrics(chosen) if one.label == metric), None)
    if resolved is not None:
        return _of_metric(engine_room, resolved)
    if metric not in engine_room.project.judges:
        raise ConfigError(
            f"--explain: {metric!r} left the files since; `eval-assets run {evaluation}` brings the report up to date"
        )
    file = engine_room.project.judge(metric).file
    asked = "; ".join(part.strip() for part in (file.definition, file.rubric) if part)
    by = f"model {file.model}" if file.model else f"{file.kind} of {', '.join(file.jurors)}"
    return ScoreDefinition(" ".join(asked.split()) or f"the verdict of a {file.kind}", f"data/judges/{metric}.yaml", by)


def _of_metric(engine_room: EngineRoom, resolved: ResolvedMetric) -> ScoreDefinition:
    parameters = ", ".join(f"{name}: {value}" for name, value in resolved.parameters.items())
    implementation = f"{resolved.signature}{f' with {parameters}' if parameters else ''}"
    if resolved.function is None:
        formula = FORMULAS.get(resolved.definition.name) or Formula(_said_of(resolved))
        return ScoreDefinition(formula.text, formula.source, implementation)
    function = resolved.function.function or load_function(
        resolved.function.path, resolved.function.code_sha256, engine_room.project.data_dir.parent
    )
    said = inspect.getdoc(function) or "what your function returns; it has no docstring that says more"
    return ScoreDefinition(" ".join(said.split()), f"your code, {resolved.function.path}", implementation)


def _said_of(resolved: ResolvedMetric) -> str:
    """What a metric whose formula is not written down says of itself."""
    scorer = resolved.definition.scorer
    measure = scorer.keywords["measure"] if isinstance(scorer, partial) else scorer
    return " ".join((inspect.getdoc(measure) or "").partition("\n\n")[0].split())
