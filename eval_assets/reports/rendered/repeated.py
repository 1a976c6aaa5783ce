"""How reliably candidates succeed in all of several samples, in words: for every output that has lines of text."""

import json
from collections.abc import Iterator, Mapping
from itertools import count, takewhile
from typing import Any

from eval_assets.reports.computed.aggregates import chance_name
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.wording.numbers import number_text


def repeated_lines(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    """Metric, and pass^1, pass^2, … of each candidate; nothing where each example has one sample."""
    for metric in report.metrics:
        chances = {candidate.name: _chances(candidate.metrics.get(metric, {})) for candidate in report.candidates}
        most = max(map(len, chances.values()))
        if most:
            said = "; ".join(f"{name} {', '.join(map(number_text, found))}" for name, found in chances.items() if found)
            yield metric, f"pass^1 to pass^{most} (that k of k samples succeed): {said}"


def _chances(aggregate: Mapping[str, Any]) -> list[float]:
    extra: dict[str, float] = json.loads(aggregate.get("extra_aggregates") or "{}")
    names = takewhile(extra.__contains__, map(chance_name, count(1)))
    return [extra[name] for name in names]
