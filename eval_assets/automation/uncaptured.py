"""What runs in this process print stays where it is printed."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager


@contextmanager
def uncaptured(instance: dg.DagsterInstance) -> Iterator[None]:
    """Capture nothing of runs meanwhile: Dagster starts four processes for each, which pass the output on.

    A run that runs them, such as `refresh`, goes on capturing what all of them print.
    """
    former, nothing = instance.compute_log_manager, NoOpComputeLogManager()
    nothing.register_instance(instance)
    instance._compute_log_manager = nothing  # noqa: SLF001 - there is no other way to choose one for some runs
    try:
        yield
    finally:
        instance._compute_log_manager = former  # noqa: SLF001
