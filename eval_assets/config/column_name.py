"""What a column of the grid is called: a candidate, of another evaluation or a former state where it says so."""

import re
from dataclasses import dataclass
from typing import Self

from eval_assets.config.candidate import Candidate
from eval_assets.errors import ConfigError

FORM = "[evaluation:]model@prompt[~state]"
_NAME = re.compile(r"(?:(?P<evaluation>[^:@~]+):)?(?P<candidate>[^:@~]+@[^:@~]+)(?:~(?P<state>.+))?")


@dataclass(frozen=True, slots=True)
class ColumnName:
    """What the name of a column means.

    Args:
        candidate: Whose answers.
        evaluation: Of which evaluation; empty: of the one that is looked at.
        state: Of which state, in a form that `eval-assets compare --since` takes; empty: the present one.

    >>> ColumnName.parsed("support:gpt@brief~2026-11-20")
    ColumnName(candidate='gpt@brief', evaluation='support', state='2026-11-20')
    """

    candidate: Candidate
    evaluation: str = ""
    state: str = ""

    @classmethod
    def parsed(cls, text: str) -> Self:
        """Read a name; raises ConfigError for a text of another form."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise ConfigError(f"expected a column {FORM}, got {text!r:.120}")
        return cls(Candidate(found["candidate"]), found["evaluation"] or "", found["state"] or "")

    def __str__(self) -> str:
        """As it stands in files and addresses."""
        before = f"{self.evaluation}:" if self.evaluation else ""
        return f"{before}{self.candidate}{f'~{self.state}' if self.state else ''}"
