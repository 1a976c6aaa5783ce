"""The check that says whether a candidate may take the baseline's place. What gates ask is in
`reports.computed.gating`.
"""

import dagster as dg

from eval_assets.checks.partitioned import partitioned_spec
from eval_assets.partitions import Partitions
from eval_assets.reports.computed.gating import overall_verdict
from eval_assets.reports.rendered.gate_formats import gates_markdown
from eval_assets.resources.shared_room import needed_room, room_of
from eval_assets.statistics.comparison.decisions import GateDecision


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
        name = context.partition_key
        rows = room_of(context, names).warehouse.scan("gate_results", {"evaluation": name}).collect()
        overall = overall_verdict(rows)
        return dg.AssetCheckResult(
            asset_key=names.key("comparison"),
            check_name="gate",
            passed=overall.verdict is GateDecision.GO,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{overall.verdict.value}: {overall.note}",
            metadata={
                "verdict": overall.verdict.value,
                "n_conditions": rows.height,
                "gates": dg.MetadataValue.md(gates_markdown(rows, overall, evaluation=name)),
            },
        )

    return gate
