"""How results appear in the Dagster UI: schemas, counts, numbers that are plotted per partition."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import dagster as dg

from eval_assets.config.settings import viewer_url
from eval_assets.stages.stage import Stage
from eval_assets.storage.writing import Written
from eval_assets.tables.schemas import SCHEMAS

Materialized = dg.MaterializeResult[Any]


def table_metadata(table: str) -> dict[str, Any]:
    """Definition metadata of an asset: the columns of its Delta table."""
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in SCHEMAS[table].items()]
    return {"dagster/column_schema": dg.TableSchema(columns=columns), "dagster/table_name": table}


def viewer_link(stage: Stage, key: str) -> dict[str, dg.MetadataValue]:
    """Where the viewer shows a partition; empty without an address of the viewer, and for files.

    Args:
        stage: Of the partition.
        key: Of the partition.
    """
    viewer = viewer_url()
    if viewer is None or stage.unit == "file":
        return {}
    evaluation, _, candidate = key.partition(":")
    page = f"{viewer}/evaluations/{quote(evaluation)}"
    return {"viewer": dg.MetadataValue.url(f"{page}/grid?{urlencode({'c': candidate})}" if candidate else page)}


def result(
    written: Written, shown: Mapping[str, str], links: Mapping[str, dg.MetadataValue] = MappingProxyType({})
) -> Materialized:
    """A materialization: its data version, where it lies, what is in it. Numbers are floats, which the UI plots.

    Args:
        written: The partition.
        shown: Title → Markdown.
        links: Title → address.
    """
    metadata: dict[str, Any] = {
        "dagster/row_count": written.n_rows,
        "dagster/uri": written.commit.uri,
        "delta_version": written.commit.version,
        **{name: _value(value) for name, value in written.facts.items() if value is not None},
        **{title: dg.MetadataValue.md(text) for title, text in shown.items()},
        **links,
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(written.data_version), metadata=metadata)


def _value(value: Any) -> Any:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
