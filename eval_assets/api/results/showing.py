"""A result for people: text for a terminal, HTML for a notebook. Text of models and data is escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from eval_assets.api.without_dagster import Sent
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.note import Note, notes_count_text
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import AnswerTable, answer_table, described_measures
from eval_assets.reports.rendered.measures import mean_text
from eval_assets.wording.foreign_text import shortened, targets_text, visible_text
from eval_assets.wording.numbers import count_text, money_text, number_text

MOST_FLIPS = 5
MOST_NOTES = 10
TEXT_CHARACTERS = 160
DIRECTION = {True: " ↑", False: " ↓", None: ""}
STYLE = (
    "<style>.eval-assets table{border-collapse:collapse}.eval-assets td,.eval-assets th{padding:.2em .7em;"
    "text-align:left;vertical-align:top;border-bottom:1px solid #8884}.eval-assets td.n{text-align:right;"
    "font-variant-numeric:tabular-nums}.eval-assets small{opacity:.75}</style>"
)


def result_text(report: EvaluationReport, labels: Mapping[str, str], sent: Sent, notes: Sequence[Note]) -> str:
    """The result as lines of text: the answer, who stands where, what was sent, notes."""
    worse = [
        f"  {flip.example_id} {flip.metric} {number_text(flip.baseline_score)} -> {number_text(flip.candidate_score)}: "
        f"{shortened(flip.inputs, TEXT_CHARACTERS)}"
        for flip in _worst(report)
    ]
    parts = [
        labelled(answer_sentence(report, labels), labels),
        _lines(_ranked(report, answer_table(report, labels=labels, is_timed=False))),
        _lines(_described(report, labels)),
        "\n".join(["got worse:", *worse]) if worse else "",
        sent_sentence(sent),
        "\n".join([f"{notes_count_text(notes)}:", *(f"- {note}" for note in _shown(notes, labels))]) if notes else "",
    ]
    return visible_text("\n\n".join(part for part in parts if part))


def result_html(report: EvaluationReport, labels: Mapping[str, str], sent: Sent, notes: Sequence[Note]) -> str:
    """The result as HTML, without scripts; everything that comes from models, data or names is escaped."""
    flips = _worst(report)
    worse = "".join(_flip_html(flip) for flip in flips)
    worst = (
        f"<details open><summary>{_html(count_text(len(flips), 'example'))} that got worse most</summary><table><tr>"
        "<th>example</th><th>score</th><th>inputs</th><th>expected</th><th>was</th><th>is</th></tr>"
        f"{worse}</table></details>"
        if flips
        else ""
    )
    said = "".join(f"<li>{_html(note)}</li>" for note in _shown(notes, labels))
    noted = (
        f"<details open><summary>{_html(notes_count_text(notes))}</summary><ul>{said}</ul></details>" if said else ""
    )
    return (
        f"<div class=eval-assets>{STYLE}<p><b>{_html(labelled(answer_sentence(report, labels), labels))}</b></p>"
        f"{_table_html(_ranked(report, answer_table(report, labels=labels, is_timed=False)))}{noted}{worst}"
        f"{_table_html(_described(report, labels))}<p><small>{_html(sent_sentence(sent))}</small></p></div>"
    )


def sent_sentence(sent: Sent) -> str:
    """How many requests were sent, and how many replies were at hand."""
    cost = f", {money_text(sent.cost_usd)}" if sent.n_sent and sent.cost_usd is not None else ""
    return f"{count_text(sent.n_sent, 'request')} sent, {count_text(sent.n_reused, 'reply', 'replies')} reused{cost}"


def _ranked(report: EvaluationReport, table: AnswerTable) -> list[list[str]]:
    """The ranked table as cells, its header first."""
    head = ["", "", *(f"{column.title}{DIRECTION[column.greater_is_better]}" for column in table.heads)]
    several = len(report.candidates) > 1
    names = (f"{row.name}{' *' if several and row.candidate.is_baseline else ''}" for row in table.rows)
    places = ("" if row.place is None else str(row.place) for row in table.rows)
    return [head, *([place, name, *row.cells] for place, name, row in zip(places, names, table.rows, strict=True))]


def _described(report: EvaluationReport, labels: Mapping[str, str]) -> list[list[str]]:
    """Metrics that only describe: a row each, a column per candidate; empty without any."""
    names = [candidate.name for candidate in report.candidates]
    rows = [
        [f"{measure.title}{DIRECTION[measure.greater_is_better]}", *(mean_text(measure, name) for name in names)]
        for measure in described_measures(report)
    ]
    return [["described, not tested", *(labels[name] for name in names)], *rows] if rows else []


def _lines(cells: Sequence[Sequence[str]]) -> str:
    """Cells as lines of text; nothing without any."""
    if not cells:
        return ""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _table_html(cells: Sequence[Sequence[str]]) -> str:
    """Cells as a table; nothing without any."""
    if not cells:
        return ""
    header = "".join(f"<th>{_html(cell)}</th>" for cell in cells[0])
    rows = ("".join(f"<td class=n>{_html(cell)}</td>" for cell in row) for row in cells[1:])
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><tr>{header}</tr>{body}</table>"


def _worst(report: EvaluationReport) -> list[Flip]:
    """The examples that got worse most, over all candidates."""
    metric = report.headline
    if metric is None:
        return []
    others = [candidate.name for candidate in report.candidates if not candidate.is_baseline]
    found = [flip for name in others for flip in report.flips(name, metric, at_most=MOST_FLIPS) if flip.got_worse]
    return sorted(found, key=lambda flip: flip.improvement)[:MOST_FLIPS]


def _flip_html(flip: Flip) -> str:
    texts = (flip.inputs, targets_text(flip.targets), flip.baseline_output, flip.candidate_output)
    cells = "".join(f"<td>{_html(shortened(text, TEXT_CHARACTERS))}</td>" for text in texts)
    scores = f"{number_text(flip.baseline_score)} → {number_text(flip.candidate_score)}"
    return f"<tr><td>{_html(flip.example_id)}</td><td>{_html(scores)}</td>{cells}</tr>"


def _shown(notes: Sequence[Note], labels: Mapping[str, str]) -> list[str]:
    """The first notes, and how many there are besides."""
    more = len(notes) - MOST_NOTES
    shown = [labelled(str(note), labels) for note in notes[:MOST_NOTES]]
    return [*shown, f"{count_text(more, 'more note')}: see r.notes"] if more > 0 else shown


def labelled(text: str, labels: Mapping[str, str]) -> str:
    """Text in which candidates go by what they are called here."""
    for name, label in labels.items():
        text = text.replace(name, label)
    return text


def _html(text: str) -> str:
    return escape(visible_text(text))
