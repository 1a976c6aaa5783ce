"""What a report says, in pieces, the most telling first. How many of them fit is decided in `brief_json`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.flips import Flip
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.changes_text import changes_lines
from eval_assets.reports.rendered.measures import side_by_side, standings
from eval_assets.reports.rendered.ranked_slices import ranked_slices
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.foreign_text import shortened

TEXT = 300  # characters of what was asked or answered
REASON = 160
DIGITS = 4
MOST_FLIPS = 30  # of each candidate and direction
MOST_IDS = 3
FIRST, SECOND = 3, 10  # pieces of a section before, and after, all others had their turn


@dataclass(frozen=True, slots=True)
class Piece:
    """One entry of a list.

    Args:
        section: The list's name.
        content: JSON values.
    """

    section: str
    content: Any


def brief_pieces(report: EvaluationReport) -> Iterator[Piece]:
    """Everything worth telling, the first few of each kind before more of any.

    Sections, in the order in which they begin: `ranking`, `gates`, `worse` (examples, against the baseline), `failures`
    (by cause), `notes`, `slices`, `judges`, `changes`, `better`; `lowest` in place of `worse` where one candidate
    stands alone. Entries of a section keep their order.
    """
    sections: dict[str, list[Any]] = {
        "ranking": [_standing(report, candidate) for candidate in _baseline_early(report)],
        "gates": _gates(report),
        **_examples(report),
        "failures": list(_failures(report)),
        "notes": [str(note) for note in report_notes(report)],
        "slices": list(_slices(report)),
        "judges": [{"judge": one.judge, "badge": one.badge, "said": one.sentence} for one in report.judging.trust],
        "changes": [f"{head}{text}".strip() for head, text in changes_lines(report.changes)],
    }
    sections["better"] = sections.pop("better")
    for start, stop in ((0, FIRST), (FIRST, SECOND), (SECOND, None)):
        for section, found in sections.items():
            for content in found[start:stop]:
                yield Piece(section, content)


def _baseline_early(report: EvaluationReport) -> list[CandidateReport]:
    """Best first, the baseline among the first few, since the others are told against it."""
    ranked = standings(report)
    baseline = [one for one in ranked[FIRST:] if one.is_baseline]
    others = [one for one in ranked if one not in baseline]
    return [*others[: FIRST - len(baseline)], *baseline, *others[FIRST - len(baseline) :]]


def _standing(report: EvaluationReport, candidate: CandidateReport) -> dict[str, Any]:
    metric = report.headline or ""
    row, against = candidate.metrics.get(metric, {}), report.against_baseline(candidate.name, metric) or {}
    speed = candidate.performance
    is_whole = row and row["n_scored"] == row["n_total"]
    return _known(
        {
            "place": report.compared(candidate.name, metric).get("rank"),
            "candidate": candidate.name,
            "is_baseline": candidate.is_baseline or None,
            "mean": _rounded(row.get("mean")),
            "interval": _ends(row, "ci"),
            "difference": _rounded(against.get("difference")),
            "difference_interval": _ends(against, "difference_ci"),
            "verdict": against.get("verdict"),
            "scored": None if not row or is_whole else f"{row['n_scored']} of {row['n_total']}",
            "failed_requests": speed.n_predictions - speed.n_answered or None,
            "cost_usd_per_1000": _rounded(speed.cost_usd_per_1000),
            "latency_p90_seconds": _rounded(speed.latency_p90_seconds),
        }
    )


def _gates(report: EvaluationReport) -> list[dict[str, Any]]:
    """Conditions that aren't met first, critical ones before advisory ones."""
    order = ("NO-GO", "INCONCLUSIVE", "GO")
    rows = sorted(
        report.gates.iter_rows(named=True),
        key=lambda row: (row["tier"] != "critical" and row["verdict"] != "GO", order.index(row["verdict"])),
    )
    return [
        _known(
            {
                "verdict": row["verdict"],
                "candidate": f"{row['model']}@{row['prompt']}",
                "metric": row["metric"],
                "condition": row["condition"],
                "reason": shortened(row["reason"], TEXT),
                "tier": None if row["tier"] == "critical" else row["tier"],
            }
        )
        for row in rows
    ]


def _examples(report: EvaluationReport) -> dict[str, list[dict[str, Any]]]:
    """Examples that got worse and better on the primary metric; of a candidate alone, those with the lowest scores."""
    metric = report.headline
    if metric is None:
        return {"worse": [], "better": []}
    ids = _prediction_ids(report)
    others = [one.name for one in side_by_side(report) if not one.is_baseline]
    if not others:
        return {"lowest": _lowest(report, metric, ids), "better": []}
    found = [flip for name in others for flip in report.flips(name, metric, at_most=MOST_FLIPS)]
    ranked = sorted(found, key=lambda flip: (-abs(flip.improvement), flip.example_id, flip.candidate))
    worse, better = (
        [_flip(flip, ids) for flip in ranked if flip.got_worse is got_worse][:MOST_FLIPS] for got_worse in (True, False)
    )
    return {"worse": worse, "better": better}


def _flip(flip: Flip, ids: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    return _known(
        {
            "example_id": flip.example_id,
            "candidate": flip.candidate,
            "scores": {"baseline": _rounded(flip.baseline_score), "candidate": _rounded(flip.candidate_score)},
            "inputs": _cut(flip.inputs),
            "targets": _cut(flip.targets),
            "output": _cut(flip.candidate_output),
            "baseline_output": _cut(flip.baseline_output),
            "reasons": {
                reason.judge: shortened(reason.text, REASON)
                for reason in flip.justifications
                if reason.candidate == flip.candidate
            },
            "prediction_id": ids.get((flip.example_id, flip.candidate)),
        }
    )


def _lowest(report: EvaluationReport, metric: str, ids: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    only = report.candidates[0].name
    ascending = report.facts(metric)["greater_is_better"] is not False
    scores = (
        report.scores.filter((pl.col("metric") == metric) & pl.col("score").is_not_null() & (only == CANDIDATE))
        .group_by("example_id")
        .agg(pl.col("score").mean())
        .sort("score", "example_id", descending=[not ascending, False])
        .head(MOST_FLIPS)
    )
    found = {one.example_id: one for one in report.outputs([only], examples=scores["example_id"].to_list())}
    return [
        _known(
            {
                "example_id": example_id,
                "score": _rounded(score),
                "inputs": _cut(found[example_id].inputs),
                "targets": _cut(found[example_id].targets),
                "output": _cut(answer.said),
                "reasons": {judge: shortened(text, REASON) for judge, text in answer.justifications.items()},
                "prediction_id": ids.get((example_id, only)),
            }
        )
        for example_id, score in scores.iter_rows()
        for answer in found[example_id].answers
    ]


def _failures(report: EvaluationReport) -> Iterator[dict[str, Any]]:
    """Requests that brought no whole answer, by outcome and what the provider said, with ids to look at."""
    causes = (
        report.predictions.filter(pl.col("outcome") != "ok")
        .with_columns(candidate=CANDIDATE)
        .group_by("outcome", "error", maintain_order=True)
        .agg(
            pl.len(),
            pl.col("candidate").unique(maintain_order=True),
            pl.col("example_id", "prediction_id").head(MOST_IDS),
        )
        .sort("len", descending=True, maintain_order=True)
    )
    for row in causes.iter_rows(named=True):
        n_more = len(row["candidate"]) - MOST_IDS
        yield _known(
            {
                "outcome": row["outcome"],
                "reason": shortened(row["error"], REASON),
                "n_rows": row["len"],
                "candidates": [*row["candidate"][:MOST_IDS], *([f"{n_more} more"] if n_more > 0 else [])],
                "example_ids": row["example_id"],
                "prediction_ids": row["prediction_id"],
            }
        )


def _slices(report: EvaluationReport) -> Iterator[dict[str, Any]]:
    for one in ranked_slices(report):
        if not one.is_small and one.difference is not None:
            value = {"slice": shortened(one.title, REASON), "n_examples": one.n_examples}
            yield {**value, "candidate": one.differs, "difference": _rounded(one.difference)}


def _prediction_ids(report: EvaluationReport) -> dict[tuple[str, str], str]:
    """Example and candidate → id of the first sample."""
    rows = report.predictions.sort("sample_index", descending=True).select("example_id", CANDIDATE, "prediction_id")
    return {(example_id, candidate): prediction_id for example_id, candidate, prediction_id in rows.iter_rows()}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without what is unknown or empty."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def _cut(text: str | None) -> str | None:
    return None if text is None else shortened(text, TEXT)


def _ends(row: Mapping[str, Any], name: str) -> list[float | None] | None:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return None if low is None or high is None else [_rounded(low), _rounded(high)]


def _rounded(value: float | None) -> float | None:
    """With the digits that matter: more are in the whole report."""
    return None if value is None else float(f"{value:.{DIGITS}g}")
