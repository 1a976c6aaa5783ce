"""From a table as its owner has it to rows that can be evaluated: what is asked and expected, lists as lists."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.datasets.row_files import SEPARATED_SUFFIXES
from eval_assets.config.datasets.structure import structure_in
from eval_assets.errors import ConfigError
from eval_assets.starting.column_roles import ColumnRoles, roles_of
from eval_assets.starting.source_table import SourceTable

EXPECTED = "expected"
"""Column for the end of conversations that hold their own answer."""


def understood(table: SourceTable, chosen: Mapping[str, str], slices: Sequence[str]) -> tuple[ColumnRoles, SourceTable]:
    """What the columns are; of a question that is an object with one field, that field is asked.

    Args:
        table: The table.
        chosen: Our column → the table's, where somebody says so.
        slices: Columns to break results down by, where somebody says so.

    Returns:
        The columns, and the table, in which the end of conversations that answer themselves stands apart.

    Raises:
        ConfigError: As `roles_of`.
    """
    rows = [row for _, row in table.rows]
    try:
        columns = roles_of(rows, chosen, slices)
    except ConfigError as error:
        raise ConfigError(f"{table.file}: {error}") from error
    fields = fields_of(rows, columns.inputs)
    if len(fields) == 1:
        chosen = {**chosen, "inputs": f"{columns.inputs}.{fields[0]}"}
        columns = roles_of(rows, chosen, slices)
    if columns.targets is None and (apart := _answers_apart(table, columns.inputs)) is not None:
        table, chosen = apart, {**chosen, "inputs": columns.inputs, "targets": EXPECTED}
        columns = roles_of([row for _, row in table.rows], chosen, slices)
    return columns, table


def _answers_apart(table: SourceTable, inputs: str) -> SourceTable | None:
    """Conversations without their last turn, where each ends with the assistant's, as those for fine-tuning do."""
    turns = [row.get(inputs) for _, row in table.rows]
    if not is_conversation([row for _, row in table.rows], inputs) or not all(turns):
        return None
    if not all(len(each) > 1 and each[-1]["role"] == "assistant" for each in turns if each is not None):
        return None
    apart = [
        (line, {**row, inputs: row[inputs][:-1], EXPECTED: row[inputs][-1]["content"]}) for line, row in table.rows
    ]
    return table.with_rows(
        apart, f"each conversation in {inputs!r} ends with the assistant: that turn is kept apart, as {EXPECTED!r}"
    )


def fields_of(rows: Sequence[Mapping[str, Any]], inputs: str) -> list[str]:
    """Fields of questions that are objects; none if they are anything else."""
    values = [value_at(row, inputs) for row in rows]
    objects = [value for value in values if isinstance(value, Mapping)]
    return list(dict.fromkeys(name for value in objects for name in value))


def is_conversation(rows: Sequence[Mapping[str, Any]], inputs: str) -> bool:
    """Whether every question is a list of turns."""
    return all(
        isinstance(turns := value_at(row, inputs), list)
        and all(isinstance(turn, Mapping) and {"role", "content"} <= turn.keys() for turn in turns)
        for row in rows
    )


def structured(table: SourceTable, columns: ColumnRoles) -> tuple[list[str] | None, SourceTable]:
    """Columns of a CSV whose texts are JSON, null if that isn't in question; Python's lists are written as JSON."""
    if table.suffix not in SEPARATED_SUFFIXES:
        return None, table
    read_as_json: list[str] = []
    in_question = False
    for name in (columns.inputs, columns.targets, columns.context):
        texts = [row[name] for _, row in table.rows if name is not None and isinstance(row.get(name), str)]
        kinds = {structure_in(text) for text in texts if text.strip()}
        if name is None or not kinds - {None}:
            continue
        in_question = True
        if not kinds <= {"a JSON list", "a Python list"}:
            said = ", ".join(sorted(kind or "text" for kind in kinds))
            table = table.noting(f"{name!r} holds {said}: all of it is read as text; see json_columns")
            continue
        read_as_json.append(name)
        if "a Python list" in kinds:
            rows = [(line, {**row, name: _list_as_json(row.get(name))}) for line, row in table.rows]
            table = table.with_rows(rows, f"{name!r} held lists as Python writes them, kept as JSON")
    return (read_as_json if in_question else None), table


def _list_as_json(text: Any) -> Any:
    if not isinstance(text, str) or not text.strip():
        return text
    try:
        return json.dumps(ast.literal_eval(text.strip()), ensure_ascii=False)
    except (ValueError, SyntaxError):
        return json.dumps(re.findall(r"[-+.\deE]+", text))  # as NumPy writes an array, without commas
