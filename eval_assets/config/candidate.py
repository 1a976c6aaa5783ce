"""A candidate: one model with one prompt. Everywhere it is the text `model@prompt`, and it is cut here."""

from collections.abc import Mapping
from typing import Any, Self


class Candidate(str):
    """The text `model@prompt`, which names a candidate in files, tables and reports.

    >>> candidate = Candidate("gpt-4o@concise")
    >>> candidate.model, candidate.prompt, candidate == Candidate.of("gpt-4o", "concise")
    ('gpt-4o', 'concise', True)
    """

    __slots__ = ()

    @classmethod
    def of(cls, model: str, prompt: str) -> Self:
        """The candidate of a model and a prompt."""
        return cls(f"{model}@{prompt}")

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """The candidate that a row with the columns `model` and `prompt` is about."""
        return cls.of(row["model"], row["prompt"])

    @property
    def columns(self) -> dict[str, str]:
        """The two as values of columns."""
        return {"model": self.model, "prompt": self.prompt}

    @property
    def model(self) -> str:
        """Name of its model; empty where the text is no candidate."""
        return self.partition("@")[0]

    @property
    def prompt(self) -> str:
        """Name of its prompt; empty where the text is no candidate."""
        return self.partition("@")[2]


def cell_key(row: Mapping[str, Any]) -> str:
    """The cell of a row, with an evaluation, a model and a prompt, as its assets call it: `evaluation:model@prompt`."""
    return f"{row['evaluation']}:{Candidate.of_row(row)}"
