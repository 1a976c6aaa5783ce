"""Which requests of a lane who is about to send: one object per lane, replaced only over the state that was read.

Sending, and keeping the replies, is the business of others; `docs/decisions` says why it is done so.
"""

import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from eval_assets.errors import StorageError
from eval_assets.storage.remote.object_store import ConflictError, Objects, Stored
from eval_assets.storage.remote.owners import Owner, OwnerWatch, Whereabouts

ATTEMPTS = 100
QUIET_SECONDS = 1.0
NEVER = -1
SHORT = 20
"""Digits of a key that stand in the object: two keys that share them cost a wait in vain."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of a claim.

    Args:
        fresh: Keys that this process may send now.
        stale: Those that are its own, too, but whose replies may have come since it looked for them.
        others: Keys that somebody else sends, and who that is.
    """

    fresh: frozenset[str]
    stale: frozenset[str]
    others: Mapping[str, Whereabouts]


class LaneClaims:
    """The claims of one lane; safe to use from several threads. Its file lock is held meanwhile.

    Args:
        lane: As `lane_of` names it.
        objects: Of the warehouse.
        owner: This process.
        watch: Tells who lives.
        take_up: Has the journals of a dead process recovered; told where they are, and how many requests it had
            claimed. Returns the version of the table that has what was found there.
        look_anew: Has the table of replies looked at anew.
    """

    def __init__(
        self,
        lane: str,
        objects: Objects,
        owner: Owner,
        watch: OwnerWatch,
        *,
        take_up: Callable[[Whereabouts, int], int],
        look_anew: Callable[[], None],
    ) -> None:
        self._path = f"_claims/lanes/{lane}.json"
        self._objects, self._owner, self._watch = objects, owner, watch
        self._take_up, self._look_anew = take_up, look_anew
        self._turn = threading.RLock()
        """Of those who ask the store."""
        self._sets = threading.Lock()
        """Held for a moment only, also in an event loop."""
        self._held: set[str] = set()
        self._unanswered: set[str] = set()
        self._written: frozenset[str] = frozenset()
        self._claimed_as = ""
        self._known: Stored | None = None
        self._seen = NEVER
        self._dead: set[str] = set()
        self._taken_up_at = NEVER
        self._replied_at = time.monotonic()

    @property
    def seen(self) -> int:
        """Version of the table of replies that a look-up finds at least; take it before the look-up."""
        return self._seen

    @property
    def is_quiet(self) -> bool:
        """Whether for a moment everything that was claimed has had its reply, or won't get any."""
        return not self._unanswered and time.monotonic() - self._replied_at > QUIET_SECONDS

    @property
    def is_certain(self) -> bool:
        """Whether nobody can have taken over what is held, so that `holds` needs no look at the store."""
        return self._owner.is_fresh and self._claimed_as == self._owner.id

    def holds(self, key: str) -> bool:
        """Whether a request is still claimed by this process; asks the store unless that is certain."""
        if not self.is_certain:
            with self._turn:
                self._hold_on()
        return key in self._held

    def claim(self, keys: Mapping[str, int]) -> Claimed:
        """Claim requests, as far as nobody else has claimed them.

        Args:
            keys: What `seen` was before their replies were looked for.

        Raises:
            StorageError: The store can't be reached, or others kept winning.
        """
        with self._turn:
            if not keys:
                return Claimed(frozenset(), frozenset(), {})
            if not self.is_certain:
                self._hold_on()
            others, replies_at = self._write(set(keys))
            ours = keys.keys() - others.keys()
            if replies_at > self._seen:
                self._look_anew()
                self._seen = replies_at
            stale = frozenset(key for key in ours if keys[key] < replies_at)
            return Claimed(frozenset(ours - stale), stale, others)

    def answered(self, key: str) -> None:
        """A reply came; the claim stays until it is in the table."""
        with self._sets:
            self._unanswered.discard(key)
            self._replied_at = time.monotonic()

    def drop(self, keys: Iterable[str]) -> None:
        """These won't be sent, or got no reply: others may send them once the claims are written again."""
        with self._sets:
            self._held.difference_update(keys := set(keys))
            self._unanswered -= keys

    def secure(self, keys: Collection[str]) -> set[str]:
        """Before replies go to the table: beat. Returns those of the keys that others have claimed meanwhile."""
        with self._turn:
            before = set(self._held)
            self._hold_on()
            return (before - self._held) & set(keys)

    def release(self, keys: Iterable[str], version: int) -> None:
        """The replies to these requests are in the table, as of its version."""
        with self._turn:
            self.drop(keys)
            self._seen = max(self._seen, version)
            self._write(set(), replies_at=version)

    def keep_up(self) -> None:
        """Write what was dropped, and hold on to the rest if we were buried."""
        with self._turn:
            if self._held and self._claimed_as != self._owner.id:
                self._hold_on()
            if self._written - self._held:
                self._write(set())

    def close(self) -> None:
        """Nothing is claimed any more."""
        with self._turn:
            self.drop(set(self._held))
            self._write(set())

    def _hold_on(self) -> None:
        """Beat; claim anew what is held if we were buried: what others claimed meanwhile is theirs."""
        if self._owner.beat() == self._claimed_as:
            return
        self._claimed_as, held = self._owner.id, set(self._held)
        self._known, self._written = None, frozenset()
        if held:
            unanswered = set(self._unanswered)
            self.drop(held)
            others, _ = self._write(held)
            with self._sets:
                self._unanswered |= unanswered - others.keys()

    def _write(self, wanted: set[str], replies_at: int = NEVER) -> tuple[dict[str, Whereabouts], int]:
        """Have our claims in the object, with those wanted that are free. Returns whose others are, and `replies_at`.

        With nothing to change, and nothing wanted that others hold, the store isn't asked.
        """
        is_read = self._known is None
        for _ in range(ATTEMPTS):
            if is_read:
                self._known = self._objects.read(self._path)
            content: dict[str, Any] = {"replies_at": NEVER, "claims": {}}
            content |= {} if self._known is None else self._known.content
            claims = content["claims"] = self._without_the_dead(dict(content["claims"]), wanted)
            others = self._of_others(claims, wanted)
            if others and not is_read:
                is_read = True  # they may have released them since we looked
                continue
            replied_at: int = max(content["replies_at"], replies_at, self._taken_up_at)
            ours = wanted - others.keys()
            held = frozenset(self._held | ours)
            if held != self._written or replied_at != content["replies_at"]:
                claims.pop(self._owner.id, None)
                if held:
                    keys = sorted(key[:SHORT] for key in held)
                    claims[self._owner.id] = {"who": asdict(self._owner.whereabouts), "keys": keys}
                content |= {"replies_at": replied_at, "written": uuid.uuid4().hex}
                try:
                    tag = self._objects.replace(self._path, content, None if self._known is None else self._known.tag)
                except ConflictError:
                    is_read = True
                    continue
                self._known, self._written = Stored(content, tag), held
            with self._sets:
                self._held |= ours
                self._unanswered |= ours
            return others, replied_at
        raise StorageError(f"claims in {self._path} could not be written in {ATTEMPTS} attempts; run again")

    def _without_the_dead(self, claims: dict[str, Any], wanted: set[str]) -> dict[str, Any]:
        """Claims without those of processes that are gone, as far as they stand in our way."""
        short, here = {key[:SHORT] for key in wanted}, self._owner.whereabouts.machine
        for owner, claim in list(claims.items()):
            who = Whereabouts.read(claim["who"])
            if owner == self._owner.id or (who.machine != here and short.isdisjoint(claim["keys"])):
                continue
            # We hold the lock of the lane in that folder, and its journals are recovered: whoever had it is dead.
            if who.machine == here or owner in self._dead or self._watch.is_dead(owner):
                if who.machine != here and owner not in self._dead:
                    self._taken_up_at = max(self._taken_up_at, self._take_up(who, len(claim["keys"])))
                    self._dead.add(owner)
                del claims[owner]
        return claims

    def _of_others(self, claims: dict[str, Any], wanted: set[str]) -> dict[str, Whereabouts]:
        by_short = {
            key: Whereabouts.read(claim["who"])
            for owner, claim in claims.items()
            if owner != self._owner.id
            for key in claim["keys"]
        }
        return {key: by_short[key[:SHORT]] for key in wanted if key[:SHORT] in by_short}
