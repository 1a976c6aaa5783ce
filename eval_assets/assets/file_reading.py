"""Reading files of `data/` as Dagster records it: a materialization per partition, each with its own data version."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from eval_assets.assets.metadata import result
from eval_assets.assets.plain_failures import said_plainly
from eval_assets.checking.references import refuse_broken_references
from eval_assets.names import Names
from eval_assets.stages.edges import compute, part_versions
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.evaluation_parts import part_key
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import STAGES

READ_OP = "read"
VERSION_TAG = "dagster/data_version"


def reading_config(names: Names, files: Sequence[str]) -> dict[str, Any]:
    """Run configuration of the job `read_files`.

    Args:
        names: What the job's op is called.
        files: As `table/name`.
    """
    return {"ops": {names.of(READ_OP): {"config": {"files": list(files)}}}}


def read_file(
    engine_room: EngineRoom, names: Names, table: str, name: str, *, run_id: str
) -> list[dg.AssetMaterialization]:
    """Read one file into its table. Reading an evaluation brings all its parts up to date.

    Args:
        engine_room: Project and warehouse.
        names: What the table's asset is called.
        table: Table of a kind of files.
        name: The file.
        run_id: The run that reads.

    Raises:
        dagster.Failure: The file can't be used; its table keeps what it held.
    """
    with said_plainly(engine_room.warehouse):
        if table == "evaluations":
            refuse_broken_references(engine_room.project, name, engine_room.versions.metrics)
        written = compute(engine_room, table, name, Spending(), run_id=run_id)
        shown = STAGES[table].preview(engine_room, name)
        versions = {name: written.data_version}
        if table == "evaluations":
            parts = part_versions(engine_room.versions, name)
            versions = {part_key(name, part): sha256 for part, sha256 in parts.items()}
    metadata = result(written, shown).metadata
    return [
        dg.AssetMaterialization(
            names.key(table),
            partition=key,
            metadata=metadata or {},
            tags={VERSION_TAG: sha256, f"{VERSION_TAG}_is_user_provided": "true"},
        )
        for key, sha256 in versions.items()
    ]
