"""What `check` remarks: absent keys, metrics that can't be computed here, or that don't see the dataset's script."""

import os
from collections.abc import Iterator, Mapping

from eval_assets.cells.fingerprints import FileVersions
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.project import Project
from eval_assets.metrics.availability import unavailable
from eval_assets.metrics.overlap.scripts import unseen_notes
from eval_assets.metrics.targets import acceptable


def missing_prerequisites(
    project: Project, versions: FileVersions, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """One line for each thing that evaluations use and this machine lacks, with the remedy."""
    for name, loaded in project.evaluations.items():
        file = loaded.item.file
        judges = [project.judge(judge).file.model for judge in file.judges]
        for model in dict.fromkeys([*file.models, *filter(None, judges)]):
            variable = project.model(model).file.api_key_env
            if variable and not environment.get(variable):
                yield f"evaluation {name}: model {model!r} needs the environment variable {variable}, which is not set"
        for metric in versions.metrics(loaded.item):
            remedy = unavailable(metric)
            if remedy:
                yield f"evaluation {name}: metric {metric.label!r} would be skipped: {remedy}"


def unseen_targets(project: Project, versions: FileVersions) -> Iterator[str]:
    """One line for each tokenizer of an evaluation's metrics that sees no words in targets of the dataset."""
    for name, loaded in project.evaluations.items():
        metrics = [metric for metric in versions.metrics(loaded.item) if "tokenizer" in metric.parameters]
        if metrics:
            examples = read_examples(project.dataset(loaded.item.file.dataset), project.datasets_dir)
            targets = (text for example in examples for text in acceptable(example.columns.get("targets")).texts)
            for note in unseen_notes(metrics, targets):
                yield f"evaluation {name}: {note}"
