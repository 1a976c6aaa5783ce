"""Opinions that were formed elsewhere: recorded verdicts and preferences, read on a judge's scale. Nobody is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eval_assets.config.candidate import Candidate
from eval_assets.config.judge import JudgeFile
from eval_assets.config.scales import Scale
from eval_assets.judges.asking import Conversation
from eval_assets.judges.opinions import Opinion, no_opinion, with_exchange
from eval_assets.judges.replies.objects import loaded
from eval_assets.judges.replies.stated_values import value_on
from eval_assets.judges.replies.verdicts import parse_verdict
from eval_assets.requests.exchange import Request
from eval_assets.statistics.judging.preferences import TIE

METHOD = "recorded"
TIE_WORDS = frozenset({"tie", "tied", "draw", "equal", "both", "neither"})


def side_of(preference: float) -> Literal["a", "b", "tie"]:
    """Which side is preferred.

    >>> side_of(0.51), side_of(0.5)
    ('a', 'tie')
    """
    return "tie" if preference == TIE else "a" if preference > TIE else "b"


@dataclass(frozen=True, slots=True)
class Preference:
    """How far a candidate was preferred to another.

    Args:
        opinion: The exchange, and why there is no preference if there is none.
        in_order: From 0, the opponent is better, to 1; null if it wasn't recorded with the candidate named first.
        in_reverse: Likewise, recorded with the opponent named first.
    """

    opinion: Opinion
    in_order: float | None = None
    in_reverse: float | None = None

    @property
    def value(self) -> float | None:
        """Mean over both orders, a tie where they prefer different sides; null without any."""
        known = [value for value in (self.in_order, self.in_reverse) if value is not None]
        if len({side_of(value) for value in known}) > 1:
            return TIE
        return sum(known) / len(known) if known else None


def recorded_opinion(judge: JudgeFile, prediction: Mapping[str, Any], *, draw: int) -> Conversation[Opinion]:
    """The recorded verdict on a prediction, as a conversation of one request.

    Args:
        judge: A judge whose model is of provider `recorded`.
        prediction: A row with the columns of `predictions`.
        draw: Which of several verdicts; a file holds the first alone.
    """
    answer = yield Request(
        messages=(),
        sample_index=max(draw, prediction["sample_index"]),
        columns={"example_id": prediction["example_id"], "candidate": Candidate.of_row(prediction)},
    )
    said = answer.reply
    read = no_opinion(said) if said.outcome != "ok" else _verdict(loaded(said.output or ""), judge.scale)
    return with_exchange(read, [answer], ())


def recorded_preference(judge: JudgeFile, a: Mapping[str, Any], b: Mapping[str, Any]) -> Conversation[Preference]:
    """Which of two predictions was preferred, as a conversation of one request.

    A verdict is the name of a candidate, `tie`, or a value on the judge's scale, whose lowest value says that the
    opponent is better and whose highest that the candidate is: 0 and 1 for probabilities.

    Args:
        judge: A judge whose model is of provider `recorded`.
        a: The candidate's row, with the columns of `predictions`.
        b: The opponent's.
    """
    first, second = Candidate.of_row(a), Candidate.of_row(b)
    answer = yield Request(
        messages=(),
        sample_index=a["sample_index"],
        columns={"example_id": a["example_id"], "candidate": first, "opponent": second},
    )
    if answer.reply.outcome != "ok":
        return Preference(with_exchange(no_opinion(answer.reply), [answer], ()))
    said = loaded(answer.reply.output or "")
    try:
        in_order = _preference(said["verdict"], judge.scale, first, second) if "verdict" in said else None
        swapped = said.get("in_reverse")
        in_reverse = None if swapped is None else 1 - _preference(swapped["verdict"], judge.scale, second, first)
    except ValueError as error:
        return Preference(with_exchange(Opinion("unparsed", reason=str(error), method=METHOD), [answer], ()))
    reason = said.get("justification") or (swapped or {}).get("justification")
    read = Opinion("ok", justification=reason, method=METHOD)
    return Preference(with_exchange(read, [answer], ()), in_order, in_reverse)


def _verdict(said: Mapping[str, Any], scale: Scale) -> Opinion:
    """A recorded verdict on the scale: its number, its label, the score of a label, or a judge's whole reply."""
    value, reason = said["verdict"], said.get("justification")
    try:
        score = _score(value, scale)
    except ValueError as error:
        parsed = parse_verdict(value, scale) if isinstance(value, str) else None
        if parsed is None or parsed.outcome != "ok":
            return Opinion("unparsed", reason=f"recorded verdict: {error}", justification=reason, method=METHOD)
        return Opinion("ok", parsed.score, parsed.label, reason or parsed.justification, method=METHOD)
    return Opinion("ok", score, scale.label_of(score), reason, method=METHOD)


def _score(value: Any, scale: Scale) -> float:
    """The score of a recorded value.

    Raises:
        ValueError: It is not on the scale.
    """
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    if scale.label_scores and not isinstance(value, bool) and str(value) not in scale.label_scores:
        try:
            scale.label_of(float(value))
        except (TypeError, ValueError):
            return scale.score_of(value_on(scale, value))
        return float(value)
    return scale.score_of(value_on(scale, value))


def _preference(value: Any, scale: Scale, candidate: Candidate, opponent: Candidate) -> float:
    """How far a recorded value prefers the candidate, from 0 to 1.

    Raises:
        ValueError: It names neither side and is not on the scale.
    """
    if isinstance(value, str):
        named = value.strip()
        sides = [preference for name, preference in ((candidate, 1.0), (opponent, 0.0)) if named in (name, name.model)]
        if len(sides) == 1:
            return sides[0]
        if named.casefold() in TIE_WORDS:
            return TIE
    low, high = scale.bounds
    try:
        return (_score(value, scale) - low) / (high - low)
    except ValueError as error:
        raise ValueError(
            f"recorded preference: expected {candidate!r}, {opponent!r}, 'tie' or a value on the scale: {error}"
        ) from None
