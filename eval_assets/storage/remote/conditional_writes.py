"""Whether an object store refuses a write over what somebody else wrote: without that, commits of tables get lost."""

import uuid

from eval_assets.errors import StorageError
from eval_assets.storage.remote.object_store import ConflictError, Objects

PROVED = "_claims/conditional_writes.json"
"""Is there once the proof succeeded."""


def prove_conditional_writes(objects: Objects) -> None:
    """Refuse a store without conditional writes; looked at once for each warehouse.

    Raises:
        StorageError: It takes a second creation, or a write over an old state, or says that it can't tell.
    """
    if objects.read(PROVED) is not None:
        return
    path = f"_claims/proof-{uuid.uuid4().hex}.json"
    try:
        first = objects.replace(path, {"written": 1}, None)
        is_safe = _is_refused(objects, path, None)
        if is_safe:
            objects.replace(path, {"written": 2}, first)
            is_safe = _is_refused(objects, path, first)
    except ConflictError as error:
        raise _unusable(objects, "it refused a write that nothing stood against") from error
    except StorageError as error:
        raise _unusable(objects, f"it refuses conditional writes ({error})") from error
    objects.remove(path)
    if not is_safe:
        raise _unusable(objects, "it ignores the conditions of writes (If-None-Match, If-Match)")
    objects.write(PROVED, b'{"proved": true}')


def _is_refused(objects: Objects, path: str, tag: object) -> bool:
    try:
        objects.replace(path, {"written": uuid.uuid4().hex}, tag)  # type: ignore[arg-type]
    except ConflictError:
        return True
    return False


def _unusable(objects: Objects, why: str) -> StorageError:
    return StorageError(
        f"expected an object store with conditional writes for the warehouse {objects.root}, but {why}: two writers at "
        "once would lose commits there without a word. Amazon S3, Google Cloud Storage, Azure, Cloudflare R2 and "
        "recent MinIO have them; nothing was written"
    )
