"""Searches over the states that candidates were computed in: filters, order and limit, all of them polars' own."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError

Filter = pl.Expr | Iterable[pl.Expr] | None
Order = str | pl.Expr | Sequence[str | pl.Expr] | None

DIRECTED = re.compile(r"(?P<column>.+?)(?:\s+(?P<direction>asc|desc))?", re.IGNORECASE)


def searched(states: pl.DataFrame, filters: Filter, order_by: Order, limit: int | None) -> pl.DataFrame:
    """The rows that fulfil every filter, in the order asked for.

    Args:
        states: From `state_frame`.
        filters: Expressions, all of which have to hold; null rows don't.
        order_by: Columns or expressions; a name may be followed by `DESC` or `ASC`. Nulls come last. Null: as they are.
        limit: At most so many rows.

    Raises:
        ConfigError: A filter or an order names no column, or isn't one.
    """
    conditions = _listed(filters)
    for condition in conditions:
        if not isinstance(condition, pl.Expr):
            raise ConfigError(
                f"filter: expected polars expressions such as pl.col('model') == 'mini', got {condition!r:.80}"
            )
        _refuse_unknown("filter", condition.meta.root_names(), states)
    found = states.filter(*conditions) if conditions else states
    orders = [_ordered(each, states) for each in _listed(order_by)]
    if orders:
        found = found.sort(
            [expression for expression, _ in orders],
            descending=[descends for _, descends in orders],
            nulls_last=True,
            maintain_order=True,
        )
    if limit is not None and limit < 0:
        raise ConfigError(f"limit: expected a number of rows from 0, got {limit}")
    return found if limit is None else found.head(limit)


def _ordered(each: Any, states: pl.DataFrame) -> tuple[pl.Expr, bool]:
    """An expression, and whether its largest come first."""
    if isinstance(each, pl.Expr):
        _refuse_unknown("order_by", each.meta.root_names(), states)
        return each, False
    parsed = DIRECTED.fullmatch(each) if isinstance(each, str) else None
    if parsed is None:
        raise ConfigError(f"order_by: expected names of columns or polars expressions, got {each!r:.80}")
    _refuse_unknown("order_by", [parsed["column"]], states)
    return pl.col(parsed["column"]), (parsed["direction"] or "").upper() == "DESC"


def _refuse_unknown(argument: str, names: Iterable[str], states: pl.DataFrame) -> None:
    for name in names:
        if name not in states.columns and not re.fullmatch(r"\^.*\$", name):
            raise ConfigError(f"{argument}: the search has no column {name!r}; {nearest(name, states.columns)}")


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return [given] if isinstance(given, str | pl.Expr) else list(given)
