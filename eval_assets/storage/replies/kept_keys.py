"""The sorted keys of a lane on the local disk, so that the next process needn't read them out of the table again.

Ten million keys take eight CPU seconds to read and sort, and none to open: both arrays are mapped, and a look touches
a few pages of them. They say which files hold a reply, never what it is. Losing them costs time alone.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LOG = logging.getLogger("eval_assets")
HASHES, FILES, ABOUT = "hashes.npy", "files.npy", "about.json"


class SortedKeys(NamedTuple):
    """Hashes in ascending order, and the number of the file of each."""

    hashes: NDArray[np.uint64]
    files: NDArray[np.uint32]


class KeptKeys(NamedTuple):
    """The keys of these files: file → its number, and the keys of all of them together."""

    numbers: dict[str, int]
    keys: SortedKeys


def kept_keys(folder: Path, probe: int) -> KeptKeys | None:
    """What was kept last; null where nothing was, or not whole, or by another way to hash.

    Args:
        folder: Of one lane.
        probe: The hash of a text that is always the same, by the way that hashes now.
    """
    for place in _whole(folder):
        try:
            about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
            keys = SortedKeys(np.load(place / HASHES, mmap_mode="r"), np.load(place / FILES, mmap_mode="r"))
        except (OSError, ValueError):  # deleted meanwhile, or the machine died while it was written
            continue
        if about["probe"] == probe and about["n"] == len(keys.hashes) == len(keys.files):
            return KeptKeys({name: number for number, name in enumerate(about["files"])}, keys)
    return None


def keep(folder: Path, numbers: Mapping[str, int], keys: SortedKeys, probe: int) -> None:
    """Replace what is kept; a disk that is full or can't be written to is noted, and nothing is kept.

    Args:
        folder: Of one lane.
        numbers: File → its number, from 0 on, in order.
        keys: The keys of all of them.
        probe: As `kept_keys` takes it.
    """
    about = {"probe": probe, "n": len(keys.hashes), "files": list(numbers)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        former = list(folder.iterdir())
        with _made_whole(folder) as place:
            np.save(place / HASHES, keys.hashes)
            np.save(place / FILES, keys.files)
            (place / ABOUT).write_text(json.dumps(about), encoding="utf-8")
        for place in former:  # whoever has one of them mapped keeps it
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        LOG.debug("the keys of %s could not be kept: %s", folder, error)


def _whole(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if place.suffix == ".keys"] if folder.is_dir() else []


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A folder that appears under its name once all of it is on the disk."""
    place = Path(tempfile.mkdtemp(dir=folder))
    yield place
    for file in place.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    place.rename(place.with_suffix(".keys"))
