"""How a metric or judge of a report came by its numbers, in plain words: formula, method, assumptions, source."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from eval_assets.reports.candidate_report import Row
from eval_assets.reports.computed.roles import Role
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.wording.foreign_text import visible_text
from eval_assets.wording.numbers import ABSENT, confidence_text, count_text, plain_number

WIDTH = 100
HEAD = 14
ENDS = ("lowest_possible", "highest_possible")


@dataclass(frozen=True, slots=True)
class ScoreDefinition:
    """What a score of one row is.

    Args:
        formula: Of one row.
        source: Who defined it.
        implementation: What computes it, with versions and parameters.
    """

    formula: str
    source: str
    implementation: str


def metric_explained(report: EvaluationReport, metric: str, definition: ScoreDefinition) -> str:
    """Write how the numbers of a metric came about.

    Args:
        report: From `load_report`.
        metric: One of its metrics or judges.
        definition: What a score of one row is.
    """
    facts = report.facts(metric)
    better = {True: "higher is better", False: "lower is better", None: "neither end is better: it describes"}
    ends = [ABSENT if facts[name] is None else plain_number(facts[name]) for name in ENDS]
    reach = "no bounds" if set(ends) == {ABSENT} else f"from {ends[0]} to {ends[1]}"
    lines = [
        ("metric", f"{metric} {facts['version'] or ''}".strip()),
        ("role", _role(report, metric)),
        ("formula", definition.formula),
        ("scale", f"{reach}; {better[facts['greater_is_better']]}"),
        ("mean", _mean(report, facts)),
        ("interval", f"{confidence_text(facts['confidence'])}, {facts['ci_method']}"),
        *(("test", said) for said in _tests(report, metric)),
        ("assumes", "; ".join(_assumptions(report, facts))),
        ("computed by", definition.implementation),
        ("source", definition.source),
    ]
    return "\n".join(_line(head, text) for head, text in lines) + "\n"


def _line(head: str, text: str) -> str:
    return textwrap.fill(
        visible_text(f"{head:<{HEAD}}{text}"), WIDTH, subsequent_indent=" " * HEAD, break_on_hyphens=False
    )


def _role(report: EvaluationReport, metric: str) -> str:
    correction = report.evaluation.file.correction
    for_itself = "corrected for the number of candidates alone"
    return {
        Role.PRIMARY: f"primary: decides ranking, verdict and the confirmatory test, {for_itself}",
        Role.NAMED: f"named: tested, and corrected together with what else the file names ({correction})",
        Role.DESCRIBED: "described: a default of the task, not tested; name it in `metrics` to have it tested",
        None: "not compared yet",
    }[report.role(metric)]


def _mean(report: EvaluationReport, facts: Row) -> str:
    samples = report.evaluation.file.samples
    averaged = f"; the {samples} samples of an example are averaged first" if samples > 1 else ""
    return f"the mean over {count_text(facts['n_examples'], 'example')} with a score{averaged}"


def _tests(report: EvaluationReport, metric: str) -> Iterator[str]:
    """The test of each comparison with the baseline, each way once."""
    rows = report.comparison.filter(metric=metric, is_baseline_comparison=True)
    for method in rows["p_value_method"].drop_nulls().unique(maintain_order=True):
        yield f"{method}, two-sided, on the examples that both candidates have a score for"


def _assumptions(report: EvaluationReport, facts: Row) -> Iterator[str]:
    clustered = "cluster" in (facts["ci_method"] or "")
    alone = "examples are independent of one another"
    yield "examples of one cluster depend on each other, clusters don't" if clustered else alone
    yield "the examples stand for those that will come"
    yield "a row without a score, whatever the reason, is left out of the mean and bounds where it could lie"
    if facts["n_without_target"]:
        yield f"{count_text(facts['n_without_target'], 'row')} without a target are in no count"
    if facts["kind"] == "judge":
        trust = next((judge for judge in report.judging.trust if judge.judge == facts["metric"]), None)
        yield f"the judge is right as people are: {trust.badge if trust else 'never measured'}"
