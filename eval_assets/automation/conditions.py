"""When assets run by themselves, once the automation sensor is switched on."""

from typing import Any

import dagster as dg

from eval_assets.names import Names
from eval_assets.stages.stage_table import FILES, OF_CELLS, OF_EVALUATIONS

Condition = dg.AutomationCondition[Any]


def automation_conditions(names: Names) -> dict[str, Condition]:
    """Table → when its partitions run by themselves; files are read by the sensor `watch_files`."""
    of_cells = dict.fromkeys(OF_CELLS, when_inputs_change())
    of_evaluations = dict.fromkeys(OF_EVALUATIONS, when_verdicts_change(names))
    of_candidates = dict.fromkeys(("changes", "comparison"), when_candidates_change(names))
    return {**of_cells, **of_evaluations, **of_candidates}


def when_inputs_change() -> Condition:
    """Run a cell when an input's data version or the asset's code version changed, or when it is missing.

    `eager()` reruns on unchanged data versions and never on a code version. A change that came before the first tick is
    not seen: bring stale cells up to date once, with the job `refresh`, when the sensor is switched on.
    """
    return _triggers() & ~dg.AutomationCondition.any_deps_missing() & _quiet()


def when_candidates_change(names: Names) -> Condition:
    """The same for what runs as soon as one candidate is there, although others are missing."""
    condition = dg.AutomationCondition
    evaluation, candidates = (
        dg.AssetSelection.assets(names.key(table)) for table in ("evaluations", "aggregate_reports")
    )
    is_read: Condition = ~condition.any_deps_missing().allow(evaluation)
    has_candidates: Condition = condition.any_deps_match(~condition.missing()).allow(candidates)
    # With the evaluation its cells change: they are requested in this tick and in progress in the next.
    is_settled: Condition = ~condition.any_deps_match(condition.data_version_changed()).allow(evaluation)
    return _triggers() & is_read & has_candidates & is_settled & _quiet()


def when_verdicts_change(names: Names) -> Condition:
    """The same for what is known about judges, which waits until every candidate is there."""
    condition = dg.AutomationCondition
    files = dg.AssetSelection.assets(*names.keys(FILES))
    # With a file its cells change: they are requested in this tick and in progress in the next.
    is_settled: Condition = ~condition.any_deps_match(condition.data_version_changed()).allow(files)
    return _triggers() & ~condition.any_deps_missing() & is_settled & _quiet()


def _triggers() -> Condition:
    condition = dg.AutomationCondition
    new: Condition = condition.data_version_changed() | condition.will_be_requested()
    input_changed: Condition = condition.any_deps_match(new)
    code_changed: Condition = condition.code_version_changed()
    missing: Condition = condition.missing()
    # `since_last_handled` forgets what is true at the first tick, and that is when all partitions are newly missing.
    handled: Condition = condition.newly_requested() | condition.newly_updated()
    return input_changed.since_last_handled() | code_changed.since_last_handled() | missing.newly_true().since(handled)


def _quiet() -> Condition:
    condition = dg.AutomationCondition
    return ~condition.any_deps_in_progress() & ~condition.in_progress()
