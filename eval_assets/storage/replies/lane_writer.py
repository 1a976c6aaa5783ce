"""Writing replies of one lane: journal first, then the Delta table in batches, then the journal goes.

Used under the lane's lock. Finding replies is in `responses`.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.errors import StorageError
from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import KEY_SCHEMA
from eval_assets.storage.remote.lane_claims import NEVER, LaneClaims
from eval_assets.storage.replies.journal import Segment, journal_path, journals_of, read_segment
from eval_assets.storage.replies.set_aside import frame_of, frame_of_own
from eval_assets.storage.replies.stored_replies import (
    REUSABLE,
    StoredReply,
    new_response_ids,
    row_of,
    storable,
    stored_reply_of,
)
from eval_assets.storage.warehouse import Warehouse

LOG = logging.getLogger("eval_assets")
FLUSH_ROWS = 2_000
FLUSH_SECONDS = 10.0
FLUSHES_AT_ONCE = 4
"""Batches that go to the table together where replies come by the thousand."""
FLUSHES_AT_MOST = 5
"""Batches that may wait for the table before nothing more is sent."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What journals of killed runs held: how many records were torn, and the version of the table with the others."""

    n_torn: int
    version: int


class LaneWriter:
    """Keeps replies of one lane; safe to use from several threads.

    `append` returns when the reply survives the death of the process. Rows reach the Delta table in batches of
    `flush_rows`, or after `flush_seconds`, from a thread of their own. With `claims`, other machines send to the same
    models: what is sent was claimed before, and replies don't wait for the next one to reach the table.
    """

    claims: LaneClaims | None = None

    def __init__(
        self,
        warehouse: Warehouse,
        folder: Path,
        lane: str,
        *,
        flush_rows: int = FLUSH_ROWS,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self.lane = lane
        self._warehouse, self._folder = warehouse, folder
        self._flush_rows, self._flush_seconds = flush_rows, flush_seconds
        self._lock = threading.RLock()
        self._rows: list[Row] = []
        self._at_hand: list[Row] = []
        self._by_key: dict[str, Row] = {}
        self._reserved = 0
        self._segment: Segment | None = None
        self._flushed_at = time.monotonic()
        self._flusher = ThreadPoolExecutor(1, thread_name_prefix=f"flush {lane}")
        self._flushes: list[Future[None]] = []
        self._failure: BaseException | None = None

    def reserve(self, n_bytes: int) -> int:
        """Make room for a reply about to be asked for; `release` the same number once it was appended or failed.

        Raises:
            StorageFullError: The disk has no room for it: don't send the request.
            StorageError: Replies could not be written to the table; they wait in the journal.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._segment is None:
                self._segment = Segment(journal_path(self._folder, self.lane))
            self._segment.ensure(self._reserved + n_bytes)
            self._reserved += n_bytes
            return n_bytes

    def release(self, n_bytes: int) -> None:
        """Give back what `reserve` claimed."""
        with self._lock:
            self._reserved -= n_bytes

    def append(self, request_key: str, request: str, reply: Reply, run_id: str) -> StoredReply:
        """Keep a reply for good.

        Args:
            request_key: SHA-256 of `request`.
            request: The canonical request.
            reply: What came, with any outcome but `error`.
            run_id: The run that paid for it.
        """
        reply = storable(reply)
        row = row_of(
            reply, lane=self.lane, request_key=request_key, request=request, key_schema=KEY_SCHEMA, run_id=run_id
        )
        with self._lock:
            if self._segment is None:
                self._segment = Segment(journal_path(self._folder, self.lane))
            self._segment.append(row)
            self._rows.append(row)
            if reply.outcome in REUSABLE:
                self._by_key[request_key] = row
            self._note_arrival(request_key)
            if len(self._rows) >= self._flush_rows or (self.claims is None and self._waits_long):
                self._begin_flush()
        return StoredReply(row["response_id"], request_key, run_id, reply)

    def append_at_hand(self, records: Sequence[tuple[str, str, Reply]], run_id: str) -> list[StoredReply]:
        """Keep replies that whoever asks has at hand: no journal does, since nothing is lost with them.

        Args:
            records: Request key, canonical request and reply, as in `append`.
            run_id: As in `append`.

        Raises:
            StorageError: Replies could not be written to the table.
        """
        if self._failure is not None:
            raise self._failure
        replies = [storable(reply) for _, _, reply in records]
        rows = [
            row_of(
                reply,
                lane=self.lane,
                request_key=key,
                request=request,
                key_schema=KEY_SCHEMA,
                run_id=run_id,
                response_id=response_id,
            )
            for (key, request, _), reply, response_id in zip(
                records, replies, new_response_ids(len(records)), strict=True
            )
        ]
        with self._lock:
            self._at_hand += rows
            self._by_key |= {row["request_key"]: row for row in rows if row["outcome"] in REUSABLE}
            if len(self._at_hand) >= FLUSHES_AT_ONCE * self._flush_rows:
                self._flush_at_hand()
        return [
            StoredReply(row["response_id"], row["request_key"], run_id, reply)
            for row, reply in zip(rows, replies, strict=True)
        ]

    def keep_up(self) -> None:
        """Write to the table what has waited for long, or what nothing more will come to for now; hold on to claims."""
        claims = self.claims
        if claims is None:
            return
        claims.keep_up()
        with self._lock:
            if self._rows and (self._waits_long or claims.is_quiet):
                self._begin_flush()

    def pending(self, keys: Iterable[str]) -> dict[str, StoredReply]:
        """Reusable replies that are not in the table yet."""
        with self._lock:
            return {key: stored_reply_of(self._by_key[key]) for key in keys if key in self._by_key}

    @property
    def is_behind(self) -> bool:
        """Whether replies arrive faster than the table takes them: wait before sending more."""
        return self._failure is None and len(self._by_key) > FLUSHES_AT_MOST * self._flush_rows

    def flush(self) -> None:
        """Write all replies received so far to the table, and wait for it.

        Raises:
            StorageError: The table could not be written; the replies wait in the journal for the next run.
        """
        with self._lock:
            self._flush_at_hand()
            self._begin_flush()
            waiting = list(self._flushes)
        for flush in waiting:
            flush.result()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Flush and stop; raises as `flush` does, and leaves the journal then."""
        try:
            self.flush()
        finally:
            self._flusher.shutdown(wait=True)
            with self._lock:
                if self._segment is not None:
                    self._segment.close()
                    if not self._rows:
                        self._segment.path.unlink(missing_ok=True)
                    self._segment = None

    def recover(self, folder: Path | None = None) -> Recovery:
        """Bring journals that a killed run left behind into the table.

        A run killed between commit and removal of the journal left replies in both: those are told by their ids.

        Args:
            folder: Where they lie; its lock of this lane is held. This writer's own when null.
        """
        n_torn, version = 0, NEVER
        for path in journals_of(folder or self._folder, self.lane):
            recovered = read_segment(path)
            n_torn += recovered.n_torn
            if recovered.records:
                frame = frame_of(recovered.records, folder=folder or self._folder, lane=self.lane)
                ids = frame["response_id"].implode()
                stored = self._warehouse.scan("responses", {"lane": self.lane}).filter(pl.col("response_id").is_in(ids))
                known = stored.select("response_id").collect()["response_id"]
                version = max(version, self._write(frame.filter(~pl.col("response_id").is_in(known.implode()))))
            path.unlink(missing_ok=True)
        return Recovery(n_torn, version)

    @property
    def _waits_long(self) -> bool:
        """Whether it is long ago that a batch went to the table; where others wait for replies, that one came."""
        return time.monotonic() - self._flushed_at > self._flush_seconds

    def _note_arrival(self, request_key: str) -> None:
        if self.claims is not None:
            if len(self._rows) == 1:
                self._flushed_at = time.monotonic()
            self.claims.answered(request_key)

    def _flush_at_hand(self) -> None:
        if self._at_hand:
            rows, self._at_hand = self._at_hand, []
            self._submit(self._finish_at_hand, rows)

    def _finish_at_hand(self, rows: list[Row]) -> None:
        self._write(frame_of_own(rows, folder=self._folder, lane=self.lane))
        self._forget(rows)

    def _begin_flush(self) -> None:
        self._flushes = [flush for flush in self._flushes if not flush.done()]
        self._flushed_at = time.monotonic()
        if not self._rows or self._segment is None or self._failure is not None:
            return
        segment, rows = self._segment, self._rows
        # Requests under way keep their room: it moves to the next segment before this one is given up.
        try:
            following = Segment(journal_path(self._folder, self.lane), self._reserved)
        except StorageError as error:
            self._failure = error
            return
        self._segment, self._rows = following, []
        self._submit(self._finish_flush, segment, rows)

    def _submit(self, finish: Callable[..., None], *arguments: Any) -> None:
        flush = self._flusher.submit(finish, *arguments)
        flush.add_done_callback(self._note_failure)
        self._flushes.append(flush)

    def _finish_flush(self, segment: Segment, rows: list[Row]) -> None:
        segment.close()
        if self.claims is not None:
            rows, is_whole = self._still_ours(segment, rows, self.claims)
        version = self._write(frame_of_own(rows, folder=self._folder, lane=self.lane))
        if self.claims is not None:
            self.claims.release([row["request_key"] for row in rows], version)
        if self.claims is None or is_whole:
            segment.path.unlink(missing_ok=True)
        self._forget(rows)

    def _forget(self, rows: list[Row]) -> None:
        """Rows are in the table: they are found there from now on."""
        with self._lock:
            for row in rows:
                if self._by_key.get(row["request_key"]) is row:
                    del self._by_key[row["request_key"]]

    def _still_ours(self, segment: Segment, rows: list[Row], claims: LaneClaims) -> tuple[list[Row], bool]:
        """The rows that may go to the table now, and whether they are all of the segment.

        Where this process stood still for so long that others took its requests over, their replies stay in the
        journal for the next run in this folder.
        """
        lost = claims.secure({row["request_key"] for row in rows})
        if lost:
            LOG.warning(
                "this process stood still for so long that others have claimed %d of its requests; the replies that it "
                "received stay in %s and go to the table with the next run",
                len(lost),
                segment.path,
            )
        return [row for row in rows if row["request_key"] not in lost], not lost

    def _note_failure(self, flush: Future[None]) -> None:
        """Whatever kept a batch from the table: it waits in its journal, and nothing more may be sent."""
        self._failure = self._failure or flush.exception()

    def _write(self, rows: pl.DataFrame) -> int:
        """Add rows to the table. Returns its version then."""
        if not rows.height:
            return NEVER
        recorded = {"lane": self.lane, "run_id": str(rows["run_id"][-1])}
        return self._warehouse.append("responses", rows, recorded).version
