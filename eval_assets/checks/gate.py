"""The check that says whether a candidate may take the baseline's place. What gates ask is in
`reports.computed.gating`.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from eval_assets.checks.partitioned import partitioned_spec
from eval_assets.partitions import Partitions
from eval_assets.reports.computed.gating import overall_verdict
from eval_assets.reports.rendered.gate_formats import gates_markdown
from eval_assets.resources.shared_room import needed_room, room_of
from eval_assets.statistics.comparison.decisions import GateDecision
from eval_assets.storage.warehouse import Warehouse


def gate_check(partitions: Partitions) -> dg.AssetChecksDefinition:
    """`gate` of `comparison`: passes on GO; a critical gate that is not met or undecided fails the run."""
    names = partitions.names
    spec = partitioned_spec(
        "gate",
        asset=names.key("comparison"),
        description="All critical gates of the evaluation say GO.",
        partitions_def=partitions.of("comparison"),
        blocking=True,
    )

    @dg.multi_asset_check(name=names.of("comparison_gate"), specs=[spec], required_resource_keys=needed_room(names))
    def gate(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return gate_result(room_of(context, names).warehouse, context.partition_key, spec, {})

    return gate


def gate_result(
    warehouse: Warehouse, evaluation: str, spec: dg.AssetCheckSpec, more: Mapping[str, Any]
) -> dg.AssetCheckResult:
    """What the gates of an evaluation say, as the result of a check; one that blocks says it as an error.

    Args:
        warehouse: The tables.
        evaluation: Its name.
        spec: The check.
        more: Further metadata.
    """
    rows = warehouse.scan("gate_results", {"evaluation": evaluation}).collect()
    overall = overall_verdict(rows)
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=overall.verdict is GateDecision.GO,
        severity=dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN,
        description=f"{overall.verdict.value}: {overall.note}",
        metadata={
            "verdict": overall.verdict.value,
            "n_conditions": rows.height,
            "gates": dg.MetadataValue.md(gates_markdown(rows, overall, evaluation=evaluation)),
            **more,
        },
    )
