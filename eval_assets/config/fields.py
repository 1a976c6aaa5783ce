"""What all configuration files share: strict models and names. One file's contents belong in its own module."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

SLUG_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"

Slug = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]


class FileModel(BaseModel):
    """Contents of one file: unknown fields are refused, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)
