"""From the opinions of a jury to one verdict. A jury that can't agree has none."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from eval_assets.config.scales import Scale
from eval_assets.judges.opinions import Opinion


def vote(opinions: Mapping[str, Opinion], rule: Literal["majority", "mean"], scale: Scale) -> Opinion:
    """The verdict of a jury on one output.

    More than half of all jurors have to give a score, under either rule; more than half have to give the same one for
    a majority. What the jurors cost stands in their own rows.

    Args:
        opinions: The opinion of each juror, by the juror's name.
        rule: `majority` of equal scores, or the `mean` of those given.
        scale: The scale of all jurors.

    >>> ballot = {"a": Opinion("ok", 4.0), "b": Opinion("ok", 4.0), "c": Opinion("ok", 1.0)}
    >>> from eval_assets.config.scales import IntegerScale
    >>> vote(ballot, "majority", IntegerScale()).score, vote(ballot, "mean", IntegerScale()).score
    (4.0, 3.0)
    """
    scores = {juror: given.score for juror, given in opinions.items() if given.score is not None}
    said = "; ".join(f"{juror}: {given.label or _shown(given)}" for juror, given in opinions.items())
    keys = [given.judgement_key for given in opinions.values() if given.judgement_key is not None]
    score: float | None = None
    outcome: str = "ok"
    reason: str | None = None
    if 2 * len(scores) <= len(opinions):
        failures = Counter(given.outcome for given in opinions.values() if given.score is None)
        outcome = failures.most_common(1)[0][0]
        reason = f"{len(scores)} of {len(opinions)} jurors gave a score, more than half are needed"
    elif rule == "mean":
        score = sum(scores.values()) / len(scores)
    else:
        favourite, count = Counter(scores.values()).most_common(1)[0]
        if 2 * count > len(opinions):
            score = favourite
        else:
            outcome, reason = "unparsed", "no score has the majority of the jurors"
    return Opinion(
        outcome,  # type: ignore[arg-type]
        score,
        label=scale.label_of(score) if score is not None and rule == "majority" else None,
        justification=said,
        reason=reason,
        method="vote",
        judgement_key=hashlib.sha256("\0".join(keys).encode()).hexdigest() if keys else None,
        request_keys=tuple(key for given in opinions.values() for key in given.request_keys),
        reused=all(given.reused for given in opinions.values()) if keys else None,
    )


def _shown(given: Opinion) -> str:
    return given.outcome if given.score is None else f"{given.score:g}"
