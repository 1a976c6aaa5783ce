"""The report for a terminal: plain ASCII, at most 110 columns, no colours, so that it survives a log file."""

import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.performance import Performance
from eval_assets.reports.rendered.judging_text import judging_lines
from eval_assets.reports.rendered.wording import (
    ABSENT,
    interval_text,
    latency_text,
    money_text,
    number_text,
    share_text,
)
from eval_assets.reports.warnings import report_warnings

WIDTH = 110
CANDIDATES_A_BLOCK = 4
NAME_WIDTH = 34
MARK = "!!"
ASCII = str.maketrans({"→": "->", "…": "...", "×": "x", "–": "-", "—": "-", "≤": "<=", "≥": ">="})
LEGEND = "+ higher is better, - lower is better; candidates that share a letter after the mean can't be told apart"
LEGEND_OF_MARKS = (
    f"{MARK} n/m scored: the mean is over n of m rows; below it, where it would lie had the others scored worst or best"
)


def report_table(report: EvaluationReport) -> str:
    """Write the report as text: what is missing, cost and speed, leaderboard, comparison with the baseline, gates.

    Args:
        report: From `load_report`.

    Returns:
        Lines of at most 110 ASCII characters; ends with a newline.
    """
    labels = {candidate.name: _label(index) for index, candidate in enumerate(report.candidates)}
    parts = [
        _headline(report),
        "\n".join(_wrapped(f"{MARK} ", sentence) for sentence in report_warnings(report)),
        _cost_and_speed(report, labels),
        *(
            _leaderboard(report, report.candidates[start : start + CANDIDATES_A_BLOCK], labels)
            for start in range(0, len(report.candidates), CANDIDATES_A_BLOCK)
        ),
        LEGEND
        if report.aggregates.filter(pl.col("n_scored") < pl.col("n_total")).is_empty()
        else f"{LEGEND}\n{LEGEND_OF_MARKS}",
        "\n".join(_against_baseline(report, labels)),
        "\n".join(_wrapped(head, text) for head, text in judging_lines(report)),
        "\n".join(_gates(report)),
        "\n".join(_wrapped("note: ", note) for note in report.notes),
    ]
    text = "\n\n".join(part for part in parts if part)
    return "\n".join(_plain(line).rstrip() for line in text.splitlines()) + "\n"


def _plain(line: str) -> str:
    """A line of printable ASCII: an escape sequence in a text must not reach the terminal."""
    return "".join(character if " " <= character <= "~" else "?" for character in line)


def _label(index: int) -> str:
    """A, B, …, Z, A1, B1, … in the candidates' order."""
    return chr(ord("A") + index % 26) + (str(index // 26) if index > 25 else "")  # noqa: PLR2004 - letters


def _headline(report: EvaluationReport) -> str:
    confidence = f"{100 * report.evaluation.file.confidence:g} %"
    return (
        f"{report.evaluation.name}: {len(report.candidates)} candidates on {report.dataset.n_examples:,} examples of "
        f"{report.dataset.name}\nmeans with {confidence} intervals; * is the baseline"
    )


def _cost_and_speed(report: EvaluationReport, labels: Mapping[str, str]) -> str:
    rows = [
        [
            f"{labels[candidate.name]}{'*' if candidate.is_baseline else ''}",
            candidate.name if len(candidate.name) <= NAME_WIDTH else candidate.name.replace("@", "\n  @", 1),
            *_speed_cells(candidate.performance),
        ]
        for candidate in report.candidates
    ]
    if len(rows) > 1:
        rows.append(["", "all", *_speed_cells(report.total)])
    headers = ["", "candidate", "answered", "cost", "judging", "p50/p90/p99", "tok/s", "reused"]
    return _table(headers, rows, right_from=2)


def _speed_cells(speed: Performance) -> list[str]:
    failed = speed.n_predictions - speed.n_answered
    return [
        f"{MARK + ' ' if failed or not speed.n_predictions else ''}{speed.n_answered:,}/{speed.n_predictions:,}",
        money_text(speed.cost_usd),
        money_text(speed.judge_cost_usd),
        latency_text(speed.latency_p50_seconds, speed.latency_p90_seconds, speed.latency_p99_seconds),
        ABSENT if speed.tokens_per_second is None else f"{speed.tokens_per_second:,.0f}",
        share_text(speed.reused_share),
    ]


def _leaderboard(report: EvaluationReport, candidates: Sequence[CandidateReport], labels: Mapping[str, str]) -> str:
    groups = {
        (f"{row['model']}@{row['prompt']}", row["metric"]): row["tied_group"]
        for row in report.comparison.iter_rows(named=True)
    }
    rows = []
    for metric in report.metrics:
        direction = {True: " +", False: " -", None: ""}[report.facts(metric)["greater_is_better"]]
        cells = [
            _score_cell(candidate.metrics.get(metric), groups.get((candidate.name, metric))) for candidate in candidates
        ]
        rows.append([f"{metric}{direction}", *cells])
    headers = [f"{labels[candidate.name]}{'*' if candidate.is_baseline else ''}" for candidate in candidates]
    return _table(["metric", *headers], rows)


def _score_cell(row: Mapping[str, Any] | None, tied_group: str | None) -> str:
    if row is None:
        return f"{MARK} not computed"
    lines = [f"{number_text(row['mean'])}{' ' + tied_group if tied_group else ''}"]
    if row["ci_low"] is not None:
        lines.append(interval_text(row["ci_low"], row["ci_high"]))
    if row["n_scored"] < row["n_total"]:
        lines.append(f"{MARK} {row['n_scored']:,}/{row['n_total']:,} scored")
        worst, best = row["mean_if_missing_worst"], row["mean_if_missing_best"]
        if worst is not None and best is not None:
            low, high = sorted((worst, best))
            lines.append(f"{MARK} {number_text(low)}..{number_text(high)}")
    return "\n".join(lines)


def _against_baseline(report: EvaluationReport, labels: Mapping[str, str]) -> Iterator[str]:
    if len(report.candidates) > 1:
        yield f"against the baseline {labels[report.baseline]}, example by example:"
    for candidate in report.candidates:
        for metric in report.metrics:
            row = report.against_baseline(candidate.name, metric)
            if row is not None and row["greater_is_better"] is not None:
                yield _wrapped(f"  {labels[candidate.name]} {metric}: ", row["sentence"])


def _gates(report: EvaluationReport) -> Iterator[str]:
    yield _wrapped("gates: ", f"{report.verdict.verdict.value}: {report.verdict.note}")
    for row in report.gates.iter_rows(named=True):
        tier = ", advisory" if row["tier"] == "advisory" else ""
        what = f"{row['model']}@{row['prompt']}, {row['metric']}, {row['condition']}{tier}: {row['reason']}"
        yield _wrapped(f"  {row['verdict']} ", what)


def _wrapped(head: str, text: str) -> str:
    """Text in lines of the table's width, all but the first indented below the head."""
    plain = f"{head}{text}".translate(ASCII)
    return textwrap.fill(plain, WIDTH, subsequent_indent=" " * min(len(head), 8), break_on_hyphens=False)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int | None = None) -> str:

    table = Table(box=box.ASCII_DOUBLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for index, header in enumerate(headers):
        is_number = right_from is not None and index >= right_from
        table.add_column(Text(header), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False).print(table)
    return text.getvalue().rstrip("\n")
