"""The report for a terminal: plain ASCII, at most 100 columns, no colours, so that it survives a log file."""

from collections.abc import Iterator, Sequence

from eval_assets.reports.computed.roles import Role
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.note import Note, notes_count_text
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import Performance
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import (
    MOST_ROWS,
    AnswerTable,
    Head,
    answer_table,
    described_measures,
    tested_measures,
)
from eval_assets.reports.rendered.changes_text import changes_lines
from eval_assets.reports.rendered.gate_formats import condition_text, gates_sentence
from eval_assets.reports.rendered.judging_text import judging_lines
from eval_assets.reports.rendered.measures import Measure, compared_metrics, in_points, is_told, mean_text
from eval_assets.reports.rendered.plain_lines import columns_text, wrapped
from eval_assets.reports.rendered.ranked_slices import (
    RankedSlice,
    difference_text,
    ranked_slices,
    shown_slices,
    slices_caption,
    small_text,
)
from eval_assets.reports.rendered.success_lines import success_lines
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.numbers import (
    ABSENT,
    confidence_text,
    count_text,
    latency_text,
    money_text,
    share_text,
    speed_text,
)

MARK = "!!"
DESCRIBED = "described, not tested (name one in `metrics` to have it tested):"
MOST_GATES = 8
SHOWN_CHARACTERS = 60  # of a slice's value
MOST_BESIDE = 4  # candidates beside each other in the table of what only describes
DIRECTION = {True: " +", False: " -", None: ""}


def report_table(
    report: EvaluationReport, *, selected: Sequence[str] = (), slices: Sequence[str] = (), brief: bool = False
) -> str:
    """Write the report as text: the answer, who stands where, gates, notes; then what is behind them.

    Args:
        report: From `load_report`.
        selected: Candidates that are shown however far down they stand.
        slices: Columns, or `COLUMN=VALUE`, whose slices are shown in place of the first few.
        brief: Only the answer and what changed since last time, as far as it is tested.

    Returns:
        Lines of at most 100 ASCII characters; ends with a newline. Of many candidates the best are shown.
    """
    notes = report_notes(report)
    table = answer_table(report, at_most=MOST_ROWS, selected=selected)
    parts = [
        wrapped("", answer_sentence(report)),
        "\n".join([*_answer_lines(table), *_more(report, table)]),
        _caption(report, table),
        "\n".join(_gates(report)),
        "\n".join(_notes(notes)),
        "\n".join(wrapped(head, text) for head, text in changes_lines(report.changes, brief=brief)),
    ]
    if not brief:
        parts += _behind_the_answer(report, table, slices)
    text = "\n\n".join(part for part in parts if part)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _behind_the_answer(report: EvaluationReport, table: AnswerTable, slices: Sequence[str]) -> list[str]:
    return [
        "\n".join(_against_baseline(report, table)),
        "\n".join(wrapped(f"{metric}: ", said) for metric, said in success_lines(report)),
        "\n".join(_means(tested_measures(report)[1:], table, "the other metrics that the file names:")),
        "\n".join(_means(described_measures(report), table, DESCRIBED)),
        "\n".join(_slices(report, table, slices)),
        "\n".join(_cost_and_speed(report, table)),
        "\n".join(_paid_and_saved(report)),
        "\n".join(wrapped(head, text) for head, text in judging_lines(report)),
    ]


def _answer_lines(table: AnswerTable) -> Iterator[str]:
    """The ranked table, with as many of its last columns as fit."""
    heads = ["", "candidate", *(_title(head) for head in table.heads)]
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
    yield from columns_text(heads, rows, right_from=2)


def _title(head: Head) -> str:
    return f"{head.title}{DIRECTION[head.greater_is_better]}"


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
    return wrapped("", "; ".join(said))


def _gates(report: EvaluationReport) -> Iterator[str]:
    """What gates say together, then each condition that isn't met."""
    yield wrapped("gates: ", gates_sentence(report))
    unmet = [row for row in report.gates.iter_rows(named=True) if row["verdict"] != "GO"]
    for row in unmet[:MOST_GATES]:
        yield wrapped(f"  {row['verdict']} ", condition_text(row))
    if len(unmet) > MOST_GATES:
        explain = f"`eval-assets gate {report.evaluation.name} --explain`"
        yield f"  {len(unmet) - MOST_GATES:,} more conditions are not met or undecided: {explain}"


def _notes(notes: Sequence[Note]) -> Iterator[str]:
    if notes:
        yield f"{notes_count_text(notes)}:"
    for note in notes:
        yield wrapped("- ", str(note))


def _against_baseline(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    metrics = [metric for metric in compared_metrics(report) if report.role(metric) is not Role.DESCRIBED]
    lines = [
        wrapped(f"  {row.name} {metric}: ", compared["sentence"])
        for row in table.rows
        for metric in metrics
        if (compared := report.against_baseline(row.candidate.name, metric)) and is_told(compared)
    ]
    if lines:
        yield wrapped("", f"against the baseline {report.baseline}, example by example:")
        yield from lines


def _means(found: Sequence[Measure], table: AnswerTable, head: str) -> Iterator[str]:
    """Means of metrics with their intervals, the best candidates beside each other."""
    if not found:
        return
    yield head
    shown = table.rows[:MOST_BESIDE]
    places = (f"{row.place or ABSENT}{' *' if row.candidate.is_baseline else ''}" for row in shown)
    titles = (f"{measure.title}{DIRECTION[measure.greater_is_better]}" for measure in found)
    means = ([mean_text(measure, row.candidate.name) for row in shown] for measure in found)
    rows = [["", title, *of_metric] for title, of_metric in zip(titles, means, strict=True)]
    yield from columns_text(["", "metric", *places], rows, right_from=2)


def _slices(report: EvaluationReport, table: AnswerTable, wanted: Sequence[str]) -> Iterator[str]:
    """Parts of the examples: how many, who differs most, and means of the best candidates beside each other."""
    found = ranked_slices(report)
    shown = shown_slices(found, wanted)
    if not shown:
        return
    yield wrapped("", f"{slices_caption(report)}:")
    who = len(report.candidates) > 2  # noqa: PLR2004 - the baseline and more than one other
    beside = table.rows[:MOST_BESIDE]
    places = {row.name: str(row.place or ABSENT) for row in table.rows}
    heads = ["n", "points" if in_points(report, report.headline or "") else "difference", *(["of"] if who else [])]
    of_means = (f"{row.place or ABSENT}{' *' if row.candidate.is_baseline else ''}" for row in beside)
    rows = [
        [
            "",
            shortened(one.title, SHOWN_CHARACTERS),
            f"{one.n_examples:,}",
            difference_text(report, one),
            *([places.get(one.differs or "", ABSENT)] if who else []),
            *(mean_text(one.measure, row.candidate.name) for row in beside),
        ]
        for one in shown
    ]
    yield from columns_text(["", "slice", *heads, *of_means], rows, right_from=2)
    yield from _more_slices(report, found, shown)


def _more_slices(report: EvaluationReport, found: Sequence[RankedSlice], shown: Sequence[RankedSlice]) -> Iterator[str]:
    n_more = len(found) - len(shown)
    ask = f"`eval-assets report {report.evaluation.name} --slice COLUMN` or `--slice COLUMN=VALUE`"
    more = f"{count_text(n_more, 'more slice')}: {ask}, or all with `--format json`" if n_more else ""
    said = "; ".join(filter(None, [more, small_text(found)]))
    if said:
        yield wrapped("", said)


def _cost_and_speed(report: EvaluationReport, table: AnswerTable) -> Iterator[str]:
    with_first = report.total.is_streamed
    rows = [
        [str(row.place or ABSENT), row.name, *_speed_cells(row.candidate.performance, with_first=with_first)]
        for row in table.rows
    ]
    if len(report.candidates) > 1:
        rows.append(["", "all", *_speed_cells(report.total, with_first=with_first)])
    first = ["first p50/p90"] if with_first else []
    heads = ["", "cost and speed", "answered", "cost", "judging", "p50/p90/p99", *first, "tok/s", "reused"]
    yield from columns_text(heads, rows, right_from=2)
    yield "tok/s: output tokens per second of one request; - where nothing is known, such as a price"


def _paid_and_saved(report: EvaluationReport) -> Iterator[str]:
    rows = [
        [
            "",
            spent.who,
            f"{spent.n_replies:,}",
            f"{spent.n_reused:,}",
            *(money_text(amount) for amount in (spent.paid_usd, spent.saved_usd, spent.without_reuse_usd)),
        ]
        for spent in report.spent
    ]
    if rows:
        yield from columns_text(
            ["", "paid to", "replies", "reused", "paid", "saved", "without reuse"], rows, right_from=2
        )


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
