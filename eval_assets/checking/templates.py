"""Variables of prompts and judge templates, against the columns that rows provide."""

import re
from collections.abc import Iterator

from eval_assets.checking.provided_columns import ProvidedColumns
from eval_assets.config.judge import Judge
from eval_assets.config.problems import Problem
from eval_assets.config.project import Loaded
from eval_assets.config.prompt import Prompt
from eval_assets.prompts.rendering import (
    MESSAGES,
    OPTIONAL_COLUMNS,
    ROW,
    row_columns,
    template_variables,
    variables_with_fallback,
)
from eval_assets.requests.exchange import HIDDEN

OUTPUT = "output"


def prompt_problems(loaded: Loaded[Prompt], columns: ProvidedColumns) -> Iterator[Problem]:
    """Variables of a prompt, and its column of tools, that no row provides, or that prompts are not shown."""
    listed = loaded.item.tools
    if isinstance(listed, str) and (listed == HIDDEN or not columns.has(listed)):
        yield _problem(loaded, listed, columns, columns.names - {HIDDEN}, what="column of `tools`")
    for message in loaded.item.messages:
        for variable in _needed(message.template, columns):
            if variable == HIDDEN:
                said = f"prompts are not shown the {HIDDEN}, which outputs are scored against; nothing would stand here"
                yield Problem(loaded.file, said, _line_using(variable, loaded), variable)
            elif not columns.has(variable) and not (variable == MESSAGES and columns.holds_conversations):
                yield _problem(loaded, variable, columns, columns.names - {HIDDEN})


def judge_template_problems(loaded: Loaded[Judge], columns: ProvidedColumns) -> Iterator[Problem]:
    """Variables of a judge's own prompt that no row provides."""
    for variable in _needed(loaded.item.file.prompt or "", columns):
        if variable != OUTPUT and not columns.has(variable):
            yield _problem(loaded, variable, columns, columns.names | {OUTPUT})


def _needed(template: str, columns: ProvidedColumns) -> list[str]:
    """Variables without which a template fails, or shows nothing where it was to show something."""
    variables = template_variables(template, where="template") - variables_with_fallback(template)
    if ROW in variables and not columns.has(ROW):
        variables = (variables - {ROW}) | row_columns(template)
    return sorted(variable for variable in variables if not _is_optional(variable, template))


def _is_optional(variable: str, template: str) -> bool:
    """Whether a column that not every dataset has is asked for before it is used."""
    return variable in OPTIONAL_COLUMNS and bool(re.search(rf"{{%-?\s*if\s[^%]*\b{variable}\b", template))


def _problem(
    loaded: Loaded[Prompt] | Loaded[Judge],
    variable: str,
    columns: ProvidedColumns,
    valid: frozenset[str],
    *,
    what: str = "template variable",
) -> Problem:
    said = f"no row of dataset {columns.dataset.name!r} provides the {what} {variable!r}"
    odd = next((name for name in sorted(valid) if variable in re.split(r"\W", name) and name != variable), None)
    hint = columns.hint(variable, valid) if odd is None else f'write {{{{ {ROW}["{odd}"] }}}} for the column {odd!r}'
    return Problem(loaded.file, f"{said}; {hint}", _line_using(variable, loaded), variable)


def _line_using(variable: str, loaded: Loaded[Prompt] | Loaded[Judge]) -> int | None:
    """The first line that uses a variable between braces, else the first that has the word."""
    lines = list(enumerate(loaded.source.splitlines(), loaded.first_line))
    name = re.escape(variable)
    for pattern in (rf"{{[{{%].*\b{name}\b", rf"\b{name}\b"):
        found = next((number for number, text in lines if re.search(pattern, text)), None)
        if found is not None:
            return found
    return None
