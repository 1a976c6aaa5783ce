"""Small objects beside the tables of a remote warehouse: read, replaced only if nobody did meanwhile, written, removed.

What they mean is the business of the other modules here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_assets.errors import StorageError

CLIENT_OPTIONS = (
    "allow_http", "allow_invalid_certificates", "connect_timeout", "pool_idle_timeout", "pool_max_idle_per_host",
    "proxy_url", "proxy_ca_certificate", "proxy_excludes", "read_timeout", "timeout", "user_agent",
)  # fmt: skip
"""Of the storage options, what concerns connections; delta-rs takes them in one table with the others."""

ONLY_OF_TABLES = (
    "aws_s3_allow_unsafe_rename", "aws_s3_locking_provider", "aws_force_credential_load", "allow_unsafe_rename",
    "delta_dynamo_table_name", "mount_allow_unsafe_rename", "max_concurrency_tasks",
)  # fmt: skip
"""Storage options that delta-rs alone knows."""

INSTALL = "pip install 'eval-assets[remote]'"


class ConflictError(Exception):
    """An object is not as it was when it was read, or there is one where none was."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read.

    Args:
        content: Its JSON.
        tag: Names this state of it, for the next write.
    """

    content: dict[str, Any]
    tag: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a list.

    Args:
        path: Below the root.
        e_tag: Of its content; null where the store names none.
    """

    path: str
    e_tag: str | None


class Objects:
    """JSON objects below the root of a remote warehouse; safe to use from several threads.

    Args:
        root: The warehouse, an object store URL.
        storage_options: Credentials and endpoint, as delta-rs names them; the environment's are used as well.

    Raises:
        StorageError: The package for object stores isn't installed, or there is no such store; from any method, it
            could not be reached.
    """

    def __init__(self, root: str, storage_options: Mapping[str, str]) -> None:
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise StorageError(
                f"a warehouse in an object store ({root}) takes the package obstore: `{INSTALL}`"
            ) from error
        self._obstore, self.root, self.storage_options = obstore, root, storage_options
        self._unusable = (obstore.exceptions.BaseError, OSError)
        self._taken = (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError)
        config, client = _separated(storage_options)
        opening: Any = from_url
        try:
            self._store = opening(root, config=config or None, client_options=client or None)
        except obstore.exceptions.BaseError as error:
            raise self._failed(root, error) from error

    def read(self, path: str) -> Stored | None:
        """An object; null if there is none."""
        try:
            body, tag = self._got(path)
            return Stored(json.loads(body), tag)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._failed(path, error) from error

    def replace(self, path: str, content: Mapping[str, Any], tag: Mapping[str, str] | None) -> Mapping[str, str]:
        """Write an object if it is as it was read. Returns what names its new state.

        Args:
            path: Below the root.
            content: As JSON; it must differ from every former content, so that our own write can be told from others'.
            tag: Of the state that was read; null: there must be none.

        Raises:
            ConflictError: Somebody else wrote it meanwhile.
        """
        mode: Any = "create" if tag is None else dict(tag)
        try:
            return _tag(self._obstore.put(self._store, path, json.dumps(content).encode(), mode=mode))
        except (*self._taken, FileNotFoundError) as error:
            # An attempt whose answer was lost is repeated, and then fails because of itself.
            present = self.read(path)
            if present is not None and present.content == content:
                return present.tag
            raise ConflictError(path) from error
        except self._unusable as error:
            raise self._failed(path, error) from error

    def create(self, path: str, body: bytes) -> str | None:
        """Write an object that there is none of yet. Returns its tag.

        Raises:
            ConflictError: Somebody else wrote one.
        """
        try:
            return _tag(self._obstore.put(self._store, path, body, mode="create")).get("e_tag")
        except self._taken as error:
            present, tag = self._got(path)
            if present == body:  # an attempt whose answer was lost was repeated
                return tag.get("e_tag")
            raise ConflictError(path) from error
        except self._unusable as error:
            raise self._failed(path, error) from error

    def bytes_of(self, path: str) -> bytes:
        """An object that is there."""
        try:
            return self._got(path)[0]
        except FileNotFoundError as error:
            raise self._failed(path, error) from error

    def is_there(self, path: str) -> bool:
        """Whether there is an object."""
        try:
            self._obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        except self._unusable as error:
            raise self._failed(path, error) from error
        return True

    def listed(self, prefix: str, *, after: str | None = None) -> list[Listed]:
        """Objects whose path begins so, in the order of their names.

        Args:
            prefix: Ends with a slash.
            after: Only those whose names come after this one.
        """
        try:
            chunks = self._obstore.list(self._store, prefix, offset=after, chunk_size=1_000)
            found = [Listed(one["path"], one.get("e_tag")) for chunk in chunks for one in chunk]
        except self._unusable as error:
            raise self._failed(prefix, error) from error
        return sorted(found, key=lambda one: one.path)

    def write(self, path: str, body: bytes | Path, *, media_type: str | None = None) -> None:
        """Write an object, whatever there is, from bytes or from a file."""
        attributes: Any = None if media_type is None else {"Content-Type": media_type}
        try:
            self._obstore.put(self._store, path, body, attributes=attributes)
        except self._unusable as error:
            raise self._failed(path, error) from error

    def remove(self, path: str) -> None:
        """Remove an object; nothing happens if there is none."""
        try:
            self._obstore.delete(self._store, path)
        except FileNotFoundError:
            return
        except self._unusable as error:
            raise self._failed(path, error) from error

    def _got(self, path: str) -> tuple[bytes, Mapping[str, str]]:
        """An object and its tag; raises FileNotFoundError if there is none."""
        try:
            found = self._obstore.get(self._store, path)
            return bytes(found.bytes()), _tag(found.meta)
        except FileNotFoundError:
            raise
        except self._unusable as error:
            raise self._failed(path, error) from error

    def _failed(self, path: str, error: Exception) -> StorageError:
        said = " ".join(str(error).split("\n\nDebug source")[0].split())
        return StorageError(f"the object {path} of the warehouse {self.root} can't be used: {said:.500}")


def _tag(meta: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}


def _separated(options: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Options of the store, and those of its connections.

    >>> _separated({"aws_region": "eu", "aws_allow_http": "true", "aws_s3_locking_provider": "dynamodb"})
    ({'aws_region': 'eu'}, {'allow_http': True})
    """
    config, client = {}, {}
    for name, value in options.items():
        plain = name.lower().removeprefix("aws_").removeprefix("azure_").removeprefix("google_")
        if plain in CLIENT_OPTIONS:
            client[plain] = value.lower() == "true" if plain.startswith("allow_") else value
        elif name.lower() not in ONLY_OF_TABLES:
            config[name] = value
    return config, client
