"""How often candidates meet all that rows expect, and succeed in all of several samples: lines for every output."""

import json
from collections.abc import Iterator, Mapping
from itertools import count, takewhile
from typing import Any

from eval_assets.metrics.expectations.row_expectations import FAILED, PASSED
from eval_assets.reports.computed.aggregates import chance_name
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.wording.numbers import number_text, share_text, shares_text


def success_lines(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    """Metric, and for each candidate the share of examples that passed, or pass^1, pass^2, … of several samples."""
    for metric in report.metrics:
        shares = {candidate.name: _passed(candidate.metrics.get(metric, {})) for candidate in report.candidates}
        if any(shares.values()):
            yield metric, f"{PASSED}: {'; '.join(f'{name} {share}' for name, share in shares.items() if share)}"
        chances = {candidate.name: _chances(candidate.metrics.get(metric, {})) for candidate in report.candidates}
        most = max(map(len, chances.values()))
        if most:
            said = "; ".join(f"{name} {', '.join(map(number_text, found))}" for name, found in chances.items() if found)
            yield metric, f"pass^1 to pass^{most} (that k of k samples succeed): {said}"


def _passed(aggregate: Mapping[str, Any]) -> str:
    """The share that passed, of a metric that tells nothing else; empty for others."""
    labels = {row["label"]: row for row in json.loads(aggregate.get("labels") or "[]")}
    if not labels or not labels.keys() <= {PASSED, FAILED}:
        return ""
    if PASSED in labels:
        found = labels[PASSED]
        return f"{share_text(found['share'])} {shares_text(found['ci_low'], found['ci_high'])}"
    found = labels[FAILED]
    bounds = (None if found[end] is None else 1 - found[end] for end in ("ci_high", "ci_low"))
    return f"{share_text(1 - found['share'])} {shares_text(*bounds)}"


def _chances(aggregate: Mapping[str, Any]) -> list[float]:
    extra: dict[str, float] = json.loads(aggregate.get("extra_aggregates") or "{}")
    names = takewhile(extra.__contains__, map(chance_name, count(1)))
    return [extra[name] for name in names]
