"""`assert_no_regression`: what a test says when a candidate got worse."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval_assets.api.results.compared_results import ResultComparison
from eval_assets.errors import ConfigError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.wording.foreign_text import shortened
from eval_assets.wording.numbers import interval_text, number_text

MOST_SHOWN = 5
TEXT_CHARACTERS = 100
ROUNDING = 1e-9


def refuse_regression(
    report: EvaluationReport,
    labels: Mapping[str, str],
    metric: str,
    *,
    max_drop: float,
    names: Sequence[str] | None,
    against: ResultComparison | None,
    min_mean: float | None,
) -> None:
    """Raise what got worse; arguments as in `EvaluationResult.assert_no_regression`, `against` compared already.

    Raises:
        AssertionError: Something did.
        ConfigError: There is nothing to hold the candidates against.
    """
    if max_drop < 0:
        raise ConfigError(f"max_drop: expected a drop of at least 0, got {max_drop!r}")
    asked = list(names or [name for name in labels if against or name != report.baseline or min_mean is not None])
    compared = _against_baseline(report, metric) if against is None else _against_result(labels, metric, against)
    if not compared and min_mean is None:
        raise ConfigError(
            "assert_no_regression: expected a second candidate, a former result (`against=`) or `min_mean`, got none"
        )
    sign = 1.0 if report.facts(metric)["greater_is_better"] is not False else -1.0
    faults: list[str] = []
    for name in asked:
        mean = next((one.metrics[metric]["mean"] for one in report.candidates if one.name == name), None)
        if mean is None:
            faults.append(f"{labels[name]}: {metric} has no mean: no row was scored; see `r.errors`")
            continue
        if min_mean is not None and sign * (mean - min_mean) < -ROUNDING:
            faults.append(f"{labels[name]}: mean {metric} is {number_text(mean)}, expected at least {min_mean:g}")
        if name in compared:
            faults += _drops(labels[name], metric, *compared[name], max_drop=max_drop, sign=sign)
    if faults:
        raise AssertionError("\n".join(faults))


def _against_baseline(report: EvaluationReport, metric: str) -> dict[str, tuple[Mapping[str, Any], Sequence[Flip]]]:
    found: dict[str, tuple[Mapping[str, Any], Sequence[Flip]]] = {}
    for candidate in report.candidates:
        row = report.against_baseline(candidate.name, metric)
        if row is not None:
            found[candidate.name] = (row, report.flips(candidate.name, metric, at_most=MOST_SHOWN))
    return found


def _against_result(
    labels: Mapping[str, str], metric: str, against: ResultComparison
) -> dict[str, tuple[Mapping[str, Any], Sequence[Flip]]]:
    by_label = {label: name for name, label in labels.items()}
    return {
        by_label[row["candidate"]]: (row, against.flips[row["candidate"]])
        for row in against.df.to_dicts()
        if row["metric"] == metric
    }


def _drops(
    label: str, metric: str, row: Mapping[str, Any], changed: Sequence[Flip], *, max_drop: float, sign: float
) -> Iterator[str]:
    """What is said of a candidate that dropped too far."""
    if row["difference"] is None:
        yield f"{label}: {metric} can't be compared: {row['sentence']}"
        return
    drop = -sign * row["difference"]
    if drop <= max_drop + ROUNDING:
        return
    interval = interval_text(row["difference_ci_low"], row["difference_ci_high"])
    yield (
        f"{label}: {metric} dropped by {number_text(drop)} on {row['n_pairs']:,} examples, at most {max_drop:g} is "
        f"allowed (difference {number_text(row['difference'], sign=True)}, interval {interval}; {row['verdict']})"
    )
    for flip in [flip for flip in changed if flip.got_worse][:MOST_SHOWN]:
        before, now = number_text(flip.baseline_score), number_text(flip.candidate_score)
        yield f"  {flip.example_id}: {before} -> {now}  {shortened(flip.inputs, TEXT_CHARACTERS)!r}"
        yield f"    expected {shortened(flip.targets, TEXT_CHARACTERS)!r}"
        yield f"    was      {shortened(flip.baseline_output, TEXT_CHARACTERS)!r}"
        yield f"    is       {shortened(flip.candidate_output, TEXT_CHARACTERS)!r}"
