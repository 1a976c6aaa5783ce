"""Checks across files: do the names in a file exist, do templates find their columns, are there too many cells?"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.labels import read_labels
from eval_assets.config.problems import Location, Problem, field_path, line_of, nearest
from eval_assets.config.project import MAX_CELLS, Loaded, Project
from eval_assets.config.rows import read_documents, read_examples
from eval_assets.errors import ConfigError, MetricError
from eval_assets.prompts.rendering import OPTIONAL_COLUMNS, template_variables


def project_problems(project: Project, metrics_of: Callable[[Evaluation], Iterable[str]]) -> list[str]:
    """Everything wrong with `data/`, rows of datasets included.

    Args:
        project: The loaded files.
        metrics_of: Labels of an evaluation's heuristic metrics; raises MetricError for a bad choice.
    """
    found = [error for _, error in sorted(project.broken.items())]
    for name in project.datasets:
        found += _caught(lambda name=name: check_dataset(project, name))  # type: ignore[misc]
        found += map(str, dataset_problems(project, name))
    for name in project.judges:
        found += map(str, judge_problems(project, name))
    for name in project.evaluations:
        found += map(str, evaluation_problems(project, name, metrics_of))
        found += map(str, template_problems(project, name))
    return list(dict.fromkeys(found))


def dataset_columns(project: Project, name: str) -> frozenset[str]:
    """Every column that some row of a dataset provides; reads and so checks all rows.

    Raises:
        ConfigError: The rows or the documents can't be used.
    """
    dataset = project.dataset(name)
    columns: set[str] = set()
    for example in read_examples(dataset, project.datasets_dir):
        columns.update(example.columns)
    if read_documents(dataset, project.datasets_dir):
        columns.add("documents")
    return frozenset(columns)


def check_dataset(project: Project, name: str) -> None:
    """Read all rows, documents and human labels of a dataset; labels for one judge have to be on its scale.

    Raises:
        ConfigError: With every place that can't be used.
    """
    dataset = project.dataset(name)
    read_documents(dataset, project.datasets_dir)
    examples = {example.example_id for example in read_examples(dataset, project.datasets_dir)}
    judges = {name: loaded.item for name, loaded in project.judges.items() if loaded.item.file.kind != "jury"}
    read_labels(dataset, project.datasets_dir, example_ids=examples, judges=judges)


def dataset_problems(project: Project, name: str) -> list[Problem]:
    """Names in a dataset card that have no file."""
    loaded = project.datasets[name]
    return [
        problem
        for index, labels in enumerate(loaded.item.card.labels)
        if labels.judge is not None
        for problem in _unknown(project, loaded, "judges", [labels.judge], ("labels", index, "judge"))
    ]


def judge_problems(project: Project, name: str) -> list[Problem]:
    """Names in a judge file that have no file."""
    loaded = project.judges[name]
    problems: list[Problem] = []
    if loaded.item.file.model is not None:
        problems += _unknown(project, loaded, "models", [loaded.item.file.model], ("model",))
    problems += _unknown(project, loaded, "judges", loaded.item.file.jurors, ("jurors",))
    return problems


def evaluation_problems(
    project: Project, name: str, metrics_of: Callable[[Evaluation], Iterable[str]]
) -> list[Problem]:
    """What is wrong with an evaluation's references; reads no rows."""
    loaded = project.evaluations[name]
    file = loaded.item.file
    candidates = loaded.item.candidates
    problems = [
        *_unknown(project, loaded, "datasets", [file.dataset], ("dataset",)),
        *_unknown(project, loaded, "models", file.models, ("models",)),
        *_unknown(project, loaded, "prompts", file.prompts, ("prompts",)),
        *_unknown(project, loaded, "judges", file.judges, ("judges",)),
        *_unknown(project, loaded, "judges", [file.pairwise.judge] if file.pairwise else [], ("pairwise", "judge")),
    ]

    def problem(location: Location, message: str) -> None:
        field = str(location[0]) + "".join(f"[{part}]" for part in location[1:] if isinstance(part, int))
        problems.append(Problem(loaded.file, message, line_of(location, loaded.lines), field))

    everything = [f"{model}@{prompt}" for model in file.models for prompt in file.prompts]
    for index, candidate in enumerate(file.skip):
        if candidate not in everything:
            problem(
                ("skip", index),
                f"expected a candidate model@prompt, got {candidate!r}; {nearest(candidate, everything)}",
            )
    if not candidates:
        problem(("skip",), "expected at least one candidate to be left")
    elif loaded.item.baseline not in candidates:
        problem(
            ("baseline",),
            f"expected one of the candidates, got {file.baseline!r}; {nearest(str(file.baseline), candidates)}",
        )
    if len(candidates) > MAX_CELLS:
        problem(
            ("models",),
            f"expected at most {MAX_CELLS} candidates, got {len(candidates)}: with 100 or more upstream partitions "
            "Dagster takes the comparison for fresh for ever; split the evaluation into several files",
        )
    asked = project.judges.get(file.pairwise.judge) if file.pairwise else None
    if asked is not None and asked.item.file.kind != "rubric":
        kind = asked.item.file.kind
        said = f"expected a judge of kind 'rubric' to compare outputs, {asked.item.name!r} is a {kind}"
        problem(("pairwise", "judge"), said)
    if file.dataset in project.datasets:
        problems += _metric_problems(loaded, metrics_of)
    return problems


def template_problems(project: Project, name: str) -> Iterator[Problem]:
    """Template variables and judge columns that no row of the evaluation's dataset provides."""
    evaluation = project.evaluations[name].item
    if evaluation.file.dataset not in project.datasets:
        return
    try:
        columns = dataset_columns(project, evaluation.file.dataset)
    except ConfigError:
        return  # already reported with the dataset
    for prompt_name in evaluation.file.prompts:
        if prompt_name not in project.prompts:
            continue
        loaded = project.prompts[prompt_name]
        for message in loaded.item.messages:
            yield from _template_problems(
                loaded.file, loaded.source, message.template, columns, evaluation.file.dataset
            )
    for judge_name in evaluation.file.judges:
        if judge_name in project.judges:
            judge = project.judges[judge_name]
            for index, column in enumerate(judge.item.file.columns):
                if column not in columns:
                    found = nearest(column, columns)
                    message_text = f"no row of dataset {evaluation.file.dataset!r} has the column {column!r}; {found}"
                    yield Problem(
                        judge.file, message_text, line_of(("columns", index), judge.lines), f"columns[{index}]"
                    )


def _template_problems(
    file: str, source: str, template: str, columns: frozenset[str], dataset: str
) -> Iterator[Problem]:
    try:
        variables = template_variables(template, where=file)
    except ConfigError as error:
        yield Problem(file, str(error).removeprefix(f"{file}: "))
        return
    for variable in sorted(variables - columns):
        guarded = re.search(rf"{{%-?\s*if\s[^%]*\b{variable}\b", template)
        if variable in OPTIONAL_COLUMNS and guarded:
            continue
        line = next((n for n, text in enumerate(source.splitlines(), 1) if re.search(rf"\b{variable}\b", text)), None)
        yield Problem(
            file,
            f"no row of dataset {dataset!r} provides the template variable {variable!r}; {nearest(variable, columns)}",
            line,
            variable,
        )


def _unknown(
    project: Project,
    loaded: Loaded[Any],
    kind: str,
    names: Sequence[str],
    location: Location,
) -> Iterator[Problem]:
    known = project.names(kind)
    for index, name in enumerate(names):
        place = (*location, index) if (*location, index) in loaded.lines else location
        field = field_path(place)
        line = line_of(place, loaded.lines)
        if name not in known:
            yield Problem(
                loaded.file, f"expected a file of data/{kind}, got {name!r}; {nearest(name, known)}", line, field
            )
        elif (kind, name) in project.broken:
            yield Problem(loaded.file, f"data/{kind} holds {name!r}, but that file can't be used", line, field)


def _metric_problems(
    loaded: Loaded[Evaluation], metrics_of: Callable[[Evaluation], Iterable[str]]
) -> Iterator[Problem]:
    try:
        labels = list(metrics_of(loaded.item))
    except MetricError as error:
        yield Problem(loaded.file, str(error), line_of(("metrics",), loaded.lines), "metrics")
        return
    scored = [*labels, *loaded.item.file.judges]
    for index, gate in enumerate(loaded.item.file.gates):
        if gate.metric not in scored:
            yield Problem(
                loaded.file,
                f"expected a metric or judge of this evaluation, got {gate.metric!r}; {nearest(gate.metric, scored)}",
                line_of(("gates", index, "metric"), loaded.lines),
                f"gates[{index}].metric",
            )


def _caught(action: Callable[[], object]) -> list[str]:
    try:
        action()
    except ConfigError as error:
        return [str(error)]
    return []
