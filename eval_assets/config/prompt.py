"""A prompt file, `data/prompts/<name>.md`: front matter, then one `## role` section per message."""

import difflib
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from eval_assets.config.fields import FileModel, Owner, Slug, is_null
from eval_assets.config.files.meant_words import ROLES as ROLES_ELSEWHERE
from eval_assets.config.files.reply_formats import SchemaFiles, reply_format
from eval_assets.config.files.template_syntax import syntax_error
from eval_assets.config.files.yaml_documents import parse_yaml, validate
from eval_assets.config.problems import Problem, nearest, raise_problems
from eval_assets.config.tools import tools_of
from eval_assets.errors import ConfigError

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
SECTION = re.compile(r"^##[ \t]+(\S+)[ \t]*$", re.MULTILINE)
LIKE_A_HEADING = re.compile(r"^(?:#+[ \t]*(?P<role>\w+):?[ \t]*$|(?P<field>\w+):)", re.MULTILINE)
Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = get_args(Role)


def _tools(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else tools_of(value)


Tools = Annotated[str | tuple[dict[str, Any], ...] | None, BeforeValidator(_tools)]
"""Tools themselves, or the column of the example that lists them."""


class PromptFrontMatter(FileModel):
    """The part of a prompt file between the `---` lines."""

    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    tools: Tools = Field(
        None,
        description="What the model may call: a list with `name`, `description` and `parameters` (a JSON schema) each, "
        "or the column of the example that holds such a list.",
    )
    response_format: str | dict[str, Any] | None = Field(
        None,
        description="What answers have to look like: `json`, a JSON schema, or the name of a file beside the prompt "
        "that holds one. Asked of endpoints that take it, and looked at in every answer; free text when absent.",
    )


class MessageTemplate(FileModel):
    """One message whose `template` may use `{{ inputs }}` and any other column of the example."""

    role: Role = Field(description="Who speaks.")
    template: str = Field(description="What is said, a template over the columns of an example.")


class Prompt(FileModel):
    """A prompt with its name."""

    name: Slug = Field(description="Name of the file, without its ending.")
    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    messages: tuple[MessageTemplate, ...] = Field(min_length=1, description="The messages that are sent, in order.")
    tools: Tools = Field(None, description="What the model may call, or the column that lists it.", exclude_if=is_null)
    response_format: dict[str, Any] | None = Field(
        None, description="What answers have to look like, as endpoints are asked for it.", exclude_if=is_null
    )


def parse_prompt(name: str, text: str, *, file: str, schemas: SchemaFiles | None = None) -> Prompt:
    r"""Parse a prompt file.

    Args:
        name: Of the prompt.
        text: Of the file.
        file: How messages name it.
        schemas: Where the file of a schema is looked up; null where there are none.

    Raises:
        ConfigError: Bad front matter, no section, an unknown role, an empty message, text outside a section, or a
            message that is no template.

    >>> parse_prompt("ask", "## user\nWhy {{ inputs }}?", file="ask.md").messages[0].template
    'Why {{ inputs }}?'
    """
    text = text.replace("\r\n", "\n")
    front = FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    first_line = text[: front.end()].count("\n") + 1 if front else 1
    head = PromptFrontMatter()
    if front:
        head = validate(parse_yaml(front.group(1), file=file, first_line=2), PromptFrontMatter)
    sections = [found for found in SECTION.finditer(body) if _means_a_role(found.group(1))]
    problems: list[Problem] = []
    preamble = body[: sections[0].start()] if sections else body
    if front is None and text.startswith("---\n"):
        problems.append(Problem(file, "expected a second line `---`, which ends the front matter", first_line))
    elif preamble.strip():
        said = "expected `## system`, `## user` or `## assistant` before any text"
        problems.append(Problem(file, f"{said}{_meant_heading(body)}", first_line))
    messages: list[MessageTemplate] = []
    ends = [following.start() for following in sections[1:]] + [len(body)]
    for section, end in zip(sections, ends, strict=False):
        line = first_line + body[: section.start()].count("\n")
        role = section.group(1).lower()
        template = body[section.end() : end].strip()
        if role not in ROLES:
            problems.append(Problem(file, f"unknown role {section.group(1)!r}; {nearest(role, ROLES)}", line))
        elif not template:
            problems.append(Problem(file, f"the {role} message is empty", line))
        else:
            messages.append(MessageTemplate(role=role, template=template))
            begins = body.index(template, section.end())
            problems += _template_problems(file, template, first_line + body[:begins].count("\n"))
    asked = None
    if head.response_format is not None:
        try:
            asked = reply_format(head.response_format, schemas)
        except ConfigError as error:
            line = next((n for n, said in enumerate(text.split("\n"), 1) if said.startswith("response_format")), 2)
            problems.append(Problem(file, str(error), line, "response_format"))
    if not messages and not problems:
        problems.append(Problem(file, "expected at least one section such as `## user`", first_line))
    raise_problems(problems)
    return Prompt(
        name=name,
        description=head.description,
        owners=head.owners,
        messages=tuple(messages),
        tools=head.tools,
        response_format=asked,
    )


def _template_problems(file: str, template: str, first_line: int) -> list[Problem]:
    """Why a message that begins in this line is no template, if so."""
    found = syntax_error(template)
    return [Problem(file, f"not a valid template: {found[1]}", first_line + found[0] - 1)] if found else []


def _meant_heading(body: str) -> str:
    r"""The end of a message: the heading that a line of a prompt was meant to be; empty if there is none.

    >>> _meant_heading("# Human:\nWhy?"), _meant_heading("user: Why?"), _meant_heading("Why?")
    ("; write '## user' in place of '# Human:'", "; write '## user' in place of 'user:'", '')
    """
    for found in LIKE_A_HEADING.finditer(body):
        word = (found["role"] or found["field"]).lower()
        role = ROLES_ELSEWHERE.get(word, word)
        if role in ROLES:
            return f"; write '## {role}' in place of {found[0].strip()!r}"
    return ""


def _means_a_role(word: str) -> bool:
    """Whether a heading opens a message; other headings are text of the message they stand in."""
    return bool(difflib.get_close_matches(word.lower(), ROLES, n=1, cutoff=0.75))
