"""The report as one JSON object, for programs. Its keys are a public surface: add, don't rename."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from eval_assets.reports.candidate_report import CandidateReport
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.judge_parts import JudgePart
from eval_assets.reports.judge_trust import JudgeTrust
from eval_assets.reports.note import Note
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import answer_table
from eval_assets.reports.rendered.changes_json import changes_json
from eval_assets.reports.rendered.ranked_slices import RankedSlice, ranked_slices
from eval_assets.tables.columns import CANDIDATE
from eval_assets.wording.valid_json import finite_values

SCHEMA_VERSION = 2

_IN_CONTEXT = ("evaluation", "model", "prompt", "metric", "slice_column", "slice_value", "extra_aggregates")


def report_json(report: EvaluationReport) -> dict[str, Any]:
    """Write the report as JSON values.

    Args:
        report: From `load_report`.

    Returns:
        `{"evaluation", "candidates": [{"model", "prompt", "metrics": {name: {"n_total", "n_scored", "mean", "variance",
        "p90", "ci_low", "ci_high", …}}}], …}`. A number that does not exist is null, and so is one that is not finite:
        where and why is in `not_finite`.
    """
    found, not_finite = finite_values(
        {
            "schema_version": SCHEMA_VERSION,
            "evaluation": report.evaluation.name,
            "description": report.evaluation.file.description,
            "baseline": report.baseline,
            "verdict": {
                "verdict": report.verdict.verdict.value,
                "exit_code": report.verdict.exit_code,
                "note": report.verdict.note,
            },
            "answer": answer_sentence(report),
            "primary": report.headline,
            "ranking": [row.candidate.name for row in answer_table(report).rows],
            "notes": [_note(note) for note in report_notes(report)],
            "dataset": asdict(report.dataset),
            "judges": dict(report.judges),
            "judge_trust": [_trust(judge) for judge in report.judging.trust],
            "disagreements": _rows(report.judging.disagreements, "evaluation"),
            "pairwise": _rows(report.judging.preferences, "evaluation"),
            "candidates": [_candidate(candidate, report) for candidate in report.candidates],
            "comparisons": [
                {**row, "labels": json.loads(row["labels"] or "[]")} for row in _rows(report.comparison, "evaluation")
            ],
            "slices": [_slice(one) for one in ranked_slices(report)],
            "changes": changes_json(report.changes),
            "gates": _rows(report.gates, "evaluation"),
            "total": asdict(report.total),
            "spent": [{**asdict(spent), "without_reuse_usd": spent.without_reuse_usd} for spent in report.spent],
            "generated_at": report.provenance.generated_at.isoformat(),
            "run_ids": list(report.provenance.run_ids),
            "delta_versions": dict(report.provenance.delta_versions),
        }
    )
    return {**found, "not_finite": not_finite}


def _note(note: Note) -> dict[str, Any]:
    return {
        "text": note.text,
        "about": note.weight.name.lower(),
        "n_rows": note.n_rows,
        "candidates": list(note.candidates),
    }


def _candidate(candidate: CandidateReport, report: EvaluationReport) -> dict[str, Any]:
    slices = report.aggregates.filter(pl.col("slice_column").is_not_null() & (candidate.name == CANDIDATE))
    return {
        "model": candidate.model,
        "prompt": candidate.prompt,
        "is_baseline": candidate.is_baseline,
        "metrics": {metric: _aggregate(row) for metric, row in candidate.metrics.items()},
        "slices": [
            {name: row[name] for name in ("slice_column", "slice_value", "metric")} | _aggregate(row)
            for row in slices.iter_rows(named=True)
        ],
        "performance": asdict(candidate.performance),
    }


def _slice(one: RankedSlice) -> dict[str, Any]:
    """A slice's place among all; each candidate's numbers on it are under `candidates`."""
    return {
        "slice_column": one.column,
        "slice_value": one.value,
        "metric": one.measure.metric,
        "n_examples": one.n_examples,
        "differs_most": one.differs,
        "difference": one.difference,
        "is_small": one.is_small,
    }


def _trust(judge: JudgeTrust) -> dict[str, Any]:
    return {
        "judge": judge.judge,
        "uncalibrated": judge.uncalibrated,
        "badge": judge.badge,
        "sentence": judge.sentence,
        "statistics": {name: _measured(row) for name, row in judge.statistics.items()},
        "parts": [_judge_part(part) for part in judge.parts],
        "corrected_means": {candidate: _measured(row) for candidate, row in judge.corrected.items()},
    }


def _judge_part(part: JudgePart) -> dict[str, Any]:
    """Agreement with people on a slice, or with another judge on all outputs or a slice."""
    column, value = part.slice or (None, None)
    place = {"other_judge": part.other, "slice_column": column, "slice_value": value, "n": part.n}
    return {**place, "statistics": {name: _measured(row) for name, row in part.rows.items()}}


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    parsed = {name: json.loads(row[name] or "null") for name in ("raters", "detail")}
    kept = ("value", "ci_low", "ci_high", "confidence", "n", "method", "version", "judge_version", "judge_sha256")
    return {**{name: row[name] for name in kept}, **parsed}


def _aggregate(row: Mapping[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = json.loads(row["extra_aggregates"] or "{}")
    kept = {name: value for name, value in row.items() if name not in _IN_CONTEXT}
    return {**kept, "labels": json.loads(row["labels"] or "[]"), **extra}


def _rows(frame: pl.DataFrame, *dropped: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.drop(*dropped).to_dicts()
    return rows
