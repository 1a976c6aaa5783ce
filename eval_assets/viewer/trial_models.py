"""Parameters that are tried before they are in a file: the block of a model file, edited, and a new file made of it.

A model file is never overwritten: who else uses it, and what it costs them, isn't on the page.
"""

from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from eval_assets.api.arguments.declaring import yaml_text
from eval_assets.checking.references import model_problems
from eval_assets.config.files.yaml_documents import parse_yaml
from eval_assets.config.model import Model
from eval_assets.config.problems import Problem, raise_problems
from eval_assets.config.project import SUFFIXES, Loaded, Project, can_be_a_partition
from eval_assets.config.project_files import model_of_text
from eval_assets.errors import ConfigError, EditError
from eval_assets.storage.atomic_files import create_whole

BLOCK = "parameters"
_SAVING = Lock()


def parameters_text(project: Project, model: str) -> str:
    """The parameters of a model as they stand in its file; an empty block where it has none."""
    loaded = project.models[project.model(model).name]
    document = yaml.compose(loaded.source, Loader=yaml.SafeLoader)
    for key, value in document.value if isinstance(document, yaml.MappingNode) else ():
        if key.value == BLOCK and not key.start_mark.column:
            return f"{loaded.source[key.start_mark.index : value.end_mark.index].rstrip()}\n"
    return yaml_text({BLOCK: dict(loaded.item.file.parameters)})


def edited_model(project: Project, name: str, text: str, *, called: str | None = None) -> Loaded[Model]:
    """A model as its file would be read with other parameters.

    Args:
        project: The files as they stand.
        name: The model.
        text: The block `parameters:` as it would stand in the file.
        called: Another name for it; null keeps its own.

    Raises:
        ConfigError: There is no such model, or the file would be refused, as `check` says it, with the block's line.
    """
    loaded = project.models[project.model(name).name]
    given = parse_yaml(text, file=loaded.file)
    for key in given.values.keys() - {BLOCK}:
        said = f"expected the block `{BLOCK}:` alone, got {key!r:.80}; other fields are edited in the file"
        raise_problems([Problem(loaded.file, said, given.lines.get((key,)))])
    rest: dict[str, Any] = dict(parse_yaml(loaded.source, file=loaded.file).values)
    rest.pop(BLOCK, None)
    rest.pop("name", None)
    whole = f"{text.rstrip()}\n{yaml_text(rest)}".lstrip()
    edited = model_of_text(project.data_dir, called or name, whole, file=loaded.file)
    after = replace(project, models={**project.models, edited.item.name: edited})
    raise_problems(model_problems(after, edited.item.name))
    return edited


def is_edited(project: Project, name: str, text: str) -> bool:
    """Whether a block says other parameters than the model's file; raises as `edited_model` does."""
    return edited_model(project, name, text).item.file.parameters != project.model(name).file.parameters


def save_model(project: Project, name: str, text: str, called: str) -> str:
    """Write a model with other parameters as a new file; returns its path below the project.

    Raises:
        ConfigError: The parameters can't be used, or the file can't be written.
        EditError: The name can't be one, or is taken.
    """
    if not can_be_a_partition(called):
        raise EditError(f"expected a name of lower-case letters, digits, '.', '_' and '-', got {called!r:.80}")
    if called in project.names("models"):
        raise EditError(
            f"there is a model {called} already; choose another name, files of models aren't overwritten here"
        )
    saved = edited_model(project, name, text, called=called)
    path = project.data_dir / "models" / f"{called}{SUFFIXES['models']}"
    shown = f"{Path(project.data_dir.name) / 'models' / path.name}"
    with _SAVING:
        try:
            create_whole(path, saved.source)
        except FileExistsError as error:
            raise EditError(f"{shown} is there already, and was not overwritten; choose another name") from error
        except OSError as error:
            raise ConfigError(f"{shown} could not be written: {error}") from error
    return shown
