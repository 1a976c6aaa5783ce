"""The expected score over the probabilities of the score token (G-Eval): finer than the score that was drawn."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.config.scales import Scale

SCORE_PARAMETERS = {"logprobs": True, "top_logprobs": 20}
LEAST_MASS = 0.5
STATED_SCORE = re.compile(r'"score"\s*:\s*"?(\d)', re.IGNORECASE)


def expected_score(logprobs: Sequence[Mapping[str, Any]] | None, scale: Scale) -> float:
    """Mean of the scale's digits, weighted by the probability of each at the place of the score.

    Args:
        logprobs: One entry per token of a JSON reply: `token` and `top_logprobs`, a list of `token` and `logprob`.
        scale: An integer scale within 0 to 9.

    Raises:
        ValueError: There are no probabilities, no score token, or the scale's digits have less than half of the mass.

    >>> four_or_five = [{"token": "4", "logprob": math.log(0.75)}, {"token": "5", "logprob": math.log(0.25)}]
    >>> tokens = [{"token": '{"score": '}, {"token": "4", "top_logprobs": four_or_five}, {"token": "}"}]
    >>> from eval_assets.config.scales import IntegerScale
    >>> round(expected_score(tokens, IntegerScale()), 12)
    4.25
    """
    if not logprobs:
        raise ValueError("the endpoint sent no log-probabilities; take expected_value from the judge, or another model")
    texts = [str(entry["token"]) for entry in logprobs]
    stated = list(STATED_SCORE.finditer("".join(texts)))
    if not stated:
        raise ValueError("expected a token with the score in a JSON reply")
    place = _token_at(texts, stated[-1].start(1))
    masses: dict[int, float] = {}
    low, high = scale.bounds
    for entry in logprobs[place].get("top_logprobs") or ():
        digit = str(entry["token"]).strip(' "')
        if re.fullmatch(r"[0-9]", digit) and low <= int(digit) <= high:
            masses[int(digit)] = masses.get(int(digit), 0.0) + math.exp(float(entry["logprob"]))
    total = sum(masses.values())
    if total < LEAST_MASS:
        found = json.dumps({str(digit): round(mass, 3) for digit, mass in sorted(masses.items())})
        raise ValueError(f"expected the scores to hold half of the probability or more, got {found}")
    return sum(digit * mass for digit, mass in masses.items()) / total


def _token_at(texts: Sequence[str], offset: int) -> int:
    end = 0
    for place, text in enumerate(texts):
        end += len(text)
        if offset < end:
            return place
    raise ValueError("expected a token with the score in a JSON reply")
