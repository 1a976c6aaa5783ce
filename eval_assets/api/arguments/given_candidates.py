"""The candidates that `ea.evaluate` is given: functions, `model@prompt`, `ea.Model`, columns that hold outputs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from eval_assets.api.arguments.calling import asks_by_name, refuse_unfilled, takes_rows
from eval_assets.api.arguments.declared import DeclaredModel
from eval_assets.api.arguments.declaring import code_version, loaded_model, loaded_prompt, rows_file
from eval_assets.api.arguments.given_rows import GivenRows
from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.given import GivenFunction, given_target
from eval_assets.config.model import Model
from eval_assets.config.problems import nearest
from eval_assets.config.project import Loaded, Project
from eval_assets.config.prompt import Prompt
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_arguments import is_called_by_method
from eval_assets.providers.clients.callable_batches import BATCH_ROWS
from eval_assets.stages.content_hash import content_sha256
from eval_assets.user_code.naming import target_of

OUTPUT_COLUMNS = ("outputs", "output", "predictions", "prediction")
"""Columns that are taken for outputs where no candidate is named."""

AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class GivenCandidate:
    """A candidate as the project in memory has it.

    Args:
        label: What results call it.
        model: Its model.
        prompt: Its prompt.
        given: The function that answers, if Python code hands it over.
        column: The column that holds its outputs, if they are there already.
        note: What the user should know about it.
    """

    label: str
    model: Loaded[Model]
    prompt: Loaded[Prompt]
    given: GivenFunction | None = None
    column: str | None = None
    note: str = ""

    @property
    def name(self) -> Candidate:
        """`model@prompt`."""
        return Candidate.of(self.model.item.name, self.prompt.item.name)


def given_candidates(
    candidates: Sequence[Any], rows: GivenRows, project: Project, folder: Path
) -> tuple[GivenCandidate, ...]:
    """Read what was given; without any, the column of the data that holds outputs by its name.

    Args:
        candidates: As they were given.
        rows: The data.
        project: Where models, prompts and modules are looked up.
        folder: Where outputs that stand in a column are written as files.

    Raises:
        ConfigError: One of them is no candidate, or can't be used.
    """
    if not candidates:
        candidates = [name for name in OUTPUT_COLUMNS if name in rows.names][:1]
        if not candidates:
            raise ConfigError(
                "candidates: expected a function, 'model@prompt', ea.Model or a column that holds outputs, got none; "
                f"the data has the columns {', '.join(repr(name) for name in rows.names if name != rows.id_column)}"
            )
    labels = _labels(candidates)
    return tuple(
        _candidate(given, label, rows, project, folder) for given, label in zip(candidates, labels, strict=True)
    )


def _candidate(given: Any, label: str, rows: GivenRows, project: Project, folder: Path) -> GivenCandidate:
    if isinstance(given, DeclaredModel):
        if given.function is not None:
            return _of_function(given.function, label, rows, project, model=given)
        model = loaded_model(label, given.fields, said=f"ea.Model {label!r}")
        return GivenCandidate(label, model, _prompt_of(given, label, project))
    if isinstance(given, str):
        return _of_text(given, label, rows, project, folder)
    if callable(given) or is_called_by_method(given):
        return _of_function(given, label, rows, project, model=DeclaredModel(function=given))
    raise ConfigError(
        f"candidates: expected a function, 'model@prompt', ea.Model or the name of a column, got {given!r:.80}"
    )


def _of_text(given: str, label: str, rows: GivenRows, project: Project, folder: Path) -> GivenCandidate:
    if given in rows.names:
        return _of_column(given, label, rows, folder)
    named = Candidate(given)
    if "@" in given:
        project.model(named.model)
        project.prompt(named.prompt)
        return GivenCandidate(label, project.models[named.model], project.prompts[named.prompt])
    if given in project.models:
        prompts = ", ".join(f"{given}@{prompt}" for prompt in project.names("prompts")) or "the project has none"
        raise ConfigError(f"candidates: {given!r} is a model; say with which prompt: {prompts}")
    raise ConfigError(
        f"candidates: {given!r} is neither a column of the data nor 'model@prompt'; {nearest(given, rows.names)}"
    )


def _of_column(column: str, label: str, rows: GivenRows, folder: Path) -> GivenCandidate:
    """Outputs that are there already, as a file of recorded predictions."""
    outputs = [
        {"example_id": identifier, "output": value_at(row, column)}
        for identifier, row in zip(rows.ids, rows.rows, strict=True)
        if row is not None and value_at(row, column) is not None
    ]
    file, _ = rows_file(outputs, folder)
    values = {"provider": "recorded", "file": str(file)}
    model = loaded_model(label, values, said=f"column {column!r}")
    return GivenCandidate(label, model, loaded_prompt(None, said=f"column {column!r}"), column=column)


def _of_function(
    function: Callable[..., Any], label: str, rows: GivenRows, project: Project, *, model: DeclaredModel
) -> GivenCandidate:
    """A function of a module of the project by its name, as a model file has it; any other handed over."""
    said = f"candidate {label!r}"
    columns = _columns_of(rows)
    refuse_unfilled(function, label, columns, {*_fields_of(rows), *model.fields.get("parameters", {})})
    at_once = BATCH_ROWS if takes_rows(function, columns) else AT_ONCE
    # Whatever a function raises is an answer of its row, and it is here: nothing is gained by beginning slowly.
    limits = {"max_concurrency": at_once, "start_concurrency": at_once, "give_up_after": None, "max_retries": 0}
    values = {"provider": "callable", **model.fields, "limits": {**limits, **model.fields.get("limits", {})}}
    prompt = _prompt_of(model, label, project)
    is_as_it_is = asks_by_name(function, columns) and model.version is None
    target = target_of(function, project.data_dir.parent) if is_as_it_is else None
    if target is not None:
        return GivenCandidate(label, loaded_model(label, {**values, "callable": target}, said=said), prompt)
    version, note = _version_of(function, label, model.version)
    values["callable"] = given_target(f"{_module_of(function)}.{label}")
    found = loaded_model(label, values, said=said, version=version)
    return GivenCandidate(label, found, prompt, given=GivenFunction(function, version), note=note)


def _version_of(function: Callable[..., Any], label: str, version: str | None) -> tuple[str, str]:
    """What the replies of a function are kept under, and what to say about it."""
    if version is not None:
        return content_sha256(["version", version]), ""
    found, note = code_version(function, said=f"{label}: its replies")
    return found, note and f"{note}; pass ea.Model(function=…, version='1') to say so yourself"


def _prompt_of(model: DeclaredModel, label: str, project: Project) -> Loaded[Prompt]:
    said = f"prompt of {label!r}"
    if isinstance(model.prompt, str) and model.prompt in project.prompts:
        if model.response_format is not None:
            raise ConfigError(f"{said}: {model.prompt!r} is a file; write `response_format` there")
        return project.prompts[model.prompt]
    return loaded_prompt(model.prompt, said=said, response_format=model.response_format)


def _labels(candidates: Sequence[Any]) -> list[str]:
    """A short name for each, each once."""
    seen: Counter[str] = Counter()
    labels: list[str] = []
    for plain in map(_label_of, candidates):
        seen[plain] += 1
        labels.append(plain if seen[plain] == 1 else f"{plain}-{seen[plain]}")
    return labels


def _label_of(given: Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, DeclaredModel):
        named = given.name or given.fields.get("model")
        return str(named) if named else _label_of(given.function)
    if isinstance(given, partial):
        return _label_of(given.func)
    return str(getattr(given, "__name__", type(given).__name__)).strip("<>")


def _module_of(function: Any) -> str:
    return str(getattr(function, "__module__", None) or type(function).__module__)


def _columns_of(rows: GivenRows) -> set[str]:
    """Columns of the examples under our names."""
    theirs = set(rows.columns.values())
    return {name for name in rows.names if name not in theirs} | set(_mapped(rows)) - {"example_id"}


def _mapped(rows: GivenRows) -> Iterator[str]:
    return (ours for ours in ("inputs", "targets", "context") if rows.has(ours))


def _fields_of(rows: GivenRows) -> set[str]:
    """Fields that the inputs of every row have, where they are objects."""
    found: set[str] | None = None
    for row in rows.rows:
        if row is not None:
            inputs = value_at(row, rows.columns.get("inputs", "inputs"))
            if not isinstance(inputs, Mapping):
                return set()
            found = set(inputs) if found is None else found & set(inputs)
    return found or set()
