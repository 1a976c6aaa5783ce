"""Datasets, models and prompts that an evaluation defines where others write a name."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, Owner
from eval_assets.config.files.reply_formats import SchemaFiles, reply_format
from eval_assets.config.files.template_syntax import syntax_error
from eval_assets.config.files.yaml_documents import Document, line_of_text, validate
from eval_assets.config.problems import Location, Problem, line_of, raise_problems
from eval_assets.config.prompt import MessageTemplate, Prompt, Role, Tools
from eval_assets.errors import ConfigError

KINDS = ("models", "prompts")
"""Fields of an evaluation that hold a list of names or definitions, called as the folders where such files lie."""


class InlinePrompt(FileModel):
    """A prompt as an evaluation defines it: `system` and `user`, or `messages` where it takes more than these two."""

    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    system: str | None = Field(None, min_length=1, description="What the model is told before the example.")
    user: str | None = Field(None, min_length=1, description="The message with the example: a template.")
    messages: tuple[MessageTemplate, ...] = Field(
        (), description="All messages in their order, in place of `system` and `user`."
    )
    tools: Tools = Field(None, description="What the model may call, as in a prompt file.")

    response_format: str | dict[str, Any] | None = Field(
        None, description="What answers have to look like, as in a prompt file; free text when absent."
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.messages and (self.system or self.user):
            raise ValueError("expected either `messages`, or `user` with or without `system`")
        if not self.messages and not self.user:
            raise ValueError("expected the field 'user', such as user: \"{{ inputs }}\"")
        return self

    @property
    def texts(self) -> Iterator[tuple[Location, Role, str]]:
        """Place, role and template of each message."""
        if self.system:
            yield ("system",), "system", self.system
        if self.user:
            yield ("user",), "user", self.user
        for index, message in enumerate(self.messages):
            yield ("messages", index, "template"), message.role, message.template


@dataclass(frozen=True, slots=True)
class Definition:
    """A dataset, model or prompt that stands in an evaluation.

    Args:
        kind: The folder where others of its kind lie.
        name: Its name.
        evaluation: The evaluation that has it.
        document: Its fields without the name, each with its line in the evaluation's file.
        source: Its text.
        first_line: Line of the file where that begins.
    """

    kind: str
    name: str
    evaluation: str
    document: Document = field(repr=False)
    source: str = field(repr=False)
    first_line: int

    @property
    def place(self) -> str:
        """File and line, as a person would look it up."""
        return f"{self.document.file}:{self.first_line}"


def lifted(document: Document, text: str, *, evaluation: str) -> tuple[Document, list[Definition]]:
    """An evaluation with a name in place of each definition, and the definitions.

    Args:
        document: The evaluation.
        text: Its text.
        evaluation: Its name, which its dataset has too if the definition says no other.

    Raises:
        ConfigError: A definition without a name.
    """
    values = dict(document.values)
    found: list[tuple[str, Location, dict[str, Any]]] = []
    if isinstance(values.get("dataset"), dict):
        found.append(("datasets", ("dataset",), {"name": evaluation, **values["dataset"]}))
        values["dataset"] = found[-1][2]["name"]
    for kind in KINDS:
        items = values.get(kind)
        if isinstance(items, list):
            found += [(kind, (kind, index), item) for index, item in enumerate(items) if isinstance(item, dict)]
            values[kind] = [item.get("name") if isinstance(item, dict) else item for item in items]
    raise_problems([problem for _, place, item in found if (problem := _unnamed(document, place, item))])
    definitions = [
        _definition(document, text, place, evaluation=evaluation, kind=kind, item=item) for kind, place, item in found
    ]
    inside = [place for _, place, _ in found]
    written = {
        place: said
        for place, said in document.written.items()
        if not any(_begins(place, prefix) and len(place) > len(prefix) for prefix in inside)
    }
    return replace(document, values=values, written=written), definitions


def prompt_of(definition: Definition, schemas: SchemaFiles | None = None) -> Prompt:
    """The prompt that a definition is.

    Args:
        definition: As the evaluation has it.
        schemas: Where the file of a schema is looked up.

    Raises:
        ConfigError: With file, line and field of what can't be used.
    """
    document = definition.document
    declared = validate(document, InlinePrompt)
    problems = []
    for place, _, template in declared.texts:
        if fault := syntax_error(template):
            begins = (line_of(place, document.lines) or definition.first_line) - definition.first_line + 1
            line = line_of_text(template, fault[0], source=definition.source, begins=begins)
            said = f"not a valid template: {fault[1]}"
            problems.append(Problem(document.file, said, line + definition.first_line - 1, str(place[0])))
    asked = None
    if declared.response_format is not None:
        try:
            asked = reply_format(declared.response_format, schemas)
        except ConfigError as error:
            line = line_of(("response_format",), document.lines) or definition.first_line
            problems.append(Problem(document.file, str(error), line, "response_format"))
    raise_problems(problems)
    messages = tuple(MessageTemplate(role=role, template=template.strip()) for _, role, template in declared.texts)
    return Prompt(
        name=definition.name,
        description=declared.description,
        owners=declared.owners,
        messages=messages,
        tools=declared.tools,
        response_format=asked,
    )


def clashes(definitions: list[Definition], files: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Problem]]:
    """Names that mean two things: evaluation at fault, and what is wrong. Equal definitions mean one thing.

    Args:
        definitions: Those of all evaluations.
        files: Kind → name → file, of what has a file.
    """
    by_name: dict[tuple[str, str], list[Definition]] = {}
    for definition in definitions:
        by_name.setdefault((definition.kind, definition.name), []).append(definition)
    for (kind, name), alike in by_name.items():
        for definition in alike:
            others = [files[kind][name]] if name in files[kind] else []
            others += [other.place for other in alike if other.document.values != definition.document.values]
            if others:
                one = kind.removesuffix("s")
                said = (
                    f"the {one} {name!r} is defined here, and otherwise in {others[0]}; give one of them another name"
                )
                if name in files[kind]:
                    said += ", or write only the name here to use that file"
                yield definition.evaluation, Problem(definition.document.file, said, definition.first_line)


def _unnamed(document: Document, place: Location, item: Mapping[str, Any]) -> Problem | None:
    if isinstance(item.get("name"), str):
        return None
    line = line_of((*place, "name"), document.lines)
    if "name" in item:
        return Problem(document.file, f"expected text as `name`, got {item['name']!r}; put it in quotes", line)
    return Problem(document.file, "expected a `name` beside the other fields, under which results are kept", line)


def _definition(
    document: Document, text: str, place: Location, *, evaluation: str, kind: str, item: Mapping[str, Any]
) -> Definition:
    begins = document.lines[place]
    lines = {inner[len(place) :]: line for inner, line in document.lines.items() if _begins(inner, place)}
    later = [line for other, line in document.lines.items() if line > begins and not _begins(other, place)]
    ends = min(later, default=text.count("\n") + 2)
    written = "".join(text.splitlines(keepends=True)[begins - 1 : ends - 1])
    return Definition(
        kind=kind,
        name=item["name"],
        evaluation=evaluation,
        document=Document(
            document.file,
            {name: value for name, value in item.items() if name != "name"},
            lines,
            {
                inner[len(place) :]: said
                for inner, said in document.written.items()
                if _begins(inner, place) and inner != (*place, "name")
            },
        ),
        source=textwrap.dedent(re.sub(r"\A( *)-", r"\1 ", written)),
        first_line=begins,
    )


def _begins(place: Location, prefix: Location) -> bool:
    return place[: len(prefix)] == prefix
