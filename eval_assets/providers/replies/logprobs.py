"""How sure a model was of a reply, from the log probabilities of its tokens."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.requests.foreign_values import finite_number


def mean_logprob(tokens: Sequence[Mapping[str, Any]] | None) -> float | None:
    """Mean natural log probability of the tokens of a reply; null where none is known, or one isn't a number.

    >>> mean_logprob([{"token": "Pa", "logprob": -0.5}, {"token": "ris", "logprob": -0.1}]), mean_logprob(None)
    (-0.3, None)
    """
    if not tokens:
        return None
    values = [token.get("logprob") if isinstance(token, Mapping) else None for token in tokens]
    known = [value for value in values if isinstance(value, int | float) and finite_number(value) is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None
