"""One thing that changed between two states of a candidate, as tables keep it and as people read it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

Reaches = Literal["answers", "scoring", "rows"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that changed.

    Args:
        what: prompt, model, judge, metric, dataset, evaluation or computation.
        name: Which.
        sentence: The change in a line.
        reaches: Whether it changes what is answered, how answers are scored, or which rows there are.
        before: Its version in the former state, where it has one.
        after: Its version now.
        diff: Changed lines of the file, `-` before and `+` now.
    """

    what: str
    name: str
    sentence: str
    reaches: Reaches
    before: int | None = None
    after: int | None = None
    diff: tuple[str, ...] = ()


def causes_json(causes: Iterable[Cause]) -> str:
    """Causes as a table keeps them."""
    return json.dumps([asdict(cause) for cause in causes], ensure_ascii=False)


def causes_of_json(text: str) -> tuple[Cause, ...]:
    """Causes as a table kept them."""
    return tuple(Cause(**{**cause, "diff": tuple(cause["diff"])}) for cause in json.loads(text))
