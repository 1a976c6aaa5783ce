"""What is recorded with each written partition, so that staleness can be told from the warehouse alone."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eval_assets.storage.snapshots import Commit


@dataclass(frozen=True, slots=True)
class Written:
    """A partition after it was written.

    Args:
        data_version: Hash of its content.
        commit: The Delta commit that holds it.
        n_rows: Its rows.
        facts: What is worth showing about it, by name.
        shown: How it is shown, title → Markdown, where all that this takes was at hand; else whoever shows it reads it.
    """

    data_version: str
    commit: Commit
    n_rows: int
    facts: dict[str, Any] = field(default_factory=dict)
    shown: Mapping[str, str] | None = None


def provenance(
    *,
    run_id: str,
    data_version: str,
    code_version: str,
    inputs: Mapping[str, str],
    facts: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Commit metadata: who wrote it, what it is, and what it was made from.

    Args:
        run_id: The run that writes.
        data_version: Hash of the partition's content.
        code_version: Of the stage.
        inputs: Upstream partition, as `table/key`, → its data version.
        facts: Counts and sums of the rows, which are asked for when the rows themselves are long replaced.
    """
    recorded = {
        "run_id": run_id,
        "data_version": data_version,
        "code_version": code_version,
        "inputs": json.dumps(inputs, sort_keys=True),
    }
    return recorded if facts is None else {**recorded, "facts": json.dumps(facts, sort_keys=True)}


def inputs_recorded(commit: Commit) -> dict[str, str]:
    """Upstream partition, as `table/key`, → the data version it had when this commit was made."""
    recorded: dict[str, str] = json.loads(commit.metadata.get("inputs", "{}"))
    return recorded


def facts_recorded(commit: Commit) -> dict[str, Any]:
    """Counts and sums of the rows of a partition when this commit was made; empty where none were recorded."""
    recorded: dict[str, Any] = json.loads(commit.metadata.get("facts", "{}"))
    return recorded
