"""What changed since a former state, as plain lines and as Markdown. The numbers come from `changes_report`."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from eval_assets.reports.candidate_report import Row
from eval_assets.reports.changes_report import SINCE, CandidateChange, ChangesReport
from eval_assets.reports.computed.history import TrendPoint
from eval_assets.reports.computed.state_effects import NOT_SCORED, NOT_TOLD_APART, SCORED_TOO
from eval_assets.reports.rendered.plain_lines import wrapped
from eval_assets.wording.foreign_text import fenced_text, markdown_text, shortened, visible_text
from eval_assets.wording.numbers import count_text, number_text

MOST_CANDIDATES = 8
MOST_IN_SHORT = 2
MOST_DIFF_LINES = 12
MOST_NAMED = 5
LINE_CHARACTERS = 160
ID_CHARACTERS = 40
WORST_ROWS = 3
FEWEST_OF_A_TREND = 3  # two points are what the comparison itself says
WHOLE = {SINCE: "since last time", "released": "since the release", "first": "since the first state"}

UNTOLD = (
    "answers and scoring both changed, and what each did can't be told apart without asking the judge again; the "
    "difference is of both together"
)


def since_text(since: str) -> str:
    """How a comparison with a former state is headed."""
    return WHOLE.get(since, f"since {since}")


def changes_table(changes: ChangesReport) -> str:
    """The comparison for a terminal, ending with a newline; says so where no candidate has a former state."""
    lines = list(changes_lines(changes))
    if not lines:
        names = ", ".join(change.name for change in changes.candidates) or "no candidate"
        lines = [("", f"{since_text(changes.since)}: nothing to compare; without such a former state: {names}")]
    return "\n".join(wrapped(head, text) for head, text in lines) + "\n"


def changes_lines(changes: ChangesReport, *, brief: bool = False) -> Iterator[tuple[str, str]]:
    """Head and text of each line for a terminal; nothing where no candidate has a former state.

    Args:
        changes: What changed.
        brief: Leave out trends, and what became of metrics that aren't tested.
    """
    shown = changes.with_former
    if not changes.are_told:
        return
    yield "", f"{since_text(changes.since)}:"
    for change in shown[:MOST_CANDIDATES]:
        yield "  ", f"{change.name}, against its state of {moment_text(change)}"
        for cause in change.causes or ():
            yield "    ", cause.sentence
            yield from (("      ", line) for line in _diff(cause.diff))
        if not change.causes:
            yield "    ", NOTHING_CHANGED
        yield "    ", rows_text(change)
        yield from (("    ", line) for line in effect_lines(change, brief=brief))
        if not brief:
            yield from (("    ", line) for line in _trends(changes, change))
    yield from (("  ", line) for line in _left_out(changes, shown))


def changes_in_short(changes: ChangesReport) -> Iterator[str]:
    """A sentence per candidate that has a former state, the one changed last first, for the first screen.

    It says what changed, and what that did to the metric that decides; of many candidates the first few are told.
    """
    shown = changes.with_former
    for change in shown[:MOST_IN_SHORT]:
        causes = "; ".join(cause.sentence for cause in change.causes) or NOTHING_CHANGED
        rows = [*change.effects_of("all").values()]
        decisive = next((row for row in rows if row["verdict"] is not None), next(iter(rows), None))
        effect = f"; {_effect_text(decisive)}" if decisive else ""
        yield f"{_capitalized(since_text(changes.since))}, {change.name}: {causes}{effect}."
    if len(shown) > MOST_IN_SHORT:
        yield f"{count_text(len(shown) - MOST_IN_SHORT, 'more candidate')} changed, see below."


def changes_markdown(changes: ChangesReport, *, level: int = 2) -> list[str]:
    """Lines of a section, headed at a level; empty where no candidate has a former state."""
    shown = changes.with_former
    if not changes.are_told:
        return []
    lines = [f"{'#' * level} {markdown_text(_capitalized(since_text(changes.since)))}", ""]
    for change in shown[:MOST_CANDIDATES]:
        lines += [f"**`{change.name}`** against its state of {moment_text(change)}", ""]
        lines += [f"- {markdown_text(cause.sentence)}" for cause in change.causes] or [f"- {NOTHING_CHANGED}"]
        diff = [line for cause in change.causes for line in _diff(cause.diff)]
        lines += ["", fenced_text("\n".join(diff)).replace("\n", "diff\n", 1), ""] if diff else []
        lines.append(f"- {markdown_text(rows_text(change))}")
        lines += [f"- {markdown_text(line)}" for line in effect_lines(change)]
        lines += [f"- {markdown_text(line)}" for line in _trends(changes, change)]
        lines.append("")
    lines += [f"{markdown_text(line)}" for line in _left_out(changes, shown)]
    return lines if lines[-1] else lines[:-1]


NOTHING_CHANGED = "no file changed: failed rows were asked again, or replies were refreshed"


def trends_markdown(changes: ChangesReport) -> list[str]:
    """A line for each candidate and metric with more than two points, of the first candidates."""
    shown = [change for change in changes.candidates if any(_trends(changes, change))]
    return [
        f"- `{change.name}` {markdown_text(line)}"
        for change in shown[:MOST_CANDIDATES]
        for line in _trends(changes, change)
    ]


def moment_text(change: CandidateChange) -> str:
    """When the former state was computed, and by which run."""
    return state_text(change.former_at, str(change.row["former_run_id"]))


def state_text(began_at: datetime, run_id: str) -> str:
    """When a state was computed, and by which run.

    >>> state_text(datetime(2026, 11, 28, 7, 51), "3f3da347-8f1c")
    '28 Nov 2026, 07:51 UTC (run 3f3da347)'
    """
    return f"{began_at:%-d %b %Y, %H:%M} UTC (run {run_id[:8]})"


def rows_text(change: CandidateChange) -> str:
    """Which rows are compared, which are in one state alone, and how many were answered otherwise."""
    row = change.row
    counts = {kind: row[f"n_{kind}"] for kind in ("edited", "added", "removed")}
    apart = [f"{count:,} {kind} ({_named(change.examples[kind], count)})" for kind, count in counts.items() if count]
    same = count_text(row["n_same"], "row")
    outputs = f"{row['n_other_outputs']:,} answered otherwise" if row["n_other_outputs"] else "all answered as before"
    if not row["n_same"]:
        return f"no row is in both states word for word: {', '.join(apart)}"
    if not apart:
        return f"the same {same}, {outputs}"
    return f"{same} in both states, {outputs}; {', '.join(apart)}: not in the differences below"


def effect_lines(change: CandidateChange, *, brief: bool = False) -> Iterator[str]:
    """A line per metric that differs on any row, its parts where there are two causes, and one for all others.

    Args:
        change: Of one candidate.
        brief: Only of metrics that are tested.
    """
    whole = {metric: row for metric, row in change.effects_of("all").items() if row["verdict"] or not brief}
    parts = {part: change.effects_of(part) for part in ("answers", "scoring")}
    still = [metric for metric, row in whole.items() if not _differs(row) and not _has_parts(row, parts)]
    for metric, row in whole.items():
        if metric in still:
            continue
        yield f"{_effect_text(row)}{_worst_rows(change, row)}"
        if text := scoring_text(row):
            yield f"  {metric}: {text}"
        for part, of_part in parts.items():
            if metric in of_part:
                yield f"  of it the {part}{_said(of_part[metric])}"
    yield from (
        f"{metric} is new, and the former answers were never judged by it"
        for metric in change.pairs.filter(scoring=NOT_SCORED)["metric"].unique(maintain_order=True)
    )
    compared = [whole[metric] for metric in still if whole[metric]["n_pairs"]]
    moved = [row for row in compared if row["mean_before"] != row["mean_now"]]
    if moved:
        means = (f"{row['metric']} {_means(row)}" for row in moved)
        yield f"the same on every row that both have, moved by other rows alone: {', '.join(means)}"
    if unmoved := [row for row in compared if row not in moved]:
        means = (f"{row['metric']} {number_text(row['mean_now'])}" for row in unmoved)
        yield f"the same on every row: {', '.join(means)}"
    if uncompared := [metric for metric in still if not whole[metric]["n_pairs"]]:
        yield f"without a score in both states: {', '.join(uncompared)}"


def scoring_text(row: Row) -> str:
    """What to know of how a metric's scores came about in both states; mostly nothing."""
    return {SCORED_TOO: "it is new, and the former answers were scored by it too", NOT_TOLD_APART: UNTOLD}.get(
        row["scoring"], ""
    )


def trend_text(points: Sequence[TrendPoint]) -> str:
    """Means in the order of the states, each with what had changed; empty for fewer than three.

    >>> trend_text([])
    ''
    """
    if len(points) < FEWEST_OF_A_TREND:
        return ""
    said = (
        f"{number_text(point.mean)} ({', '.join(map(str, point.changes))})"
        if point.changes
        else number_text(point.mean)
        for point in points
    )
    return " → ".join(said)


def _trends(changes: ChangesReport, change: CandidateChange) -> Iterator[str]:
    """A line for each metric that has a better end and more than two points."""
    for metric, row in change.effects_of("all").items():
        if row["greater_is_better"] is not None and (text := trend_text(changes.trend(change.name, metric))):
            yield f"{metric} so far: {text}"


def _left_out(changes: ChangesReport, shown: Sequence[CandidateChange]) -> Iterator[str]:
    if len(shown) > MOST_CANDIDATES:
        yield f"and {len(shown) - MOST_CANDIDATES:,} more candidates: `eval-assets compare` tells of each"
    gone = [change for change in changes.candidates if change.row["former_state"] and not change.has_former]
    for change in gone[:MOST_NAMED]:
        causes = "; ".join(cause.sentence for cause in change.causes) or NOTHING_CHANGED
        yield f"{change.name}: {causes}; maintenance has removed the rows of its state of {moment_text(change)}"
    if new := [change.name for change in changes.candidates if not change.row["former_state"]]:
        named = ", ".join(new[:MOST_NAMED]) + (f" and {len(new) - MOST_NAMED:,} more" if len(new) > MOST_NAMED else "")
        yield f"without a former state: {named}"


def _differs(row: Row) -> bool:
    return bool(row["n_better"] or row["n_worse"])


def _has_parts(row: Row, parts: dict[str, dict[str, Row]]) -> bool:
    return any(row["metric"] in of_part and _differs(of_part[row["metric"]]) for of_part in parts.values())


def _effect_text(row: Row) -> str:
    return f"{row['metric']} {_means(row)}{_said(row)}"


def _capitalized(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _means(row: Row) -> str:
    return f"{number_text(row['mean_before'])} → {number_text(row['mean_now'])}"


def _said(row: Row) -> str:
    """What came of it in words, and on how many rows; of a metric without a better end the counts alone."""
    higher, lower = ("better", "worse") if row["greater_is_better"] is not None else ("higher", "lower")
    counts = f"{row['n_better']:,} {higher}, {row['n_worse']:,} {lower}, {row['n_equal']:,} equal"
    if not _differs(row):
        return ": nothing, the same on every row" if row["n_pairs"] else ": no row to compare"
    return f": {row['sentence']}; {counts}" if row["greater_is_better"] is not None else f": {counts}"


def _worst_rows(change: CandidateChange, row: Row) -> str:
    """The rows that got worse the most; nothing of a metric that isn't tested, or where none did."""
    is_asked = row["verdict"] is not None and row["greater_is_better"] is not None
    worse = change.worse_rows(row["metric"], at_most=WORST_ROWS) if is_asked else []
    named = (f"{_short(example_id)} ({number_text(before)} → {number_text(now)})" for example_id, before, now in worse)
    return f"; worst {', '.join(named)}" if worse else ""


def _named(ids: Sequence[str], count: int) -> str:
    shown = [_short(each) for each in ids[:MOST_NAMED]]
    return ", ".join([*shown, *(["…"] if count > len(shown) else [])])


def _short(example_id: str) -> str:
    return shortened(visible_text(example_id), ID_CHARACTERS)


def _diff(lines: Sequence[str]) -> Iterator[str]:
    yield from (visible_text(line[:LINE_CHARACTERS]) for line in lines[:MOST_DIFF_LINES])
    if len(lines) > MOST_DIFF_LINES:
        yield f"… {count_text(len(lines) - MOST_DIFF_LINES, 'more line')}"
