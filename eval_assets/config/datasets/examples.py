"""The rows of an eval dataset. Reading them from files is in `rows`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Example:
    """One row of an eval dataset.

    Args:
        example_id: Unique in its dataset.
        position: Place in the row file, from 0; rows that are blank throughout count.
        columns: Every column under our names: `inputs`, and where present `targets`, `context` and any other.
        sha256: Hash of the canonical form of `columns` and `example_id`.
    """

    example_id: str
    position: int
    columns: Mapping[str, Any]
    sha256: str
