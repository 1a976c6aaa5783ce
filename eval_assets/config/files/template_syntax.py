"""Whether a text is a template, told by its syntax alone. What renders templates is in `prompts`."""

import re
from typing import Any

from jinja2 import TemplateSyntaxError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from eval_assets.config.problems import hint_at

UNREADABLE_NAME = "expected token 'end of print statement'"
ODD_NAME = 'a column whose name has spaces or dashes is written {{ row["its name"] }}'


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
        return error.lineno, syntax_said(error)
    except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError) as error:
        return 1, f"this is nested too deeply, or a number in it is too long ({type(error).__name__})"
    return None


def syntax_said(error: TemplateSyntaxError) -> str:
    """Jinja's words, with what to do about the commonest."""
    said = error.message or "this is no template"
    environment = _environment()
    if found := re.match(r"No (filter|test) named '(.*)'", said):
        known = environment.filters if found[1] == "filter" else environment.tests
        names = sorted(name for name in known if name.isidentifier())
        hint = hint_at(found[2], names, cutoff=0.8) or f"; there are {', '.join(names)}"
        return said.rstrip(".") + hint
    if said.startswith(UNREADABLE_NAME):
        return f"{said}; {ODD_NAME}"
    if said == "unexpected '}'" or "unexpected end of template, expected 'end of print" in said:
        return f"{said.rstrip('.')}; expected '}}}}' after the variable"
    return said


def _environment() -> ImmutableSandboxedEnvironment:
    """Computes no constant (`'x' * 10**9`) while a template is only read: what is shown depends on the rendering."""
    return ImmutableSandboxedEnvironment(optimized=False, finalize=_shown)


@pass_context
def _shown(_: Context, value: Any) -> Any:
    return value
