"""What code of the user yields piece by piece, put together, with the time at which the first piece came.

Pieces are texts, which are joined; mappings, whose fields are taken over, an `output` in place of the texts so far; or
chunks that add up, as LangChain's. Reading what they come to is in `callable_replies`.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from eval_assets.providers.clients.callable_replies import OUTPUTS
from eval_assets.providers.failures import RequestFailed


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a stream came to.

    Args:
        result: As if it had been returned at once.
        first_at: When the first piece came that says something, by `time.perf_counter`; null if none did.
    """

    result: Any
    first_at: float | None


class _Pieces:
    """Pieces so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._fields: dict[str, Any] = {}
        self._sum: Any = None
        self._first_at: float | None = None

    def add(self, piece: Any) -> None:
        if piece is None or piece == "":
            return
        if self._first_at is None and says_something(piece):
            self._first_at = time.perf_counter()
        if isinstance(piece, str):
            self._texts.append(piece)
        elif hasattr(piece, "content") or (isinstance(piece, dict) and hasattr(piece, "__add__")):
            self._sum = piece if self._sum is None else self._sum + piece
        elif isinstance(piece, Mapping):
            self._fields |= piece
        else:
            raise RequestFailed(f"expected pieces of text, or mappings, got {piece!r:.80}", "invalid_reply")

    def together(self) -> Streamed:
        if self._sum is not None and not self._texts and not self._fields:
            return Streamed(self._sum, self._first_at)
        if self._sum is not None:
            raise RequestFailed("expected pieces of one kind, got chunks beside texts or mappings", "invalid_reply")
        text = "".join(self._texts)
        return Streamed({"output": text, **self._fields} if self._fields else text, self._first_at)


def says_something(piece: Any) -> bool:
    """Whether a piece is more than the frame around an answer.

    >>> says_something("Pa"), says_something({"question": "Where?"}), says_something({"output": "Paris"})
    (True, False, True)
    """
    if isinstance(piece, Mapping):
        return any(piece.get(name) for name in OUTPUTS)
    return bool(getattr(piece, "content", piece))


def drained(result: Any) -> Any:
    """What code of the user returned; of a generator or another iterator what it comes to. Blocks until its end."""
    if not isinstance(result, Iterator):
        return result
    pieces = _Pieces()
    for piece in result:
        pieces.add(piece)
    return pieces.together()


async def async_drained(result: AsyncIterator[Any]) -> Streamed:
    """What an async generator or another async iterator comes to."""
    pieces = _Pieces()
    async for piece in result:
        pieces.add(piece)
    return pieces.together()
