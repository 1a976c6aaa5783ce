"""Where batches of predictions are scored, if not in this process: what `workers` and `ray_shards` have in common."""

from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from eval_assets.metrics.scoring.computing import Computed, OpenScores


class Shards(Protocol):
    """Computes batches beside each other; entered before the first, and left when all were taken."""

    @property
    def n_at_once(self) -> int:
        """How many batches are computed at a time."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def submit(self, wanted: OpenScores) -> "Future[Computed]":
        """Have scores computed; the future raises what computing them raises."""
        ...
