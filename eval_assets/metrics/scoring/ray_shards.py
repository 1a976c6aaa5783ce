"""Batches that are scored by the workers of a Ray cluster. This process alone reads and writes tables.

The scores are those of one process: a worker computes nothing with another version of a metric or of its libraries.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, cast

from eval_assets.cluster.parcels import unpacked
from eval_assets.cluster.ray_session import ATTEMPTS, RaySession, Share, said_by
from eval_assets.errors import ClusterError, MetricError
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.scoring.computing import Computed, OpenScores, compute, lost

MOST_AT_ONCE = 256
"""Batches under way, however large the cluster is: each is held here, too."""


class RayShards:
    """As many batches at once as the cluster has room for; it is reached with the first.

    A batch whose worker ends is given to another one. After `ATTEMPTS` workers its rows are errors, no others are.

    Args:
        session: Connects to the cluster.
        share: What one batch takes of it.
    """

    def __init__(self, session: RaySession, share: Share) -> None:
        self._session, self._share = session, share
        self._threads: ThreadPoolExecutor | None = None
        self._task: Any = None
        self._under_way = set[Any]()
        self._is_broken_off = False
        self.n_at_once = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Break off what nobody waits for any more."""
        if self._threads is None:
            return
        if kind is not None:
            self._is_broken_off = True
            for reference in list(self._under_way):
                self._session.ray.cancel(reference, force=True)
        self._threads.shutdown(cancel_futures=True)

    def submit(self, wanted: OpenScores) -> "Future[Computed]":
        """Have scores computed.

        Raises:
            ClusterError: There is no cluster, or no room in it; of the future: it can't run our code.
            MetricError: A metric can't be carried to a worker; of the future: what computing raises.
        """
        if self._threads is None:
            # What Ray itself would repeat, memory running out, it would repeat without end.
            self._task = self._session.ray.remote(max_retries=0, **self._share.options)(compute_parcel)
            self.n_at_once = min(MOST_AT_ONCE, self._session.places(self._share))
            self._threads = ThreadPoolExecutor(self.n_at_once, thread_name_prefix="ray-scoring")
        return self._threads.submit(self._computed, wanted, self._packed(wanted))

    def _packed(self, wanted: OpenScores) -> bytes:
        try:
            return self._session.pack(wanted)
        except Exception as error:
            labels = ", ".join(repr(metric.label) for metric in self._not_carried(wanted))
            raise MetricError(
                f"metric {labels} can't be carried to workers of Ray: {type(error).__name__}: {error}; give it as "
                "`module:function` of a file beside `data/`, or take `engine: local`"
            ) from error

    def _not_carried(self, wanted: OpenScores) -> Iterator[ResolvedMetric]:
        for metric, _ in wanted.parts:
            try:
                self._session.pack(metric)
            except Exception:  # noqa: BLE001  as before
                yield metric

    def _computed(self, wanted: OpenScores, parcel: bytes) -> Computed:
        died = Exception()
        for _ in range(ATTEMPTS):
            try:
                computed = self._outcome(parcel)
            except self._session.lost as error:
                if self._is_broken_off:
                    raise
                died = error
                continue
            if isinstance(computed, Exception):
                raise computed
            return computed
        return lost(wanted, f"{ATTEMPTS} workers of Ray ended over its {wanted.frame.height} rows: {said_by(died)}")

    def _outcome(self, parcel: bytes) -> Computed | Exception:
        ray = self._session.ray
        reference = self._task.remote(parcel)
        self._under_way.add(reference)
        try:
            return cast("Computed | Exception", ray.get(reference))
        except self._session.lost:
            raise
        except ray.exceptions.RayError as error:
            raise ClusterError(f"workers of Ray can't compute metrics: {said_by(error)}") from error
        finally:
            self._under_way.discard(reference)


def compute_parcel(parcel: bytes) -> Computed | Exception:
    """Score what `RaySession.pack` packed, in a worker; what is raised is returned, as the caller raises it."""
    try:
        wanted = cast("OpenScores", unpacked(parcel))
        for metric, _ in wanted.parts:
            _refuse_another(metric)
        return compute(wanted)
    except Exception as error:  # noqa: BLE001  the caller raises it
        return error


def share_of(metrics: Sequence[ResolvedMetric]) -> Share:
    """What a batch takes of a cluster: an accelerator too, where a metric's `device` is one."""
    on_gpu = any(str(metric.parameters.get("device", "")).startswith("cuda") for metric in metrics)
    return Share(gpus=1 if on_gpu else 0)


def _refuse_another(metric: ResolvedMetric) -> None:
    """Refuse a shipped metric of other code or libraries: its scores would be kept as those of the driver's.

    A function of the user is compared by its code when it is loaded.
    """
    if metric.function is None and (here := metric.definition.signature(metric.parameters)) != metric.signature:
        raise MetricError(
            f"metric {metric.label!r}: expected {metric.signature} on every worker of Ray, one has {here}; install "
            "the same versions everywhere"
        )
