"""Projects that are computed whole, without Dagster, and the viewer on them: more than a unit, less than a pipeline."""

from tests.unit.conftest import no_dagster

__all__ = ["no_dagster"]
