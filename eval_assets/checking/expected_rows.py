"""What rows expect of outputs, read for the metrics that look: what can't be read is said with file and line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from eval_assets.config.datasets.examples import example_columns
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.row_places import rows_place
from eval_assets.config.datasets.rows import MAX_PROBLEMS, dataset_rows
from eval_assets.config.problems import Problem, RowProblems
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.answers.called_tools import expected_calls
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.expectations.expectation_forms import expectations_in
from eval_assets.metrics.expectations.row_expectations import EXPECT, METRICS
from eval_assets.stages.file_versions import FileVersions

COLUMN = "column"
READERS: Mapping[str, Callable[[Any], object]] = MappingProxyType(
    {
        **dict.fromkeys((metric.name for metric in METRICS), expectations_in),
        **dict.fromkeys(("tool_call_match", "tool_call_precision", "tool_call_recall"), expected_calls),
    }
)
"""Shipped metric that compares with a column → what reads the column, raising ValueError."""


def expectation_problems(project: Project, dataset: str, metrics: Sequence[ResolvedMetric]) -> Iterator[Problem]:
    """Expectations, and expected calls, of a dataset's rows that can't be read.

    Args:
        project: The loaded files.
        dataset: Whose rows.
        metrics: Those of an evaluation.

    Raises:
        DatasetError: The rows can't be read.
    """
    shipped = [metric for metric in metrics if metric.function is None and metric.definition.name in READERS]
    read = dict.fromkeys((metric.parameters[COLUMN], READERS[metric.definition.name]) for metric in shipped)
    if not read:
        return
    item, folder = project.dataset(dataset), project.datasets_dir
    file, problems = rows_place(item, folder).shown, RowProblems(limit=MAX_PROBLEMS)
    for line, row in dataset_rows(item, folder):
        columns = example_columns(row, item)
        for column, reader in read:
            value = value_at(columns, column)
            try:
                if value is not None:
                    reader(value)
            except ValueError as error:
                problems.add(Problem(file, str(error), line, column))
        if problems.is_full:
            break
    yield from problems.listed()


def unread_expectations(project: Project, versions: FileVersions, name: str) -> Iterator[str]:
    """Say that rows expect something and no metric of an evaluation looks.

    Args:
        project: The loaded files.
        versions: Gives the evaluation's metrics.
        name: An evaluation that can run.
    """
    evaluation = project.evaluation(name)
    metrics = versions.metrics(evaluation)
    read = {argument for metric in metrics if metric.function for argument in metric.function.arguments}
    if EXPECT in read or any(metric.definition in METRICS for metric in metrics):
        return
    dataset = project.dataset(evaluation.file.dataset)
    try:
        _, row = next(dataset_rows(dataset, project.datasets_dir), (0, {}))
    except ConfigError:  # said of the dataset
        return
    value = example_columns(row, dataset).get(EXPECT)
    try:
        expected = expectations_in(value) if isinstance(value, list | dict) else []
    except ValueError:
        return
    if expected:
        yield (
            f"evaluation {name}: rows of dataset {dataset.name!r} have a column {EXPECT!r}, and no metric reads it; "
            "add the metric `expectations`"
        )
