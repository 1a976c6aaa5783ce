"""What a leaderboard has a line for: each metric, and where a metric answers with labels, the share of each label.

The numbers are those of `aggregate_reports` and `comparison`; every renderer shows these lines in this order.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval_assets.reports.candidate_report import CandidateReport, Row
from eval_assets.reports.computed.labels import label_text
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.wording.numbers import ABSENT, interval_text, number_text, share_text, shares_text

MOST_SIDE_BY_SIDE = 8  # candidates; with more of them a table has a row for each, best first
MOST_IN_FULL = 12  # candidates; with more of them only the headline metric is compared in words


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of a leaderboard.

    Args:
        metric: Metric or judge name.
        title: What stands at the line.
        greater_is_better: Direction; null for what only describes.
        rows: `model@prompt` → mean, interval and counts as in `aggregate_reports`; of a label its share under `mean`.
        is_share: Whether the mean is the share of a label.
    """

    metric: str
    title: str
    greater_is_better: bool | None
    rows: Mapping[str, Row]
    is_share: bool = False


def measures(report: EvaluationReport) -> list[Measure]:
    """The lines of the leaderboard, what decides first."""
    found: list[Measure] = []
    for metric in report.reading_order:
        rows = {
            candidate.name: candidate.metrics[metric] for candidate in report.candidates if metric in candidate.metrics
        }
        if report.answers_with_labels(metric):
            found += _of_labels(report, metric, rows)
        else:
            found.append(Measure(metric, metric, report.facts(metric)["greater_is_better"], rows))
    return found


def best_first(report: EvaluationReport) -> Sequence[CandidateReport]:
    """The candidates by their rank on the headline metric, those without one last, where they are too many to be found
    in the order of the file.
    """
    if len(report.candidates) <= MOST_SIDE_BY_SIDE:
        return report.candidates
    headline, last = report.headline or "", len(report.candidates) + 1
    return sorted(report.candidates, key=lambda one: report.compared(one.name, headline).get("rank") or last)


def standings(report: EvaluationReport) -> list[CandidateReport]:
    """The candidates by their place on the primary metric, those without one last, in the order of the file."""
    metric, last = report.headline or "", len(report.candidates) + 1
    return sorted(report.candidates, key=lambda one: report.compared(one.name, metric).get("rank") or last)


def side_by_side(report: EvaluationReport) -> Sequence[CandidateReport]:
    """The candidates whose outputs are shown beside each other: all, or the baseline and the best of many."""
    best = best_first(report)
    if len(best) <= MOST_SIDE_BY_SIDE:
        return best
    baseline = [candidate for candidate in best if candidate.is_baseline]
    others = [candidate for candidate in best if not candidate.is_baseline]
    return [*baseline, *others[: MOST_SIDE_BY_SIDE - len(baseline)]]


def mean_text(measure: Measure, candidate: str) -> str:
    """A candidate's mean, or share of a label, with its interval; how many rows have one, where some don't."""
    row = measure.rows.get(candidate)
    if row is None or row["mean"] is None:
        return ABSENT
    within = (row["ci_low"], row["ci_high"])
    mean = share_text(row["mean"]) if measure.is_share else number_text(row["mean"], within=within)
    interval = (shares_text if measure.is_share else interval_text)(*within)
    scored = "" if row["n_scored"] == row["n_total"] else f"{row['n_scored']:,}/{row['n_total']:,}"
    return " ".join(part for part in (mean, interval, scored) if part not in ("", ABSENT))


def bounds_text(low: float | None, high: float | None) -> str:
    """Say between what a mean would lie with the missing rows, or that nothing bounds it.

    >>> bounds_text(0.3, 0.6333)
    'between 0.3 and 0.633 had they scored worst or best'
    """
    if low is None or high is None:
        return "nothing bounds what they would have scored"
    lower, upper = sorted((low, high))
    return f"between {number_text(lower)} and {number_text(upper)} had they scored worst or best"


def compared_metrics(report: EvaluationReport) -> list[str]:
    """Metrics of which the comparison with the baseline is told in words."""
    if len(report.candidates) > MOST_IN_FULL and report.headline is not None:
        return [report.headline]
    return list(report.metrics)


def in_points(report: EvaluationReport, metric: str) -> bool:
    """Whether differences on a metric read best in points of 0.01: its scores lie from 0 to 1."""
    facts = report.facts(metric)
    return (facts["lowest_possible"], facts["highest_possible"]) == (0, 1)


def is_told(row: Row | None) -> bool:
    """Whether a comparison says something: of a metric that has a better end, or of labels."""
    return row is not None and (row["greater_is_better"] is not None or row["labels"] is not None)


def shares_by_label(labels: str | None) -> dict[str | None, Row]:
    """Label → its share in the column `labels` of `aggregate_reports` or `comparison`."""
    return {share["label"]: share for share in json.loads(labels or "[]")}


def _of_labels(report: EvaluationReport, metric: str, rows: Mapping[str, Row]) -> list[Measure]:
    """A line per label; the comparison knows the labels of all candidates, so that 0 % has an interval too."""
    compared = {name: report.compared(name, metric) for name in rows}
    shares = {name: shares_by_label(compared[name].get("labels") or row["labels"]) for name, row in rows.items()}
    names = list(dict.fromkeys(label for of_candidate in shares.values() for label in of_candidate))
    return [
        Measure(
            metric,
            f"{metric}: {label_text(name)}",
            None,
            {candidate: _share_row(row, shares[candidate].get(name)) for candidate, row in rows.items()},
            is_share=True,
        )
        for name in names
    ]


def _share_row(row: Row, share: Row | None) -> Row:
    """The aggregate with a label's share where the mean stands; a label that was never given has the share 0."""
    unknown = {"share": 0.0 if row["n_labelled"] else None, "ci_low": None, "ci_high": None}
    found = share or unknown
    ends = {name: found[name] for name in ("ci_low", "ci_high")}
    without_bounds = {"mean_if_missing_worst": None, "mean_if_missing_best": None}
    return {**row, **ends, **without_bounds, "mean": found["share"], "n_scored": row["n_labelled"]}
