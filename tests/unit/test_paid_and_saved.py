"""What candidates and each judge cost: paid, saved by reuse, and what it would have cost without, in every output."""

import json
from dataclasses import replace

import polars as pl
import pytest

from eval_assets.reports.paid_and_saved import PaidAndSaved, paid_and_saved
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from eval_assets.tables.cell_tables import JUDGE_SCORES
from tests.report_rows import answered, judged, report_of


def costing(rows: pl.DataFrame, *costs: float | None, reused: tuple[bool, ...]) -> pl.DataFrame:
    return rows.with_columns(pl.Series("cost_usd", costs, dtype=pl.Float64), pl.Series("reused", reused))


PREDICTIONS = costing(answered(["a", "b", None]), 0.25, 0.5, None, reused=(True, False, False))
VERDICTS = pl.concat(
    [
        costing(judged([4, 5], judge="tone"), 0.25, 0.25, reused=(False, True)),
        costing(judged([1], judge="facts"), 2.0, reused=(False,)),
    ]
)


def test_each_judge_has_its_row_and_the_last_one_is_their_sum() -> None:
    assert paid_and_saved(PREDICTIONS, VERDICTS) == (
        PaidAndSaved("candidates", 3, 1, 0.5, 0.25),
        PaidAndSaved("tone", 2, 1, 0.25, 0.25),
        PaidAndSaved("facts", 1, 0, 2.0, None),
        PaidAndSaved("all", 6, 2, 2.75, 0.5),
    )
    assert paid_and_saved(PREDICTIONS, VERDICTS)[-1].without_reuse_usd == 3.25


def test_without_a_price_nothing_is_said() -> None:
    free = answered(["a"])
    assert paid_and_saved(free, pl.DataFrame(schema=JUDGE_SCORES)) == ()


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html, lambda r: json.dumps(report_json(r))])
def test_every_output_has_these_amounts(render) -> None:
    report = report_of({"m": ["a", "b"]}, {"m": [1.0, 0.0]})
    assert "without reuse" not in render(report).lower().replace("_usd", "")
    said = render(replace(report, spent=paid_and_saved(PREDICTIONS, VERDICTS)))
    for amount in ("2.75", "0.5", "3.25") if "{" in said[:1] else ("$2.75", "$0.50", "$3.25"):
        assert amount in said
    assert "tone" in said
