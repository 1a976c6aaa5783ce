"""What a run would lack on this machine: keys that are not set, metrics whose libraries or models are absent."""

import os
from collections.abc import Iterator, Mapping

from eval_assets.cells.fingerprints import FileVersions
from eval_assets.config.cross_checks.names import files_used
from eval_assets.config.project import Project
from eval_assets.metrics.availability import unavailable


def missing_prerequisites(
    project: Project, versions: FileVersions, name: str, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """One line for each thing that an evaluation uses and this machine lacks, with the remedy."""
    evaluation = project.evaluation(name)
    for _, model in (used for used in files_used(project, evaluation) if used[0] == "models"):
        file = project.model(model).file
        for variable in filter(None, (file.api_key_env, *file.headers_env.values(), *file.query_env.values())):
            if not environment.get(variable):
                yield f"evaluation {name}: model {model!r} needs the environment variable {variable}, which is not set"
    for metric in versions.metrics(evaluation):
        remedy = unavailable(metric)
        if remedy:
            yield f"evaluation {name}: metric {metric.label!r} would be skipped: {remedy}"
