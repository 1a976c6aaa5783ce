"""The sentence that every output begins with: who is better, by how much, how sure, at what cost."""

from collections.abc import Mapping

from eval_assets.reports.candidate_report import CandidateReport, Row
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import is_told, standings
from eval_assets.statistics.comparison.conclusions import Conclusion
from eval_assets.wording.numbers import confidence_text, count_text, interval_text, money_text, number_text

Labels = Mapping[str, str]
"""`model@prompt` → what a candidate is called where the answer is shown."""


def answer_sentence(report: EvaluationReport, labels: Labels | None = None) -> str:
    """Say who is better, by how much, how sure and at what cost: of the primary metric alone.

    Args:
        report: The report.
        labels: What candidates are called; default `model@prompt`.
    """
    said = f"{_sentence(report, labels or {})}."
    return f"Out of date, as last computed: {said}" if report.outdated else said


def _sentence(report: EvaluationReport, labels: Labels) -> str:
    metric = report.headline
    examples = count_text(report.dataset.n_examples, "example")
    if metric is None:
        tried = ", ".join(report.metrics) or "none"
        return f"{examples} evaluated, and no metric among {tried} says what is better"
    if len(report.candidates) == 1:
        return _alone(report, metric, report.candidates[0], labels)
    compared = [one for one in standings(report) if is_told(report.against_baseline(one.name, metric))]
    if not compared:
        return f"{examples} evaluated, and nothing is compared on {metric} yet"
    rows = {one.name: report.against_baseline(one.name, metric) or {} for one in compared}
    better = [one for one in compared if rows[one.name]["verdict"] == Conclusion.BETTER.value]
    lead = (better or compared)[0]
    said = _against(report, metric, lead, rows[lead.name], labels, n_better=len(better))
    return f"{said}{_costs(report, lead)}" if rows[lead.name]["n_pairs"] else said


def _against(
    report: EvaluationReport, metric: str, lead: CandidateReport, row: Row, labels: Labels, *, n_better: int
) -> str:
    """The lead against the baseline, and how many others there are."""
    if not row["n_pairs"]:
        both = " and ".join(labels.get(each, each) for each in (lead.name, report.baseline))
        return f"Nothing to compare on {metric}: no example has a score from both {both}"
    name, baseline = (labels.get(each, each) for each in (lead.name, report.baseline))
    on = f"{metric}{_doubt(report, metric)}"
    n_others = len(report.candidates) - 2
    evidence = str(row["sentence"]).partition(": ")[2] or str(row["sentence"])
    match row["verdict"]:
        case Conclusion.BETTER.value:
            are = "is" if n_better == 2 else "are"  # noqa: PLR2004  the lead and one other
            also = f", as {are} {n_better - 1:,} of {n_others:,} others" if n_better > 1 else ""
            best = f", the best of {len(report.candidates):,}," if n_others else ""
            return f"{name}{best} is better than the baseline {baseline} on {on}{also}: {evidence}"
        case Conclusion.WORSE.value:
            if not n_others:
                return f"{name} is worse than the baseline {baseline} on {on}: {evidence}"
            none = f"None of {n_others + 1:,} candidates is better than the baseline {baseline} on {on}"
            return f"{none}; the best of them, {name}, is worse: {evidence}"
        case Conclusion.EQUIVALENT.value:
            return f"{name} and the baseline {baseline} are equivalent on {on}: {row['sentence']}"
        case _:
            among = f" among {len(report.candidates):,} candidates" if n_others else ""
            return f"No reliable winner on {on}{among}: {name} against the baseline {baseline} {evidence}"


def _alone(report: EvaluationReport, metric: str, only: CandidateReport, labels: Labels) -> str:
    row, name = only.metrics.get(metric), labels.get(only.name, only.name)
    if row is None or row["mean"] is None:
        return f"{name}: no row of {count_text(report.dataset.n_examples, 'example')} has a score of {metric}"
    within = (row["ci_low"], row["ci_high"])
    interval = (
        "" if row["ci_low"] is None else f" ({confidence_text(row['confidence'])} interval {interval_text(*within)})"
    )
    on = f"on {count_text(row['n_examples'], 'example')}, with nothing to compare with"
    return f"{name}: {metric}{_doubt(report, metric)} is {number_text(row['mean'], within=within)}{interval} {on}"


def _doubt(report: EvaluationReport, metric: str) -> str:
    """What a judge that decides is worth, unless it was shown to agree with people."""
    doubted = [judge.badge for judge in report.judging.trust if judge.judge == metric and not judge.beats_chance]
    return f" (a judge: {doubted[0]})" if doubted else ""


def _costs(report: EvaluationReport, lead: CandidateReport) -> str:
    """What 1,000 answers cost of both; nothing where neither has a price."""
    baseline = next(one for one in report.candidates if one.is_baseline)
    amounts = [one.performance.cost_usd_per_1000 for one in (lead, baseline)]
    if amounts == [None, None]:
        return "; no price is known"
    if not any(amounts) and None not in amounts:
        return "; both cost nothing"
    own, others = map(money_text, amounts)
    return f"; 1,000 answers cost {own} against {others}"
