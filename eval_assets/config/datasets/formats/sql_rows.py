"""Rows that a query of a database returns."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.config.datasets.row_source import SqlRows
from eval_assets.errors import DatasetError


def sql_rows(source: SqlRows, *, shown: str, environment: Mapping[str, str] = os.environ) -> Iterator[dict[str, Any]]:
    """The rows of a query, in its order.

    Args:
        source: Query, and the variable with the address of the database.
        shown: How errors name it.
        environment: Variables to read.

    Raises:
        DatasetError: The variable isn't set, or the database can't be asked. The address, which may hold a password,
            is never part of the message.
    """
    import sqlalchemy as sql

    url = environment.get(source.url_env)
    if not url:
        raise DatasetError(f"{shown}: expected the address of a database in {source.url_env}, it isn't set")
    try:
        engine = sql.create_engine(url)
        try:
            with engine.connect() as connection:
                yield from (dict(row) for row in connection.execute(sql.text(source.query)).mappings())
        finally:
            engine.dispose()
    except (sql.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        scheme = url.partition(":")[0]
        raise DatasetError(
            f"{shown}: expected a database that SQLAlchemy has a driver for, got {scheme!r}; install its package"
        ) from error
    except sql.exc.SQLAlchemyError as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise DatasetError(f"{shown}: the database refused: {_without(first, url)}") from None


def _without(said: str, url: str) -> str:
    """A message without an address and its password."""
    import sqlalchemy as sql

    try:
        password = sql.make_url(url).password
    except sql.exc.ArgumentError:
        password = None
    for secret in filter(None, (url, str(password) if password else None)):
        said = said.replace(secret, "***")
    return said
