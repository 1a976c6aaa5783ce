"""What a report was computed from: the dataset, the runs, the table versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What was evaluated on.

    Args:
        name: Of the dataset.
        n_examples: Examples with at least one prediction.
        sha256: Hash over the hashes of these examples; changes with any of them.
        description: From the card.
        source: From the card.
        licence: From the card.
    """

    name: str
    n_examples: int
    sha256: str
    description: str = ""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers come from: when the report was made, by which runs, from which versions of which tables."""

    generated_at: datetime
    run_ids: tuple[str, ...]
    delta_versions: Mapping[str, int | None]
