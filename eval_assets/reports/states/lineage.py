"""From the commit of an aggregate report back to the commits and files it was made from. Rows are not read here."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from eval_assets.config.candidate import Candidate, cell_key
from eval_assets.storage.snapshots import Commit
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded

DESCRIBED = "aggregate_reports"
COMPUTED = (DESCRIBED, "heuristic_metrics", "judge_scores", "predictions")
"""Tables of cells, each made from those after it."""


@dataclass(frozen=True, slots=True)
class ComputedState:
    """A candidate at the versions of everything its scores were made from, when it first was.

    Args:
        cell: Evaluation, model and prompt.
        state: Data version of its aggregate report.
        commits: Table → the commit that holds its part of the state; a table whose commits are lost is left out.
        made_from: File, as `table/name`, → its data version.
        is_current: Whether the tables hold this state now.
        later: Commits that brought the state back after others, newest first.
    """

    cell: Mapping[str, str]
    state: str
    commits: Mapping[str, Commit]
    made_from: Mapping[str, str]
    is_current: bool
    later: Sequence[Commit] = ()

    @property
    def candidate(self) -> Candidate:
        """`model@prompt`."""
        return Candidate.of_row(self.cell)

    @property
    def key(self) -> str:
        """The cell as its assets call it: `evaluation:model@prompt`."""
        return cell_key(self.cell)

    @property
    def run_id(self) -> str:
        """The run that computed it."""
        return self.commits[DESCRIBED].metadata["run_id"]

    @property
    def run_ids(self) -> list[str]:
        """Every run that computed a part of it, and those that computed it again."""
        return list(dict.fromkeys(commit.metadata["run_id"] for commit in (*self.commits.values(), *self.later)))

    @property
    def own_commits(self) -> Iterator[Commit]:
        """Commits of the run that computed it; what it found as it had to be was committed by earlier runs."""
        return (commit for commit in self.commits.values() if commit.metadata["run_id"] == self.run_id)


def computed_states(warehouse: Warehouse, evaluations: Collection[str] | None = None) -> list[ComputedState]:
    """Every state of every candidate, the one computed last first.

    A state that was computed again, because a file was changed and changed back, is one state.

    Args:
        warehouse: The tables.
        evaluations: Of these alone; null: all that were ever computed.
    """
    wanted = None if evaluations is None else set(evaluations)
    described: dict[tuple[str, str], list[Commit]] = {}
    for commit in warehouse.history(DESCRIBED):
        if "partition" in commit.metadata and (wanted is None or values_of(commit)["evaluation"] in wanted):
            state = (commit.metadata["partition"], commit.metadata["data_version"])
            described[state] = [*described.pop(state, []), commit]  # the last one to be put in place is its first
    commits = _Commits(warehouse, COMPUTED[1:])
    current = {commit.version for commit in warehouse.last_commits(DESCRIBED).values()}
    return [_state_of(found, commits, current) for found in described.values()]


def committed_at(commit: Commit) -> datetime:
    """When a commit was made, UTC."""
    return datetime.fromtimestamp(float(commit.metadata["timestamp"]) / 1000, UTC)


class _Commits:
    """The commits of some tables by what they hold.

    Args:
        warehouse: The tables.
        tables: Whose.
    """

    def __init__(self, warehouse: Warehouse, tables: Collection[str]) -> None:
        self._of: defaultdict[tuple[str, str], list[Commit]] = defaultdict(list)
        for table in tables:
            for commit in warehouse.history(table):
                if "partition" in commit.metadata:
                    place = f"{table}/{cell_key(values_of(commit))}"
                    self._of[place, commit.metadata["data_version"]].append(commit)
        for found in self._of.values():
            found.reverse()

    def seen_by(self, commit: Commit, place: str, data_version: str) -> Commit | None:
        """What a commit was made from: the newest that was there and holds the data version, as empty tables share one.

        Args:
            commit: What was made.
            place: From which partition, as `table/key`.
            data_version: Which it had.
        """
        found = self._of.get((place, data_version), [])
        n_before = bisect_right(found, committed_at(commit), key=committed_at)
        return found[n_before - 1] if n_before else None


def _state_of(computed: Sequence[Commit], commits: _Commits, current: Collection[int]) -> ComputedState:
    """The state that some commits hold, newest first."""
    *later, described = computed
    found, left = {DESCRIBED: described}, [described]
    made_from: dict[str, str] = {}
    while left:
        commit = left.pop()
        for place, data_version in inputs_recorded(commit).items():
            table, _, _ = place.partition("/")
            if table not in COMPUTED:
                made_from.setdefault(place, data_version)
            elif table not in found and (upstream := commits.seen_by(commit, place, data_version)) is not None:
                found[table] = upstream
                left.append(upstream)
    is_current = any(commit.version in current for commit in computed)
    return ComputedState(
        values_of(described), described.metadata["data_version"], found, made_from, is_current, tuple(later)
    )


def values_of(commit: Commit) -> dict[str, str]:
    """Values of the partition columns."""
    return dict(part.split("=", 1) for part in commit.metadata["partition"].split("/"))
