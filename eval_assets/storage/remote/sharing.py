"""What a process shares of its lanes with other machines: it beats for all of them, and lets no reply wait for long.

What is claimed is in `lane_claims`, how replies are written in `lane_writer`.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from eval_assets.errors import EvalAssetsError, StoppedError
from eval_assets.storage.locks import exclusive
from eval_assets.storage.remote.lane_claims import NEVER, LaneClaims
from eval_assets.storage.remote.owners import Owner, OwnerWatch, Whereabouts
from eval_assets.storage.replies.lane_writer import LaneWriter
from eval_assets.storage.warehouse import Warehouse

LOG = logging.getLogger("eval_assets")
TICK_SECONDS = 0.5


class SharedLanes:
    """The claims of this process on a remote warehouse. Nothing is asked of the store before a lane is opened.

    Args:
        warehouse: Where claims stand beside the tables.
        state_dir: Where this process keeps its journals.
    """

    def __init__(self, warehouse: Warehouse, state_dir: Path) -> None:
        self._warehouse, self._state_dir = warehouse, state_dir
        self._open: dict[str, LaneWriter] = {}
        self._lock = threading.Lock()
        self._ticking: threading.Thread | None = None
        self._ended = threading.Event()

    @cached_property
    def _owner(self) -> Owner:
        return Owner(self._warehouse.objects, Whereabouts.here(self._state_dir))

    @cached_property
    def _watch(self) -> OwnerWatch:
        return OwnerWatch(self._warehouse.objects)

    @contextlib.contextmanager
    def sharing(self, writer: LaneWriter, recovered_at: int) -> Iterator[None]:
        """Have what a writer sends claimed meanwhile.

        Args:
            writer: Of a lane whose file lock is held.
            recovered_at: Version of the table that has what was found in the lane's journals; negative for nothing.
        """
        claims = writer.claims = LaneClaims(
            writer.lane,
            self._warehouse.objects,
            self._owner,
            self._watch,
            take_up=partial(self._take_up, writer),
            look_anew=partial(self._warehouse.look_anew, "responses"),
        )
        self._begin(writer)
        try:
            if recovered_at > NEVER:
                claims.release((), recovered_at)
            yield
        finally:
            try:
                claims.close()
            finally:
                self._end(writer)

    def _begin(self, writer: LaneWriter) -> None:
        with self._lock:
            self._open[writer.lane] = writer
            if self._ticking is None:
                self._ended = threading.Event()
                self._ticking = threading.Thread(
                    target=self._tick, args=(self._ended,), name="claims beat", daemon=True
                )
                self._ticking.start()

    def _end(self, writer: LaneWriter) -> None:
        with self._lock:
            del self._open[writer.lane]
            if self._open or self._ticking is None:
                return
            self._ended.set()
            ticking, self._ticking = self._ticking, None
        ticking.join()
        self._owner.leave()

    def _tick(self, ended: threading.Event) -> None:
        while not ended.wait(TICK_SECONDS):
            try:
                if self._owner.is_due:
                    self._owner.beat()
                with self._lock:
                    writers = list(self._open.values())
                for writer in writers:
                    writer.keep_up()
            except EvalAssetsError as error:  # the next beat may come through; until then nothing is written
                LOG.warning("the heartbeat of this process failed: %s", error)

    def _take_up(self, writer: LaneWriter, who: Whereabouts, n_claimed: int) -> int:
        """Bring what a dead process received into the table, if its folder can be reached; else say where it lies."""
        folder = who.folder
        if folder is not None:
            # Whoever holds the lock there is another process of that folder, which recovers it by itself.
            with contextlib.suppress(StoppedError), exclusive(folder / f"{writer.lane}.lock", stopped=lambda: True):
                LOG.warning("%s stopped with %d requests under way; its journals are taken up", who, n_claimed)
                return writer.recover(folder).version
        LOG.warning(
            "%s stopped with %d requests to the models of lane %s under way; they are sent again. Replies that it had "
            "received and not yet written lie in %s on %s: a run there, or here with that folder as state folder, "
            "keeps them",
            who,
            n_claimed,
            writer.lane,
            who.state_dir,
            who.host,
        )
        return NEVER
