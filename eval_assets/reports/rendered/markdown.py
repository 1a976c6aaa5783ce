"""The report as Markdown: for the metadata of an asset and for pull requests. Text from outside is escaped."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.gate_formats import gates_markdown
from eval_assets.reports.rendered.judging_text import duels_markdown, trust_markdown
from eval_assets.reports.rendered.wording import (
    ABSENT,
    interval_text,
    markdown_text,
    money_text,
    number_text,
    seconds_text,
    share_text,
    shortened,
)
from eval_assets.reports.warnings import bounds_text, report_warnings

SHOWN_CHARACTERS = 160
WORST_FLIPS = 3


def report_markdown(report: EvaluationReport, *, examples: int = 3) -> str:
    """Write the report as Markdown.

    Args:
        report: From `load_report`.
        examples: How many examples to show side by side.
    """
    sections = [
        [f"# {markdown_text(report.evaluation.name)}", "", _summary(report)],
        [f"> ⚠️ **{markdown_text(sentence)}**\n>" for sentence in report_warnings(report)],
        [gates_markdown(report.gates, evaluation=report.evaluation.name).rstrip()] if report.gates.height else [],
        ["## Leaderboard", "", *_leaderboard(report)],
        ["## Against the baseline", "", *_comparisons(report)] if len(report.candidates) > 1 else [],
        duels_markdown(report),
        trust_markdown(report),
        _worst_flips(report),
        ["## Cost and speed", "", *_cost_and_speed(report)],
        ["## Side by side", "", *_side_by_side(report, examples)] if examples and report.predictions.height else [],
        [f"*{markdown_text(note)}*" for note in report.notes],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _summary(report: EvaluationReport) -> str:
    return (
        f"{len(report.candidates)} candidates on {report.dataset.n_examples:,} examples of "
        f"{markdown_text(report.dataset.name)}; the baseline is `{report.baseline}`; intervals at "
        f"{100 * report.evaluation.file.confidence:g} %."
    )


def _leaderboard(report: EvaluationReport) -> Iterator[str]:
    names = [f"{candidate.name}{' (baseline)' if candidate.is_baseline else ''}" for candidate in report.candidates]
    yield f"| metric | {' | '.join(markdown_text(name) for name in names)} |"
    yield f"| --- |{' --- |' * len(names)}"
    for metric in report.metrics:
        direction = {True: " ↑", False: " ↓", None: ""}[report.facts(metric)["greater_is_better"]]
        cells = (_score_cell(candidate.metrics.get(metric)) for candidate in report.candidates)
        yield f"| {markdown_text(metric)}{direction} | {' | '.join(cells)} |"


def _score_cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "⚠️ not computed"
    cell = f"**{number_text(row['mean'])}** {markdown_text(interval_text(row['ci_low'], row['ci_high']))}"
    if row["n_scored"] == row["n_total"]:
        return cell
    bounds = bounds_text(row["mean_if_missing_worst"], row["mean_if_missing_best"])
    return f"{cell}<br>⚠️ {row['n_scored']:,} of {row['n_total']:,} scored: {bounds}"


def _comparisons(report: EvaluationReport) -> Iterator[str]:
    for candidate in report.candidates:
        if candidate.is_baseline:
            continue
        yield f"- `{candidate.name}`"
        for metric in report.metrics:
            row = report.against_baseline(candidate.name, metric)
            if row is not None and row["greater_is_better"] is not None:
                yield f"  - {markdown_text(metric)}: {markdown_text(row['sentence'])}"


def _worst_flips(report: EvaluationReport) -> list[str]:
    """The examples that got worse the most, on the metric to look at first; nothing where none did."""
    metric = report.headline
    others = [candidate.name for candidate in report.candidates if not candidate.is_baseline]
    found = [
        flip
        for name in others
        for flip in (report.flips(name, metric, at_most=WORST_FLIPS) if metric else ())
        if flip.got_worse
    ]
    if not found:
        return []
    rows = [
        (
            flip.example_id,
            flip.candidate,
            f"{number_text(flip.baseline_score)} → {number_text(flip.candidate_score)}",
            shortened(flip.baseline_output, SHOWN_CHARACTERS),
            shortened(flip.candidate_output, SHOWN_CHARACTERS),
        )
        for flip in found
    ]
    return [
        f"## Worse than the baseline on {markdown_text(metric or '')}",
        "",
        "| example | candidate | score | baseline's output | candidate's output |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(markdown_text(cell) for cell in row)} |" for row in rows),
    ]


def _cost_and_speed(report: EvaluationReport) -> Iterator[str]:
    yield "| candidate | answered | cost | judging | p50 | p90 | p99 | tokens/s | reused |"
    yield "| --- |" + " ---: |" * 8
    for candidate in report.candidates:
        yield f"| {markdown_text(candidate.name)} | {' | '.join(_speed_cells(candidate))} |"


def _speed_cells(candidate: CandidateReport) -> Iterator[str]:
    speed = candidate.performance
    failed = speed.n_answered < speed.n_predictions or not speed.n_predictions
    yield f"{'⚠️ ' if failed else ''}{speed.n_answered:,}/{speed.n_predictions:,}"
    yield from (money_text(amount) for amount in (speed.cost_usd, speed.judge_cost_usd))
    for latency in (speed.latency_p50_seconds, speed.latency_p90_seconds, speed.latency_p99_seconds):
        yield seconds_text(latency)
    yield ABSENT if speed.tokens_per_second is None else f"{speed.tokens_per_second:,.0f}"
    yield share_text(speed.reused_share)


def _side_by_side(report: EvaluationReport, examples: int) -> Iterator[str]:
    names = (markdown_text(candidate.name) for candidate in report.candidates)
    yield f"| example | asked | {' | '.join(names)} |"
    yield f"| --- | --- |{' --- |' * len(report.candidates)}"
    for example in report.outputs(limit=examples):
        answers = (
            shortened(answer.output, SHOWN_CHARACTERS) if answer.output is not None else f"⚠️ {answer.outcome}"
            for answer in example.answers
        )
        cells = (example.example_id, shortened(example.inputs, SHOWN_CHARACTERS), *answers)
        yield f"| {' | '.join(markdown_text(cell) for cell in cells)} |"
