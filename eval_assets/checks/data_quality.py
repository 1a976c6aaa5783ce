"""Checks of the rows of datasets, predictions and scores. They inform and block nothing: rows that can't be used fail
earlier, when they are read. What is expected is in `quality`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from eval_assets.assets.plain_failures import said_plainly
from eval_assets.checks.partitioned import partitioned_spec
from eval_assets.names import Names
from eval_assets.partitions import Partitions
from eval_assets.quality.expectations import FINITE, RULES, Rule
from eval_assets.quality.inspection import Inspection, inspect
from eval_assets.quality.validation import MAX_EXAMPLE_IDS, Finding
from eval_assets.resources.shared_room import needed_room, room_of
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.wording.foreign_text import code_text, markdown_text, visible_text


def data_quality_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """The checks of every table that has rules, all checks of a table in one step."""
    return [_checks_of(table, rules, partitions) for table, rules in RULES.items()]


def _checks_of(table: str, rules: Sequence[Rule], partitions: Partitions) -> dg.AssetChecksDefinition:
    partitions_def, names = partitions.of(table), partitions.names

    @dg.multi_asset_check(
        name=names.of(f"{table}_quality"),
        specs=[
            partitioned_spec(
                rule.name, asset=names.key(table), description=rule.description, partitions_def=partitions_def
            )
            for rule in rules
        ],
        can_subset=True,
        compute_kind="greatexpectations",
        required_resource_keys=needed_room(names),
    )
    def data_quality(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        selected = {key.name for key in context.selected_asset_check_keys}
        for result in _results(table, context.partition_key, room_of(context, names), names):
            if result.check_name in selected:
                yield result

    return data_quality


def quality_of(table: str, key: str, engine_room: EngineRoom, names: Names) -> Iterator[dg.AssetCheckEvaluation]:
    """Check one partition outside of a run of its asset."""
    for result in _results(table, key, engine_room, names):
        yield dg.AssetCheckEvaluation(
            asset_key=names.key(table),
            check_name=str(result.check_name),
            passed=result.passed,
            metadata=result.metadata,
            severity=result.severity,
            description=result.description,
            partition=key,
        )


def _results(table: str, key: str, engine_room: EngineRoom, names: Names) -> list[dg.AssetCheckResult]:
    with said_plainly(engine_room.warehouse):
        inspection = inspect(engine_room, table, key)
    return [_result(names.key(table), rule, inspection) for rule in RULES[table]]


def _result(asset: dg.AssetKey, rule: Rule, inspection: Inspection) -> dg.AssetCheckResult:
    findings = inspection.findings[rule.name]
    n_unexpected = sum(finding.n_unexpected for finding in findings)
    ids = list(dict.fromkeys(example_id for finding in findings for example_id in finding.example_ids))[
        :MAX_EXAMPLE_IDS
    ]
    metadata: dict[str, Any] = {
        "n_rows": inspection.n_rows,
        "n_unexpected": n_unexpected,
        "example_ids": ids,
        "expectations": dg.MetadataValue.md(_findings_table(findings)),
        **inspection.facts,
    }
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=rule.name,
        passed=all(finding.passed for finding in findings),
        severity=dg.AssetCheckSeverity[rule.severity],
        description=visible_text(f"{n_unexpected:,} unexpected: {', '.join(ids)}") if ids else "as expected",
        metadata=metadata,
    )


def _findings_table(findings: Sequence[Finding]) -> str:
    """One line per expectation.

    >>> from eval_assets.quality.expectations import Expectation
    >>> expectation = Expectation("ExpectX", {"column": "score"}, ("metric", "bleu"))
    >>> print(_findings_table([Finding(expectation, 9, 1, ("q1",))]))
    | | expectation | of rows with | rows | unexpected | such as |
    | --- | --- | --- | ---: | ---: | --- |
    | ❌ | `ExpectX(column='score')` | `metric = 'bleu'` | 9 | 1 | q1 |
    """
    lines = [
        "| | expectation | of rows with | rows | unexpected | such as |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for finding in findings:
        arguments = ", ".join(f"{name}={_shown(value)}" for name, value in finding.expectation.arguments.items())
        where = code_text("{} = {!r}".format(*finding.expectation.where)) if finding.expectation.where else ""
        mark = "✅" if finding.passed else "❌"
        ids = markdown_text(", ".join(finding.example_ids))
        lines.append(
            f"| {mark} | {code_text(f'{finding.expectation.type}({arguments})')} | {where} | {finding.n_rows:,} "
            f"| {finding.n_unexpected:,} | {ids} |"
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "finite" if value in (FINITE, -FINITE) else repr(value)
