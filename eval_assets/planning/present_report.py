"""The report of an evaluation as last computed, and in what it differs from the files as they stand."""

from dataclasses import replace

from eval_assets.errors import StorageError
from eval_assets.planning.staleness import StalenessReader
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.note import Note, Weight
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import cells_of
from eval_assets.stages.report_reading import read_report


def present_report(
    engine_room: EngineRoom, evaluation: str, *, whole: bool = False, texts: bool = True
) -> EvaluationReport:
    """Read it.

    Args:
        engine_room: Project and warehouse.
        evaluation: Its name.
        whole: Whether predictions come with the columns that no renderer shows.
        texts: Whether outputs and reasons come too.

    Raises:
        ConfigError: There is no such evaluation, or its file can't be used.
        StorageError: It was never computed.
    """
    engine_room.project.evaluation(evaluation)
    if engine_room.warehouse.last_commit("evaluations", {"evaluation": evaluation}) is None:
        raise StorageError(f"{evaluation} has no results yet: `eval-assets run {evaluation}` computes them")
    reader = StalenessReader(engine_room.project, engine_room.versions, engine_room.warehouse)
    report = read_report(engine_room, evaluation, whole=whole, texts=texts)
    replaced = reader.replaced(cells_of(engine_room.project, evaluation))
    said = tuple(Note(f"{line[0].upper()}{line[1:]}.", Weight.UNTRUSTED) for line in replaced)
    return replace(report, outdated=reader.outdated(evaluation), notes=(*said, *report.notes))
