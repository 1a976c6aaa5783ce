"""Limits of a model whose weights are loaded here, where its file states none."""

from collections.abc import Mapping
from typing import Any

CPU_BATCH_SIZE = 8
MOST_AT_ONCE = 512
"""Requests under way at a local model on an accelerator whose file states no batch size."""

MANY_REPLICAS = 32
"""Replicas that are kept busy where a file leaves their number to the cluster."""


def local_limits(device: str, batch_size: int | None) -> dict[str, Any]:
    """Limits of a model that runs here, where its file states none: two batches under way, one waiting.

    >>> local_limits("cpu", None)
    {'max_concurrency': 16, 'start_concurrency': 16}
    """
    is_cpu = device == "cpu"
    most = MOST_AT_ONCE if batch_size is None and not is_cpu else 2 * (batch_size or CPU_BATCH_SIZE)
    limits = {"max_concurrency": most, "start_concurrency": most}
    return limits if is_cpu else {**limits, "timeout_seconds": 3600.0}


def spread_limits(of_one: Mapping[str, Any], replicas: int | None) -> dict[str, Any]:
    """Limits of replicas in a cluster, where the file states none: each is busy, and requests wait for all of them.

    >>> spread_limits(local_limits("cpu", 1), 3)
    {'max_concurrency': 6, 'start_concurrency': 6, 'timeout_seconds': 3600.0}
    """
    most = of_one["max_concurrency"] * (replicas or MANY_REPLICAS)
    return {"max_concurrency": most, "start_concurrency": most, "timeout_seconds": 3600.0}


def gathering_limits(_: str, batch_size: int | None) -> dict[str, Any]:
    """Limits of code that is given many examples at once, where its file states none: so many are under way.

    >>> gathering_limits("cpu", 32), gathering_limits("cpu", None)
    ({'max_concurrency': 32, 'start_concurrency': 32}, {})
    """
    return {} if batch_size is None else {"max_concurrency": batch_size, "start_concurrency": batch_size}
