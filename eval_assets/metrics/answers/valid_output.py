"""Whether answers have the form that their prompt asks for, and the fields of those that are JSON.

What may be asked for is in `config.files.reply_formats`. An answer of another form stays an answer: it is kept with its
text, and counted here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.metrics.answers.json_structure import conformity, schema_validator, strict_json
from eval_assets.metrics.definition import Metric, Score
from eval_assets.metrics.prediction_rows import Rows
from eval_assets.requests.canonical_json import json_text

FENCED = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


def form_fault(output: str, response_format: Mapping[str, Any]) -> str | None:
    """What keeps an output from the form that was asked for: empty where nothing does, null where it can't be told.

    Args:
        output: The answer. Code fences around JSON are no JSON.
        response_format: Of the prompt.

    >>> form_fault('{"city": "Paris"}', {"type": "json_object"}), form_fault("[1]", {"type": "json_object"})
    ('', 'expected a JSON object')
    """
    if response_format["type"] == "json_schema":
        schema = response_format["json_schema"]["schema"]
        score = conformity(output, _validator(json.dumps(schema, sort_keys=True)))
        return None if score.score is None else score.reason or ""
    try:
        value = strict_json(output)
    except ValueError as error:
        return f"no JSON: {error}"
    return "" if isinstance(value, dict) else "expected a JSON object"


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    return schema_validator(json.loads(schema))


def field_of(output: str, path: str) -> str:
    """A field of an answer in JSON, as text; values that are no text as JSON. Code fences around it are passed over.

    Args:
        output: The answer.
        path: Name of the field; a dot reaches into nested objects.

    Raises:
        ValueError: The answer is no JSON object, or its field is absent or null.

    >>> field_of('{"answer": {"city": "Paris"}, "sure": true}', "answer.city"), field_of('{"sure": true}', "sure")
    ('Paris', 'true')
    """
    fenced = FENCED.match(output)
    try:
        value = strict_json(fenced[1] if fenced else output)
    except ValueError as error:
        raise ValueError(f"no field {path!r}: the output is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"no field {path!r}: expected a JSON object, got {output[:40]!r}")  # noqa: TRY004  as above
    found = value_at(value, path)
    if found is None:
        raise ValueError(f"no field {path!r}: the object has {', '.join(map(repr, value)) or 'none'}")
    return found if isinstance(found, str) else json_text(found)


def valid_output(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Tell whether the answer has the form that its prompt asks for: 1, or 0 with what keeps it from that."""
    return [1.0 if fault == "" else Score(0.0, reason=fault) for fault in rows.column("output_fault")]


METRICS = (Metric("valid_output", valid_output, needs=("output_fault",), is_binary=True),)
