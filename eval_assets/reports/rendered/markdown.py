"""The report as Markdown: for the metadata of an asset and for pull requests. Text from outside is escaped.

What decides stands on at most 40 lines; the rest is in a fold.
"""

from collections.abc import Iterator, Sequence

from eval_assets.reports.computed.roles import Role
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.note import Note, notes_count_text
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import Performance
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import MOST_ROWS, AnswerTable, answer_table, described_measures
from eval_assets.reports.rendered.changes_text import changes_in_short, changes_markdown
from eval_assets.reports.rendered.gate_formats import MARKS, condition_text, gates_sentence, gates_table
from eval_assets.reports.rendered.judging_text import duels_markdown, trust_markdown
from eval_assets.reports.rendered.measures import Measure, compared_metrics, in_points, is_told, mean_text, side_by_side
from eval_assets.reports.rendered.ranked_slices import (
    difference_text,
    ranked_slices,
    shown_slices,
    slices_caption,
    small_text,
)
from eval_assets.reports.rendered.success_lines import success_lines
from eval_assets.wording.foreign_text import markdown_text, shortened
from eval_assets.wording.numbers import (
    ABSENT,
    confidence_text,
    count_text,
    money_text,
    number_text,
    seconds_text,
    share_text,
    speed_text,
)

DIRECTION = {True: " ↑", False: " ↓", None: ""}
SHOWN_CHARACTERS = 160
WORST_FLIPS = 3
EXAMPLES = 3
MOST_NOTES = 8  # of which the first are seen at once
MOST_GATES = 5

Lines = list[str]


def report_markdown(report: EvaluationReport, *, selected: Sequence[str] = (), slices: Sequence[str] = ()) -> str:
    """Write the report as Markdown: at most 40 lines, and a fold with the rest.

    Args:
        report: From `load_report`.
        selected: Candidates that are shown however far down they stand.
        slices: Columns, or `COLUMN=VALUE`, whose slices are shown in place of the first few.
    """
    table = answer_table(report, at_most=MOST_ROWS, selected=selected)
    notes = report_notes(report)
    seen: list[Lines] = [
        [f"**{markdown_text(report.evaluation.name)}: {markdown_text(answer_sentence(report))}**"],
        [*_answer(table), *_more(table)],
        _gates(report),
        [f"- {markdown_text(line)}" for line in changes_in_short(report.changes)],
        _notes(notes[:MOST_NOTES], n_all=len(notes)),
    ]
    behind: list[Lines] = [
        [_summary(report)],
        ["### All candidates", "", *_answer(answer_table(report))] if table.n_more else [],
        [f"- {markdown_text(str(note))}" for note in notes[MOST_NOTES:]],
        _folded_candidates(notes),
        ["### Gates", "", *gates_table(report.gates)] if report.gates.height else [],
        changes_markdown(report.changes, level=3),
        _comparisons(report, table),
        [f"- {markdown_text(metric)}: {markdown_text(said)}" for metric, said in success_lines(report)],
        _described(report, table),
        _slices(report, table, slices),
        duels_markdown(report),
        trust_markdown(report),
        _worst_flips(report),
        ["### Cost and speed", "", *_cost_and_speed(table), *_paid_and_saved(report)],
        ["### Side by side", "", *_side_by_side(report)] if report.predictions.height else [],
    ]
    fold = ["<details><summary>Everything else</summary>", *_joined(behind), "</details>"]
    return "\n\n".join([*_joined(seen), *fold]) + "\n"


def _joined(sections: Sequence[Lines]) -> list[str]:
    return ["\n".join(lines) for lines in sections if lines]


def _summary(report: EvaluationReport) -> str:
    counts = f"{count_text(len(report.candidates), 'candidate')} on {count_text(report.dataset.n_examples, 'example')}"
    return (
        f"{counts} of {markdown_text(report.dataset.name)}; the baseline is `{report.baseline}`; intervals at "
        f"{confidence_text(report.evaluation.file.confidence)}; candidates that share a letter can't be told apart."
    )


def _answer(table: AnswerTable) -> Iterator[str]:
    heads = [f"{markdown_text(head.title)}{DIRECTION[head.greater_is_better]}" for head in table.heads]
    yield f"| | candidate | {' | '.join(heads)} |"
    yield f"| ---: | --- |{' ---: |' * len(heads)}"
    for row in table.rows:
        name = f"{markdown_text(row.name)}{' (baseline)' if row.candidate.is_baseline else ''}"
        first, *others = map(markdown_text, row.cells)
        place = f"{'' if row.place is None else row.place}{' ⚠️' if row.is_incomplete else ''}"
        yield f"| {place} | {name} | {' | '.join([f'**{first}**', *others])} |"


def _more(table: AnswerTable) -> Lines:
    return ["", f"{table.n_more:,} more candidates, in the fold."] if table.n_more else []


def _gates(report: EvaluationReport) -> Lines:
    """What gates say together, then the first conditions that aren't met; nothing where there are none."""
    if report.gates.is_empty() and not report.outdated:
        return []
    mark = MARKS[report.verdict.verdict.value].partition(" ")[0]
    unmet = [row for row in report.gates.iter_rows(named=True) if row["verdict"] != "GO" and row["tier"] == "critical"]
    shown = [f"- {row['verdict']} {markdown_text(condition_text(row))}" for row in unmet[:MOST_GATES]]
    more = len(unmet) - MOST_GATES
    return [
        f"{mark} Gates: {markdown_text(gates_sentence(report))}",
        *shown,
        *([f"- {count_text(more, 'more condition')} not met or undecided"] if more > 0 else []),
    ]


def _notes(notes: Sequence[Note], *, n_all: int) -> Lines:
    if not notes:
        return []
    more = f", the first {len(notes)} here" if len(notes) < n_all else ""
    head = f"{notes_count_text(notes) if n_all == len(notes) else f'{n_all:,} notes'}{more}:"
    return [head, "", *(f"- {markdown_text(str(note))}" for note in notes)]


def _folded_candidates(notes: Sequence[Note]) -> Lines:
    """Whom the notes about many candidates are about."""
    return [
        f"- {markdown_text(note.text)} {', '.join(map(markdown_text, note.candidates))}"
        for note in notes
        if note.is_folded
    ]


def _comparisons(report: EvaluationReport, table: AnswerTable) -> Lines:
    metrics = [metric for metric in compared_metrics(report) if report.role(metric) is not Role.DESCRIBED]
    lines = [
        f"- `{row.name}` {markdown_text(metric)}: {markdown_text(compared['sentence'])}"
        for row in table.rows
        for metric in metrics
        if (compared := report.against_baseline(row.candidate.name, metric)) and is_told(compared)
    ]
    return ["### Against the baseline", "", *lines] if lines else []


def _described(report: EvaluationReport, table: AnswerTable) -> Lines:
    """What only describes: a line a metric, a column per candidate that is shown."""
    found = described_measures(report)
    if not found:
        return []
    names = [markdown_text(row.name) for row in table.rows]
    return [
        "### Described, not tested",
        "",
        f"| metric | {' | '.join(names)} |",
        f"| --- |{' --- |' * len(names)}",
        *(_described_line(measure, table) for measure in found),
    ]


def _described_line(measure: Measure, table: AnswerTable) -> str:
    title = f"{markdown_text(measure.title)}{DIRECTION[measure.greater_is_better]}"
    return f"| {' | '.join([title, *(markdown_text(mean_text(measure, row.candidate.name)) for row in table.rows)])} |"


def _slices(report: EvaluationReport, table: AnswerTable, wanted: Sequence[str]) -> Lines:
    """Parts of the examples: who differs most, and a mean per candidate that is shown."""
    found = ranked_slices(report)
    shown = shown_slices(found, wanted)
    if not shown:
        return []
    names = [markdown_text(row.name) for row in table.rows]
    points = "points" if in_points(report, report.headline or "") else "difference"
    rows = (
        (
            shortened(one.title, SHOWN_CHARACTERS),
            f"{one.n_examples:,}",
            difference_text(report, one),
            one.differs or ABSENT,
            *(mean_text(one.measure, row.candidate.name) for row in table.rows),
        )
        for one in shown
    )
    n_more = len(found) - len(shown)
    more = [f"{count_text(n_more, 'more slice')}"] if n_more else []
    said = "; ".join(filter(None, [slices_caption(report), *more, small_text(found)]))
    return [
        "### Slices",
        "",
        f"| slice | n | {points} | of | {' | '.join(names)} |",
        f"| --- | ---: | ---: | --- |{' --- |' * len(names)}",
        *(f"| {' | '.join(markdown_text(cell) for cell in row)} |" for row in rows),
        "",
        f"{markdown_text(said[0].upper() + said[1:])}.",
    ]


def _worst_flips(report: EvaluationReport) -> Lines:
    """The examples that got worse the most, on the primary metric; nothing where none did."""
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
    return [
        f"### Worse than the baseline on {markdown_text(metric or '')}",
        "",
        "| example | candidate | score | baseline's output | candidate's output |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(markdown_text(cell) for cell in _flip_cells(flip))} |" for flip in found),
    ]


def _flip_cells(flip: Flip) -> tuple[str, ...]:
    return (
        flip.example_id,
        flip.candidate,
        f"{number_text(flip.baseline_score)} → {number_text(flip.candidate_score)}",
        shortened(flip.baseline_output, SHOWN_CHARACTERS),
        shortened(flip.candidate_output, SHOWN_CHARACTERS),
    )


def _cost_and_speed(table: AnswerTable) -> Iterator[str]:
    with_first = any(row.candidate.performance.is_streamed for row in table.rows)
    first = " first token p50 |" if with_first else ""
    yield f"| candidate | answered | cost | judging | p50 | p90 | p99 |{first} tokens/s of one request | reused |"
    yield "| --- |" + " ---: |" * (9 if with_first else 8)
    for row in table.rows:
        cells = _speed_cells(row.candidate.performance, with_first=with_first)
        yield f"| {markdown_text(row.name)} | {' | '.join(cells)} |"


def _paid_and_saved(report: EvaluationReport) -> Iterator[str]:
    if not report.spent:
        return
    yield ""
    yield "| who | replies | reused | paid | saved by reuse | without reuse |"
    yield "| --- |" + " ---: |" * 5
    for spent in report.spent:
        amounts = (money_text(amount) for amount in (spent.paid_usd, spent.saved_usd, spent.without_reuse_usd))
        yield f"| {markdown_text(spent.who)} | {spent.n_replies:,} | {spent.n_reused:,} | {' | '.join(amounts)} |"


def _speed_cells(speed: Performance, *, with_first: bool) -> Iterator[str]:
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
            shortened(answer.said, SHOWN_CHARACTERS) if answer.said is not None else f"⚠️ {answer.outcome}"
            for answer in example.answers
        )
        cells = (example.example_id, shortened(example.inputs, SHOWN_CHARACTERS), *answers)
        yield f"| {' | '.join(markdown_text(cell) for cell in cells)} |"
    if len(names) < len(report.candidates):
        yield ""
        yield f"The baseline and the best of {len(report.candidates):,} candidates; all outputs are in the tables."
