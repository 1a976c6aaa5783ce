"""From values given in Python to what a file of `data/` declares: validated alike, said alike, kept in memory."""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel

from eval_assets.config.evaluation import EvaluationFile
from eval_assets.config.fields import MAX_NAME
from eval_assets.config.files.endpoints import endpoint_problems
from eval_assets.config.files.parameters import secret_problems
from eval_assets.config.files.template_syntax import syntax_error
from eval_assets.config.files.yaml_documents import Document, validate
from eval_assets.config.judge import Judge, JudgeFile
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.problems import Location, Problem, raise_problems
from eval_assets.config.project import Loaded
from eval_assets.config.project_files import quantity_problems
from eval_assets.config.prompt import Prompt, parse_prompt
from eval_assets.errors import ConfigError
from eval_assets.requests.canonical_json import json_text
from eval_assets.stages.content_hash import content_sha256
from eval_assets.storage.atomic_files import write_atomically
from eval_assets.user_code.fingerprints import UnhashableCodeError, function_fingerprint

Declared = TypeVar("Declared", bound=BaseModel)

DIGITS = 8
SHOWN = ("parameters", "arguments", "metrics")
"""Fields that tables and reports show as they stand."""

AS_THEY_ARE = "## user\n{{ inputs }}\n"
"""The prompt of a candidate that comes without one."""


def slug(name: str) -> str:
    """A name as files have them.

    >>> slug("My app (v2)"), slug("<lambda>"), slug("?")
    ('my-app-v2', 'lambda', 'unnamed')
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")
    return re.sub(r"\.{2,}", ".", plain)[: MAX_NAME - DIGITS - 1].rstrip("-._") or "unnamed"


def unique_name(name: str, *content: Any) -> str:
    """A name with digits of what it stands for: two things that Python code calls alike never mix in a table.

    >>> unique_name("My app", 1) == unique_name("My app", 2)
    False
    """
    return f"{slug(name)}.{content_sha256(list(content))[:DIGITS]}"


def declared(values: Mapping[str, Any], kind: type[Declared], *, said: str) -> Declared:
    """Read values as the fields of a file.

    Args:
        values: Field → value.
        kind: What the file is.
        said: How messages name it.

    Raises:
        ConfigError: With every field that can't be used.
    """
    # Fields are named by their places; there are no lines to name.
    places = cast("dict[Location, int]", dict.fromkeys(_places(dict(values))))
    found = validate(Document(said, dict(values), places), kind)
    raise_problems(list(_problems(found, values, said=said, places=places)))
    return found


def _problems(
    found: BaseModel, values: Mapping[str, Any], *, said: str, places: Mapping[Location, int]
) -> Iterator[Problem]:
    """What is refused in files, too: secrets that tables would show, addresses, templates, quantities."""
    yield from secret_problems({field: values.get(field) for field in SHOWN}, file=said, lines=places)
    if isinstance(found, ModelFile):
        yield from endpoint_problems(found, file=said, lines=places)
    if isinstance(found, EvaluationFile | JudgeFile):
        yield from quantity_problems(found, file=said, lines=places)
    fault = syntax_error(found.prompt or "") if isinstance(found, JudgeFile) else None
    if fault:
        yield Problem(said, f"not a valid template: {fault[1]}", fault[0], "prompt")


def _places(value: Any, place: Location = ()) -> Iterator[Location]:
    yield place
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for part, item in inner:
        yield from _places(item, (*place, part))


def loaded_model(name: str, values: Mapping[str, Any], *, said: str, version: str = "") -> Loaded[Model]:
    """A model; its name gets digits of its fields, and of the version of the code behind it."""
    file = declared(values, ModelFile, said=said)
    shown = {"provider": file.provider, **file.model_dump(mode="json", exclude_defaults=True)}
    return Loaded(Model(name=unique_name(name, shown, version), file=file), said, yaml_text(shown))


def loaded_judge(name: str, values: Mapping[str, Any], *, said: str) -> Loaded[Judge]:
    """A judge; its name stands."""
    file = declared(values, JudgeFile, said=said)
    if slug(name) != name:
        raise ConfigError(f"{said}: expected a name of lower-case letters, digits, '.', '_' and '-', got {name!r}")
    shown = file.model_dump(mode="json", exclude_defaults=True)
    return Loaded(Judge(name=name, file=file), said, yaml_text(shown))


def loaded_prompt(
    given: str | Mapping[str, str] | Sequence[Mapping[str, str]] | None, *, said: str, response_format: Any = None
) -> Loaded[Prompt]:
    """A prompt from the text of a user message, from role → text, or from messages; null: the inputs as they are."""
    head = "" if response_format is None else f"---\nresponse_format: {json_text(response_format)}\n---\n"
    messages = [] if given is None else _messages(given)
    body = "".join(f"## {role}\n{content.strip()}\n" for role, content in messages) or AS_THEY_ARE
    text = head + body
    name = unique_name("inputs" if given is None and not head else "prompt", text)
    prompt = parse_prompt(name, text, file=said)
    if messages and len(prompt.messages) != len(messages):
        raise ConfigError(f"{said}: expected messages without lines such as `## user`, which open a message of a file")
    return Loaded(prompt, said, text)


def rows_file(rows: Iterable[Mapping[str, Any]], folder: Path) -> tuple[Path, str]:
    """Write rows as a file of JSON lines that is named by its text, and return both."""
    text = "".join(f"{json_text(row)}\n" for row in rows)
    file = folder / f"{content_sha256(text)}.jsonl"
    write_atomically(file, text)
    return file, text


def code_version(function: Callable[..., Any], *, said: str) -> tuple[str, str]:
    """What the results of a function are kept under: the hash of its code, else digits that nothing else has.

    Args:
        function: Of the user.
        said: How the note names what isn't reused then: "metric m: its scores".

    Returns:
        The version, and a note that says why there is no hash of the code; empty if there is one.
    """
    try:
        return function_fingerprint(function), ""
    except UnhashableCodeError as error:
        why = "since nobody can tell whether it is the same next time"
        return uuid.uuid4().hex, f"{said} are not reused, {why}: {error}"


def yaml_text(values: Mapping[str, Any]) -> str:
    """Values as a file of `data/` has them."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=120)


def _messages(given: str | Mapping[str, str] | Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    if isinstance(given, str):
        return [("user", given)]
    if isinstance(given, Mapping):
        return list(given.items())
    return [(message["role"], message["content"]) for message in given]
