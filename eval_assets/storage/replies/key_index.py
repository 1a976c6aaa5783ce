"""Which files of a lane hold the reply to a request: its keys, read once, and then only what was added.

A lane of a million replies has some 500 files, each look for the next 2,000 keys would read all of them. Twelve bytes
a reply are held in memory: a hash of its key, and the number of its file. Rows are read by `responses`, which compares
whole keys; a hash that two keys share costs a file read in vain. Many keys are kept on the local disk for the next
process.
"""

import threading
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from eval_assets.storage.replies.kept_keys import SortedKeys, keep, kept_keys
from eval_assets.storage.snapshots import Snapshot

FILES_AT_ONCE = 64
KEPT_FROM = 100_000
"""Keys that are worth keeping: reading them takes a tenth of a second."""

SHARE_OF_KEPT = 0.05
"""How many must be new, of those that are kept, before all are written again."""

PROBE = pl.Series(["the way that hashes"])


class KeyIndex:
    """The keys of one lane; safe to use from several threads.

    Args:
        lane: As `lane_of` names it.
        folder: Where the keys of this lane are kept.
    """

    def __init__(self, lane: str, folder: Path) -> None:
        self._partition = {"lane": lane}
        self._folder = folder
        self._lock = threading.Lock()
        self._version: int | None = None
        self._numbers: dict[str, int] = {}
        self._runs: list[SortedKeys] = []
        self._n_kept = 0
        self._probe = int(_hashes(PROBE)[0])

    def files_with(self, keys: Collection[str], snapshot: Snapshot) -> list[str]:
        """Files of this version of `responses` that can hold a reply to one of these requests."""
        with self._lock:
            self._bring_up_to_date(snapshot)
            names = list(self._numbers)
            wanted = _hashes(pl.Series(keys, dtype=pl.String))
            found: set[int] = set()
            for run in self._runs:
                first = np.searchsorted(run.hashes, wanted, "left")
                n_same = np.searchsorted(run.hashes, wanted, "right") - first
                for place in np.flatnonzero(n_same):
                    found.update(run.files[first[place] : first[place] + n_same[place]].tolist())
        return [names[number] for number in sorted(found)]

    def _bring_up_to_date(self, snapshot: Snapshot) -> None:
        version = None if snapshot.opened is None else snapshot.opened.version()
        if version == self._version:
            return
        files = snapshot.files(self._partition)
        if self._version is None and (kept := kept_keys(self._folder, self._probe)) is not None:
            self._numbers, self._runs, self._n_kept = kept.numbers, [kept.keys], len(kept.keys.hashes)
        if self._numbers.keys() - set(files):  # some were deleted, or joined into others
            self._numbers, self._runs, self._n_kept = {}, [], 0
        new = [file for file in files if file not in self._numbers]
        for start in range(0, len(new), FILES_AT_ONCE):
            self._add(snapshot, new[start : start + FILES_AT_ONCE])
        self._version = version
        n_new = sum(len(run.hashes) for run in self._runs) - self._n_kept
        if n_new >= max(KEPT_FROM, SHARE_OF_KEPT * self._n_kept):
            self._runs = [_joined(self._runs)]
            self._n_kept = len(self._runs[0].hashes)
            keep(self._folder, self._numbers, self._runs[0], self._probe)

    def _add(self, snapshot: Snapshot, files: Sequence[str]) -> None:
        keys = pl.collect_all([snapshot.scan_files([file], self._partition).select("request_key") for file in files])
        hashes = np.concatenate([_hashes(frame["request_key"]) for frame in keys])
        numbers = np.arange(len(self._numbers), len(self._numbers) + len(files), dtype=np.uint32)
        self._runs.append(_sorted(hashes, np.repeat(numbers, [frame.height for frame in keys])))
        self._numbers |= {file: int(number) for file, number in zip(files, numbers, strict=True)}
        # Few runs, and each reply is sorted anew a few times only, however many are added one after the other.
        while len(self._runs) > 1 and len(self._runs[-2].hashes) <= 2 * len(self._runs[-1].hashes):
            latter, former = self._runs.pop(), self._runs.pop()
            self._runs.append(_joined([former, latter]))


class LaneKeys(dict[str, KeyIndex]):
    """The keys of every lane that is asked for.

    Args:
        folder: Where those of each lane are kept.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, lane: str) -> KeyIndex:
        return self.setdefault(lane, KeyIndex(lane, self._folder / lane))


def _sorted(hashes: NDArray[np.uint64], files: NDArray[np.uint32]) -> SortedKeys:
    order = np.argsort(hashes, kind="stable")
    return SortedKeys(hashes[order], files[order])


def _joined(runs: Sequence[SortedKeys]) -> SortedKeys:
    if len(runs) == 1:
        return runs[0]
    return _sorted(np.concatenate([run.hashes for run in runs]), np.concatenate([run.files for run in runs]))


def _hashes(keys: pl.Series) -> NDArray[np.uint64]:
    return keys.hash().to_numpy()
