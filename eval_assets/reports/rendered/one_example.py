"""One example with what every candidate answered, whole: for reading in a terminal, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.outputs import CandidateOutput, ExampleOutputs
from eval_assets.wording.foreign_text import targets_text
from eval_assets.wording.numbers import number_text


def shown_example(report: EvaluationReport, example_id: str, candidates: Sequence[str]) -> ExampleOutputs | None:
    """Look up an example.

    Args:
        report: From `load_report`.
        example_id: Its id.
        candidates: Whose answers; all of them where none is named.

    Returns:
        The example; null where nothing was predicted for one of this id.
    """
    return next(report.outputs(_names(report, candidates), examples=[example_id]), None)


def example_text(report: EvaluationReport, example: ExampleOutputs, candidates: Sequence[str]) -> str:
    """Write an example for a terminal: what was asked, then each answer with its scores and reasons."""
    names = _names(report, candidates)
    parts = [f"example {example.example_id} of {report.evaluation.name}"]
    parts += _texts(
        ("asked", example.inputs), ("expected", targets_text(example.targets)), ("context", example.context)
    )
    for name, answer in zip(names, example.answers, strict=True):
        parts += ["", f"{name}{' (baseline)' if name == report.baseline else ''}", *_answer(report, answer)]
    return "\n".join(parts) + "\n"


def example_json(report: EvaluationReport, example: ExampleOutputs, candidates: Sequence[str]) -> dict[str, Any]:
    """Write an example as JSON values."""
    return {
        "evaluation": report.evaluation.name,
        "example_id": example.example_id,
        "inputs": example.inputs,
        "targets": example.targets,
        "context": example.context,
        "answers": [
            {
                "candidate": name,
                "is_baseline": name == report.baseline,
                "outcome": answer.outcome,
                "output": answer.output,
                "error": answer.error,
                "n_samples": answer.n_samples,
                "reasoning": answer.reasoning,
                "tool_calls": answer.tool_calls,
                "trajectory": answer.trajectory,
                "scores": {metric: answer.scores[metric] for metric in report.reading_order if metric in answer.scores},
                "labels": dict(answer.labels),
                "justifications": dict(answer.justifications),
                "prediction_id": answer.prediction_id,
            }
            for name, answer in zip(_names(report, candidates), example.answers, strict=True)
        ],
    }


def _names(report: EvaluationReport, candidates: Sequence[str]) -> list[str]:
    return [one.name for one in report.candidates if not candidates or one.name in candidates]


def _answer(report: EvaluationReport, answer: CandidateOutput) -> Iterator[str]:
    failure = "" if answer.outcome == "ok" else f"{answer.outcome}{f': {answer.error}' if answer.error else ''}"
    yield from _texts(
        ("failed", failure),
        ("thoughts", answer.reasoning),
        ("conversation", answer.trajectory),
        ("answer", answer.said),
    )
    for metric in (metric for metric in report.reading_order if metric in answer.scores):
        score = answer.scores[metric]
        said = answer.labels.get(metric) if score is None else number_text(score)
        reason = answer.justifications.get(metric)
        yield from _texts((metric, f"{said or 'no score'}{f': {reason}' if reason else ''}"))
    if answer.n_samples > 1:
        yield f"  the first of {answer.n_samples} samples; scores are their means"
    if answer.prediction_id is not None:
        yield f"  eval-assets trace {answer.prediction_id}"


def _texts(*parts: tuple[str, str | None]) -> Iterator[str]:
    """Each text after its name, further lines below it."""
    for name, text in parts:
        if text:
            first, *others = text.splitlines() or [""]
            yield f"  {name}: {first}"
            yield from (f"    {line}" for line in others)
