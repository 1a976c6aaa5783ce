"""As much of the module `ray` as is used here: work is done in this process, and workers end when a test says so."""

import asyncio
import os
import pickle
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from eval_assets.cluster.ray_session import RaySession


class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(f"\x1b[36mray::work()\x1b[39m\n{cause}")
        self.cause = cause


class StandInRay:
    """Computes where it is asked.

    Args:
        ends: One for each piece of work that is begun: what Ray would raise, or null where the work is done; after them
            all work is done.
        resources: Of the cluster.
    """

    exceptions = SimpleNamespace(
        RayError=RayError,
        WorkerCrashedError=WorkerCrashedError,
        **dict.fromkeys(("RayActorError", "NodeDiedError", "OutOfMemoryError", "ObjectLostError"), WorkerCrashedError),
    )
    cloudpickle = SimpleNamespace(CloudPickler=pickle.Pickler)

    def __init__(self, *ends: Exception | None, resources: dict[str, float] | None = None) -> None:
        self._ends: Iterator[Exception | None] = iter(ends)
        self._resources = {"CPU": 2.0} if resources is None else resources
        self.options: list[dict[str, Any]] = []
        self.started: list[Any] = []
        self.killed: list[Any] = []
        self.is_shut_down = False
        self.begun_with: dict[str, Any] = {}
        self._private = SimpleNamespace(
            worker=SimpleNamespace(), ray_constants=SimpleNamespace(ENABLE_RAY_CLUSTER=True)
        )

    def is_initialized(self) -> bool:
        return False

    def init(self, **chosen: Any) -> None:
        self.begun_with = chosen

    def cluster_resources(self) -> dict[str, float]:
        return self._resources

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.options.append(options)
        return self._actor if "max_restarts" in options else self._task

    def get(self, work: Callable[[], Any]) -> Any:
        end = next(self._ends, None)
        if end is not None:
            raise end
        return work()

    def cancel(self, work: Callable[[], Any], *, force: bool) -> None:
        """Nothing is under way once it was asked for."""

    def kill(self, worker: Any) -> None:
        self.killed.append(worker)

    def shutdown(self) -> None:
        self.is_shut_down = True

    def _task(self, function: Callable[..., Any]) -> Any:
        return SimpleNamespace(remote=lambda *arguments: lambda: function(*arguments))

    def _actor(self, kind: Callable[..., Any]) -> Any:
        def start(*arguments: Any) -> Any:
            actor = kind(*arguments)

            async def complete(parcel: bytes) -> Any:
                await asyncio.sleep(0)
                end = next(self._ends, None)
                if end is not None:
                    raise end
                return await actor.complete(parcel)

            self.started.append(SimpleNamespace(complete=SimpleNamespace(remote=complete)))
            return self.started[-1]

        return SimpleNamespace(remote=start)


def session_over(ray: StandInRay, folder: os.PathLike[str]) -> RaySession:
    """A session that is connected to a stand-in."""

    class Connected(RaySession):
        def _connected(self) -> Any:
            return ray

    return Connected(folder)
