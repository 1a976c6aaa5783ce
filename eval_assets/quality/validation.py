"""Asking whether rows are as expected: their columns first, then Great Expectations, which takes seconds to import."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from eval_assets.errors import DataQualityError
from eval_assets.quality.expectations import Expectation
from eval_assets.quality.screening import rows_as_expected

if TYPE_CHECKING:
    import pandas as pd

MAX_EXAMPLE_IDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one expectation.

    Args:
        expectation: What was expected.
        n_rows: Rows that were looked at.
        n_unexpected: Those that break it.
        example_ids: Up to five examples among them.
    """

    expectation: Expectation
    n_rows: int = 0
    n_unexpected: int = 0
    example_ids: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether enough rows are as expected: all of them, or the share that the expectation asks for (`mostly`)."""
        wanted_share: float = self.expectation.arguments.get("mostly", 1)
        return self.n_rows - self.n_unexpected >= wanted_share * self.n_rows


def added(first: Finding, second: Finding) -> Finding:
    """Findings of one expectation over two sets of rows, as one.

    >>> rule = Expectation("ExpectColumnValuesToNotBeNull", {"column": "score"})
    >>> added(Finding(rule, 2, 1, ("a",)), Finding(rule, 3)).passed
    False
    """
    ids = dict.fromkeys((*first.example_ids, *second.example_ids))
    return Finding(
        first.expectation,
        first.n_rows + second.n_rows,
        first.n_unexpected + second.n_unexpected,
        tuple(ids)[:MAX_EXAMPLE_IDS],
    )


def validate(frame: pl.DataFrame, expected: Mapping[str, Sequence[Expectation]]) -> dict[str, list[Finding]]:
    """Look at all rows, and ask Great Expectations at once for what isn't settled by that.

    Args:
        frame: Rows with `example_id` and the columns that the expectations name; without rows everything holds.
        expected: Rule → its expectations.

    Returns:
        Rule → one finding per expectation, in their order.

    Raises:
        DataQualityError: An expectation can't be evaluated, because a column is missing for one.
    """
    if frame.is_empty():
        return {rule: [Finding(expectation) for expectation in expectations] for rule, expectations in expected.items()}
    settled = {
        rule: [rows_as_expected(frame, expectation) for expectation in expectations]
        for rule, expectations in expected.items()
    }
    asked = [
        expectation
        for rule, expectations in expected.items()
        for expectation, n_rows in zip(expectations, settled[rule], strict=True)
        if n_rows is None
    ]
    found = iter(_asked(frame, asked) if asked else ())
    return {
        rule: [
            next(found) if n_rows is None else Finding(expectation, n_rows)
            for expectation, n_rows in zip(expectations, settled[rule], strict=True)
        ]
        for rule, expectations in expected.items()
    }


def _asked(frame: pl.DataFrame, asked: Sequence[Expectation]) -> list[Finding]:
    """What Great Expectations finds, in the order of the expectations."""
    context, gx = _great_expectations()
    # Results come back in another order when one of them fails to compute: each carries its place.
    suite = gx.ExpectationSuite(
        name="rows", expectations=[_as_gx(gx, expectation, place) for place, expectation in enumerate(asked)]
    )
    batch = context.data_sources.pandas_default.read_dataframe(pandas_frame(frame))
    wanted = {
        "result_format": "SUMMARY",
        "unexpected_index_column_names": ["example_id"],
        "partial_unexpected_count": 4 * MAX_EXAMPLE_IDS,
    }
    by_place = {
        result.expectation_config.meta["place"]: result
        for result in batch.validate(suite, result_format=wanted).results
    }
    return [_finding(expectation, by_place[place]) for place, expectation in enumerate(asked)]


def pandas_frame(frame: pl.DataFrame) -> "pd.DataFrame":
    """The same rows for Great Expectations, which reads pandas; built column by column, since pyarrow is absent."""
    import pandas as pd

    def column_of(series: pl.Series) -> "pd.Series[Any]":
        if series.dtype.is_float():
            return pd.Series(series.to_numpy())
        return pd.Series(series.to_list(), dtype=object if series.dtype == pl.String else None)

    return pd.DataFrame({series.name: column_of(series) for series in frame})


@cache
def _great_expectations() -> tuple[Any, Any]:
    """One context for the process, in memory alone: nothing is written, counted or sent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its import touches deprecated modules
        import great_expectations as gx
        from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    return gx.get_context(mode="ephemeral", project_config=config), gx


def _as_gx(gx: Any, expectation: Expectation, place: int) -> Any:
    arguments = {**expectation.arguments, "meta": {"place": place}}
    if expectation.where is not None:
        from great_expectations.expectations.row_conditions import Column

        column, value = expectation.where
        arguments["row_condition"] = Column(column) == value
    return getattr(gx.expectations, expectation.type)(**arguments)


def _finding(expectation: Expectation, result: Any) -> Finding:
    if "element_count" not in result.result:
        raised = result.exception_info
        message = raised.get("exception_message") or next(info["exception_message"] for info in raised.values())
        raise DataQualityError(f"{expectation.type} {dict(expectation.arguments)} can't be evaluated: {message}")
    rows = result.result["partial_unexpected_index_list"] or ()
    ids = dict.fromkeys(str(row["example_id"]) for row in rows)
    return Finding(
        expectation=expectation,
        n_rows=int(result.result["element_count"]),
        n_unexpected=int(result.result["unexpected_count"]),
        example_ids=tuple(ids)[:MAX_EXAMPLE_IDS],
    )
