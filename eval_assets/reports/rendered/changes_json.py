"""What changed since a former state as JSON values, for programs. Its keys are a public surface: add, don't rename."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from eval_assets.reports.changes_report import CandidateChange, ChangesReport

_IN_CONTEXT = ("evaluation", "model", "prompt", "since", "metric", "part", "run_id")
MOST_WORSE = 20
TIMES = ("state_at", "former_at")
_WRITTEN_OTHERWISE = ("causes", "examples", "versions", "former_versions", "evaluation", "since")


def changes_json(changes: ChangesReport) -> dict[str, Any]:
    """Write what changed as JSON values.

    Returns:
        `{"since", "candidates": [{"model", "prompt", "former_at", "causes", "n_same", …, "metrics": {name: {"all": {
        "difference", …}, "answers": …, "scoring": …, "worse": [{"example_id", "before", "now"}]}}}]}`; `worse`
        holds the 20 rows that lost most. Of a candidate without a former state `former_state` is null.
    """
    return {"since": changes.since, "candidates": [_candidate(change) for change in changes.candidates]}


def _candidate(change: CandidateChange) -> dict[str, Any]:
    metrics = dict.fromkeys(row["metric"] for row in change.effects)
    return {
        **{name: value for name, value in change.row.items() if name not in _WRITTEN_OTHERWISE},
        **{name: None if change.row[name] is None else change.row[name].isoformat() for name in TIMES},
        "causes": [asdict(cause) for cause in change.causes],
        "examples": dict(change.examples),
        "versions": json.loads(change.row["versions"]),
        "former_versions": json.loads(change.row["former_versions"] or "{}"),
        "metrics": {metric: _metric(change, metric) for metric in metrics},
    }


def _metric(change: CandidateChange, metric: str) -> dict[str, Any]:
    parts = {row["part"]: _plain(row) for row in change.effects if row["metric"] == metric}
    worse = change.worse_rows(metric, at_most=MOST_WORSE) if "all" in parts else []
    return {**parts, "worse": [dict(zip(("example_id", "before", "now"), each, strict=True)) for each in worse]}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _IN_CONTEXT}
