"""The report for a terminal: plain ASCII, at most 110 columns, no colours, so that it survives a log file."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.performance import Performance
from eval_assets.reports.rendered.gate_formats import condition_text
from eval_assets.reports.rendered.judging_text import judging_lines
from eval_assets.reports.rendered.measures import (
    MOST_SIDE_BY_SIDE,
    Measure,
    best_first,
    compared_metrics,
    is_told,
    measures,
)
from eval_assets.reports.rendered.missing import MOST_NOTES, missing_notes
from eval_assets.reports.rendered.repeated import repeated_lines
from eval_assets.wording.foreign_text import visible_text
from eval_assets.wording.numbers import (
    confidence_text,
    count_text,
    interval_text,
    latency_text,
    money_text,
    number_text,
    share_text,
    shares_text,
    speed_text,
)

WIDTH = 110
COLUMNS_A_BLOCK = 4
NAME_WIDTH = 34
MARK = "!!"
DIRECTION = {True: " +", False: " -", None: ""}
ASCII = str.maketrans({"→": "->", "…": "...", "×": "x", "–": "-", "—": "-", "≤": "<=", "≥": ">="})
LEGEND = "+ higher is better, - lower is better; candidates that share a letter after the mean can't be told apart"
LEGEND_OF_MARKS = (
    f"{MARK} n/m scored: the mean is over n of m rows; below it, where it would lie had the others scored worst or best"
)
LEGEND_OF_SPEED = "tok/s: output tokens per second of one request; cost and judging: - where no price is known"


def report_table(report: EvaluationReport) -> str:
    """Write the report as text: what is missing, cost and speed, leaderboard, comparison with the baseline, gates.

    Args:
        report: From `load_report`.

    Returns:
        Lines of at most 110 ASCII characters; ends with a newline. With more than 8 candidates the leaderboard has a
        row for each, best first on the headline metric; with more than 12 only that metric is compared in words.
    """
    shown = best_first(report)
    labels = {candidate.name: _label(index) for index, candidate in enumerate(shown)}
    parts = [
        _headline(report),
        "\n".join(_wrapped(f"{MARK} ", sentence) for sentence in missing_notes(report, at_most=MOST_NOTES)),
        f"{_cost_and_speed(report, shown, labels)}\n{LEGEND_OF_SPEED}",
        *_leaderboard(report, shown, labels),
        LEGEND
        if all(row["n_scored"] == row["n_total"] for measure in measures(report) for row in measure.rows.values())
        else f"{LEGEND}\n{LEGEND_OF_MARKS}",
        "\n".join(_wrapped(f"{metric}: ", said) for metric, said in repeated_lines(report)),
        "\n".join(_against_baseline(report, shown, labels)),
        "\n".join(_wrapped(head, text) for head, text in judging_lines(report)),
        "\n".join(_gates(report)),
        "\n".join(_wrapped("note: ", note) for note in report.notes),
    ]
    text = "\n\n".join(part for part in parts if part)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _ascii(text: str) -> str:
    r"""Text in printable ASCII, everything else as its code: nothing may speak to the terminal, and no two labels may
    look alike.

    >>> print(_ascii("a → ü\x1b"))
    a -> \xfc\u001b
    """
    return visible_text(text).translate(ASCII).encode("ascii", "backslashreplace").decode()


def _label(index: int) -> str:
    """A, B, …, Z, A1, B1, … in the order shown."""
    return chr(ord("A") + index % 26) + (str(index // 26) if index > 25 else "")  # noqa: PLR2004 - letters


def _headline(report: EvaluationReport) -> str:
    counts = f"{count_text(len(report.candidates), 'candidate')} on {count_text(report.dataset.n_examples, 'example')}"
    confidence = confidence_text(report.evaluation.file.confidence)
    order = (
        f"; best first on {_ascii(report.headline)}"
        if report.headline is not None and len(report.candidates) > MOST_SIDE_BY_SIDE
        else ""
    )
    return (
        f"{report.evaluation.name}: {counts} of {report.dataset.name}\n"
        f"means with {confidence} intervals; * is the baseline{order}"
    )


def _marked(candidate: CandidateReport, labels: Mapping[str, str]) -> str:
    return f"{labels[candidate.name]}{'*' if candidate.is_baseline else ''}"


def _cost_and_speed(report: EvaluationReport, shown: Sequence[CandidateReport], labels: Mapping[str, str]) -> str:
    with_first = report.total.is_streamed
    rows = [
        [
            _marked(candidate, labels),
            candidate.name if len(candidate.name) <= NAME_WIDTH else candidate.name.replace("@", "\n  @", 1),
            *_speed_cells(candidate.performance, with_first=with_first),
        ]
        for candidate in shown
    ]
    if len(rows) > 1:
        rows.append(["", "all", *_speed_cells(report.total, with_first=with_first)])
    first = ["first p50/p90"] if with_first else []
    headers = ["", "candidate", "answered", "cost", "judging", "p50/p90/p99", *first, "tok/s", "reused"]
    return _table(headers, rows, right_from=2)


def _speed_cells(speed: Performance, *, with_first: bool = False) -> list[str]:
    failed = speed.n_predictions - speed.n_answered
    return [
        f"{MARK + ' ' if failed or not speed.n_predictions else ''}{speed.n_answered:,}/{speed.n_predictions:,}",
        money_text(speed.cost_usd),
        money_text(speed.judge_cost_usd),
        latency_text(speed.latency_p50_seconds, speed.latency_p90_seconds, speed.latency_p99_seconds),
        *([latency_text(speed.first_token_p50_seconds, speed.first_token_p90_seconds)] if with_first else []),
        speed_text(speed.tokens_per_second),
        share_text(speed.reused_share),
    ]


def _leaderboard(
    report: EvaluationReport, shown: Sequence[CandidateReport], labels: Mapping[str, str]
) -> Iterator[str]:
    """Blocks of four columns: a column per candidate, or a column per metric where there are many candidates."""

    def cell(measure: Measure, candidate: CandidateReport) -> str:
        return _score_cell(measure, candidate.name, report.compared(candidate.name, measure.metric).get("tied_group"))

    found = measures(report)
    if len(shown) <= MOST_SIDE_BY_SIDE:
        for some in _blocks(shown):
            rows = [[_title(measure), *(cell(measure, candidate) for candidate in some)] for measure in found]
            yield _table(["metric", *(_marked(candidate, labels) for candidate in some)], rows)
        return
    for part in _blocks(found):
        rows = [[_marked(candidate, labels), *(cell(measure, candidate) for measure in part)] for candidate in shown]
        yield _table(["", *(_title(measure) for measure in part)], rows)


def _blocks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), COLUMNS_A_BLOCK):
        yield items[start : start + COLUMNS_A_BLOCK]


def _title(measure: Measure) -> str:
    return f"{measure.title}{DIRECTION[measure.greater_is_better]}"


def _score_cell(measure: Measure, candidate: str, tied_group: str | None) -> str:
    row = measure.rows.get(candidate)
    if row is None:
        return f"{MARK} not computed"
    number, interval = (share_text, shares_text) if measure.is_share else (number_text, interval_text)
    lines = [f"{number(row['mean'])}{' ' + tied_group if tied_group and not measure.is_share else ''}"]
    if row["ci_low"] is not None:
        lines.append(interval(row["ci_low"], row["ci_high"]))
    if row["n_scored"] < row["n_total"]:
        lines.append(f"{MARK} {row['n_scored']:,}/{row['n_total']:,} {'labelled' if measure.is_share else 'scored'}")
        worst, best = row["mean_if_missing_worst"], row["mean_if_missing_best"]
        if worst is not None and best is not None:
            low, high = sorted((worst, best))
            lines.append(f"{MARK} {number_text(low)}..{number_text(high)}")
    return "\n".join(lines)


def _against_baseline(
    report: EvaluationReport, shown: Sequence[CandidateReport], labels: Mapping[str, str]
) -> Iterator[str]:
    if len(shown) > 1:
        yield f"against the baseline {labels[report.baseline]}, example by example:"
    metrics = compared_metrics(report)
    for candidate in shown:
        for metric in metrics:
            row = report.against_baseline(candidate.name, metric)
            if row is not None and is_told(row):
                yield _wrapped(f"  {labels[candidate.name]} {metric}: ", row["sentence"])
    if len(metrics) < len(report.metrics):
        yield _wrapped("  ", f"the other metrics are in `eval-assets report {report.evaluation.name} --format json`")


def _gates(report: EvaluationReport) -> Iterator[str]:
    yield _wrapped("gates: ", f"{report.verdict.verdict.value}: {report.verdict.note}")
    for row in report.gates.iter_rows(named=True):
        yield _wrapped(f"  {row['verdict']} ", condition_text(row))


def _wrapped(head: str, text: str) -> str:
    """Text in lines of the table's width, all but the first indented below the head."""
    plain = _ascii(f"{head}{text}")
    return textwrap.fill(plain, WIDTH, subsequent_indent=" " * min(len(head), 8), break_on_hyphens=False)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int | None = None) -> str:
    table = Table(box=box.ASCII_DOUBLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for index, header in enumerate(headers):
        is_number = right_from is not None and index >= right_from
        table.add_column(Text(_ascii(header)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_ascii(cell)) for cell in row))
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False).print(table)
    return text.getvalue().rstrip("\n")
