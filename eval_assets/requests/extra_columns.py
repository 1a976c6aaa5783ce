"""Columns that a candidate returns beside its output: retrieved documents, steps, whatever its code found out.

They are kept as one JSON object. Where they and the example have a column of one name, what the candidate returned
counts: it is what this answer was made from.
"""

import json
from collections.abc import Mapping
from typing import Any

CONTEXT = "context"
EXTRA = "extra"
"""Under which all of them are seen together."""

AS_CONTEXT = (CONTEXT, "retrieved_context", "retrieved_documents")
"""What stands for the context that an answer was made from; the first that was returned counts."""


def extra_columns(cell: str | None) -> dict[str, Any]:
    """Read what a candidate returned beside its output, from the column that holds it.

    >>> extra_columns('{"retrieved_context": ["Paris is a city."]}')["context"]
    ['Paris is a city.']
    >>> extra_columns(None)
    {}
    """
    if cell is None:
        return {}
    returned: dict[str, Any] = json.loads(cell)
    context = next((returned[name] for name in AS_CONTEXT if returned.get(name) is not None), None)
    return {**returned, **({} if context is None else {CONTEXT: context}), EXTRA: returned}


def with_extra_columns(columns: Mapping[str, Any], cell: str | None) -> dict[str, Any]:
    """Columns of an example as metrics and judges see them beside one answer.

    >>> with_extra_columns({"inputs": "Why?", "context": "old"}, '{"context": "found"}')
    {'inputs': 'Why?', 'context': 'found', 'extra': {'context': 'found'}}
    """
    return {**columns, **extra_columns(cell)}
