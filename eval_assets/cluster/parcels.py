"""What travels to a worker of a cluster: pickled, by value where nothing there can import it.

A path inside the project travels as its place in it, since the copy that a worker was sent lies elsewhere.
"""

import io
import pickle
from pathlib import Path, PurePath
from typing import Any


def packed(content: object, pickler: type[pickle.Pickler], project_dir: Path | None = None) -> bytes:
    """Pickle something for a worker.

    Args:
        content: What travels.
        pickler: Decides what is sent by value; that of `ray.cloudpickle`.
        project_dir: The folder of the project where workers are sent a copy of it; null where they see the same files.

    Raises:
        Exception: It can't be pickled; what is raised depends on what it holds.
    """
    written = io.BytesIO()

    class Packing(pickler):  # type: ignore[misc, valid-type]  # which one is known when it runs
        def persistent_id(self, part: object) -> str | None:
            if project_dir is None or not isinstance(part, PurePath) or not part.is_relative_to(project_dir):
                return None
            return part.relative_to(project_dir).as_posix()

    Packing(written, protocol=pickle.HIGHEST_PROTOCOL).dump(content)
    return written.getvalue()


class _Unpacking(pickle.Unpickler):
    def persistent_load(self, place: str) -> Path:
        """The worker's own path: it starts in its copy of the project."""
        return Path.cwd() / place


def unpacked(parcel: bytes) -> Any:
    """What `packed` was given, in a worker."""
    return _Unpacking(io.BytesIO(parcel)).load()
