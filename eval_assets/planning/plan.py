"""The plan of a run: which partitions have to run, why, with how many requests, at what cost."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from eval_assets.checking.references import refuse_broken_references
from eval_assets.checking.trial_rendering import prompt_remarks
from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.planning.dry_run import Asked, DryRun, dry_run
from eval_assets.planning.estimates import Estimate
from eval_assets.planning.side_by_side import PairwisePlan, plan_pairwise
from eval_assets.planning.staleness import Staleness, StalenessReader
from eval_assets.stages.edges import with_downstream
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, WholeEvaluation, all_judges_of, cells_of, judge_models_of
from eval_assets.stages.spending import Spending
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS


@dataclass(frozen=True, slots=True)
class RootPlan:
    """A file that has to be read again."""

    table: str
    name: str
    cause: str


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What a run would do with one cell; without causes it is fresh and stays as it is.

    `tables` are written anew, stale ones and those below them; `missing` says which of its rows have no whole answer
    and aren't asked for again.
    """

    cell: Cell
    work: DryRun
    staleness: Staleness
    tables: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether the cell runs."""
        return bool(self.staleness.causes)


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """What joins the cells of an evaluation and is written anew: tables of the evaluation as a whole."""

    evaluation: str
    tables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """An evaluation that can't run, with its problems, one per line; the others are planned without it."""

    evaluation: str
    problems: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run would do, in the order it would be done; remarks are what a run would do and nobody wants."""

    roots: tuple[RootPlan, ...]
    cells: tuple[CellPlan, ...]
    joined: tuple[JoinPlan, ...]
    pairwise: tuple[PairwisePlan, ...] = ()
    refused: tuple[Refused, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def stale_cells(self) -> tuple[Cell, ...]:
        """Cells that run."""
        return tuple(planned.cell for planned in self.cells if planned.is_stale)

    @property
    def is_empty(self) -> bool:
        """Whether everything is up to date."""
        return not (self.roots or self.stale_cells or self.joined)

    @property
    def partitions(self) -> tuple[tuple[str, str], ...]:
        """Table and key of every partition that is computed, upstream first; files that are read aside."""
        of_cells = [
            (table, planned.cell.key) for planned in self.cells for table in OF_CELLS if table in planned.tables
        ]
        joined = [(table, join.evaluation) for join in self.joined for table in OF_EVALUATIONS if table in join.tables]
        return (*of_cells, *joined)

    @property
    def comparisons(self) -> tuple[str, ...]:
        """Evaluations whose cells are joined anew."""
        return tuple(join.evaluation for join in self.joined)

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """What everything would cost, in the order in which it would be sent."""
        of_cells = [estimate for planned in self.cells for estimate in planned.work.estimates]
        return (*of_cells, *(estimate for planned in self.pairwise for estimate in planned.estimates))

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values; `partitions` lists the cells, `pairwise` evaluations that compare side by side."""
        partitions = [_cell_json(planned) for planned in self.cells]
        pairwise = [_pairwise_json(planned) for planned in self.pairwise]
        counts = ("generate", "judge", "rescore", "reuse")
        return {
            "partitions": partitions,
            "totals": {
                **{name: sum(work.get(name, 0) for work in (*partitions, *pairwise)) for name in counts},
                **{
                    name: _total([work["estimate"][name] for work in (*partitions, *pairwise)])
                    for name in ("prompt_tokens", "completion_tokens", "cost_usd", "seconds")
                },
            },
            "files": [asdict(root) for root in self.roots],
            "comparisons": list(self.comparisons),
            "pairwise": pairwise,
            "refused": [{"evaluation": one.evaluation, "problems": one.problems.splitlines()} for one in self.refused],
            "notes": list(self.remarks),
        }


def make_plan(
    engine_room: EngineRoom,
    *,
    evaluations: Sequence[str] = (),
    models: Collection[str] = (),
    prompts: Collection[str] = (),
    spending: Spending | None = None,
    missing_in_dagster: frozenset[str] = frozenset(),
) -> Plan:
    """Plan a run over the chosen evaluations, or all, and of their cells the chosen models and prompts, or all.

    Args:
        engine_room: Project, warehouse and reply store; nothing is sent or written.
        evaluations: Names.
        models: Names of candidates' models.
        prompts: Names of candidates' prompts.
        spending: With cache policy `refresh` every chosen cell runs; with a retry, those that have such rows.
        missing_in_dagster: Asset partitions, as `table/key`, that the Dagster instance has never seen.

    Raises:
        ConfigError: A name is unknown, or of each chosen evaluation a file can't be used.
    """
    project, terms = engine_room.project, spending or Spending()
    chosen = _chosen_evaluations(project, evaluations)
    _refuse_unknown(project, "models", models)
    _refuse_unknown(project, "prompts", prompts)
    reader = StalenessReader(project, engine_room.versions, engine_room.warehouse, missing_in_dagster)
    asked: Asked = defaultdict(set)
    plans: list[Plan] = []
    refused: list[Refused] = []
    for name in chosen:
        try:
            refuse_broken_references(project, name, engine_room.versions.metrics)
            cells = [
                cell
                for cell in cells_of(project, name)
                if (not models or cell.model in models) and (not prompts or cell.prompt in prompts)
            ]
            plans.append(_plan_evaluation(engine_room, reader, name, cells, terms, asked))
        except ConfigError as error:
            refused.append(Refused(name, str(error)))
    if refused and not plans:
        raise ConfigError("\n".join(dict.fromkeys(line for one in refused for line in one.problems.splitlines())))
    roots = dict.fromkeys(root for plan in plans for root in plan.roots)
    order = list(FILES)
    return Plan(
        roots=tuple(sorted(roots, key=lambda root: (order.index(root.table), root.name))),
        cells=tuple(cell for plan in plans for cell in plan.cells),
        joined=tuple(join for plan in plans for join in plan.joined),
        pairwise=tuple(side_by_side for plan in plans for side_by_side in plan.pairwise),
        refused=tuple(refused),
        remarks=tuple(dict.fromkeys(remark for plan in plans for remark in plan.remarks)),
    )


def _plan_evaluation(
    engine_room: EngineRoom, reader: StalenessReader, name: str, cells: Sequence[Cell], spending: Spending, asked: Asked
) -> Plan:
    """The part of a plan that is about one evaluation.

    Raises:
        ConfigError: A file it uses can't be used.
    """
    project = engine_room.project
    causes = {(table, key): reader.stale_root(table, key) for table, key in roots_of(project, name, cells)}
    planned = tuple(_plan_cell(engine_room, reader, cell, spending, asked) for cell in cells)
    stale = {cell.cell for cell in planned if cell.is_stale}
    written = {f"{table}/{cell.cell.key}" for cell in planned for table in cell.tables}
    tables = _joined_tables(project, reader, name, written, spending) if cells else set()
    side_by_side = None
    if "pairwise_preferences" in tables:
        policy = spending.policy(project.evaluation(name))
        side_by_side = plan_pairwise(engine_room, name, stale, policy, asked, spending)
        if side_by_side is not None:
            why = reader.causes("pairwise_preferences", WholeEvaluation(name))
            side_by_side = replace(side_by_side, causes=why)
    return Plan(
        roots=tuple(RootPlan(table, key, cause) for (table, key), cause in causes.items() if cause is not None),
        cells=planned,
        joined=(JoinPlan(name, frozenset(tables)),) if tables else (),
        pairwise=() if side_by_side is None else (side_by_side,),
        remarks=(*prompt_remarks(project, name), *reader.replaced(cells)),
    )


def _joined_tables(
    project: Project, reader: StalenessReader, evaluation: str, written: Collection[str], spending: Spending
) -> set[str]:
    """Tables of an evaluation as a whole that are stale, or made from what will be written."""
    place = WholeEvaluation(evaluation)
    retried = {} if spending.retry is None else reader.retried(place, spending.retry.outcomes)
    return with_downstream(project, place, {*reader.stale(place).tables, *retried}, written)


def _plan_cell(
    engine_room: EngineRoom, reader: StalenessReader, cell: Cell, spending: Spending, asked: Asked
) -> CellPlan:
    staleness = reader.stale(cell)
    policy = spending.policy(engine_room.project.evaluation(cell.evaluation))
    causes, stale = list(staleness.causes), set(staleness.tables)
    if policy == "refresh":
        causes.append("cache policy refresh: every request is sent again")
        stale |= set(OF_CELLS)
    if spending.retry is not None:
        retried = reader.retried(cell, spending.retry.outcomes)
        causes += retried.values()
        stale |= retried.keys()
    missing = tuple(reader.missing(cell))
    staleness = Staleness(tuple(causes), staleness.diffs, frozenset(stale))
    if causes:
        tables = with_downstream(engine_room.project, cell, stale, ())
        work = dry_run(engine_room, cell, policy, asked, spending)
        return CellPlan(cell, work, staleness, frozenset(tables), missing)
    rows = engine_room.warehouse.scan("predictions", cell.partition).select("prediction_id").collect().height
    return CellPlan(cell, DryRun(0, 0, 0, rows, ()), staleness, missing=missing)


def roots_of(project: Project, evaluation: str, cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Files below the chosen cells of an evaluation."""
    file = project.evaluation(evaluation).file
    judges = all_judges_of(project, evaluation)
    return [
        ("eval_datasets", file.dataset),
        *(("prompts", prompt) for prompt in sorted({cell.prompt for cell in cells})),
        *(("models", model) for model in sorted({cell.model for cell in cells})),
        *(("models", model) for judge in judges for model in judge_models_of(project, judge)),
        *(("judges", judge) for judge in judges),
        ("evaluations", evaluation),
    ]


def _chosen_evaluations(project: Project, names: Sequence[str]) -> list[str]:
    _refuse_unknown(project, "evaluations", names)
    return list(dict.fromkeys(names)) or project.names("evaluations")


def _refuse_unknown(project: Project, kind: str, names: Collection[str]) -> None:
    for name in names:
        if name not in project.names(kind):
            raise ConfigError(f"data/{kind}: there is no {name!r}; {nearest(name, project.names(kind))}")


def _cell_json(planned: CellPlan) -> dict[str, Any]:
    work, estimates = planned.work, planned.work.estimates
    return {
        "partition": planned.cell.key,
        **planned.cell.partition,
        "stale": planned.is_stale,
        "generate": work.generate,
        "judge": work.judge,
        "rescore": work.rescore,
        "reuse": work.reuse,
        "causes": list(planned.staleness.causes),
        "diffs": dict(planned.staleness.diffs),
        "missing": list(planned.missing),
        "estimate": _estimate_json(estimates),
    }


def _pairwise_json(planned: PairwisePlan) -> dict[str, Any]:
    return {
        "evaluation": planned.evaluation,
        "judge": planned.judge,
        "causes": list(planned.causes),
        "estimate": _estimate_json(planned.estimates),
    }


def _estimate_json(estimates: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "prompt_tokens": sum(estimate.prompt_tokens for estimate in estimates),
        "completion_tokens": sum(estimate.completion_tokens for estimate in estimates),
        "cost_usd": _total([estimate.cost_usd for estimate in estimates]),
        "seconds": sum(estimate.seconds or 0 for estimate in estimates),
        "by_model": [asdict(estimate) for estimate in estimates],
    }


def _total(values: Sequence[float | None]) -> float | None:
    """Sum what is known; null where something is to be summed and nothing of it is known.

    >>> _total([0.5, None]), _total([None]), _total([])
    (0.5, None, 0)
    """
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None
