"""Every version of the files in a warehouse, found by what they held."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.input_tables import FILE_TABLES
from eval_assets.tables.schemas import PARTITIONED_BY


class StoredFiles:
    """Read once, of all named files.

    Args:
        warehouse: The tables.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        """Read the tables of files."""
        self._versions: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for table in FILE_TABLES:
            name = PARTITIONED_BY[table][0]
            stored = warehouse.scan(table).select(
                name, "version", "content_sha256", "content", "source", "first_seen_at"
            )
            for row in stored.sort("version", descending=True).collect().iter_rows(named=True):
                self._versions[f"{table}/{row[name]}", row["content_sha256"]].append(row)

    def version_of(self, place: str, data_version: str, at: datetime) -> Mapping[str, Any]:
        """The newest version with this content that was there at a moment; empty if none is known.

        Args:
            place: The file, as `table/name`.
            data_version: Hash of its content.
            at: The moment, UTC.
        """
        found = self._versions.get((place, data_version), ())
        return next((version for version in found if version["first_seen_at"] <= at), {})
