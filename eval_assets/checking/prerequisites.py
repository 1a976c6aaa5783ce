"""What `check` remarks: absent keys, metrics that can't be computed here, or that don't see the dataset's script."""

import os
from collections.abc import Iterator, Mapping

from eval_assets.checking.names import files_used
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.availability import unavailable
from eval_assets.metrics.overlap.scripts import unseen_notes
from eval_assets.metrics.targets import acceptable
from eval_assets.stages.file_versions import FileVersions


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


def unseen_targets(project: Project, versions: FileVersions, name: str) -> Iterator[str]:
    """One line for each tokenizer of an evaluation's metrics that sees no words in targets of the dataset.

    None where the rows can't be used, which is a problem and said as one.
    """
    evaluation = project.evaluation(name)
    metrics = [metric for metric in versions.metrics(evaluation) if metric.tokenizer]
    if metrics:
        examples = read_examples(project.dataset(evaluation.file.dataset), project.datasets_dir)
        targets = (text for example in examples for text in acceptable(example.columns.get("targets")).texts)
        try:
            notes = list(unseen_notes(metrics, targets))
        except ConfigError:
            return
        for note in notes:
            yield f"evaluation {name}: {note}"
