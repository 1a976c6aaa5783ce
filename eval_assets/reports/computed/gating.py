"""Gates of an evaluation applied to its candidates. The decision itself is in `statistics.comparison.decisions`,
formats are in `gate_formats`.

A gate asks whether a candidate may take the baseline's place, so drops are asked of every other candidate, or of those
it names. Conditions on a candidate alone are asked of the baseline too, as advice: what is in use already blocks
nothing, unless it is the only candidate. A reference, kept for comparison only, is asked nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation, Gate
from eval_assets.reports.computed.former_scores import FormerScores
from eval_assets.reports.computed.gated_slices import decided, of_performance, of_slices
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts, scores_by_candidate
from eval_assets.reports.performance import Performance
from eval_assets.statistics.comparison.decisions import GateDecision, GateTerms
from eval_assets.statistics.comparison.gates import DropKind, drop_gate, maximum_gate, minimum_gate
from eval_assets.statistics.descriptive import ExampleScores
from eval_assets.tables.columns import CANDIDATE
from eval_assets.tables.evaluation_tables import GATE_RESULTS
from eval_assets.wording.numbers import plain_number

MOST_NAMED = 3

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OverallVerdict:
    """What all gates of an evaluation say together.

    Args:
        verdict: GO, NO-GO or INCONCLUSIVE.
        note: One sentence: which gates decided.
        outdated: In what the results differ from the files as they stand.
    """

    verdict: GateDecision
    note: str
    outdated: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 for GO, 1 for NO-GO, 3 for INCONCLUSIVE: 2 is a command that can't be used."""
        return {GateDecision.GO: 0, GateDecision.NO_GO: 1, GateDecision.INCONCLUSIVE: 3}[self.verdict]


def evaluate_gates(
    evaluation: Evaluation,
    scores: pl.DataFrame,
    *,
    metric_facts: Mapping[str, MetricFacts],
    run_id: str,
    groups: ExampleGroups | None = None,
    former: FormerScores | None = None,
    references: Sequence[str] = (),
    performances: Mapping[str, Performance] | None = None,
) -> pl.DataFrame:
    """Ask every gate of every candidate it concerns.

    Args:
        evaluation: Its gates, candidates, baseline and confidence.
        scores: Score rows of all cells, as `score_rows` makes them; a missing cell has none.
        metric_facts: Metric or judge name → its direction and range.
        run_id: The run that writes the rows.
        groups: Clusters and slices of the dataset, if it has any.
        references: Models that are kept for comparison only.
        performances: Candidate → its cost and speed, for gates that ask about them.
        former: What the candidates' former states score, for gates that are held against those.

    Returns:
        Rows of `GATE_RESULTS`, one per gate condition and candidate. A gate without anything to decide on (no scores,
        no second candidate) is INCONCLUSIVE, never silent.
    """
    rows: list[Row] = []
    for gate in evaluation.file.asked:
        of_metric = scores.filter(pl.col("metric") == gate.metric)
        facts = metric_facts.get(gate.metric, MetricFacts())
        gathered = scores_by_candidate(of_metric, evaluation.candidates, facts, groups)
        for candidate in _concerned(evaluation, gate, references):
            asked = {"evaluation": evaluation.name, **candidate.columns, "tier": tier_of(candidate, gate, evaluation)}
            rows += [{**asked, **row} for row in of_performance(gate, (performances or {}).get(candidate))]
            rows += [{**asked, **row} for row in of_slices(candidate, gate, of_metric, facts, evaluation, groups)]
            rows += _asked_of(candidate, gate, gathered, facts, evaluation)
            if gate.against != "baseline":
                rows += _asked_since(candidate, gate, facts, evaluation, former or FormerScores.none())
    return pl.DataFrame([{**row, "run_id": run_id} for row in rows], schema=GATE_RESULTS)


def overall_verdict(rows: pl.DataFrame, outdated: Sequence[str] = ()) -> OverallVerdict:
    """Combine gate rows: a critical NO-GO stops, else a critical INCONCLUSIVE holds, else GO.

    Args:
        rows: Rows of `GATE_RESULTS`; advisory ones are counted in the note and decide nothing.
        outdated: In what the results differ from the files as they stand. With any, nothing can be said of those.

    >>> overall_verdict(pl.DataFrame(schema=GATE_RESULTS)).note
    'the evaluation declares no gates, so nothing was asked'
    """
    if outdated:
        note = f"the results are out of date: {outdated_text(outdated)}"
        return OverallVerdict(GateDecision.INCONCLUSIVE, note, tuple(outdated))
    if rows.is_empty():
        return OverallVerdict(GateDecision.GO, "the evaluation declares no gates, so nothing was asked")
    ships = _who_ships(rows)
    critical, advisory = (rows.filter(pl.col("tier") == tier) for tier in ("critical", "advisory"))
    warned = advisory.filter(pl.col("verdict") != GateDecision.GO.value).height
    undecided = f"{warned} of {advisory.height} advisory conditions not met or undecided"
    met = f"{advisory.height} of {advisory.height} advisory conditions met"
    advice = f"; {undecided if warned else met}" if advisory.height else ""
    if critical.is_empty():
        return OverallVerdict(GateDecision.GO, f"no critical gates{advice}")
    for verdict, words in ((GateDecision.NO_GO, "failed"), (GateDecision.INCONCLUSIVE, "could not be decided")):
        count = critical.filter(pl.col("verdict") == verdict.value).height
        if count:
            return OverallVerdict(verdict, f"{count} of {critical.height} critical conditions {words}{ships}{advice}")
    met = f"{critical.height} of {critical.height} critical conditions met"
    return OverallVerdict(GateDecision.GO, f"{met}{ships}{advice}")


def may_ship(rows: pl.DataFrame) -> tuple[list[str], int]:
    """The candidates whose critical conditions are all met, and of how many any are asked.

    Args:
        rows: Rows of `GATE_RESULTS`.
    """
    critical = rows.filter(pl.col("tier") == "critical").with_columns(candidate=CANDIDATE)
    asked = critical["candidate"].unique(maintain_order=True).to_list()
    stopped = set(critical.filter(pl.col("verdict") != GateDecision.GO.value)["candidate"])
    return [name for name in asked if name not in stopped], len(asked)


def _who_ships(rows: pl.DataFrame) -> str:
    passing, n_asked = may_ship(rows)
    if not n_asked:
        return ""
    if not passing:
        return "; none may ship" if n_asked > 1 else ""
    named = ", ".join(passing[:MOST_NAMED])
    more = f" and {len(passing) - MOST_NAMED:,} more" if len(passing) > MOST_NAMED else ""
    return f"; {named}{more} may ship"


def outdated_text(outdated: Sequence[str]) -> str:
    """The first few of what changed since the results were computed, and how many more there are.

    >>> outdated_text(["prompt p", "model m", "dataset d", "judge j"])
    'prompt p; model m; dataset d; and 1 more'
    """
    more = len(outdated) - MOST_NAMED
    return "; ".join([*outdated[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _concerned(evaluation: Evaluation, gate: Gate, references: Sequence[str]) -> list[Candidate]:
    """The candidates a gate is asked of: those it names, else all but references; the baseline for advice."""
    return [
        candidate
        for candidate in evaluation.candidates
        if candidate == evaluation.baseline
        or (
            candidate in gate.candidates or candidate.model in gate.candidates
            if gate.candidates
            else candidate.model not in references
        )
    ]


def tier_of(candidate: Candidate, gate: Gate, evaluation: Evaluation) -> str:
    """What the answer for a candidate decides: the gate's tier; for a baseline beside others it is advice."""
    is_asked = candidate in gate.candidates or candidate.model in gate.candidates
    is_advice = candidate == evaluation.baseline and len(evaluation.candidates) > 1 and not is_asked
    return "advisory" if is_advice else gate.tier


def _asked_of(
    candidate: Candidate, gate: Gate, gathered: Mapping[str, ExampleScores], facts: MetricFacts, evaluation: Evaluation
) -> Iterator[Row]:
    """The rows of one gate for one candidate."""
    scores, baseline = gathered[candidate], gathered[evaluation.baseline]
    terms = _terms(gate, evaluation)
    is_baseline, alone = candidate == evaluation.baseline, len(evaluation.candidates) == 1
    tier = tier_of(candidate, gate, evaluation)
    shared = {"evaluation": evaluation.name, **candidate.columns, "metric": gate.metric, "tier": tier}
    if gate.min is not None:
        yield {**shared, **decided(f"mean at least {plain_number(gate.min)}", minimum_gate(scores, gate.min, terms))}
    if gate.max is not None:
        yield {**shared, **decided(f"mean at most {plain_number(gate.max)}", maximum_gate(scores, gate.max, terms))}
    for kind, threshold, condition in _drops(gate) if gate.against == "baseline" else ():
        if alone:
            yield {**shared, **_nothing_to_compare(condition, threshold, scores)}
        elif not is_baseline:
            result = drop_gate(
                baseline, scores, threshold, terms, kind=kind, greater_is_better=facts.greater_is_better is not False
            )
            yield {**shared, **decided(condition, result)}


def _asked_since(
    candidate: Candidate, gate: Gate, facts: MetricFacts, evaluation: Evaluation, former: FormerScores
) -> Iterator[Row]:
    """The rows of one gate that holds a candidate against a former state of itself; the baseline is asked too."""
    terms = _terms(gate, evaluation)
    shared = {"evaluation": evaluation.name, **candidate.columns, "metric": gate.metric, "tier": gate.tier}
    for kind, threshold, condition in _drops(gate):
        if (settled := former.settled(gate.against, candidate, gate.metric)) is not None:
            verdict, reason, n_scored = settled
            said = {"verdict": verdict.value, "reason": reason, "threshold": threshold, "n_scored": n_scored}
            yield {**shared, "condition": condition, **said}
            continue
        before, now = former.scores(gate.against, candidate, gate.metric, facts)
        greater = facts.greater_is_better is not False
        result = drop_gate(before, now, threshold, terms, kind=kind, greater_is_better=greater)
        yield {**shared, **decided(condition, result)}


def _terms(gate: Gate, evaluation: Evaluation) -> GateTerms:
    return GateTerms(
        confidence=evaluation.file.confidence, max_failed_share=gate.max_failed_share, min_scored=gate.min_scored
    )


def _drops(gate: Gate) -> Iterator[tuple[DropKind, float, str]]:
    """The conditions of a gate that compare: kind, threshold, and the condition in words."""
    what = {"baseline": "baseline", "previous": "previous state", "released": "released state"}[gate.against]
    drops: Sequence[tuple[DropKind, float | None, str]] = (
        ("max_drop", gate.max_drop, f"drop against {what} at most {{}}"),
        ("max_drop_relative", gate.max_drop_relative, f"drop against {what} at most {{}} % of its mean"),
        ("non_inferiority", gate.non_inferiority_margin, f"not worse than the {what} by {{}} or more"),
    )
    for kind, threshold, words in drops:
        if threshold is not None:
            shown = plain_number(100 * threshold if kind == "max_drop_relative" else threshold)
            yield kind, threshold, words.format(shown)


def _nothing_to_compare(condition: str, threshold: float, scores: ExampleScores) -> Row:
    return {
        "condition": condition,
        "verdict": GateDecision.INCONCLUSIVE.value,
        "reason": "the baseline is the only candidate, so there is no drop to measure",
        "threshold": threshold,
        "n_scored": int(scores.scored.size),
        "failed_share": scores.failed_share,
    }
