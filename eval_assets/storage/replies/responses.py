"""The durable store of replies: find by request key, write under a lane's lock, count, prune.

Deciding whether a stored reply may be used is the business of `engine`.
"""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from eval_assets.errors import KeySchemaError, StorageError
from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.storage.locks import exclusive
from eval_assets.storage.remote.sharing import SharedLanes
from eval_assets.storage.replies.batch_ledger import BatchLedger
from eval_assets.storage.replies.journal import journals_of, read_segment
from eval_assets.storage.replies.key_index import LaneKeys
from eval_assets.storage.replies.lane_writer import FLUSH_ROWS, LaneWriter
from eval_assets.storage.replies.retention import LaneStats, Pruned, condemned, delete_replies, lane_stats
from eval_assets.storage.replies.run_lanes import RunLanes
from eval_assets.storage.replies.stored_replies import REUSABLE, StoredReply, is_intact, stored_reply_of
from eval_assets.storage.warehouse import Warehouse

LOG = logging.getLogger("eval_assets")
FIRST_FEW = 5
KEYS = "keys"
"""In the state folder: the keys of large lanes. May be deleted at any time."""


@dataclass
class Damage:
    """Stored replies that can't be trusted: they are treated as absent, so their requests are sent again."""

    response_ids: list[str] = field(default_factory=list)
    n_torn: int = 0

    @property
    def n_corrupt(self) -> int:
        """Corrupt rows and torn journal records together."""
        return len(self.response_ids) + self.n_torn


@dataclass
class _OpenLane:
    """A lane this process writes, its lock, and how many use it."""

    writer: LaneWriter
    lock: contextlib.ExitStack
    n_users: int = 0


class ResponseStore:
    """Replies of all lanes. Use one store per process: its lanes are shared by all who open them.

    Args:
        warehouse: Where the table `responses` lives.
        state_dir: A local folder for locks and journals; must outlive a killed run. A remote warehouse needs one.
        flush_rows: Replies that wait in the journal before they are written to the table together.
    """

    def __init__(self, warehouse: Warehouse, state_dir: Path | None = None, *, flush_rows: int = FLUSH_ROWS) -> None:
        if state_dir is None and not warehouse.is_local:
            raise StorageError(
                f"expected a local state directory for the journals of the remote warehouse {warehouse.root!r}"
            )
        self._warehouse = warehouse
        self.state_dir = Path(warehouse.root) / "_state" if state_dir is None else state_dir
        self.flush_rows = flush_rows
        self.batches = BatchLedger(self.state_dir / "batches")
        self.damage = Damage()
        self._shared = None if warehouse.is_local else SharedLanes(warehouse, self.state_dir)
        self._open: dict[str, _OpenLane] = {}
        self._runs: dict[str, RunLanes] = {}
        self._together: RunLanes | None = None
        self._keys = LaneKeys(self.state_dir / KEYS)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @property
    def is_alone(self) -> bool:
        """Whether a file lock is enough: no other machine writes here."""
        return self._shared is None

    def lookup(self, lane: str, keys: Collection[str], *, since: datetime | None = None) -> dict[str, StoredReply]:
        """The newest reusable reply for each key that has one.

        Corrupt rows are left out, said, and noted in `damage`.

        Args:
            lane: As `lane_of` names it.
            keys: Request keys.
            since: Ignore replies asked for before this time.
        """
        opened = self._open.get(lane)
        found = {} if opened is None else opened.writer.pending(keys)
        missing = [key for key in keys if key not in found]
        if since is not None:
            found = {key: stored for key, stored in found.items() if stored.reply.requested_at >= since}
        if not missing:
            return found
        rows = self._reusable(lane, missing)
        if since is not None:
            rows = rows.filter(pl.col("requested_at") >= since)
        damaged: list[str] = []
        for row in rows.sort("requested_at").collect().iter_rows(named=True):
            if is_intact(row):
                found[row["request_key"]] = stored_reply_of(row)
            elif row["response_id"] not in self.damage.response_ids:
                self.damage.response_ids.append(row["response_id"])
                damaged.append(row["response_id"])
        if damaged:
            LOG.warning(
                "%d stored replies of lane %s don't match their hash and aren't used: %s; unless a request has another "
                "reply it is sent again",
                len(damaged),
                lane,
                ", ".join(damaged[:FIRST_FEW]),
            )
        return found

    def known(self, lane: str, keys: Collection[str]) -> dict[str, StoredReply]:
        """What `lookup` will find once the lane is open, for planning: takes no lock, sees journals of other runs."""
        wanted = set(keys)
        if not wanted:
            return {}
        # Journals first: what is in none by now has reached the table.
        rows = [
            record
            for path in journals_of(self.state_dir, lane)
            for record in read_segment(path).records
            if record["request_key"] in wanted and record["outcome"] in REUSABLE and is_intact(record)
        ]
        return {row["request_key"]: stored_reply_of(row) for row in rows} | self.lookup(lane, wanted)

    @contextlib.contextmanager
    def open_lane(
        self,
        lane: str,
        on_wait: Callable[[str], None] | None = None,
        *,
        label: str = "",
        stopped: Callable[[], bool] | None = None,
    ) -> Iterator[LaneWriter]:
        """Write replies of a lane. Waits for other processes; those who open it in this store share one writer.

        Args:
            lane: As `lane_of` names it.
            on_wait: Told in one sentence who holds the lane.
            label: Who we are, for others who wait.
            stopped: Asked while waiting; true gives up.

        Raises:
            KeySchemaError: The lane holds replies under another version of the request key.
            StoppedError: `stopped` said so.
        """
        with self._turns[lane]:
            opened = self._open.get(lane)
            if opened is None:
                with contextlib.ExitStack() as lock:
                    lock.enter_context(
                        exclusive(self.state_dir / f"{lane}.lock", label=label, on_wait=on_wait, stopped=stopped)
                    )
                    self.check_schema(lane)
                    writer = LaneWriter(self._warehouse, self.state_dir, lane, flush_rows=self.flush_rows)
                    recovery = writer.recover()
                    self.damage.n_torn += recovery.n_torn
                    if self._shared is not None:
                        lock.enter_context(self._shared.sharing(writer, recovery.version))
                    opened = self._open[lane] = _OpenLane(writer, lock.pop_all())
            opened.n_users += 1
        try:
            yield opened.writer
        finally:
            with self._turns[lane]:
                opened.n_users -= 1
                if opened.n_users == 0:
                    with opened.lock:
                        del self._open[lane]
                        opened.writer.close()

    @contextlib.contextmanager
    def taking_together(self, lanes: Collection[str]) -> Iterator[None]:
        """Meanwhile, whoever has to write first takes all of these lanes, and none is given back before the end.

        For a process with several runs: two such processes can't each wait for a lane that the other one holds.
        """
        self._together = shared = RunLanes()
        for lane in lanes:
            shared.join(lane)
        try:
            yield
        finally:
            self._together = None
            for lane in lanes:
                shared.leave(lane)

    def lanes_of(self, run_id: str) -> RunLanes:
        """The lanes that the engines of a run take together."""
        return self._together or self._runs.setdefault(run_id, RunLanes())

    def check_schema(self, lane: str | None = None) -> None:
        """Refuse replies stored under another version of the request key.

        Raises:
            KeySchemaError: There are some; going on would silently pay for every reply again.
        """
        rows = self._warehouse.scan("responses", None if lane is None else {"lane": lane})
        others = rows.filter(pl.col("key_schema") != KEY_SCHEMA).group_by("lane", "key_schema").len().collect().rows()
        if others:
            held = "; ".join(
                f"lane {name!r}: {count} replies of schema {schema!r}" for name, schema, count in sorted(others)
            )
            raise KeySchemaError(
                f"expected stored replies of key schema {KEY_SCHEMA!r}, got {held}; none of them could be reused. "
                "Either go on with the release that wrote them, or delete them "
                "(`eval-assets cache prune --other-schemas`) and pay again"
            )

    def stats(self) -> list[LaneStats]:
        """What each lane holds."""
        return lane_stats(self._warehouse, self.state_dir)

    def prune(
        self,
        older_than: timedelta | None = None,
        *,
        unreferenced: bool = False,
        other_schemas: bool = False,
        dry_run: bool = False,
        on_wait: Callable[[str], None] | None = None,
    ) -> list[Pruned]:
        """Delete replies for which any of the conditions given holds; earlier versions of the table keep them.

        Args:
            older_than: Age since the request.
            unreferenced: No prediction, verdict or comparison side by side was made from a reply to its request.
            other_schemas: Stored under another version of the request key.
            dry_run: Delete nothing.
            on_wait: Told in one sentence when a run holds a lane.

        Returns:
            Lanes that lost replies, or would.
        """
        pruned = []
        for lane in [row.lane for row in self.stats() if row.n_replies]:
            with self._alone_on(lane, on_wait):
                doomed = condemned(
                    self._warehouse, lane, older_than=older_than, unreferenced=unreferenced, other_schemas=other_schemas
                )
                if doomed.is_empty():
                    continue
                if not dry_run:
                    delete_replies(self._warehouse, lane, doomed["response_id"])
                pruned.append(Pruned(lane, doomed.height, float(doomed["cost_usd"].sum())))
        return pruned

    @contextlib.contextmanager
    def _alone_on(self, lane: str, on_wait: Callable[[str], None] | None) -> Iterator[None]:
        """Keep other writers off a lane without reading it first."""
        with self._turns[lane]:
            if lane in self._open:
                raise StorageError(f"lane {lane!r} is being written by this process; prune it when the run has ended")
            with exclusive(self.state_dir / f"{lane}.lock", label="cache prune", on_wait=on_wait):
                yield

    def _reusable(self, lane: str, keys: list[str]) -> pl.LazyFrame:
        """Rows of a lane that answer some of these requests, of those files that hold any."""
        snapshot = self._warehouse.snapshot("responses")
        files = self._keys[lane].files_with(keys, snapshot)
        wanted = pl.col("request_key").is_in(pl.Series(keys, dtype=pl.String).implode())
        return snapshot.scan_files(files, {"lane": lane}).filter(wanted & pl.col("outcome").is_in(REUSABLE))
