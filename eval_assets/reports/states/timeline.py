"""The states of one candidate in the order in which it was in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eval_assets.reports.states.lineage import DESCRIBED, ComputedState, committed_at
from eval_assets.storage.snapshots import Commit

ROW_TABLES = ("predictions", "heuristic_metrics", "judge_scores")
"""Tables that hold the rows of a state."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A time during which a candidate was in a state; a state that came back has several.

    Args:
        state: The state.
        commits: What put it in place, and then left it as it was, oldest first.
    """

    state: ComputedState
    commits: tuple[Commit, ...]

    @property
    def began_at(self) -> datetime:
        """When the state was put in place, UTC."""
        return committed_at(self.commits[0])

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs that computed it then."""
        return tuple(dict.fromkeys(commit.metadata["run_id"] for commit in self.commits))


def timeline(states: Iterable[ComputedState]) -> list[Visit]:
    """The states of one candidate, oldest first.

    Args:
        states: Of one cell, in any order.
    """
    placed = [(commit, state) for state in states for commit in (state.commits[DESCRIBED], *state.later)]
    visits: list[Visit] = []
    for commit, state in sorted(placed, key=lambda pair: pair[0].version):
        if visits and visits[-1].state.state == state.state:
            visits[-1] = Visit(state, (*visits[-1].commits, commit))
        else:
            visits.append(Visit(state, (commit,)))
    return visits


def row_versions(state: ComputedState) -> dict[str, str]:
    """Table → data version of the rows of a state; a table it has no part in is left out."""
    return {table: state.commits[table].metadata["data_version"] for table in ROW_TABLES if table in state.commits}
