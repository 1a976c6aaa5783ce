"""How an interval, and what failed rows could have done to it, become GO, NO-GO or INCONCLUSIVE."""

from dataclasses import dataclass
from enum import StrEnum

from eval_assets.statistics.comparison.power import is_worth_asking_for, two_digits
from eval_assets.statistics.comparison.power_of_tests import POWER
from eval_assets.statistics.intervals import Interval
from eval_assets.wording.numbers import confidence_text, count_text, number_text, share_text

ON_THRESHOLD = 1e-9  # a value this close to the threshold lies on it


class GateDecision(StrEnum):
    """The answer of a gate."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTerms:
    """What the data must be like for a gate to decide at all.

    Args:
        confidence: Coverage of the interval the gate decides by, strictly between 0 and 1.
        max_failed_share: Largest share of unscored rows, of either candidate.
        min_scored: Fewest examples with a score (from both, where two are compared).
    """

    confidence: float
    max_failed_share: float
    min_scored: int


@dataclass(frozen=True, slots=True)
class GatedValue:
    """The quantity a gate asks about, under one way to fill the unscored rows.

    Args:
        value: A mean, a drop or a relative drop; None without a scored example.
        interval: Of `value`.
        n: Examples it is over.
    """

    value: float | None
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True)
class GateResult:
    """A verdict with its reason and the numbers behind it.

    Args:
        verdict: GO, NO-GO or INCONCLUSIVE.
        reason: One sentence.
        threshold: In the unit of `value`.
        value: The mean, the drop or the relative drop over the scored examples; a drop is positive where the candidate
            is worse. None without a scored example.
        interval: Of `value`.
        n_scored: Examples that `value` is over.
        failed_share: Share of unscored rows, the larger one of two candidates.
        value_if_unscored_worst: `value` had every unscored row scored as the gate likes it least; None where the metric
            has no such end.
        value_if_unscored_best: The same as the gate likes it most.
    """

    verdict: GateDecision
    reason: str
    threshold: float
    value: float | None
    interval: Interval
    n_scored: int
    failed_share: float
    value_if_unscored_worst: float | None
    value_if_unscored_best: float | None


def decide(
    gate: str,
    threshold: float,
    *,
    acceptable_below: bool,
    terms: GateTerms,
    as_scored: GatedValue,
    at_worst: GatedValue | None,
    at_best: GatedValue | None,
    failed_share: float,
) -> GateResult:
    """Turn a gated value, with and without its unscored rows, into a verdict.

    Args:
        gate: What is asked, for the reason.
        threshold: In the unit of the value.
        acceptable_below: Whether values up to the threshold are fine (a maximum, a drop), or those from it on.
        terms: Confidence, and what makes the gate inconclusive.
        as_scored: Over the scored examples.
        at_worst: Had the unscored rows scored as the gate likes it least; None where the metric has no such end.
        at_best: Had they scored as it likes it most.
        failed_share: Share of unscored rows.

    Returns:
        INCONCLUSIVE for too few scored examples, too many failed rows, no interval, an interval that straddles the
        threshold, or a verdict that the failed rows could have changed: a GO has to hold with them at their worst, a
        NO-GO with them at their best.

    >>> terms = GateTerms(confidence=0.95, max_failed_share=0.1, min_scored=20)
    >>> value = GatedValue(0.85, Interval(0.81, 0.89, "t", 0.95), 300)
    >>> decide("mean >= 0.8", 0.8, acceptable_below=False, terms=terms, as_scored=value, at_worst=value, at_best=value,
    ...        failed_share=0.0).reason
    '0.850 (95% interval 0.810 to 0.890) meets mean >= 0.8'
    """
    verdict, reason = _verdict_as_scored(
        gate, threshold, as_scored, terms, failed_share, acceptable_below=acceptable_below
    )
    decisive = {GateDecision.GO: at_worst, GateDecision.NO_GO: at_best}.get(verdict)
    if verdict is not GateDecision.INCONCLUSIVE and failed_share > 0:
        if decisive is None:
            reason += "; what the failed rows would change is unknown, the metric declares no range"
        elif _by_interval(decisive, threshold, acceptable_below=acceptable_below) is not verdict:
            reason = f"{reason}, but the failed rows could have made it {number_text(decisive.value or 0.0)}"
            verdict = GateDecision.INCONCLUSIVE
    return GateResult(
        verdict=verdict,
        reason=reason,
        threshold=threshold,
        value=as_scored.value,
        interval=as_scored.interval,
        n_scored=as_scored.n,
        failed_share=failed_share,
        value_if_unscored_worst=at_worst.value if at_worst else None,
        value_if_unscored_best=at_best.value if at_best else None,
    )


def _verdict_as_scored(
    gate: str, threshold: float, gated: GatedValue, terms: GateTerms, failed_share: float, *, acceptable_below: bool
) -> tuple[GateDecision, str]:
    """The verdict and its reason had no row failed."""
    if gated.n < terms.min_scored:
        return GateDecision.INCONCLUSIVE, f"{_scored(gated.n)}, {terms.min_scored:,} are needed"
    if failed_share > terms.max_failed_share:
        reason = (
            f"{share_text(failed_share)} of the rows have no score, at most {share_text(terms.max_failed_share)} may"
        )
        return GateDecision.INCONCLUSIVE, reason
    if gated.value is None or gated.interval.ends is None:
        return GateDecision.INCONCLUSIVE, f"no interval: {gated.interval.method.removeprefix('none: ')}"
    low, high = gated.interval.ends
    kind = "exact interval" if gated.interval.method.startswith("clopper-pearson") else "interval"
    within = (low, high)
    ends = f"{number_text(low, within=within)} to {number_text(high, within=within)}"
    interval = f"{confidence_text(gated.interval.confidence)} {kind} {ends}"
    evidence = f"{number_text(gated.value, within=within)} ({interval})"
    verdict = _by_interval(gated, threshold, acceptable_below=acceptable_below)
    if verdict is GateDecision.INCONCLUSIVE:
        return verdict, f"{evidence} does not settle {gate}{_what_would_settle(gated, threshold)}"
    return verdict, f"{evidence} {'meets' if verdict is GateDecision.GO else 'fails'} {gate}"


def _scored(n: int) -> str:
    return f"{count_text(n, 'example')} {'is' if n == 1 else 'are'} scored"


def _by_interval(gated: GatedValue, threshold: float, *, acceptable_below: bool) -> GateDecision:
    if gated.interval.ends is None:
        return GateDecision.INCONCLUSIVE
    low, high = gated.interval.ends
    if (high <= threshold) if acceptable_below else (low >= threshold):
        return GateDecision.GO
    if (low > threshold) if acceptable_below else (high < threshold):
        return GateDecision.NO_GO
    return GateDecision.INCONCLUSIVE


def _what_would_settle(gated: GatedValue, threshold: float) -> str:
    """How many more examples would, were the value to stay: the interval narrows with the root of their number."""
    from scipy.special import ndtri

    if gated.value is None or gated.interval.ends is None:
        return ""
    gap = abs(gated.value - threshold)
    if gap < ON_THRESHOLD:
        return ", and no number of examples would while the value equals the threshold"
    z = ndtri((1 + gated.interval.confidence) / 2)
    reach = (gated.interval.ends[1] - gated.interval.ends[0]) / 2 * (z + ndtri(POWER)) / z
    n_needed = gated.n * (reach / gap) ** 2
    if not is_worth_asking_for(n_needed, gated.n):
        return ", and the value is too close to the threshold for more examples to be worth it"
    n_more = n_needed - gated.n
    return f"; about {two_digits(n_more):,} more examples would" if n_more > 1 else ""
