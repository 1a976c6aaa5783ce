"""One number about a judge with its uncertainty, before it becomes a row of `judge_agreement`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from eval_assets.config.candidate import Candidate
from eval_assets.statistics.intervals import Interval, no_interval
from eval_assets.statistics.judging.agreement import Agreement

NO_LABELS = "uncalibrated: no human labels"


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic of one judge.

    Args:
        name: As in the column `statistic`.
        value: None where it can't be had.
        interval: Of the value.
        n: What it is over.
        method: How it was computed, or why there is no value.
        candidate: Where it is about one.
        needs_people: Whether it rests on human labels.
        slice: Column and value, where it is about a part of the outputs.
        other_judge: With whom the judge is compared, where it is about two judges.
        detail: What else belongs to the value.
    """

    name: str
    value: float | None
    interval: Interval
    n: int
    method: str
    candidate: Candidate | None = None
    needs_people: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)
    slice: tuple[str, str] | None = None
    other_judge: str | None = None


def of_agreement(name: str, measured: Agreement, detail: Mapping[str, Any] = MappingProxyType({})) -> Statistic:
    """The statistic that a measured agreement is."""
    method = f"{measured.measure}; {measured.interval.method}"
    return Statistic(name, measured.value, measured.interval, measured.n, method, detail=dict(detail))


def unmeasured(name: str, confidence: float, *, why: str = NO_LABELS) -> Statistic:
    """A statistic that can't be had, and why."""
    return Statistic(name, None, no_interval(why, confidence), 0, why)
