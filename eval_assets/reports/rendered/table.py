"""The report for a terminal: plain ASCII, at most 100 columns, no colours, so that it survives a log file."""

<<<<<<< HEAD
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
=======
import textwrap
from collections.abc import Iterator, Sequence
>>>>>>> main

from eval_assets.reports.computed.roles import Role
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.note import Note, notes_count_text
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import Performance
<<<<<<< HEAD
from eval_assets.reports.rendered.changes_text import changes_lines
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
from eval_assets.reports.rendered.plain_lines import WIDTH, ascii_text, wrapped
=======
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import (
    MOST_ROWS,
    AnswerTable,
    Head,
    answer_table,
    described_measures,
    tested_measures,
)
from eval_assets.reports.rendered.gate_formats import condition_text, gates_sentence
from eval_assets.reports.rendered.judging_text import judging_lines
from eval_assets.reports.rendered.measures import compared_metrics, is_told, mean_text
from eval_assets.reports.rendered.repeated import repeated_lines
from eval_assets.wording.foreign_text import visible_text
>>>>>>> main
from eval_assets.wording.numbers import (
    ABSENT,
    confidence_text,
    count_text,
    latency_text,
    money_text,
    share_text,
    speed_text,
)

<<<<<<< HEAD
COLUMNS_A_BLOCK = 4
=======
WIDTH = 100
>>>>>>> main
NAME_WIDTH = 34
MARK = "!!"
GAP = "  "
MOST_GATES = 8
MOST_BESIDE = 4  # candidates beside each other in the table of what only describes
DIRECTION = {True: " +", False: " -", None: ""}
<<<<<<< HEAD
LEGEND = "+ higher is better, - lower is better; candidates that share a letter after the mean can't be told apart"
LEGEND_OF_MARKS = (
    f"{MARK} n/m scored: the mean is over n of m rows; below it, where it would lie had the others scored worst or best"
)
LEGEND_OF_SPEED = "tok/s: output tokens per second of one request; cost and judging: - where no price is known"
=======
ASCII = str.maketrans({"→": "->", "…": "...", "×": "x", "–": "-", "—": "-", "≤": "<=", "≥": ">="})
>>>>>>> main


def report_table(report: EvaluationReport, *, selected: Sequence[str] = ()) -> str:
    """Write the report as text: the answer, who stands where, gates, notes; then what is behind them.

    Args:
        report: From `load_report`.
        selected: Candidates that are shown however far down they stand.

    Returns:
        Lines of at most 100 ASCII characters; ends with a newline. Of many candidates the best are shown.
    """
    notes = report_notes(report)
    table = answer_table(report, at_most=MOST_ROWS, selected=selected)
    parts = [
<<<<<<< HEAD
        _headline(report),
        "\n".join(wrapped(f"{MARK} ", sentence) for sentence in missing_notes(report, at_most=MOST_NOTES)),
        f"{_cost_and_speed(report, shown, labels)}\n{LEGEND_OF_SPEED}",
        *_leaderboard(report, shown, labels),
        LEGEND
        if all(row["n_scored"] == row["n_total"] for measure in measures(report) for row in measure.rows.values())
        else f"{LEGEND}\n{LEGEND_OF_MARKS}",
        "\n".join(_against_baseline(report, shown, labels)),
        "\n".join(wrapped(head, text) for head, text in judging_lines(report)),
        "\n".join(wrapped(head, text) for head, text in changes_lines(report.changes)),
        "\n".join(_gates(report)),
        "\n".join(wrapped("note: ", note) for note in report.notes),
=======
        _wrapped("", answer_sentence(report)),
        "\n".join([*_answer_lines(table), *_more(report, table)]),
        _caption(report, table),
        "\n".join(_gates(report)),
        "\n".join(_notes(notes)),
        "\n".join(_against_baseline(report, table)),
        "\n".join(_wrapped(f"{metric}: ", said) for metric, said in repeated_lines(report)),
        "\n".join(_described(report, table)),
        "\n".join(_cost_and_speed(report, table)),
        "\n".join(_wrapped(head, text) for head, text in judging_lines(report)),
>>>>>>> main
    ]
    text = "\n\n".join(part for part in parts if part)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


<<<<<<< HEAD
def _label(index: int) -> str:
    """A, B, …, Z, A1, B1, … in the order shown."""
    return chr(ord("A") + index % 26) + (str(index // 26) if index > 25 else "")  # noqa: PLR2004 - letters


def _headline(report: EvaluationReport) -> str:
    counts = f"{count_text(len(report.candidates), 'candidate')} on {count_text(report.dataset.n_examples, 'example')}"
    confidence = confidence_text(report.evaluation.file.confidence)
    order = (
        f"; best first on {ascii_text(report.headline)}"
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
=======
def _ascii(text: str) -> str:
    r"""Text in printable ASCII, everything else as its code: nothing may speak to the terminal, and no two labels may
    look alike.

    >>> print(_ascii("a → ü\x1b"))
    a -> \xfc\u001b
    """
    return visible_text(text).translate(ASCII).encode("ascii", "backslashreplace").decode()


def _answer_lines(table: AnswerTable) -> Iterator[str]:
    """The ranked table, with as many of its last columns as fit."""
    heads = ["", "candidate", *(_title(head) for head in table.heads)]
>>>>>>> main
    rows = [
        [
            "" if row.place is None else str(row.place),
            f"{row.name}{' *' if row.candidate.is_baseline and len(table.rows) + table.n_more > 1 else ''}",
            *row.cells,
        ]
        for row in table.rows
    ]
    for row, standing in zip(rows, table.rows, strict=True):
        row[0] += MARK if standing.is_incomplete else ""
    yield from _columns(heads, rows, right_from=2)


def _title(head: Head) -> str:
    return f"{head.title}{DIRECTION[head.greater_is_better]}"


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int) -> Iterator[str]:
    """Columns side by side, the second folded where names are long; those that don't fit are left out from the end."""
    cells = [[_ascii(cell) for cell in row] for row in (heads, *rows)]
    folded = [_folded(row[1]) for row in cells]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    widths[1] = max(len(part) for parts in folded for part in parts)
    while len(widths) > right_from + 1 and sum(widths) + len(GAP) * (len(widths) - 1) > WIDTH:
        widths.pop()
    for number, (row, name) in enumerate(zip(cells, folded, strict=True)):
        texts = [row[0], name[0], *row[2 : len(widths)]]
        yield _line(texts, widths, right_from)
        yield from (_line(["", part], widths, right_from) for part in name[1:])
        if number == 0:
            yield GAP.join("-" * width for width in widths)


def _line(texts: Sequence[str], widths: Sequence[int], right_from: int) -> str:
    placed = (
        text.rjust(width) if column >= right_from else text.ljust(width)
        for column, (text, width) in enumerate(zip(texts, widths, strict=False))
    )
    return GAP.join(placed).rstrip()


def _folded(name: str) -> list[str]:
    """A candidate's name in as many lines as it needs, the prompt on one of its own."""
    parts = [name] if len(name) <= NAME_WIDTH else name.replace("@", "\n  @", 1).splitlines()
    return [line for part in parts for line in (textwrap.wrap(part, NAME_WIDTH, subsequent_indent="   ") or [""])]


def _more(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    if table.n_more:
        name = report.evaluation.name
        one = f"`eval-assets report {name} --candidate MODEL@PROMPT`"
        yield f"{table.n_more:,} more: {one}, or all with `--format json`"


def _caption(report: EvaluationReport, table: AnswerTable) -> str:
    """What the table is over, and how it is read."""
    counts = f"{count_text(len(report.candidates), 'candidate')} on {count_text(report.dataset.n_examples, 'example')}"
    said = [f"{report.evaluation.name}: {counts} of {report.dataset.name}"]
    if tested_measures(report):
        said.append(f"means with {confidence_text(report.evaluation.file.confidence)} intervals, + higher is better")
    if len(report.candidates) > 1:
        said.append("* is the baseline; candidates that share a letter can't be told apart")
    if any(row.is_incomplete for row in table.rows):
        said.append(f"{MARK} some rows failed or have no score, see the notes")
    return _wrapped("", "; ".join(said))


def _gates(report: EvaluationReport) -> Iterator[str]:
    """What gates say together, then each condition that isn't met."""
    yield _wrapped("gates: ", gates_sentence(report))
    unmet = [row for row in report.gates.iter_rows(named=True) if row["verdict"] != "GO"]
    for row in unmet[:MOST_GATES]:
        yield _wrapped(f"  {row['verdict']} ", condition_text(row))
    if len(unmet) > MOST_GATES:
        explain = f"`eval-assets gate {report.evaluation.name} --explain`"
        yield f"  {len(unmet) - MOST_GATES:,} more conditions are not met or undecided: {explain}"


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield f"{notes_count_text(notes)}:"
    for note in notes:
        yield _wrapped("- ", str(note))


def _against_baseline(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    metrics = [metric for metric in compared_metrics(report) if report.role(metric) is not Role.DESCRIBED]
    lines = [
        _wrapped(f"  {row.name} {metric}: ", compared["sentence"])
        for row in table.rows
        for metric in metrics
        if (compared := report.against_baseline(row.candidate.name, metric)) and is_told(compared)
    ]
    if lines:
        yield _wrapped("", f"against the baseline {report.baseline}, example by example:")
        yield from lines


def _described(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    """Means of what only describes, with the best candidates beside each other."""
    found = described_measures(report)
    if not found:
        return
    yield "described, not tested (name one in `metrics` to have it tested):"
    shown = [row.candidate for row in table.rows][:4]
    heads = [
        "",
        "metric",
        *(f"{row.place or ABSENT}{' *' if row.candidate.is_baseline else ''}" for row in table.rows[:4]),
    ]
    rows = [
        ["", f"{measure.title}{DIRECTION[measure.greater_is_better]}", *(mean_text(measure, one.name) for one in shown)]
        for measure in found
    ]
    yield from _columns(heads, rows, right_from=2)


def _cost_and_speed(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    rows = [[str(row.place or ABSENT), row.name, *_speed_cells(row.candidate.performance)] for row in table.rows]
    if len(report.candidates) > 1:
        rows.append(["", "all", *_speed_cells(report.total)])
    yield from _columns(
        ["", "cost and speed", "answered", "cost", "judging", "p50/p90/p99", "tok/s", "reused"], rows, right_from=2
    )
    yield "tok/s: output tokens per second of one request; - where nothing is known, such as a price"


def _speed_cells(speed: Performance) -> list[str]:
    failed = speed.n_predictions - speed.n_answered
    return [
        f"{MARK + ' ' if failed or not speed.n_predictions else ''}{speed.n_answered:,}/{speed.n_predictions:,}",
        money_text(speed.cost_usd),
        money_text(speed.judge_cost_usd),
        latency_text(speed.latency_p50_seconds, speed.latency_p90_seconds, speed.latency_p99_seconds),
        speed_text(speed.tokens_per_second),
        share_text(speed.reused_share),
    ]


<<<<<<< HEAD
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
                yield wrapped(f"  {labels[candidate.name]} {metric}: ", row["sentence"])
    if len(metrics) < len(report.metrics):
        yield wrapped("  ", f"the other metrics are in `eval-assets report {report.evaluation.name} --format json`")


def _gates(report: EvaluationReport) -> Iterator[str]:
    yield wrapped("gates: ", f"{report.verdict.verdict.value}: {report.verdict.note}")
    for row in report.gates.iter_rows(named=True):
        yield wrapped(f"  {row['verdict']} ", condition_text(row))


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int | None = None) -> str:
    table = Table(box=box.ASCII_DOUBLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
    for index, header in enumerate(headers):
        is_number = right_from is not None and index >= right_from
        table.add_column(Text(ascii_text(header)), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(ascii_text(cell)) for cell in row))
    text = io.StringIO()
    Console(file=text, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False).print(table)
    return text.getvalue().rstrip("\n")
=======
def _wrapped(head: str, text: str) -> str:
    """Text in lines of the table's width, all but the first indented below the head."""
    plain = _ascii(f"{head}{text}")
    return textwrap.fill(plain, WIDTH, subsequent_indent=" " * min(len(head), 8), break_on_hyphens=False)
>>>>>>> main
