"""A result for people: text for a terminal, HTML for a notebook. Text of models and data is escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from eval_assets.api.without_dagster import Sent
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.rendered.measures import Measure, is_told, measures
from eval_assets.reports.rendered.missing import missing_notes
from eval_assets.wording.foreign_text import shortened, targets_text, visible_text
from eval_assets.wording.numbers import confidence_text, count_text, interval_text, money_text, number_text

MOST_FLIPS = 5
MOST_NOTES = 10
TEXT_CHARACTERS = 160
STYLE = (
    "<style>.eval-assets table{border-collapse:collapse}.eval-assets td,.eval-assets th{padding:.2em .7em;"
    "text-align:left;vertical-align:top;border-bottom:1px solid #8884}.eval-assets td.n{text-align:right;"
    "font-variant-numeric:tabular-nums}.eval-assets small{opacity:.75}</style>"
)


def result_text(report: EvaluationReport, labels: Mapping[str, str], sent: Sent, notes: Sequence[str]) -> str:
    """The result as lines of text: verdict, table, what was sent, notes."""
    head, rows = _table(report, labels)
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    worse = [
        f"  {flip.example_id} {flip.metric} {number_text(flip.baseline_score)} -> {number_text(flip.candidate_score)}: "
        f"{shortened(flip.inputs, TEXT_CHARACTERS)}"
        for flip in _worst(report)
    ]
    parts = [
        verdict_sentence(report, labels),
        "\n".join(table),
        "\n".join(["got worse:", *worse]) if worse else "",
        sent_sentence(sent),
        "\n".join(f"note: {note}" for note in _notes(report, labels, notes)),
    ]
    return visible_text("\n\n".join(part for part in parts if part))


def result_html(report: EvaluationReport, labels: Mapping[str, str], sent: Sent, notes: Sequence[str]) -> str:
    """The result as HTML, without scripts; everything that comes from models, data or names is escaped."""
    head, rows = _table(report, labels)
    header = "".join(f"<th>{_html(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><td>{_html(row[0])}</td>{''.join(f'<td class=n>{_html(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    flips = _worst(report)
    worse = "".join(_flip_html(flip) for flip in flips)
    worst = (
        f"<details open><summary>{_html(count_text(len(flips), 'example'))} that got worse most</summary><table><tr>"
        "<th>example</th><th>score</th><th>inputs</th><th>expected</th><th>was</th><th>is</th></tr>"
        f"{worse}</table></details>"
        if flips
        else ""
    )
    said = "".join(f"<li>{_html(note)}</li>" for note in _notes(report, labels, notes))
    return (
        f"<div class=eval-assets>{STYLE}<p><b>{_html(verdict_sentence(report, labels))}</b></p>"
        f"<table><tr>{header}</tr>{body}</table>{worst}<p><small>{_html(sent_sentence(sent))}</small></p>"
        f"{f'<ul>{said}</ul>' if said else ''}</div>"
    )


def verdict_sentence(report: EvaluationReport, labels: Mapping[str, str]) -> str:
    """What may be said first: of the metric to look at, each candidate against the baseline; alone, its mean."""
    metric = report.headline
    n_examples = count_text(report.dataset.n_examples, "example")
    if metric is None:
        return f"{n_examples} evaluated; no metric among {', '.join(report.metrics) or 'none'} says what is better"
    if len(report.candidates) == 1:
        only = report.candidates[0]
        row = only.metrics.get(metric)
        if row is None or row["mean"] is None:
            return f"{labels[only.name]}: no row of {n_examples} has a score of {metric}; see r.errors"
        confidence = confidence_text(row["confidence"])
        return (
            f"{labels[only.name]}: {metric} is {number_text(row['mean'])} "
            f"({confidence} interval {interval_text(row['ci_low'], row['ci_high'])}) "
            f"on {count_text(row['n_examples'], 'example')}"
        )
    said = []
    for candidate in report.candidates:
        compared = report.against_baseline(candidate.name, metric)
        if compared is not None and is_told(compared):
            said.append(f"{labels[candidate.name]} {metric}: {labelled(compared['sentence'], labels)}")
    return "; ".join(said) or f"{n_examples} evaluated"


def sent_sentence(sent: Sent) -> str:
    """How many requests were sent, and how many replies were at hand."""
    cost = f", {money_text(sent.cost_usd)}" if sent.n_sent and sent.cost_usd is not None else ""
    return f"{count_text(sent.n_sent, 'request')} sent, {count_text(sent.n_reused, 'reply', 'replies')} reused{cost}"


def _table(report: EvaluationReport, labels: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: a row per measure, a column per candidate."""
    names = [candidate.name for candidate in report.candidates]
    head = ["", *(f"{labels[name]}{' *' if name == report.baseline and len(names) > 1 else ''}" for name in names)]
    first_looked_at = sorted(measures(report), key=lambda measure: measure.metric != report.headline)
    return head, [[measure.title, *(_cell(measure, name) for name in names)] for measure in first_looked_at]


def _cell(measure: Measure, name: str) -> str:
    row = measure.rows.get(name)
    if row is None or row["mean"] is None:
        return "-"
    text = number_text(row["mean"])
    if row["ci_low"] is not None:
        text += f" {interval_text(row['ci_low'], row['ci_high'])}"
    return text if row["n_scored"] == row["n_total"] else f"{text} {row['n_scored']:,}/{row['n_total']:,}"


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


def _notes(report: EvaluationReport, labels: Mapping[str, str], notes: Sequence[str]) -> list[str]:
    missing = missing_notes(report)
    shown = [labelled(note, labels) for note in (*missing[:MOST_NOTES], *notes)]
    more = len(missing) - MOST_NOTES
    return (
        [*shown, f"{count_text(more, 'more row of this kind', 'more of this kind')}: see r.errors"]
        if more > 0
        else shown
    )


def labelled(text: str, labels: Mapping[str, str]) -> str:
    """Text in which candidates go by what they are called here."""
    for name, label in labels.items():
        text = text.replace(name, label)
    return text


def _html(text: str) -> str:
    return escape(visible_text(text))
