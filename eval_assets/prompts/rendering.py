"""Sandboxed rendering of templates with the columns of an example. Where templates come from is in `parsing`."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, meta, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.exceptions import TemplateError as TemplateFault
from jinja2.runtime import Context

from eval_assets.config.problems import hint_at
from eval_assets.config.prompt import Prompt
from eval_assets.errors import TemplateError
from eval_assets.prompts.sandbox import BoundedSandbox
from eval_assets.providers.requests import Message

FAILURES_OF_TEMPLATES = (
    TemplateFault,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Whatever an expression or a filter may do on a value that its writer didn't think of."""
OPTIONAL_COLUMNS = ("targets", "context")
TESTS_OF_ABSENCE = ("defined", "undefined")
FILTERS_OF_ABSENCE = ("default", "d")


@pass_context
def _text_of(_context: Context, value: Any) -> Any:
    """How a value appears in a rendered text: structured values as JSON, absent ones as nothing.

    It takes the context so that jinja computes no constant (`'x' * 10**9`) while a template is only read.
    """
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return value


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
        return _environment().from_string(template)
    except TemplateSyntaxError as error:
        raise TemplateError(f"{where}: line {error.lineno} of the template: {error.message}") from error


def render_text(template: str, columns: Mapping[str, Any], *, where: str) -> str:
    """Render one template.

    Args:
        template: Jinja text; runs in a sandbox that reaches neither attributes of Python objects nor files.
        columns: What the template may use; `context` and `targets` are empty when absent.
        where: How errors name the template.

    Raises:
        TemplateError: Bad syntax, a column that doesn't exist, or something the sandbox forbids.

    >>> render_text("Q: {{ inputs.question }}", {"inputs": {"question": "Why?"}}, where="prompt 'ask'")
    'Q: Why?'
    """
    values = {**dict.fromkeys(OPTIONAL_COLUMNS), **columns}
    try:
        return str(_compiled(template, where).render(values)).strip()
    except UndefinedError as error:
        raise TemplateError(f"{where}: {error.message}; the example's columns: {', '.join(sorted(values))}") from error
    except SecurityError as error:
        raise TemplateError(f"{where}: the template sandbox refuses this: {error}") from error
    except FAILURES_OF_TEMPLATES as error:
        said = str(error) or type(error).__name__
        raise TemplateError(f"{where}: the template failed on this example: {said}") from error


def template_variables(template: str, *, where: str) -> frozenset[str]:
    """Columns that a template uses.

    >>> sorted(template_variables("{% if context %}{{ context }}{% endif %} {{ inputs }}", where="p"))
    ['context', 'inputs']
    """
    try:
        return frozenset(meta.find_undeclared_variables(_environment().parse(template)))
    except TemplateSyntaxError as error:
        raise TemplateError(f"{where}: line {error.lineno} of the template: {error.message}") from error


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


def syntax_error(template: str) -> tuple[int, str] | None:
    r"""The line of a template, from 1, at which it is no template, and why; null if it is one.

    >>> syntax_error("Question:\n{{ inputs }")
    (2, "unexpected '}'; expected '}}' after the variable")
    """
    environment = _environment()
    try:
        code = environment.compile(template, raw=True)
        compile(code, "template", "exec")
    except TemplateSyntaxError as error:
        return error.lineno, _advice(error.message or "this is no template", environment)
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        return 1, f"this is nested too deeply, or a number in it is too long ({type(error).__name__})"
    return None


def _advice(said: str, environment: BoundedSandbox) -> str:
    """Jinja's words, with what to do about the commonest."""
    if found := re.match(r"No (filter|test) named '(.*)'", said):
        known = environment.filters if found[1] == "filter" else environment.tests
        names = sorted(name for name in known if name.isidentifier())
        hint = hint_at(found[2], names, cutoff=0.8) or f"; there are {', '.join(names)}"
        return said.rstrip(".") + hint
    if said == "unexpected '}'" or "end of template'" in said or "end of print statement" in said:
        return f"{said.rstrip('.')}; expected '}}}}' after the variable"
    return said


def render_prompt(prompt: Prompt, columns: Mapping[str, Any]) -> tuple[Message, ...]:
    """Render every message of a prompt with one example.

    Raises:
        TemplateError: As `render_text`.
    """
    where = f"prompt {prompt.name!r}"
    return tuple(
        Message(role=message.role, content=render_text(message.template, columns, where=where))
        for message in prompt.messages
    )
