"""Dagster's instance in memory, its database opened once a thread: Dagster opens it anew for each of its questions.

A run asks some six hundred, so that a small one takes a sixth less, and what is stale is told in two thirds.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dagster._core.storage.event_log.in_memory import InMemoryEventLogStorage
from sqlalchemy.engine import Connection


@contextmanager
def connections_kept() -> Iterator[None]:
    """Keep the connections of every instance that is made meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(InMemoryEventLogStorage, "_connect", _connected)
        yield


@contextmanager
def _connected(storage: InMemoryEventLogStorage) -> Iterator[Connection]:
    with storage._db_lock:
        of_thread = storage.__dict__.setdefault("connections", threading.local())
        if not hasattr(of_thread, "connection"):
            of_thread.connection = storage._engine.connect()
        with of_thread.connection.begin():
            yield of_thread.connection
