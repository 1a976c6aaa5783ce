"""Computing an evaluation by the stages of the pipeline, without Dagster: the same keys, tables and replies."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import polars as pl

from eval_assets.api.project_choice import opened_warehouse
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.planning.plan import roots_of
from eval_assets.planning.staleness import StalenessReader
from eval_assets.providers.traits import provider_of
from eval_assets.stages.asking_ahead import AskingAhead
from eval_assets.stages.edges import compute, with_downstream
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, Place, WholeEvaluation, all_judges_of, cells_of
from eval_assets.stages.place_asking import Asked, lanes_asked
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import OF_CELLS, OF_EVALUATIONS, STAGES

PAID = tuple(table for table, stage in STAGES.items() if stage.pays)


@dataclass(frozen=True, slots=True)
class Sent:
    """What computing an evaluation sent.

    Args:
        run_id: Under which tables name it.
        n_sent: Requests that were sent.
        n_reused: Replies that were at hand.
        cost_usd: Of what was sent; null where no price is known.
    """

    run_id: str
    n_sent: int
    n_reused: int
    cost_usd: float | None


@contextmanager
def opened_room(settings: Settings, project: Project) -> Iterator[EngineRoom]:
    """Servers, stores and engines over a project in memory, closed at the end."""
    warehouse = opened_warehouse(settings)
    with EngineRoom(project=project, warehouse=warehouse, state_dir=settings.state_dir, writes_pages=False) as room:
        yield room


def compute_evaluation(room: EngineRoom, name: str, spending: Spending, *, without: Collection[str] = ()) -> Sent:
    """Bring the tables of an evaluation up to date.

    Args:
        room: With the evaluation among its project's.
        name: The evaluation.
        spending: What may be spent.
        without: Tables that stay as they are.

    Raises:
        EvalAssetsError: As the stages do; what was computed and answered before is kept.
    """
    run_id = f"python-{uuid.uuid4()}"
    cells, whole = list(cells_of(room.project, name)), WholeEvaluation(name)
    reader = StalenessReader(room.project, room.versions, room.warehouse)
    for table, key in roots_of(room.project, name, cells):
        if reader.stale_root(table, key) is not None:
            compute(room, table, key, Spending(), run_id=run_id)
    refreshed = set(OF_CELLS) if spending.policy(room.project.evaluation(name)) == "refresh" else set()
    tables: dict[Place, list[str]] = {}
    written: set[str] = set()
    for cell in cells:
        stale = {*reader.stale(cell).tables, *refreshed}
        tables[cell] = _in_order(OF_CELLS, with_downstream(room.project, cell, stale, ()), without)
        written |= {f"{table}/{cell.key}" for table in tables[cell]}
    joined = with_downstream(room.project, whole, reader.stale(whole).tables, written)
    tables[whole] = _in_order(OF_EVALUATIONS, joined, without)
    _compute_all(room, tables, cells, whole, spending, run_id)
    return _sent(room, run_id, tables)


def _compute_all(
    room: EngineRoom,
    tables: dict[Place, list[str]],
    cells: Sequence[Cell],
    whole: WholeEvaluation,
    spending: Spending,
    run_id: str,
) -> None:
    """Compute cells, then what joins them; more than one engine is asked at the same time, ahead of the stages."""
    asked = [
        Asked(place, written, run_id, rank)
        for rank, (place, written) in enumerate(tables.items())
        if any(table in PAID for table in written)
    ]
    of_cells = [each for each in asked if each.place != whole]
    with ExitStack() as stack:
        ahead: AskingAhead | None = None
        if len(of_cells) > 1 or all_judges_of(room.project, whole.evaluation):
            stack.enter_context(room.store.taking_together(lanes_asked(room.project, tables)))
            ahead = stack.enter_context(closing(AskingAhead(room, spending)))
            ahead.begin(of_cells)
        waiting: list[Place] = [*cells]
        while waiting:
            place = waiting[0] if ahead is None else ahead.first_done(waiting)
            waiting.remove(place)
            for table in tables[place]:
                compute(room, table, place.key, spending, run_id=run_id)
        if ahead is not None:
            ahead.begin([each for each in asked if each.place == whole])
            ahead.first_done([whole])
        for table in tables[whole]:
            compute(room, table, whole.key, spending, run_id=run_id)


def _in_order(order: Sequence[str], tables: Collection[str], without: Collection[str]) -> list[str]:
    return [table for table in order if table in tables and table not in without]


def _sent(room: EngineRoom, run_id: str, tables: dict[Place, list[str]]) -> Sent:
    """Count what was sent by the account of the run, and rows of stages that had nothing to do."""
    account = room.warehouse.scan("runs").filter(pl.col("run_id") == run_id).collect()
    recorded = [name for name, model in room.project.models.items() if provider_of(model.item).is_recorded]
    of_recorded = (pl.col("stage") == "predictions") & pl.col("model").is_in(recorded)
    at_hand = int(account.filter(of_recorded)["n_sent"].sum())
    untouched = sum(
        room.warehouse.scan(table, place.partition).select(pl.len()).collect().item()
        for place, computed in tables.items()
        for table in (OF_CELLS if isinstance(place, Cell) else OF_EVALUATIONS)
        if table in PAID and table not in computed
    )
    return Sent(
        run_id=run_id,
        n_sent=int(account["n_sent"].sum()) - at_hand,
        n_reused=int(account["n_reused"].sum()) + at_hand + untouched,
        cost_usd=float(account["cost_usd"].sum()),
    )
