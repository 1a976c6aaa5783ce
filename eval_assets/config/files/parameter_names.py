"""Sampling parameters that servers agree on, the values they take, and names that were meant to be one of them.

Unknown ones are left alone: servers have parameters of their own.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

CLOSE = 0.85


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers within bounds, both included."""

    low: float
    high: float = math.inf
    whole: bool = False

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value; null if nothing is.

        >>> Numbers(1, whole=True).fault(-5), Numbers(0, 2).fault("low"), Numbers(0, 2).fault(0.7)
        ('expected a whole number from 1, got -5', "expected a number from 0 to 2, got 'low'", None)
        """
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and self.low <= value <= self.high and not (self.whole and value != int(value)):
            return None
        kind = "a whole number" if self.whole else "a number"
        upto = "" if math.isinf(self.high) else f" to {self.high:,}"
        hint = "; write the number without quotes, and with a dot as in 1.0e-3" if _looks_like_a_number(value) else ""
        return f"expected {kind} from {self.low:,}{upto}, got {value!r:.80}{hint}"


@dataclass(frozen=True, slots=True)
class Types:
    """Values of certain types."""

    types: tuple[type, ...]
    said: str

    def fault(self, value: Any) -> str | None:
        """What is wrong with a value; null if nothing is."""
        return None if isinstance(value, self.types) else f"expected {self.said}, got {value!r:.80}"


TOKENS = Numbers(1, 10_000_000, whole=True)
TEXT = Types((str,), "text")
OBJECT = Types((dict,), "a mapping")

KNOWN_PARAMETERS: Mapping[str, Numbers | Types] = MappingProxyType(
    {
        "temperature": Numbers(0, 2),
        "top_p": Numbers(0, 1),
        "top_k": Numbers(-1, whole=True),
        "min_p": Numbers(0, 1),
        "max_tokens": TOKENS,
        "max_completion_tokens": TOKENS,
        "max_new_tokens": TOKENS,
        "min_tokens": Numbers(0, whole=True),
        "min_new_tokens": Numbers(0, whole=True),
        "seed": Numbers(-(2**63), 2**63 - 1, whole=True),
        "stop": Types((str, list), "text or a list of texts"),
        "frequency_penalty": Numbers(-2, 2),
        "presence_penalty": Numbers(-2, 2),
        "repetition_penalty": Numbers(0),
        "logit_bias": OBJECT,
        "logprobs": Types((bool, int), "true or false"),
        "top_logprobs": Numbers(0, 20, whole=True),
        "response_format": OBJECT,
        "reasoning_effort": TEXT,
        "tools": Types((list,), "a list of tools"),
        "tool_choice": Types((str, dict), "text or a mapping"),
        "user": TEXT,
    }
)
"""Name → the values it takes; null stands for the server's default everywhere."""

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_new_tokens")

BY_PROJECT = MappingProxyType(
    {
        "model": "the field `model` names it; a model is a file of its own, so that each has its replies and prices",
        "models": "another model would answer under this one's name; each model is a file of its own",
        "messages": "they are rendered from the prompt file",
        "prompt": "messages are rendered from the prompt file",
        "input": "messages are rendered from the prompt file",
        "stream": "write `stream: true` beside `parameters`",
        "stream_options": "write `stream: true` beside `parameters`, which asks for the usage, too",
        "n": "one reply is read of each request; ask for several with `samples` in the evaluation or judge file",
        "best_of": "replies that are paid and thrown away aren't counted; ask for them with `samples`",
        "timeout": "write `limits: {timeout_seconds: …}`",
        "max_retries": "write `limits: {max_retries: …}`",
        "extra_body": "write what it holds under `parameters` itself",
        "extra_query": "write `query` beside `parameters`",
        "extra_headers": "write `headers_env` beside `parameters`: header name → name of an environment variable",
        "headers": "write `headers_env` beside `parameters`: header name → name of an environment variable",
        "base_url": "it stands beside `parameters`",
        "api_base": "write `base_url` beside `parameters`",
    }
)
"""Parameters that would change what is asked, or what it costs, behind the project's back → what to do instead."""

HARMLESS = MappingProxyType({"n": 1, "best_of": 1, "stream": False})
"""Values with which those ask for nothing else."""


def meant_parameter(name: str) -> str | None:
    """The common parameter that was meant by a name; null if it is one, or is like none.

    >>> meant_parameter("temprature"), meant_parameter("topP"), meant_parameter("typical_p"), meant_parameter("seed")
    ('temperature', 'top_p', None, None)
    """
    if name in KNOWN_PARAMETERS or name in BY_PROJECT:
        return None
    letters = {_letters(known): known for known in KNOWN_PARAMETERS}
    close = difflib.get_close_matches(_letters(name), letters, n=1, cutoff=CLOSE)
    return letters[close[0]] if close else None


def _looks_like_a_number(value: Any) -> bool:
    """Whether a text is a number in quotes, or in a form that YAML takes for text.

    >>> _looks_like_a_number("1e-3"), _looks_like_a_number("low"), _looks_like_a_number(3)
    (True, False, False)
    """
    return isinstance(value, str) and bool(re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?", value.strip(), re.IGNORECASE))


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
