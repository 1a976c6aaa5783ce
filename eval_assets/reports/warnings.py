"""What must not be missed before a mean is believed: failed requests, unscored rows, cells without any row.

Every renderer prints these sentences first.
"""

from collections.abc import Iterator

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.wording import number_text


def report_warnings(report: EvaluationReport) -> tuple[str, ...]:
    """List what is missing from the numbers, one sentence each; empty when every row was answered and scored."""
    sentences = [sentence for candidate in report.candidates for sentence in _of_candidate(candidate, report)]
    return tuple(sorted(sentences, key=lambda sentence: "requests failed" not in sentence))


def bounds_text(low: float | None, high: float | None) -> str:
    """Say between what a mean would lie with the missing rows, or that nothing bounds it.

    >>> bounds_text(0.3, 0.6333)
    'between 0.300 and 0.633 had they scored worst or best'
    """
    if low is None or high is None:
        return "nothing bounds what they would have scored"
    lower, upper = sorted((low, high))
    return f"between {number_text(lower)} and {number_text(upper)} had they scored worst or best"


def _of_candidate(candidate: CandidateReport, report: EvaluationReport) -> Iterator[str]:
    speed = candidate.performance
    if not speed.n_predictions:
        yield f"{candidate.name} has no predictions: its cell was not computed."
        return
    failed = speed.n_predictions - speed.n_answered
    if failed:
        kinds = ", ".join(f"{count} {outcome}" for outcome, count in speed.failures.items())
        yield (
            f"{candidate.name}: {failed:,} of {speed.n_predictions:,} requests failed ({kinds}). "
            "Its means are over what is left."
        )
    for metric in report.metrics:
        row = candidate.metrics.get(metric)
        if row is None:
            yield f"{candidate.name} has no scores of {metric}."
        elif row["n_total"] - row["n_scored"] > failed * row["n_total"] / speed.n_predictions:  # more than failed
            yield (
                f"{candidate.name}: {metric} is over {row['n_scored']:,} of {row['n_total']:,} rows; "
                f"mean {number_text(row['mean'])}, "
                f"{bounds_text(row['mean_if_missing_worst'], row['mean_if_missing_best'])}."
            )
