"""A place in a reply that states a verdict."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Candidate:
    """One stated verdict.

    Args:
        value: A number or a label of the scale; null if there is a problem.
        problem: What is wrong with the value.
        is_final: The reply announces it as its final verdict.
        method: Whether it stood in a JSON object or on a line of text.
        justification: The reason given beside it.
    """

    value: float | str | None
    problem: str | None
    is_final: bool
    method: Literal["json", "text"]
    justification: str | None = None
