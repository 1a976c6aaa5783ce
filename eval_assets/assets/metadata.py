"""How results appear in the Dagster UI: schemas, counts, numbers that are plotted per partition, previews of rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from eval_assets.storage.writing import Written
from eval_assets.tables.schemas import SCHEMAS
from eval_assets.wording.foreign_text import markdown_text, shortened, visible_text
from eval_assets.wording.numbers import number_text

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 120
MOST_READ = 10 * PREVIEW_CHARACTERS  # of a cell that may be many megabytes

Materialized = dg.MaterializeResult[Any]


def table_metadata(table: str) -> dict[str, Any]:
    """Definition metadata of an asset: the columns of its Delta table."""
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in SCHEMAS[table].items()]
    return {"dagster/column_schema": dg.TableSchema(columns=columns), "dagster/table_name": table}


def result(written: Written, *, preview: str | None = None, facts: Mapping[str, Any] | None = None) -> Materialized:
    """A materialization: its data version, where it lies, what is in it. Numbers are floats, which the UI plots."""
    metadata: dict[str, Any] = {
        "dagster/row_count": written.n_rows,
        "dagster/uri": written.commit.uri,
        "delta_version": written.commit.version,
        **{name: _value(value) for name, value in {**written.facts, **(facts or {})}.items() if value is not None},
    }
    if preview is not None:
        metadata["preview"] = dg.MetadataValue.md(preview)
    return dg.MaterializeResult(data_version=dg.DataVersion(written.data_version), metadata=metadata)


def rows_preview(rows: pl.DataFrame, columns: Sequence[str]) -> str:
    """A Markdown table of the first rows.

    >>> print(rows_preview(pl.DataFrame({"a": ["x y"], "b": [0.5]}), ["a", "b"]))
    | a | b |
    | --- | --- |
    | x y | 0.500 |
    """
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    shown = rows.head(PREVIEW_ROWS).select(columns).iter_rows()
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in shown]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """A value in a table cell: nothing of a model or a dataset becomes a link, a picture or markup."""
    if value is None:
        return ""
    text = number_text(value) if isinstance(value, float) else str(value)
    return markdown_text(shortened(visible_text(text[:MOST_READ]), PREVIEW_CHARACTERS))


def _value(value: Any) -> Any:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
