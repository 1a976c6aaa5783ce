"""Lists and objects in files that know texts only: read where it is said, or where there is no doubt; else refused."""

import ast
import json
import re
from typing import Any

from eval_assets.config.datasets.dataset import Dataset
from eval_assets.config.datasets.formats.values import MAX_DEPTH
from eval_assets.config.datasets.row_files import is_separated
from eval_assets.config.problems import Problem

MAY_BE_STRUCTURED = ("inputs", "targets", "context")
BETWEEN_IDS = frozenset(",;|\n")
AS_JSON = 'write a list as ["a", "b"]'
PYTHON_CHARACTERS = 10_000
NUMBERS = re.compile(r"\[\s*[-+]?[\d.]+(?:e[-+]?\d+)?(?:\s+[-+]?[\d.]+(?:e[-+]?\d+)?)+\s*\]")
"""How NumPy writes an array."""


def structure_problems(columns: dict[str, Any], dataset: Dataset, *, file: str, line: int) -> list[Problem]:
    """Texts of a CSV that look like lists or objects, while the card doesn't say whether they are.

    A retriever's targets are lists of ids: a text that is such a list becomes one.
    """
    if dataset.card.json_columns is not None or not is_separated(file):
        return []
    problems = []
    for ours in MAY_BE_STRUCTURED:
        text = columns.get(ours)
        if not isinstance(text, str):
            continue
        column = getattr(dataset.card.columns, ours)
        found = structure_in(text)
        if ours == "targets" and dataset.card.task == "retriever":
            if found == "a JSON list":
                columns[ours] = json.loads(text)
            elif found or BETWEEN_IDS & set(text):
                said = f"expected the id of a document, or a JSON list of ids, got {text!r:.80}"
                problems.append(Problem(file, said, line, column, AS_JSON))
        elif found:
            said = f"the cell holds {found}, and the card doesn't say whether that is a text"
            remedy = f"list {column!r} in the card's `json_columns` to read it, or write `json_columns: []` to keep it"
            remedy += "" if "JSON" in found else f"; {AS_JSON}"
            problems.append(Problem(file, said, line, column, remedy))
    return problems


def structure_in(text: str) -> str | None:
    """What a text holds if all of it is a list or an object.

    >>> structure_in('["a"]'), structure_in("['a']"), structure_in("[sic] a")
    ('a JSON list', 'a Python list', None)
    """
    stripped = text.strip()
    if stripped[:1] + stripped[-1:] not in ("[]", "{}"):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return _python_in(stripped)
    return "a JSON list" if isinstance(value, list) else "a JSON object"


def _python_in(text: str) -> str | None:
    """As above, in the spelling of Python that pandas and NumPy write."""
    if len(text) > PYTHON_CHARACTERS or text.count("[") + text.count("{") + text.count("(") > MAX_DEPTH:
        return None
    try:
        value = ast.literal_eval(re.sub(r"\bnan\b", "None", text))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "a Python list" if NUMBERS.fullmatch(text) else None
    return "a Python list" if isinstance(value, list) else "a Python object"
