"""What each partition is made from, and what is made from it: derived from the table of stages."""

from collections.abc import Collection

from eval_assets.config.project import Project
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.evaluation_parts import EvaluationContent, part_key
from eval_assets.stages.file_versions import FILES_OF, FileVersions
from eval_assets.stages.graph import Cell, Place, WholeEvaluation, all_cells, evaluation_name, parse_cell
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage import Computation
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS, STAGES
from eval_assets.storage.writing import Written


def place_of(table: str, key: str) -> Place:
    """The place of a partition of a stage that computes."""
    return parse_cell(key) if STAGES[table].unit == "cell" else WholeEvaluation(key)


def upstream_of(project: Project, table: str, key: str) -> dict[str, list[str]]:
    """Partitions that a partition is made from: table → keys, perhaps none; nothing for a file."""
    return {} if table in FILES else STAGES[table].upstream(project, place_of(table, key))


def partition_keys(project: Project) -> dict[str, tuple[str, ...]]:
    """Table → its partitions, of everything that `data/` declares."""
    evaluations = project.names("evaluations")
    cells = tuple(cell.key for cell in all_cells(project))
    readers = [table for table, stage in STAGES.items() if stage.reads is not None]
    return {
        **{table: tuple(project.names(FILES_OF[table])) for table in FILES},
        "evaluations": tuple(part_key(name, table) for name in evaluations for table in readers),
        **dict.fromkeys(OF_CELLS, cells),
        **dict.fromkeys(OF_EVALUATIONS, tuple(evaluations)),
    }


def file_of(table: str, key: str) -> str:
    """The file that a partition of a table of files is read from: of an evaluation each part is a partition."""
    return evaluation_name(key) if table == "evaluations" else key


def compute(room: EngineRoom, table: str, key: str, spending: Spending, *, run_id: str) -> Written:
    """Compute one partition and write it.

    Raises:
        EvalAssetsError: As the stage does; the former rows stay.
    """
    upstream = upstream_of(room.project, table, key)
    return STAGES[table].compute(Computation(room, table, key, upstream, spending, run_id))


def part_versions(versions: FileVersions, evaluation: str) -> dict[str, str]:
    """Table of each stage that reads an evaluation → data version of the part it reads, of the file as it stands."""
    content = EvaluationContent.of(versions.version("evaluations", evaluation).content)
    return {table: content_sha256(stage.reads(content)) for table, stage in STAGES.items() if stage.reads is not None}


def files_below(project: Project, place: Place) -> set[tuple[str, str]]:
    """Table and name of every file a cell is made from; of an evaluation as a whole its own, since it joins cells."""
    if isinstance(place, WholeEvaluation):
        return {("evaluations", place.evaluation)}
    return {
        (upstream, key)
        for table in OF_CELLS
        for upstream, keys in STAGES[table].upstream(project, place).items()
        if upstream in FILES
        for key in keys
    }


def with_downstream(project: Project, place: Place, stale: Collection[str], rewritten: Collection[str]) -> set[str]:
    """Of a place's tables those that are stale, and those made from what will be written anew.

    Args:
        project: The files as they stand.
        place: A cell, or an evaluation as a whole.
        stale: Tables of the place that are stale by themselves.
        rewritten: Partitions, as `table/key`, that will be written before.
    """
    unit = "cell" if isinstance(place, Cell) else "evaluation"
    chosen, written = set(stale), set(rewritten)
    for table, stage in STAGES.items():  # upstream first
        if stage.unit != unit:
            continue
        made_from = {f"{upstream}/{key}" for upstream, keys in stage.upstream(project, place).items() for key in keys}
        if table in chosen or made_from & written:
            chosen.add(table)
            written.add(f"{table}/{place.key}")
    return chosen
