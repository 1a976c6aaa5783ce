"""Which requests wait in batches at providers, and what came of batches that ended: local files, a folder a lane.

A record is there before anything is sent, and says how far its batch is; who changes one holds the lane. Submitting and
collecting are in `providers.batches`.
"""

import contextlib
import json
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from eval_assets.errors import StorageError
from eval_assets.storage.atomic_files import write_atomically

State = Literal["planned", "creating", "submitted", "collected"]
UNDER_WAY: tuple[State, ...] = ("creating", "submitted")
CONTENTS = (".input.jsonl", ".requests", ".keys")
KEPT_SECONDS = 30 * 86_400
"""How long a collected batch is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """One batch, from before it is sent until long after it was collected.

    Args:
        lane: Whose replies it brings.
        token: Our name of it, which its provider keeps with it.
        model: The model file that asks, as JSON values; secrets are named in it, never held.
        evaluations: For which it was submitted.
        n_requests: How many it holds.
        sending: `in_batches` where the run was told to use them, null where the model's file says so.
        state: `planned` (nothing was sent yet), `creating` (it may or may not exist), `submitted`, `collected`.
        asked_at: ISO time, just before it was to be created: its replies were asked for then.
        batch_id: The provider's name of it, once it is known.
        status: What the provider last said of it.
        n_done: How many of its requests are answered, as its provider said.
        expires_at: ISO time at which the provider gives up.
        worst_usd: What it can cost at most; null without a price.
        said: How it ended, in a sentence.
    """

    lane: str
    token: str
    model: Mapping[str, Any]
    evaluations: tuple[str, ...]
    n_requests: int
    sending: str | None = None
    state: State = "planned"
    asked_at: str | None = None
    batch_id: str | None = None
    status: str = ""
    n_done: int = 0
    expires_at: str | None = None
    worst_usd: float | None = None
    said: str = ""

    @property
    def model_name(self) -> str:
        """Name of the model file."""
        return str(self.model["name"])

    @property
    def is_under_way(self) -> bool:
        """Whether its requests must not be sent again."""
        return self.state in UNDER_WAY


class Entry(NamedTuple):
    """One request of a batch: its key, its canonical form, and which batch in a row it is in."""

    key: str
    canonical: str
    attempt: int


@dataclass(frozen=True, slots=True)
class BatchFailure:
    """Why a request of a batch has no reply."""

    kind: str
    error: str
    requested_at: str


@dataclass(slots=True)
class Outcomes:
    """What ended batches of a lane brought, and no run has handed out yet.

    Args:
        failed: Key → why it has no reply; it isn't asked again before a run has shown that.
        again: Key → in how many batches it was: the next one asks again.
        fresh: Keys whose replies no run has accounted for.
    """

    failed: dict[str, BatchFailure] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)


class BatchLedger:
    """The batches of a project on this machine.

    Args:
        folder: Local; must outlive a killed run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def records(self, lane: str | None = None) -> list[BatchRecord]:
        """All records, or those of a lane, the oldest first."""
        found = self._folder.glob(f"{'*' if lane is None else lane}/*.json")
        paths = [path for path in found if not path.name.endswith(".outcome.json")]
        return sorted((_read(path) for path in paths), key=lambda record: record.token)

    def add(self, record: BatchRecord, entries: Iterable[Entry], lines: Iterable[bytes]) -> None:
        """Remember a batch that is about to be submitted; its record comes last.

        Args:
            record: In state `planned`.
            entries: Its requests.
            lines: What is uploaded, a line for each.
        """
        self._forget_old(record.lane)
        self._path(record, "").parent.mkdir(parents=True, exist_ok=True)
        held = list(entries)
        self._path(record, ".input.jsonl").write_bytes(b"".join(lines))
        self._path(record, ".requests").write_text("".join(f"{entry.key}\t{entry.canonical}\n" for entry in held))
        self._path(record, ".keys").write_text("".join(f"{entry.key} {entry.attempt}\n" for entry in held))
        self.save(record)

    def save(self, record: BatchRecord) -> BatchRecord:
        """Replace a record; when this returns it survives kill -9, and a power cut."""
        write_atomically(self._path(record, ".json"), json.dumps(asdict(record), indent=1), to_disk=True)
        return record

    def again(self, record: BatchRecord) -> BatchRecord | None:
        """The record as it stands now; null if it is gone."""
        path = self._path(record, ".json")
        return _read(path) if path.exists() else None

    def input_of(self, record: BatchRecord) -> Path:
        """What is uploaded."""
        return self._path(record, ".input.jsonl")

    def entries(self, record: BatchRecord) -> list[Entry]:
        """The requests of a batch that wasn't collected."""
        attempts = dict(line.split(" ") for line in self._path(record, ".keys").read_text().splitlines())
        # Only a newline ends a line here: a canonical request may hold other characters that end lines elsewhere.
        lines = self._path(record, ".requests").read_text().split("\n")
        pairs = (line.partition("\t") for line in lines if line)
        return [Entry(key, canonical, int(attempts[key])) for key, _, canonical in pairs]

    def under_way(self, lane: str) -> dict[str, BatchRecord]:
        """Key → the batch under way that holds it."""
        return {
            line.partition(" ")[0]: record
            for record in self.records(lane)
            if record.is_under_way
            for line in self._path(record, ".keys").read_text().splitlines()
        }

    def finish(self, record: BatchRecord, outcomes: Outcomes) -> BatchRecord:
        """Remember what came of a batch whose replies are stored; what it was made from goes."""
        self._keep(record.lane, record.token, outcomes)
        collected = self.save(replace(record, state="collected"))
        self._drop_contents(record)
        return collected

    def note(self, lane: str, outcomes: Outcomes) -> None:
        """Remember what came of requests that are in no batch."""
        self._keep(lane, new_token(), outcomes)

    def discard(self, record: BatchRecord) -> None:
        """Forget a batch that was never created, its record first."""
        self._path(record, ".json").unlink(missing_ok=True)
        self._drop_contents(record)

    def leftovers(self, lane: str) -> list[Path]:
        """What a killed process left behind: contents of batches that are collected or have no record, half a file.

        Who removes them holds the lane: a batch that is being added has no record for a moment.
        """
        held = {record.token for record in self.records(lane) if record.state != "collected"}
        kept = {f"{token}{ending}" for token in held for ending in CONTENTS}
        found = (self._folder / lane).glob("*")
        return [path for path in found if path.name not in kept and path.suffix != ".json"]

    def outcomes(self, lane: str) -> Outcomes:
        """What ended batches brought and no run has handed out yet."""
        together = Outcomes()
        for path in sorted((self._folder / lane).glob("*.outcome.json")):
            outcomes = _outcomes_in(path)
            together.failed |= outcomes.failed
            together.again |= outcomes.again
            together.fresh |= outcomes.fresh
        return together

    def forget(self, lane: str, keys: Collection[str]) -> None:
        """What came of these requests was handed out by a run, or they are in another batch."""
        gone = set(keys)
        for path in sorted((self._folder / lane).glob("*.outcome.json")) if gone else ():
            outcomes = _outcomes_in(path)
            left = Outcomes(
                {key: failure for key, failure in outcomes.failed.items() if key not in gone},
                {key: n for key, n in outcomes.again.items() if key not in gone},
                outcomes.fresh - gone,
            )
            if left == Outcomes():
                path.unlink(missing_ok=True)
            else:
                self._keep(lane, path.name.partition(".")[0], left)

    def _keep(self, lane: str, token: str, outcomes: Outcomes) -> None:
        kept = {
            "failed": {key: asdict(failure) for key, failure in outcomes.failed.items()},
            "again": outcomes.again,
            "fresh": sorted(outcomes.fresh),
        }
        write_atomically(self._folder / lane / f"{token}.outcome.json", json.dumps(kept), to_disk=True)

    def _forget_old(self, lane: str) -> None:
        """What was collected long ago goes."""
        records = {record.token: record for record in self.records(lane)}
        for path in (self._folder / lane).glob("*"):
            record = records.get(path.name.partition(".")[0])
            is_old = time.time() - path.stat().st_mtime > KEPT_SECONDS
            if is_old and (record is None or record.state == "collected"):
                path.unlink(missing_ok=True)

    def _drop_contents(self, record: BatchRecord) -> None:
        for ending in CONTENTS:
            self._path(record, ending).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are in it
            self._path(record, "").parent.rmdir()

    def _path(self, record: BatchRecord, ending: str) -> Path:
        return self._folder / record.lane / f"{record.token}{ending}"


def new_token() -> str:
    """A name for a batch; names sort by age."""
    return f"{time.time_ns() // 1_000_000:013d}-{uuid.uuid4().hex[:12]}"


def _read(path: Path) -> BatchRecord:
    try:
        held = json.loads(path.read_text())
        return BatchRecord(**{**held, "evaluations": tuple(held["evaluations"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"expected the record of a batch in {path}, got {type(error).__name__}: {error}; the batch may still be "
            "under way at its provider: delete the file only if its requests may be paid for again"
        ) from error


def _outcomes_in(path: Path) -> Outcomes:
    try:
        held = json.loads(path.read_text())
        failed = {key: BatchFailure(**failure) for key, failure in held["failed"].items()}
        return Outcomes(failed, held["again"], set(held["fresh"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"expected what came of a batch in {path}, got {type(error).__name__}: {error}; delete the file: "
            "replies are kept elsewhere, and requests that failed are asked again"
        ) from error
