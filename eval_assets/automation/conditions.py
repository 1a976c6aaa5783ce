"""When assets run by themselves, once the automation sensor is switched on."""

import dagster as dg


def when_inputs_change() -> dg.AutomationCondition:
    """Run a cell when an input's data version or the asset's code version changed, or when it is newly missing.

    `eager()` reruns on unchanged data versions and never on a code version. The first tick over a new warehouse sees no
    change, so missing cells need a trigger of their own.
    """
    return _triggers() & ~dg.AutomationCondition.any_deps_missing() & _quiet()


def when_candidates_change() -> dg.AutomationCondition:
    """The same for `comparison`, which runs although some candidates are missing."""
    return _triggers() & _quiet()


def _triggers() -> dg.AutomationCondition:
    condition = dg.AutomationCondition
    changed = condition.any_deps_match(condition.data_version_changed() | condition.will_be_requested())
    return (
        changed.since_last_handled()
        | condition.code_version_changed().since_last_handled()
        | condition.missing().newly_true().since_last_handled()
        | (condition.initial_evaluation() & condition.missing())
    )


def _quiet() -> dg.AutomationCondition:
    condition = dg.AutomationCondition
    return ~condition.any_deps_in_progress() & ~condition.in_progress()
