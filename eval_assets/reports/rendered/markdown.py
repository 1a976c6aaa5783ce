"""The report as Markdown: for the metadata of an asset and for pull requests. Text from outside is escaped."""

from collections.abc import Iterator, Sequence

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.gate_formats import gates_markdown
from eval_assets.reports.rendered.judging_text import duels_markdown, trust_markdown
from eval_assets.reports.rendered.measures import (
    MOST_SIDE_BY_SIDE,
    Measure,
    best_first,
    compared_metrics,
    is_told,
    measures,
    side_by_side,
)
from eval_assets.reports.rendered.missing import MOST_NOTES, bounds_text, missing_notes
from eval_assets.reports.rendered.repeated import repeated_lines
from eval_assets.wording.foreign_text import markdown_text, shortened
from eval_assets.wording.numbers import (
    confidence_text,
    count_text,
    interval_text,
    money_text,
    number_text,
    seconds_text,
    share_text,
    shares_text,
    speed_text,
)

DIRECTION = {True: " ↑", False: " ↓", None: ""}
SHOWN_CHARACTERS = 160
WORST_FLIPS = 3
EXAMPLES = 3


def report_markdown(report: EvaluationReport) -> str:
    """Write the report as Markdown."""
    shown = best_first(report)
    sections = [
        [f"# {markdown_text(report.evaluation.name)}", "", _summary(report)],
        [f"> ⚠️ **{markdown_text(sentence)}**\n>" for sentence in missing_notes(report, at_most=MOST_NOTES)],
        [gates_markdown(report.gates, report.verdict, evaluation=report.evaluation.name).rstrip()]
        if report.gates.height
        else [],
        ["## Leaderboard", "", *_leaderboard(report, shown)],
        [f"- {markdown_text(metric)}: {markdown_text(said)}" for metric, said in repeated_lines(report)],
        ["## Against the baseline", "", *_comparisons(report, shown)] if len(shown) > 1 else [],
        duels_markdown(report),
        trust_markdown(report),
        _worst_flips(report),
        ["## Cost and speed", "", *_cost_and_speed(shown)],
        ["## Side by side", "", *_side_by_side(report)] if report.predictions.height else [],
        [f"*{markdown_text(note)}*" for note in report.notes],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _summary(report: EvaluationReport) -> str:
    counts = f"{count_text(len(report.candidates), 'candidate')} on {count_text(report.dataset.n_examples, 'example')}"
    return (
        f"{counts} of {markdown_text(report.dataset.name)}; the baseline is `{report.baseline}`; intervals at "
        f"{confidence_text(report.evaluation.file.confidence)}."
    )


def _leaderboard(report: EvaluationReport, shown: Sequence[CandidateReport]) -> Iterator[str]:
    """A column per candidate, or a row per candidate where there are many."""
    names = [f"{markdown_text(candidate.name)}{' (baseline)' if candidate.is_baseline else ''}" for candidate in shown]
    found = measures(report)
    titles = [f"{markdown_text(measure.title)}{DIRECTION[measure.greater_is_better]}" for measure in found]
    cells = [[_score_cell(measure, candidate.name) for candidate in shown] for measure in found]
    if len(shown) <= MOST_SIDE_BY_SIDE:
        yield from _table("metric", names, titles, cells)
    else:
        yield from _table("candidate", titles, names, list(zip(*cells, strict=True)))


def _table(corner: str, columns: Sequence[str], heads: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join([corner, *columns])} |"
    yield f"|{' --- |' * (len(columns) + 1)}"
    for head, row in zip(heads, cells, strict=True):
        yield f"| {' | '.join([head, *row])} |"


def _score_cell(measure: Measure, candidate: str) -> str:
    row = measure.rows.get(candidate)
    if row is None:
        return "⚠️ not computed"
    number, interval = (share_text, shares_text) if measure.is_share else (number_text, interval_text)
    cell = f"**{number(row['mean'])}** {markdown_text(interval(row['ci_low'], row['ci_high']))}"
    if row["n_scored"] == row["n_total"]:
        return cell
    if measure.is_share:
        return f"{cell}<br>⚠️ {row['n_scored']:,} of {row['n_total']:,} labelled"
    bounds = bounds_text(row["mean_if_missing_worst"], row["mean_if_missing_best"])
    return f"{cell}<br>⚠️ {row['n_scored']:,} of {row['n_total']:,} scored: {bounds}"


def _comparisons(report: EvaluationReport, shown: Sequence[CandidateReport]) -> Iterator[str]:
    metrics = compared_metrics(report)
    for candidate in shown:
        if candidate.is_baseline:
            continue
        yield f"- `{candidate.name}`"
        for metric in metrics:
            row = report.against_baseline(candidate.name, metric)
            if row is not None and is_told(row):
                yield f"  - {markdown_text(metric)}: {markdown_text(row['sentence'])}"
    if len(metrics) < len(report.metrics):
        yield f"- the other metrics are in `eval-assets report {report.evaluation.name} --format json`"


def _worst_flips(report: EvaluationReport) -> list[str]:
    """The examples that got worse the most, on the metric to look at first; nothing where none did."""
    metric = report.headline
    others = [candidate.name for candidate in side_by_side(report) if not candidate.is_baseline]
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


def _cost_and_speed(shown: Sequence[CandidateReport]) -> Iterator[str]:
    with_first = any(candidate.performance.is_streamed for candidate in shown)
    first = " first token p50 |" if with_first else ""
    yield f"| candidate | answered | cost | judging | p50 | p90 | p99 |{first} tokens/s of one request | reused |"
    yield "| --- |" + " ---: |" * (9 if with_first else 8)
    for candidate in shown:
        yield f"| {markdown_text(candidate.name)} | {' | '.join(_speed_cells(candidate, with_first=with_first))} |"


def _speed_cells(candidate: CandidateReport, *, with_first: bool) -> Iterator[str]:
    speed = candidate.performance
    failed = speed.n_answered < speed.n_predictions or not speed.n_predictions
    yield f"{'⚠️ ' if failed else ''}{speed.n_answered:,}/{speed.n_predictions:,}"
    yield from (money_text(amount) for amount in (speed.cost_usd, speed.judge_cost_usd))
    for latency in (speed.latency_p50_seconds, speed.latency_p90_seconds, speed.latency_p99_seconds):
        yield seconds_text(latency)
    if with_first:
        yield seconds_text(speed.first_token_p50_seconds)
    yield speed_text(speed.tokens_per_second)
    yield share_text(speed.reused_share)


def _side_by_side(report: EvaluationReport) -> Iterator[str]:
    names = [candidate.name for candidate in side_by_side(report)]
    yield f"| example | asked | {' | '.join(markdown_text(name) for name in names)} |"
    yield f"| --- | --- |{' --- |' * len(names)}"
    for example in report.outputs(names, limit=EXAMPLES):
        answers = (
            shortened(answer.said, SHOWN_CHARACTERS) if answer.output is not None else f"⚠️ {answer.outcome}"
            for answer in example.answers
        )
        cells = (example.example_id, shortened(example.inputs, SHOWN_CHARACTERS), *answers)
        yield f"| {' | '.join(markdown_text(cell) for cell in cells)} |"
    if len(names) < len(report.candidates):
        yield ""
        yield f"The baseline and the best of {len(report.candidates):,} candidates; all outputs are in the tables."
