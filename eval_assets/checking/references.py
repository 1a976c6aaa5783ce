"""Everything that is wrong with the files of `data/`, or with those one evaluation uses, before anything runs.

What is looked at is in the other modules of this folder.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from eval_assets.checking.chosen_metrics import MetricsOf, metric_problems
from eval_assets.checking.chosen_view import view_problems, view_row_problems
from eval_assets.checking.declared_gates import Bounds, gate_problems
from eval_assets.checking.declared_primary import primary_problems
from eval_assets.checking.expected_rows import expectation_problems
from eval_assets.checking.file_names import candidate_problems, files_used, ignored_files, unknown_files
from eval_assets.checking.jury_members import jury_problems
from eval_assets.checking.provided_columns import (
    ProvidedColumns,
    argument_problems,
    card_problems,
    judge_column_problems,
    metric_column_problems,
    slice_problems,
)
from eval_assets.checking.recorded_files import (
    DatasetRows,
    recorded_candidate_problems,
    recorded_judge_problems,
    recorded_notes,
    recorded_problems,
)
from eval_assets.checking.templates import judge_template_problems, prompt_problems
from eval_assets.checking.trial_rendering import TRIED, rendering_problems, tried_examples
from eval_assets.checking.unsendable_prompts import ability_problems
from eval_assets.checking.user_functions import (
    callable_argument_problems,
    callable_problems,
    kept_model_problems,
    token_function_problems,
)
from eval_assets.config.datasets.examples import Example
from eval_assets.config.datasets.human_labels import read_labels
from eval_assets.config.datasets.notes import RowDoubts
from eval_assets.config.datasets.row_places import rows_place
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.files.parameters import parameter_problems
from eval_assets.config.problems import Problem, raise_problems
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import ConfigError
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.providers.abilities import unable_to_judge
from eval_assets.providers.traits import provider_of


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` finds in the files of `data/`.

    Args:
        problems: Everything wrong with them: rows, functions of the user and files that nothing reads included.
        notes: What rows leave in doubt; of files that can't be used nothing, `problems` says why.
        usable: Evaluations that can run.
    """

    problems: list[str]
    notes: list[str]
    usable: list[str]


def check_project(project: Project, metrics_of: MetricsOf) -> Checked:
    """Look at every file, and read every row.

    Args:
        project: The loaded files.
        metrics_of: Heuristic metrics of an evaluation, as `FileVersions.metrics` gives them.
    """
    found = [error for _, error in sorted(project.broken.items())]
    found += map(str, ignored_files(project))
    rows: dict[str, DatasetRows] = {}
    for name in project.datasets:
        try:
            rows[name] = check_dataset(project, name)
        except ConfigError as error:
            found.append(str(error))
        found += map(str, dataset_problems(project, name))
    notes = [note for known in rows.values() for note in known.notes]
    for name in project.models:
        notes += recorded_notes(project, name, rows)
        found += map(str, model_problems(project, name))
    for name in project.judges:
        found += map(str, judge_problems(project, name))
    for alert in project.alerts.values():
        found += map(str, unknown_files(project, alert, "evaluations", alert.item.file.evaluations, ("evaluations",)))
    refused = {name: refusals(project, name, metrics_of) for name in project.evaluations}
    found += [said for refusal in refused.values() for said in refusal]
    return Checked(
        problems=list(dict.fromkeys(found)),
        notes=notes,
        usable=[name for name, refusal in refused.items() if not refusal],
    )


def refusals(project: Project, name: str, metrics_of: MetricsOf) -> list[str]:
    """Why an evaluation can't run: what `check_project` says of its file and of those it uses.

    Args:
        project: The loaded files.
        name: An evaluation whose file can be used.
        metrics_of: As there.
    """
    used = files_used(project, project.evaluation(name))
    broken = [project.broken[file] for file in used if file in project.broken]
    return list(dict.fromkeys([*broken, *map(str, evaluation_problems(project, name, metrics_of))]))


def refuse_broken_references(project: Project, name: str, metrics_of: MetricsOf) -> None:
    """Raise what is wrong with an evaluation's file, or with the files and columns it names; arguments as above.

    Raises:
        ConfigError: With file, line and field of every problem.
    """
    project.evaluation(name)
    raise_problems(refusals(project, name, metrics_of))


def check_dataset(project: Project, name: str) -> DatasetRows:
    """Read all rows, documents and human labels of a dataset; labels for one judge have to be on its scale.

    Raises:
        ConfigError: With every place that can't be used.
    """
    dataset, folder = project.dataset(name), project.datasets_dir
    read_documents(dataset, folder)
    doubts = RowDoubts(dataset)
    positions = {example.example_id: example.position for example in read_examples(dataset, folder, see=doubts.see)}
    judges = {name: loaded.item for name, loaded in project.judges.items() if loaded.item.file.kind != "jury"}
    read_labels(dataset, folder, example_ids=positions, judges=judges)
    return DatasetRows(positions, list(doubts.notes(rows_place(dataset, folder).shown)))


def dataset_problems(project: Project, name: str) -> list[Problem]:
    """Names in a dataset card that have no file, and columns that no row has."""
    loaded = project.datasets[name]
    unknown = [
        problem
        for index, labels in enumerate(loaded.item.card.labels)
        if labels.judge is not None
        for problem in unknown_files(project, loaded, "judges", [labels.judge], ("labels", index, "judge"))
    ]
    return unknown + _against_rows(project, name, lambda rows: card_problems(loaded, rows))


def model_problems(project: Project, name: str) -> list[Problem]:
    """Mistyped parameters of a model, and code that can't be called; imports the code of a `callable` model."""
    loaded = project.models[name]
    file = loaded.item.file
    is_sampled = provider_of(loaded.item).has_sampling_parameters
    return [
        *(parameter_problems(file.parameters, file=loaded.file, lines=loaded.lines) if is_sampled else ()),
        *callable_problems(loaded, project.data_dir.parent, project.given),
        *kept_model_problems(loaded, project.models_dir),
        *token_function_problems(loaded, project.data_dir.parent),
        *recorded_problems(project, loaded),
    ]


def judge_problems(project: Project, name: str) -> list[Problem]:
    """Names in a judge file that have no file, and mistyped parameters."""
    loaded = project.judges[name]
    problems: list[Problem] = []
    model = loaded.item.file.model
    if model is not None:
        problems += unknown_files(project, loaded, "models", [model], ("model",))
    problems += unknown_files(project, loaded, "judges", loaded.item.file.jurors, ("jurors",))
    problems += jury_problems(project, loaded)
    asked = project.models.get(model or "")
    if asked is not None and provider_of(asked.item).has_sampling_parameters:
        problems += parameter_problems(loaded.item.file.parameters, file=loaded.file, lines=loaded.lines, of_judge=True)
    if asked is not None and (unable := unable_to_judge(asked.item)) is not None:
        problems.append(loaded.problem(("model",), unable))
    if asked is not None and provider_of(asked.item).is_recorded:
        problems += recorded_judge_problems(loaded, asked)
    return problems


def evaluation_problems(project: Project, name: str, metrics_of: MetricsOf) -> list[Problem]:
    """What is wrong with an evaluation and with how the files it uses fit together.

    Rows are read until every column that is named was seen. Functions of the user are imported.
    """
    loaded = project.evaluations[name]
    file = loaded.item.file
    problems = [
        *unknown_files(project, loaded, "datasets", [file.dataset], ("dataset",)),
        *unknown_files(project, loaded, "models", file.models, ("models",)),
        *unknown_files(project, loaded, "prompts", file.prompts, ("prompts",)),
        *unknown_files(project, loaded, "judges", file.judges, ("judges",)),
        *unknown_files(
            project, loaded, "judges", [file.pairwise.judge] if file.pairwise else [], ("pairwise", "judge")
        ),
        *candidate_problems(project, loaded),
        *recorded_candidate_problems(project, loaded),
    ]
    for kind, used in files_used(project, loaded.item):
        if kind == "models" and used in project.models:
            problems += model_problems(project, used)
        elif kind == "judges" and used in project.judges:
            problems += judge_problems(project, used)
    if file.dataset in project.datasets:
        of_metrics = metric_problems(loaded, metrics_of, project.data_dir.parent)
        metrics = [] if of_metrics else metrics_of(loaded.item)
        problems += of_metrics
        examples = _examples(project, loaded.item)
        if not of_metrics:
            n_examples = len(examples) if 0 < len(examples) < TRIED else None
            bounds, slices = _bounds(project, loaded.item, metrics), project.dataset(file.dataset).card.slices
            problems += gate_problems(loaded, bounds, slices=slices, n_examples=n_examples)
            directions = _directions(project, loaded.item, metrics)
            problems += primary_problems(loaded, directions)
            problems += view_problems(project, loaded, directions)
        of_columns = _against_rows(
            project, file.dataset, lambda rows: _column_problems(project, loaded, metrics, examples, rows)
        )
        of_columns += _against_rows(
            project, file.dataset, lambda _: expectation_problems(project, file.dataset, metrics)
        )
        problems += of_columns
        if not of_columns:
            for prompt in (known for known in file.prompts if known in project.prompts):
                problems += rendering_problems(project.prompts[prompt], examples, file.dataset)
            problems += ability_problems(project, loaded, examples)
    return problems


def _column_problems(
    project: Project,
    loaded: Loaded[Evaluation],
    metrics: Sequence[ResolvedMetric],
    examples: Sequence[Example],
    columns: ProvidedColumns,
) -> Iterator[Problem]:
    """Columns that an evaluation, its dataset card, metrics, prompts and judges name and no row provides."""
    yield from card_problems(project.datasets[loaded.item.file.dataset], columns)
    yield from view_row_problems(loaded, columns)
    yield from slice_problems(loaded, columns, is_empty=loaded.item.file.slice.narrows and not examples)
    answered = columns.beside_answers() if _may_return_columns(project, loaded.item) else columns
    yield from argument_problems(loaded, metrics, answered)
    yield from metric_column_problems(loaded, metrics, answered)
    for kind, used in files_used(project, loaded.item):
        if kind == "prompts" and used in project.prompts:
            yield from prompt_problems(project.prompts[used], columns)
        elif kind == "models" and used in loaded.item.file.models and used in project.models:
            yield from callable_argument_problems(project.models[used], columns, project.data_dir.parent, project.given)
        elif kind == "judges" and used in project.judges:
            yield from judge_column_problems(project.judges[used], answered)
            yield from judge_template_problems(project.judges[used], answered)


def _may_return_columns(project: Project, evaluation: Evaluation) -> bool:
    """Whether answers come with columns of their own: of code of the user, or recorded ones."""
    models = [project.models[name].item for name in evaluation.file.models if name in project.models]
    return any(provider_of(model).runs_user_code or model.file.columns.extra for model in models)


def _examples(project: Project, evaluation: Evaluation) -> list[Example]:
    """The first examples of an evaluation; none while its rows can't be used."""
    try:
        return tried_examples(project, evaluation)
    except ConfigError:
        return []


def _bounds(project: Project, evaluation: Evaluation, metrics: Sequence[ResolvedMetric]) -> dict[str, Bounds]:
    """Lowest and highest score of each metric and judge of an evaluation; none is known of a judge without a file."""
    judges = {name: project.judges.get(name) for name in evaluation.file.judges}
    return {
        **{metric.label: metric.definition.range for metric in metrics},
        **{name: (None, None) if judge is None else judge.item.file.scale.bounds for name, judge in judges.items()},
    }


def _directions(project: Project, evaluation: Evaluation, metrics: Sequence[ResolvedMetric]) -> dict[str, bool | None]:
    """Whether greater is better, of each metric and judge; a judge without a file is taken so."""
    judges = {name: project.judges.get(name) for name in evaluation.file.judges}
    return {
        **{metric.label: metric.greater_is_better for metric in metrics},
        **{name: True if judge is None else judge.item.file.greater_is_better for name, judge in judges.items()},
    }


def _against_rows(
    project: Project, dataset: str, find: Callable[[ProvidedColumns], Iterator[Problem]]
) -> list[Problem]:
    """Problems that show in the rows of a dataset.

    While the rows can't be used, which is said first, only columns that the card maps and rows needn't have.
    """
    found: list[Problem] = []
    try:
        found = list(find(ProvidedColumns(project.dataset(dataset), project.datasets_dir)))
        if found:
            check_dataset(project, dataset)
    except ConfigError:
        return [problem for problem in found if problem.field in ("columns.targets", "columns.context")]
    return found
