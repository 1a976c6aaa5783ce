"""Sampling parameters that are a slip of the pen. Unknown ones are left alone: servers have parameters of their own."""

import difflib
from collections.abc import Iterator
from typing import Any

from eval_assets.config.problems import Problem, field_path, line_of
from eval_assets.config.project import Loaded

KNOWN_PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "max_new_tokens",
    "min_tokens",
    "min_new_tokens",
    "seed",
    "stop",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "reasoning_effort",
    "tools",
    "tool_choice",
    "user",
)
CLOSE = 0.85


def parameter_problems(loaded: Loaded[Any]) -> Iterator[Problem]:
    """Parameters of a model or judge file that look like a mistyped common one."""
    for name in loaded.item.file.parameters:
        meant = meant_parameter(name)
        if meant is not None:
            place = ("parameters", name)
            said = f"expected a sampling parameter, got {name!r}; did you mean {meant!r}?"
            yield Problem(loaded.file, said, line_of(place, loaded.lines), field_path(place))


def meant_parameter(name: str) -> str | None:
    """The common parameter that was meant by a name; null if it is one, or is like none.

    >>> meant_parameter("temprature"), meant_parameter("topP"), meant_parameter("min_p"), meant_parameter("seed")
    ('temperature', 'top_p', None, None)
    """
    if name in KNOWN_PARAMETERS:
        return None
    letters = {_letters(known): known for known in KNOWN_PARAMETERS}
    close = difflib.get_close_matches(_letters(name), letters, n=1, cutoff=CLOSE)
    return letters[close[0]] if close else None


def _letters(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
