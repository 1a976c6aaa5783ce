"""Sandboxed rendering of templates with the columns of an example. Where templates come from is in `parsing`."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, meta, nodes, pass_context
from jinja2.exceptions import SecurityError

from eval_assets.config.files.template_syntax import ODD_NAME, syntax_said
from eval_assets.config.prompt import Prompt
from eval_assets.config.tools import tools_of
from eval_assets.errors import TemplateError
from eval_assets.prompts.sandbox import CHARACTERS_A_STEP, MAX_CHARACTERS, BoundedSandbox, CountedContext
from eval_assets.prompts.turns import turns_of
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.conversations import conversation_in
from eval_assets.requests.exchange import Message

OPTIONAL_COLUMNS = ("targets", "context")
ROW = "row"
"""Name under which templates reach every column, such as one whose name has a space: `row["Question text"]`."""
MESSAGES = "messages"
"""Name under which prompts reach the conversation that is an example's inputs, unless a column has it."""
TESTS_OF_ABSENCE = ("defined", "undefined")
FILTERS_OF_ABSENCE = ("default", "d")


@pass_context
def _text_of(context: CountedContext, value: Any) -> Any:
    """How a value appears in a rendered text: structured values as JSON, absent ones as nothing.

    It takes the context to count, and so that jinja computes no constant (`'x' * 10**9`) while a template is only read.
    """
    shown = _shown(value)
    if value is not None:
        context.count(len(shown) if isinstance(shown, str) else 0)
    return shown


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return json_text(value) if isinstance(value, dict | list | tuple) else value


def _environment() -> BoundedSandbox:
    environment = BoundedSandbox(
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=False,
        optimized=False,
        finalize=_text_of,
    )
    del environment.globals["lipsum"]  # text without end, and another one each time
    return environment


@lru_cache(maxsize=1024)
def _compiled(template: str, where: str) -> Any:
    try:
        compiled = _environment().from_string(template)
    except TemplateSyntaxError as error:
        raise TemplateError(f"{where}: line {error.lineno} of the template: {syntax_said(error)}") from error
    compiled.globals = dict(compiled.globals)  # each rendering copies them, jinja's chain of mappings one by one
    return compiled


@lru_cache(maxsize=1024)
def _sole_column(template: str) -> Any:
    """What gives the value of the column, or of the field in it, that is all of a template; null if there is more."""
    try:
        body = _environment().parse(template).body
    except TemplateSyntaxError:  # said where the text is rendered
        return None
    shown = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else []
    node = shown[0] if len(shown) == 1 else None
    if isinstance(node, nodes.Name):
        return partial(_get, name=node.name)
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    if not isinstance(node, nodes.Name):
        return None
    expression = template.strip()[2:-2].strip("-+ \t\r\n")
    return _environment().compile_expression(expression, undefined_to_none=False)


def _get(values: Mapping[str, Any], *, name: str) -> Any:
    return values.get(name)


@lru_cache(maxsize=1024)
def _plain_parts(template: str) -> tuple[str, ...]:
    """Texts and columns in turns, texts first and last, of a template that holds nothing else; empty for any other.

    >>> _plain_parts("Q: {{ inputs }}?"), _plain_parts("{{ inputs | upper }}")
    (('Q: ', 'inputs', '?'), ())
    """
    try:
        body = _environment().parse(template).body
    except TemplateSyntaxError:  # said where the text is rendered
        return ()
    parts = [""]
    for node in body:
        for shown in node.nodes if isinstance(node, nodes.Output) else [node]:
            if isinstance(shown, nodes.TemplateData):
                parts[-1] += shown.data
            elif isinstance(shown, nodes.Name):
                parts += [shown.name, ""]
            else:
                return ()
    return tuple(parts)


def _filled(parts: tuple[str, ...], values: Mapping[str, Any]) -> str | None:
    """What jinja makes of plain parts, a tenth of its time; null where it has something to say about them."""
    texts = list(parts)
    for place in range(1, len(parts), 2):
        name = parts[place]
        if name not in values:
            return None
        texts[place] = str(_shown(values[name]))
    text = "".join(texts)
    return text if len(text) + len(parts) * CHARACTERS_A_STEP < MAX_CHARACTERS else None


def render_text(template: str, columns: Mapping[str, Any], *, where: str) -> str:
    """Render one template.

    Args:
        template: Jinja text; runs in a sandbox that reaches neither attributes of Python objects nor files.
        columns: What the template may use; `context` and `targets` are empty when absent, `row` is all of them.
        where: How errors name the template.

    Raises:
        TemplateError: Bad syntax, a column that doesn't exist, or something the sandbox forbids.

    >>> render_text("Q: {{ inputs.question }}", {"inputs": {"question": "Why?"}}, where="prompt 'ask'")
    'Q: Why?'
    """
    return _rendered(template, columns, _values(columns), where=where)


def _rendered(template: str, columns: Mapping[str, Any], values: Mapping[str, Any], *, where: str) -> str:
    """As `render_text`, with what the template may use."""
    try:
        text = _filled(parts, values) if (parts := _plain_parts(template)) else None
        return str(_compiled(template, where).render(values) if text is None else text).strip()
    except TemplateError:
        raise
    except Exception as error:  # a template is code of the user: whatever it raises costs one example
        raise _failure(error, columns, where) from error


def template_variables(template: str, *, where: str) -> frozenset[str]:
    """Columns that a template uses.

    >>> sorted(template_variables("{% if context %}{{ context }}{% endif %} {{ inputs }}", where="p"))
    ['context', 'inputs']
    """
    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(template)))
    except TemplateSyntaxError as error:
        raise TemplateError(f"{where}: line {error.lineno} of the template: {syntax_said(error)}") from error


def row_columns(template: str) -> frozenset[str]:
    """Columns that a sound template reaches by `row["name"]`.

    >>> sorted(row_columns("{{ row['Question text'] }} {{ row.inputs }}"))
    ['Question text', 'inputs']
    """
    parsed = _environment().parse(template)
    by_item = {
        node.arg.value
        for node in parsed.find_all(nodes.Getitem)
        if _is_row(node.node) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)
    }
    return frozenset(by_item | {node.attr for node in parsed.find_all(nodes.Getattr) if _is_row(node.node)})


def _is_row(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == ROW


def variables_with_fallback(template: str) -> frozenset[str]:
    """Variables that a sound template gives a default, or asks whether they are defined: no row has to have them.

    >>> sorted(variables_with_fallback("{{ hint | default('') }}{% if note is defined %}{{ note }}{% endif %}{{ x }}"))
    ['hint', 'note']
    """
    parsed = _environment().parse(template)
    tolerant = [
        *(test.node for test in parsed.find_all(nodes.Test) if test.name in TESTS_OF_ABSENCE),
        *(filtered.node for filtered in parsed.find_all(nodes.Filter) if filtered.name in FILTERS_OF_ABSENCE),
    ]
    return frozenset(node.name for node in tolerant if isinstance(node, nodes.Name))


@lru_cache(maxsize=1024)
def always_shows(template: str, name: str) -> bool:
    """Tell whether a sound template shows a column in every row, and asks nowhere whether the row has it.

    >>> always_shows("{{ targets }}", "targets"), always_shows("{% if targets %}{{ targets }}{% endif %}", "targets")
    (True, False)
    """
    parsed = _environment().parse(template)
    conditions = [choice.test for choice in parsed.find_all(nodes.If)]
    conditions += [choice.test for choice in parsed.find_all(nodes.CondExpr)]
    asked = {found.name for found in nodes.Tuple(conditions, "load").find_all(nodes.Name)}
    uses = meta.find_undeclared_variables(parsed) | row_columns(template)
    return name in uses - asked - variables_with_fallback(template)


def render_prompt(prompt: Prompt, columns: Mapping[str, Any]) -> tuple[Message, ...]:
    """Render every message of a prompt with one example.

    A section that holds one column and nothing else gives way to the turns in it, where the column is a conversation:
    a list of messages, or the object `{"messages": [...]}`.

    Raises:
        TemplateError: As `render_text`, or a message of such a list can't be sent.
    """
    where = f"prompt {prompt.name!r}"
    values = _values(columns)
    messages: list[Message] = []
    for message in prompt.messages:
        turns = _turns(message.template, columns, values, where=where)
        if turns:
            messages += turns
        else:
            messages.append(
                {"role": message.role, "content": _rendered(message.template, columns, values, where=where)}
            )
    return tuple(messages)


def prompt_tools(prompt: Prompt, columns: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """What the model may call to answer one example: the prompt's tools, or those in the column that it names.

    Raises:
        TemplateError: The column holds no list of tools.
    """
    if not isinstance(prompt.tools, str):
        return prompt.tools or ()
    listed = columns.get(prompt.tools)
    if listed is None:
        return ()
    try:
        return tools_of(listed)
    except ValueError as error:
        raise TemplateError(f"prompt {prompt.name!r}: column {prompt.tools!r}: {error}") from error


def _turns(template: str, columns: Mapping[str, Any], values: Mapping[str, Any], *, where: str) -> tuple[Message, ...]:
    """The turns that stand in a section's place; none where it is text."""
    value_of = _sole_column(template)
    if value_of is None:
        return ()
    try:
        value = value_of(values)
        found = conversation_in(value)
        return () if found is None else turns_of(found)
    except Exception as error:  # as above
        raise _failure(error, columns, where) from error


def _values(columns: Mapping[str, Any]) -> dict[str, Any]:
    found = conversation_in(columns.get("inputs"))
    own = {} if found is None else {MESSAGES: found}
    return {**dict.fromkeys(OPTIONAL_COLUMNS), ROW: columns, **own, **columns}


def _failure(error: Exception, columns: Mapping[str, Any], where: str) -> TemplateError:
    """Why a template fails on an example."""
    if isinstance(error, UndefinedError):
        names = sorted({*OPTIONAL_COLUMNS, *columns})
        hint = "" if all(map(str.isidentifier, names)) else f"; {ODD_NAME}"
        return TemplateError(f"{where}: {error.message}; the example's columns: {', '.join(names)}{hint}")
    if isinstance(error, SecurityError):
        return TemplateError(f"{where}: the template sandbox refuses this: {error}")
    said = "it calls itself without end" if isinstance(error, RecursionError) else str(error) or "no message"
    if said.startswith("no loader"):
        return TemplateError(f"{where}: a template can't reach other files: write what it includes or imports into it")
    return TemplateError(f"{where}: the template failed on this example, {type(error).__name__}: {said}")
