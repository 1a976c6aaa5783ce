"""One local model held by several workers of a Ray cluster: each loads it, and forms batches of what it is given.

What a replica does is `TransformersClient`; where they run is in `cluster`.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from eval_assets.cluster.parcels import unpacked
from eval_assets.cluster.ray_session import ATTEMPTS, RaySession, Share, said_by
from eval_assets.errors import EvalAssetsError
from eval_assets.providers.failures import PartitionFailure, RequestFailed
from eval_assets.providers.local.transformers_client import TransformersClient
from eval_assets.requests.exchange import Reply, Request


@dataclass(frozen=True, slots=True)
class LocalWeights:
    """What loads a model, wherever: the arguments of `TransformersClient`, a path of the project as a path."""

    model: Path | str
    gguf_file: str | None
    device: str
    batch_size: int | None
    threads: int

    def client(self) -> TransformersClient:
        """The model in this process; raises ProviderError where a package is absent."""
        return TransformersClient(
            str(self.model),
            gguf_file=self.gguf_file,
            device=self.device,
            batch_size=self.batch_size,
            threads=self.threads,
        )


class Replica:
    """A worker with the model, which is loaded at the first request.

    Args:
        parcel: `LocalWeights`, packed.
    """

    def __init__(self, parcel: bytes) -> None:
        self._parcel = parcel
        self._client: TransformersClient | None = None

    async def complete(self, parcel: bytes) -> Reply | EvalAssetsError:
        """Generate one reply; what is raised is returned, as the caller raises it."""
        try:
            if self._client is None:
                self._client = cast("LocalWeights", unpacked(self._parcel)).client()
            return await self._client.complete(cast("Request", unpacked(parcel)))
        except EvalAssetsError as error:
            return error


@dataclass(slots=True, eq=False)
class _Place:
    """Where a replica runs, and how many requests it has."""

    worker: Any
    n_open: int = 0


class ReplicatedClient:
    """Gives each request to the replica that has fewest.

    A worker that ends is replaced, and its requests are given to others; one over which `ATTEMPTS` workers end fails.

    Args:
        weights: The model.
        session: Connects to the cluster.
        share: What a replica takes of it.
        n_wanted: How many replicas; null for as many as there is room for.
        most_each: Requests that one replica is given at once.

    Raises:
        ClusterError: There is no cluster, or no room in it.
    """

    def __init__(
        self, weights: LocalWeights, session: RaySession, share: Share, *, n_wanted: int | None, most_each: int
    ) -> None:
        self._session, self._share = session, share
        self._n = session.take(share, n_wanted)
        self._parcel = session.pack(weights)
        options = {**share.options, "max_concurrency": most_each, "max_restarts": 0}
        self._kind = session.ray.remote(**options)(Replica)
        self._places = [self._new_place() for _ in range(self._n)]
        self._room = asyncio.Semaphore(self._n * most_each)
        self._is_closed = False

    async def complete(self, request: Request) -> Reply:
        """Have one reply generated; raises as `TransformersClient` does.

        Raises:
            RequestFailed: Workers ended over it.
            PartitionFailure: The cluster can't run our code.
        """
        parcel, died = self._session.pack(request), ""
        async with self._room:
            for _ in range(ATTEMPTS):
                if self._is_closed:
                    raise PartitionFailure("the model was closed", "closed")
                place = min(self._places, key=lambda place: place.n_open)
                place.n_open += 1
                try:
                    reply: Reply | EvalAssetsError = await place.worker.complete.remote(parcel)
                except self._session.lost as error:
                    died = said_by(error)
                    self._replace(place)
                    continue
                except self._session.ray.exceptions.RayError as error:
                    raise PartitionFailure(
                        f"workers of Ray can't load the model: {said_by(error)}", "cluster"
                    ) from error
                finally:
                    place.n_open -= 1
                if isinstance(reply, EvalAssetsError):
                    raise reply
                return reply
        raise RequestFailed(f"{ATTEMPTS} workers of Ray ended over it: {died}", "worker_ended")

    async def aclose(self) -> None:
        """End the replicas, with what they generate."""
        self._is_closed = True
        for place in self._places:
            self._session.ray.kill(place.worker)
        self._session.give_back(self._share, self._n)

    def _new_place(self) -> _Place:
        return _Place(self._kind.remote(self._parcel))

    def _replace(self, place: _Place) -> None:
        """Start another worker in place of one that ended; of its requests the first to notice does."""
        if place in self._places and not self._is_closed:
            self._session.ray.kill(place.worker)
            self._places[self._places.index(place)] = self._new_place()
