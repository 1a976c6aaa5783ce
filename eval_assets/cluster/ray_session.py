"""The one connection of a process to Ray: a cluster that `RAY_ADDRESS` names, or workers of this machine.

Nothing is started or imported before something is to be computed. What is computed is said by whoever asks for `ray`.
"""

import importlib.util
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_assets.cluster.parcels import packed
from eval_assets.config.settings import RAY_VARIABLE
from eval_assets.errors import ClusterError

ATTEMPTS = 3
"""How often a worker may end over the same work before that is given up."""

CONNECT_SECONDS = 10.0
THIS_MACHINE = "local"
NOT_SHIPPED = (".git", ".venv", ".dagster", ".env*", "**/__pycache__")
"""What of a project's folder no worker is sent."""

RAY_INSTALLATION = "pip install 'eval-assets[ray]' (in a checkout: pip install -e '.[ray]')"


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker takes of a cluster.

    Args:
        cpus: Of its processors.
        gpus: Of its accelerators.
    """

    cpus: int = 1
    gpus: int = 0

    @property
    def options(self) -> dict[str, int]:
        """As Ray takes it."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus}

    def __str__(self) -> str:
        """In words.

        >>> str(Share()), str(Share(2, 1))
        ('1 CPU', '2 CPUs and 1 GPU')
        """
        counted = [f"{n} {name}{'s' if n > 1 else ''}" for n, name in ((self.cpus, "CPU"), (self.gpus, "GPU")) if n]
        return " and ".join(counted)


def is_ray_installed() -> bool:
    """Whether the extra is installed; nothing is imported."""
    return importlib.util.find_spec("ray") is not None


def said_by(error: Exception) -> str:
    """What an error of Ray says, in one line: that of the code which a worker ran, if it is one."""
    cause = getattr(error, "cause", None)
    return str(error).partition("\n")[0] if cause is None else f"{type(cause).__name__}: {cause}"


class RaySession:
    """Connects when `ray` is first asked for; `close` it when the process is done.

    A connection that the process has already, of a notebook say, is used and left open.

    Args:
        project_dir: The folder that holds `data/`. Workers of another machine are sent a copy of it.
        not_shipped: Files and folders that they are not sent: tables, journals.
    """

    def __init__(self, project_dir: Path, not_shipped: Sequence[Path] = ()) -> None:
        self._project_dir = project_dir.resolve()
        self._not_shipped = not_shipped
        self._lock = threading.RLock()
        self._ray: Any = None
        self._starter: ThreadPoolExecutor | None = None
        self._taken: dict[str, int] = {"CPU": 0, "GPU": 0}

    @property
    def ray(self) -> Any:
        """The module `ray`, connected.

        Raises:
            ClusterError: Ray isn't installed, or there is no cluster where one is named.
        """
        with self._lock:
            if self._ray is None:
                self._ray = self._connected()
            return self._ray

    @property
    def lost(self) -> tuple[type[Exception], ...]:
        """What Ray raises when a worker ended before it was done: the work may be given to another one."""
        errors = self.ray.exceptions
        return (
            errors.WorkerCrashedError,
            errors.RayActorError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        )

    def pack(self, content: object) -> bytes:
        """What a worker is given; raises whatever can't be pickled."""
        project_dir = self._project_dir if self._ships else None
        return packed(content, self.ray.cloudpickle.CloudPickler, project_dir)

    def places(self, share: Share) -> int:
        """How many workers the cluster has room for, if nothing else runs there; at least 1.

        Raises:
            ClusterError: It has no room for one.
        """
        return self._places(share, {"CPU": 0, "GPU": 0})

    def take(self, share: Share, wanted: int | None) -> int:
        """Take room for workers that stay, until `give_back`: what this process holds is not given out twice.

        Args:
            share: What each takes.
            wanted: How many; null for as many as there is room for.

        Raises:
            ClusterError: There is no room for them.
        """
        with self._lock:
            room = self._places(share, self._taken)
            if wanted is not None and wanted > room:
                raise ClusterError(
                    f"expected room for {wanted} workers of {share} each, the Ray cluster has it for {room}; "
                    "ask for fewer `replicas`, or leave them out"
                )
            n = wanted or room
            self._hold(share, n)
            return n

    def give_back(self, share: Share, n: int) -> None:
        """End what `take` took."""
        with self._lock:
            self._hold(share, -n)

    def close(self) -> None:
        """Leave the cluster, and end workers that this process started on this machine."""
        if self._starter is not None:
            self._starter.submit(self._ray.shutdown).result()
            self._starter.shutdown()
        self._ray = self._starter = None

    def _hold(self, share: Share, n: int) -> None:
        self._taken["CPU"] += n * share.cpus
        self._taken["GPU"] += n * share.gpus

    def _places(self, share: Share, taken: dict[str, int]) -> int:
        whole = self.ray.cluster_resources()
        wanted = {"CPU": share.cpus, "GPU": share.gpus}
        places = min(int(whole.get(name, 0) - taken[name]) // n for name, n in wanted.items() if n)
        if places < 1:
            has = ", ".join(
                f"{whole.get(name, 0):g} {name}s, {taken[name]} of them taken by this run" for name in wanted
            )
            raise ClusterError(f"expected room for a worker of {share}, the Ray cluster has {has}")
        return places

    @property
    def _address(self) -> str:
        return os.environ.get(RAY_VARIABLE) or THIS_MACHINE

    @property
    def _ships(self) -> bool:
        """Whether workers are sent a copy of the project: this process connected to a cluster that somebody named."""
        return self._starter is not None and self._address != THIS_MACHINE

    def _connected(self) -> Any:
        if not is_ray_installed():
            raise ClusterError(
                f"`engine: ray` needs the package ray, which isn't installed; install it with: {RAY_INSTALLATION}"
            )
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray

        if ray.is_initialized():
            return ray
        _refuse_nobody_at(self._address)
        # The processes that Ray starts end with the thread that started them.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="ray")
        try:
            self._starter.submit(self._start, ray).result()
        except Exception as error:
            self._starter.shutdown()  # what was started so far ends with its thread
            self._starter = None
            where = "on this machine" if self._address == THIS_MACHINE else f"at {self._address} ({RAY_VARIABLE})"
            why = str(error.__cause__ or error).strip().rpartition("\n")[2]
            raise ClusterError(f"expected Ray {where}, it can't be used: {why}") from error
        return ray

    def _start(self, ray: Any) -> None:
        logging.getLogger("ray").setLevel(logging.ERROR)  # it speaks before it was told how loudly
        # Nothing public keeps the ends of workers out of standard output, which programs may read.
        ray._private.worker.print_to_stdstream = lambda *_, **__: None  # noqa: SLF001
        only_here = {}
        if not self._ships:
            only_here = {"include_dashboard": False}
            ray._private.ray_constants.ENABLE_RAY_CLUSTER = False  # noqa: SLF001  no port is open beyond loopback
        ray.init(
            address=self._address,
            runtime_env=self._surroundings(),
            log_to_driver=False,
            logging_level=logging.ERROR,
            **only_here,
        )

    def _surroundings(self) -> dict[str, Any]:
        """What workers find: on this machine what this process imports, elsewhere copies of the project and of us."""
        if not self._ships:
            return {"env_vars": {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}}
        inside = [path.resolve() for path in self._not_shipped if path.resolve().is_relative_to(self._project_dir)]
        return {
            "working_dir": str(self._project_dir),
            "py_modules": [str(Path(__file__).resolve().parents[1])],
            "excludes": [*NOT_SHIPPED, *(f"/{path.relative_to(self._project_dir).as_posix()}" for path in inside)],
        }


def _refuse_nobody_at(address: str) -> None:
    """Refuse an address where nothing listens, for which Ray would wait a quarter of an hour."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(f"expected a Ray cluster at {address} ({RAY_VARIABLE}), nobody answers: {error}") from error
