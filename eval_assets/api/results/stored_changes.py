"""What changed in the candidates of an evaluation since a former state, and what that did: frames and texts."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from eval_assets.reports.changes_report import CandidateChange, ChangesReport
from eval_assets.tables.change_tables import CHANGE_EFFECTS, PAIRED_SCORES
from eval_assets.tables.columns import CANDIDATE


@dataclass(frozen=True, eq=False)
class StoredChanges:
    """Each candidate beside a former state of itself; a notebook shows it as `eval-assets compare` prints it.

    Args:
        changes: All of it.
    """

    changes: ChangesReport = field(repr=False)

    def __repr__(self) -> str:
        """What `eval-assets compare` prints."""
        from eval_assets.reports.rendered.changes_text import changes_table

        return changes_table(self.changes)

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        from eval_assets.reports.rendered.changes_text import changes_markdown

        return "\n".join(changes_markdown(self.changes)) or repr(self)

    @cached_property
    def df(self) -> pl.DataFrame:
        """A row per candidate, metric and part of the change: the difference, its interval, better and worse rows."""
        rows = [row for change in self._candidates for row in change.effects]
        return _named(pl.DataFrame(rows, schema=CHANGE_EFFECTS))

    @cached_property
    def rows(self) -> pl.DataFrame:
        """A row per candidate, metric and example: its score before and now, and in which state the example is."""
        return _named(pl.concat([pl.DataFrame(schema=PAIRED_SCORES), *(change.pairs for change in self._candidates)]))

    @cached_property
    def causes(self) -> dict[str, list[str]]:
        """Candidate → what changed since, a sentence each; one without a former state is left out."""
        return {str(change.name): [cause.sentence for cause in change.causes] for change in self._candidates}

    @property
    def json(self) -> dict[str, Any]:
        """As `eval-assets compare --format json` prints it."""
        from eval_assets.reports.rendered.changes_json import changes_json

        return changes_json(self.changes)

    @property
    def _candidates(self) -> tuple[CandidateChange, ...]:
        return self.changes.with_former


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the candidate in one column instead of two."""
    return rows.select(CANDIDATE.alias("candidate"), pl.exclude("evaluation", "model", "prompt", "run_id"))
