"""When assets run by themselves, once the automation sensor is switched on."""

from typing import Any

import dagster as dg

Condition = dg.AutomationCondition[Any]


def when_inputs_change() -> Condition:
    """Run a cell when an input's data version or the asset's code version changed, or when it is newly missing.

    `eager()` reruns on unchanged data versions and never on a code version. The first tick over a new warehouse sees no
    change, so missing cells need a trigger of their own.
    """
    return _triggers() & ~dg.AutomationCondition.any_deps_missing() & _quiet()


def when_candidates_change() -> Condition:
    """The same for `comparison`, which runs although some candidates are missing."""
    return _triggers() & _quiet()


def _triggers() -> Condition:
    condition = dg.AutomationCondition
    input_changed: Condition = condition.any_deps_match(condition.data_version_changed() | condition.will_be_requested())
    code_changed: Condition = condition.code_version_changed()
    missing: Condition = condition.missing()
    return (
        input_changed.since_last_handled()
        | code_changed.since_last_handled()
        | missing.newly_true().since_last_handled()
        | (condition.initial_evaluation() & missing)
    )


def _quiet() -> Condition:
    condition = dg.AutomationCondition
    return ~condition.any_deps_in_progress() & ~condition.in_progress()
