"""The gate of an evaluation as a check of somebody's asset, such as the index that the evaluated models answer from."""

from typing import Literal

import dagster as dg

from eval_assets.automation.refresh import RefreshConfig, RunPlan, bring_up_to_date
from eval_assets.checks.gate import gate_result
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.project import Project
from eval_assets.names import Names, plain_names
from eval_assets.neighbours import Neighbours, newest_event
from eval_assets.resources.shared_room import needed_room, room_of


def asset_gates(
    project: Project, run_plan: RunPlan, names: Names, neighbours: Neighbours
) -> list[dg.AssetChecksDefinition]:
    """A check of an asset for each evaluation whose gate is on one.

    Args:
        project: The evaluations.
        run_plan: Runs a plan in this process.
        names: What checks and assets are called.
        neighbours: Evaluations, and the assets of others that their gates are on.
    """
    called = plain_names("gate", neighbours.gates_on)
    return [
        _gate_on(project.evaluation(name), asset, names.of(called[name]), run_plan, names)
        for name, asset in neighbours.gates_on.items()
        if name in project.evaluations
    ]


def _gate_on(
    evaluation: Evaluation,
    asset: dg.AssetKey,
    check_name: str,
    run_plan: RunPlan,
    names: Names,
) -> dg.AssetChecksDefinition:
    name = evaluation.name
    spec = dg.AssetCheckSpec(
        check_name,
        asset=asset,
        description=f"Evaluates {name} as far as it is out of date; passes if its critical gates say GO.",
        blocking=any(gate.tier == "critical" for gate in evaluation.file.gates),
    )

    @dg.multi_asset_check(name=check_name, specs=[spec], required_resource_keys=needed_room(names))
    def gate_on_asset(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        running, room = context.op_execution_context, room_of(context, names)
        policy = _policy(running.instance, evaluation, asset, names)
        config = RefreshConfig(evaluations=[name], cache=policy, where="here", max_cost_usd=None, sending=None)
        brought = bring_up_to_date(running, config, run_plan, names)
        return gate_result(room.warehouse, name, spec, {"evaluation": name, "plan": brought["plan"]})

    return gate_on_asset


def _policy(
    instance: dg.DagsterInstance, evaluation: Evaluation, asset: dg.AssetKey, names: Names
) -> Literal["refresh"] | None:
    """Ask anew what was answered from an older asset: no file shows that answers may be others now.

    An evaluation that only replays stays one.
    """
    theirs = newest_event(instance, asset)
    ours = newest_event(instance, names.key("comparison"), evaluation.name)
    is_newer = theirs is not None and (ours is None or ours.storage_id < theirs.storage_id)
    return "refresh" if is_newer and evaluation.file.cache == "use" else None
