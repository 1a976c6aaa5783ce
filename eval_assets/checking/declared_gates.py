"""Gates: do they name a metric, and can they be met, and be missed?"""

from collections.abc import Iterator, Mapping, Sequence

from eval_assets.config.evaluation import Evaluation, Gate
from eval_assets.config.problems import Problem, nearest
from eval_assets.config.project import Loaded
from eval_assets.wording.numbers import plain_number

Bounds = tuple[float | None, float | None]


def gate_problems(
    loaded: Loaded[Evaluation], bounds: Mapping[str, Bounds], *, slices: Sequence[str], n_examples: int | None
) -> Iterator[Problem]:
    """What is wrong with the gates of an evaluation.

    Args:
        loaded: The evaluation.
        bounds: Label of each metric and name of each judge → lowest and highest score; null where there is no bound.
        slices: Columns by which the dataset's card splits results.
        n_examples: How many examples it has; null if that isn't known, or more than any gate asks for.
    """
    for index, gate in enumerate(loaded.item.file.gates):
        yield from _of_candidates(loaded, index)
        if gate.worst_slice_min is not None and not slices:
            said = "expected `slices` in the dataset's card, by which the worst is found; it names none"
            yield loaded.problem(("gates", index, "worst_slice_min"), said)
        for metric in gate.metrics or ((gate.metric,) if gate.metric else ()):
            if metric not in bounds:
                said = f"expected a metric or judge of this evaluation, got {metric!r}; {nearest(metric, bounds)}"
                yield loaded.problem(("gates", index, "metrics" if gate.metrics else "metric"), said)
                continue
            for field, said in _threshold_faults(gate, metric, bounds[metric]):
                yield loaded.problem(("gates", index, field), said)
        if n_examples is not None and gate.min_scored > n_examples:
            said = (
                f"expected at most {n_examples}, the number of examples, got {gate.min_scored}: it would never decide"
            )
            yield loaded.problem(("gates", index, "min_scored"), said)


def _of_candidates(loaded: Loaded[Evaluation], index: int) -> Iterator[Problem]:
    """Candidates of a gate that the evaluation doesn't have."""
    evaluation = loaded.item
    known = dict.fromkeys([*map(str, evaluation.candidates), *evaluation.file.models])
    for place, name in enumerate(evaluation.file.gates[index].candidates):
        if name not in known:
            said = f"expected a candidate or model of this evaluation, got {name!r}; {nearest(name, known)}"
            yield loaded.problem(("gates", index, "candidates", place), said)


def _threshold_faults(gate: Gate, metric: str, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Thresholds that no score can reach, or that none can miss: field and what is said."""
    low, high = bounds
    scale = f"scores of {metric!r} go from {_bound(low)} to {_bound(high)}"
    for field in ("min", "worst_slice_min", "max"):
        value = getattr(gate, field)
        if value is not None and ((high is not None and value > high) or (low is not None and value < low)):
            never = (field != "max") == (high is not None and value > high)
            can = "reach" if never else "miss"
            said = f"expected a threshold that scores can {can}, got {plain_number(value)}; {scale}"
            yield field, said + _share_hint(value, high)
    if gate.min is not None and gate.max is not None and gate.min > gate.max:
        given = f"min {plain_number(gate.min)} and max {plain_number(gate.max)}"
        yield "min", f"expected min up to max, got {given}: no score meets both"
    if low is None or high is None:
        return
    for field in ("max_drop", "non_inferiority_margin"):
        value = getattr(gate, field)
        if value is not None and value > high - low:
            said = f"expected a difference that scores can have, got {plain_number(value)}; {scale}"
            said += ", and no drop would be refused"
            yield field, said + _share_hint(value, high)


def _share_hint(value: float, high: float | None) -> str:
    """A percentage was probably meant as a share.

    >>> _share_hint(80, 1.0)
    '; did you mean 0.8?'
    """
    is_percentage = high == 1 and 1 < value <= 100  # noqa: PLR2004  percent
    return f"; did you mean {plain_number(value / 100)}?" if is_percentage else ""


def _bound(value: float | None) -> str:
    return "any value" if value is None else f"{plain_number(value)}"
