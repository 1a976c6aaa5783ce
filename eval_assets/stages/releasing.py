"""Marking the present state of candidates as released: kept for ever, with who marked it and when."""

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime

import polars as pl

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError, StorageError
from eval_assets.reports.states.lineage import computed_states
from eval_assets.reports.states.timeline import row_versions
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.change_tables import RELEASES

NAME = re.compile(r"(?!v\d+$|previous$|first$|released$|\d{4}-\d{2}-\d{2})[A-Za-z0-9][A-Za-z0-9._-]*")


def release(
    warehouse: Warehouse,
    evaluation: str,
    candidates: Collection[str],
    *,
    name: str | None,
    released_by: str,
    note: str,
    verdict: str,
) -> pl.DataFrame:
    """Mark the present state of candidates. Returns the rows that were added.

    Args:
        warehouse: The tables.
        evaluation: Its name.
        candidates: `model@prompt`, at least one.
        name: What the state is called from now on; null: r1, r2 and so on.
        released_by: Who marks it.
        note: Why.
        verdict: What the gates of the evaluation say.

    Raises:
        ConfigError: The name is taken, or means something else.
        StorageError: A candidate was never computed.
    """
    before = released(warehouse, evaluation)
    chosen = name or _next_name(before)
    if not NAME.fullmatch(chosen):
        raise ConfigError(
            f"expected a name for a release of letters, digits, dots and dashes that is no version, day, 'previous', "
            f"'first' or 'released', got {chosen!r}"
        )
    if chosen in before["release"]:
        raise ConfigError(
            f"{evaluation} has a release {chosen!r} already; releases are only ever added, choose another name"
        )
    states = {str(state.candidate): state for state in computed_states(warehouse, [evaluation]) if state.is_current}
    if absent := [candidate for candidate in candidates if candidate not in states]:
        raise StorageError(f"{evaluation}:{absent[0]} was never computed: `eval-assets run {evaluation}` does it")
    now = datetime.now(UTC)
    rows = [
        {
            **states[candidate].cell,
            "release": chosen,
            "state": states[candidate].state,
            "released_at": now,
            "released_by": released_by,
            "note": note,
            "verdict": verdict,
            "versions": json.dumps(row_versions(states[candidate])),
        }
        for candidate in candidates
    ]
    added = pl.DataFrame(rows, schema=RELEASES)
    warehouse.append("releases", added, {"released_by": released_by})
    return added


def released(warehouse: Warehouse, evaluation: str) -> pl.DataFrame:
    """Releases of an evaluation, the oldest first: rows of the table `releases`."""
    return warehouse.scan("releases", {"evaluation": evaluation}).sort("released_at", maintain_order=True).collect()


def releases_version(warehouse: Warehouse, evaluation: str) -> str:
    """Names the releases there are of an evaluation; another one names them otherwise."""
    rows = released(warehouse, evaluation)
    return f"{rows.height} {rows['released_at'].max()!s}"


def chosen_candidates(known: Collection[str], wanted: Collection[str]) -> list[str]:
    """The candidates that are meant, all without a choice.

    Raises:
        ConfigError: There is no such candidate.
    """
    for candidate in wanted:
        if candidate not in known:
            raise ConfigError(
                f"expected a candidate of {', '.join(known)}, got {candidate!r}; {nearest(candidate, known)}"
            )
    return [candidate for candidate in known if not wanted or candidate in wanted]


def _next_name(before: pl.DataFrame) -> str:
    taken = set(before["release"])
    return next(name for number in range(1, len(taken) + 2) if (name := f"r{number}") not in taken)
