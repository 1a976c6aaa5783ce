"""What all configuration files share: strict models and names. One file's contents belong in its own module."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, WithJsonSchema

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
MAX_NAME = 100
"""Characters of a file's name: names of a cell's files together are one partition key and folders of tables."""

Owner = Annotated[
    str,
    StringConstraints(
        pattern=r"^(team:[A-Za-z0-9_-]+|[A-Za-z0-9_][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+\.[A-Za-z]{2,7})$",
    ),
]
"""Who answers for a file: `team:name`, or an e-mail address as Dagster takes it, which refuses all files else."""

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]

MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""Metrics keep the names the field knows, `rougeL` among them."""

FieldPath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
"""A field of a JSON object, with dots into nested ones; it becomes a part of names."""

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable, never its value; what doesn't look like a name is refused without being repeated."""


def _one_character(value: str) -> str:
    if len(value) != 1 or value in '"\r\n':
        raise ValueError(f'expected one character such as ";" or "\\t", got {value!r}')
    return value


Delimiter = Annotated[
    str, AfterValidator(_one_character), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 1})
]
"""What separates the values of a CSV file."""


class FileModel(BaseModel):
    """Contents of one file: unknown fields are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)


def is_null(value: object) -> bool:
    """Whether a field says nothing that files of old, and the keys and versions made of them, don't know."""
    return value is None
