"""What is known about the judges as Markdown and as plain lines. The numbers come from `judging_report`."""

import json
from collections.abc import Iterator
from itertools import groupby

from eval_assets.calibration.two_raters import FEWEST_EXAMPLES, measured_by
from eval_assets.config.candidate import Candidate
from eval_assets.reports.candidate_report import Row
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.judge_parts import JudgePart
from eval_assets.reports.judge_trust import JudgeTrust
from eval_assets.wording.foreign_text import markdown_text, shortened
from eval_assets.wording.numbers import ABSENT, count_text, interval_text, number_text, share_text

SHOWN_CHARACTERS = 120
WORST = 3
PARTS = {
    "raw_agreement": "same score",
    "cohen_kappa_quadratic": "quadratic kappa",
    "spearman": "rank correlation",
}


def trust_markdown(report: EvaluationReport) -> list[str]:
    """Lines of a section that says how far each judge can be trusted; empty without judges."""
    if not report.judging.trust:
        return []
    lines = ["## How far the judges can be trusted", ""]
    for judge in report.judging.trust:
        lines += [f"**{markdown_text(judge.judge)}**: {markdown_text(standing(judge))}", ""]
        lines += [*_statistics(judge), ""] if next(judge.shown, None) else []
        lines += [*(f"- {markdown_text(line)}" for line in part_lines(judge)), ""] if judge.parts else []
        lines += [*_corrected(judge), ""] if judge.corrected else []
        lines += _worst(report, judge.judge)
    return lines[:-1]


def duels_markdown(report: EvaluationReport) -> list[str]:
    """Lines of a section with the outcome of comparisons side by side; empty if the evaluation asks for none."""
    duels = report.judging.duels(report.evaluation)
    if duels.is_empty():
        return []
    return [
        "## Head to head",
        "",
        "Each pair of outputs was judged in both orders; where the orders disagree, it is a tie.",
        "",
        "| candidate | against | wins | ties | losses | win rate | the order decides |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: |",
        *(f"| {' | '.join(markdown_text(cell) for cell in duel_cells(row))} |" for row in duels.iter_rows(named=True)),
        "",
        *(
            f"{'-' if row['rank'] is None else str(row['rank']) + '.'} {markdown_text(strength_text(row))}"
            for row in report.judging.ranking.iter_rows(named=True)
        ),
    ]


def judging_lines(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    """Head and text of each line for a terminal: judges first, then comparisons side by side."""
    for judge in report.judging.trust:
        yield "judge ", f"{judge.judge}: {standing(judge)}"
        for title, row in judge.shown:
            yield "  ", f"{title}: {value_text(row)} {ends_text(row)}, n = {row['n']:,}"
        yield from (("  ", line) for line in part_lines(judge))
        for candidate, row in judge.corrected.items():
            yield "  ", f"{candidate}: mean {corrected_text(row)}"
    for row in report.judging.duels(report.evaluation).iter_rows(named=True):
        name, other, wins, ties, losses, rate, flips = duel_cells(row)
        yield "  ", f"{name} against {other}: {wins} won, {ties} tied, {losses} lost; win rate {rate}; {flips} flipped"
    for row in report.judging.ranking.iter_rows(named=True):
        yield "  " + ("- " if row["rank"] is None else f"{row['rank']}. "), strength_text(row)


def standing(judge: JudgeTrust) -> str:
    """What the judge is worth as it is now, and by whose labels."""
    if judge.uncalibrated is not None:
        return judge.uncalibrated
    row = next(row for _, row in judge.shown if row["raters"] is not None)
    labelled = f"{row['n']:,} outputs labelled by {', '.join(json.loads(row['raters']))}"
    return f"checked against {labelled}" if judge.beats_chance else f"{judge.badge}, compared with {labelled}"


def part_lines(judge: JudgeTrust) -> Iterator[str]:
    """Agreement with each other judge, and where with people or with that judge it is least; the rest is counted."""
    for other, parts in groupby(judge.parts, key=lambda part: part.other):
        slices = []
        for part in parts:
            if part.slice is None:
                yield f"with the judge {other}: {part_text(part)}"
            else:
                slices.append(part)
        measured = [part for part in slices if not part.is_small]
        whom = "people" if other is None else f"the judge {other}"
        for part in measured[:WORST]:
            yield f"with {whom} on {shortened(slice_title(part), SHOWN_CHARACTERS)}: {part_text(part)}"
        more = count_text(len(measured) - WORST, "more slice") if len(measured) > WORST else ""
        n_small = len(slices) - len(measured)
        small = f"{count_text(n_small, 'slice')} with fewer than {FEWEST_EXAMPLES} examples, too few to tell"
        if more or n_small:
            yield f"with {whom}: {'; '.join(filter(None, [more, small if n_small else '']))}"


def slice_title(part: JudgePart) -> str:
    """Column and value of a slice."""
    return " = ".join(part.slice) if part.slice else "all outputs"


def part_text(part: JudgePart, *, with_n: bool = True) -> str:
    """Two raters' agreement in a line, or why there is none."""
    rows = [row for row in (part.same, part.agreement) if row is not None]
    if not rows:
        return part.why
    said = [" ".join((PARTS[measured_by(row["statistic"])], value_text(row), *_ends(row))) for row in rows]
    return ", ".join([*said, *([f"n = {part.n:,}"] if with_n else [])])


def _ends(row: Row) -> list[str]:
    return [] if row["ci_low"] is None else [ends_text(row)]


def value_text(row: Row) -> str:
    """A statistic's value; shares in percent."""
    if _is_share(row["statistic"]):
        return share_text(row["value"])
    return number_text(row["value"], within=(row["ci_low"], row["ci_high"]))


def corrected_text(row: Row) -> str:
    """A candidate's mean by the judge and corrected by people's labels, or why it can't be."""
    judged = number_text(json.loads(row["detail"])["judge_mean"])
    if row["value"] is None:
        return f"{judged} by the judge, not corrected: {row['method'].removeprefix('none: ')}"
    interval = interval_text(row["ci_low"], row["ci_high"])
    basis = f"{row['method']}, {row['n']:,} labels"
    corrected = number_text(row["value"], within=(row["ci_low"], row["ci_high"]))
    return f"{judged} by the judge, {corrected} {interval} corrected ({basis})"


def duel_cells(row: Row) -> list[str]:
    """A row of `pairwise_results` for reading."""
    rate = f"{share_text(row['win_rate'])} {_percent(row)}"
    counts = [str(row[name]) for name in ("wins", "ties", "losses")]
    return [Candidate.of_row(row), row["compared_with"], *counts, rate, share_text(row["flip_rate"])]


def ends_text(row: Row) -> str:
    """A statistic's interval; of shares in percent."""
    return _percent(row) if _is_share(row["statistic"]) else interval_text(row["ci_low"], row["ci_high"])


def strength_text(row: Row) -> str:
    """A candidate's Bradley-Terry strength, or why it has none, and whether it has a place among all."""
    name = Candidate.of_row(row)
    if not row["n_judged"]:
        return f"{name}: never judged, so it has no place"
    unranked = "" if row["rank"] is not None else "; its comparisons don't tell its place among all"
    if row["strength"] is None:
        return f"{name}: no finite Bradley-Terry strength, as it has only won or only lost against the others{unranked}"
    within = (row["strength_ci_low"], row["strength_ci_high"])
    strength = f"{number_text(row['strength'], within=within)} {interval_text(*within)}"
    return f"{name}: Bradley-Terry strength {strength}{unranked}"


def _is_share(statistic: str) -> bool:
    return statistic.endswith(("_share", "_rate", "raw_agreement"))


def _percent(row: Row) -> str:
    return ABSENT if row["ci_low"] is None else f"[{share_text(row['ci_low'])}, {share_text(row['ci_high'])}]"


def _statistics(judge: JudgeTrust) -> Iterator[str]:
    yield "| statistic | value | interval | n |"
    yield "| --- | ---: | --- | ---: |"
    for title, row in judge.shown:
        yield f"| {markdown_text(title)} | {value_text(row)} | {markdown_text(ends_text(row))} | {row['n']:,} |"


def _corrected(judge: JudgeTrust) -> Iterator[str]:
    for candidate, row in judge.corrected.items():
        yield f"- {markdown_text(candidate)}: mean {markdown_text(corrected_text(row))}"


def _worst(report: EvaluationReport, judge: str) -> list[str]:
    """The outputs on which people and the judge are furthest apart; `eval-assets trace` takes their ids."""
    rows = report.judging.disagreements.filter(judge=judge).head(WORST)
    if rows.is_empty():
        return []
    shown = [
        (
            row["score_id"],
            row["example_id"],
            f"{number_text(row['human_score'])} by people, {number_text(row['judge_score'])} by the judge",
            shortened(row["output"], SHOWN_CHARACTERS),
            shortened(row["justification"], SHOWN_CHARACTERS),
        )
        for row in rows.iter_rows(named=True)
    ]
    return [
        "| score | example | worst disagreements | output | justification |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(markdown_text(cell) for cell in row)} |" for row in shown),
        "",
    ]
