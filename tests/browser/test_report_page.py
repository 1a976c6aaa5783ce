"""The HTML report in a real browser, from disk: nothing foreign runs, five thousand examples page at once."""

import asyncio
import base64
import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from eval_assets.reports.computed.history import CellVersions, history_rows
from eval_assets.reports.note import Note
from eval_assets.reports.rendered.page.html import report_html
from tests.chromium import IN_CHROMIUM, opened
from tests.report_rows import NOON, SHARE, aggregated, report_of, scored

pytestmark = IN_CHROMIUM
HOSTILE = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
CALLS = json.dumps([{"name": "look", "args": {"where": HOSTILE}}])


def written(tmp_path: Path, report) -> Path:
    path = tmp_path / "report.html"
    path.write_text(report_html(report), encoding="utf-8")
    return path


def test_text_of_a_model_neither_runs_nor_loads_anything(tmp_path) -> None:
    report = report_of({"old": [HOSTILE], "new": ["y"]}, {"old": [0.1], "new": [0.9]}, notes=[Note(HOSTILE)])
    path = written(tmp_path, report)

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:
            assert await page.evaluate("window.ran") is None
            assert await page.evaluate("document.querySelector('.example .q').textContent") == "question 0"
            shown = await page.evaluate("[...document.querySelectorAll('.answer .text')].map(e => e.textContent)")
            assert shown == [HOSTILE, "y"]
            ids = await page.evaluate("[...document.querySelectorAll('.answer .id')].map(e => e.textContent)")
            assert ids == ["old-0", "new-0"]
            assert all(url.startswith("file:") for url in page.requested)

    asyncio.run(look())


def test_thoughts_and_calls_are_folded_under_the_answer_as_text(tmp_path) -> None:
    report = report_of({"old": ["x"], "new": ["y"]}, {"old": [0.5], "new": [0.6]})
    thinking = report.predictions.with_columns(
        reasoning=pl.when(pl.col("model") == "new").then(pl.lit(HOSTILE)), tool_calls=pl.lit(CALLS)
    )
    path = written(tmp_path, replace(report, predictions=thinking))

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:
            assert await page.evaluate("window.ran") is None
            folds = await page.evaluate(
                "[...document.querySelectorAll('.answer details')]"
                ".map(e => [e.open, ...[...e.children].map(child => child.textContent)])"
            )
            calls = [False, "Tool calls", f"look(where={json.dumps(HOSTILE)})"]
            assert folds == [calls, [False, "Reasoning", HOSTILE], calls]

    asyncio.run(look())


def test_five_thousand_examples_are_searched_filtered_sorted_and_paged_at_once(tmp_path) -> None:
    n = 5000
    report = report_of(
        {"old": [f"answer {index} " + "word " * 80 for index in range(n)], "new": ["other"] * (n - 3) + [None] * 3},
        {"old": [0.5] * n, "new": [0.9, 0.1] + [0.5] * (n - 5) + [None] * 3},
    )
    path = written(tmp_path, report)

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:
            assert await page.where() == "1 to 10 of 5,000"
            await page.evaluate("document.getElementById('next').click()")
            assert await page.where() == "11 to 20 of 5,000"
            await page.choose("order", "worst")
            assert await page.evaluate("document.querySelector('.example h3').textContent") == "e1"
            await page.choose("show", "better")
            assert await page.where() == "1 to 1 of 1"
            await page.choose("show", "failed")
            assert await page.where() == "1 to 3 of 3"
            await page.choose("show", "all")
            started = time.monotonic()
            await page.evaluate(
                "(c => { c.value = 'answer 4321 '; c.dispatchEvent(new Event('input')) })"
                "(document.getElementById('search'))"
            )
            while await page.where() != "1 to 1 of 1":
                assert time.monotonic() - started < 5
                await asyncio.sleep(0.02)

    asyncio.run(look())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_in_light_and_dark_shows_everything_without_scrolling_sideways(tmp_path, scheme) -> None:
    report = report_of(
        {"old": ["a text"] * 6, "a-model-with-a-long-name": ["another text"] * 4 + [None] * 2},
        {"old": [0.5, 0.6] * 3, "a-model-with-a-long-name": [0.7, 0.8, 0.2, 0.3, None, None]},
        gates=[{"metric": "token_f1", "max_drop": 0.05}],
    )
    path = written(tmp_path, report)

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:
            await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=False
            )
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (max(int(part) for part in ground[4:-1].split(",")) < 60) == (scheme == "dark")
            picture = await page.call("Page.captureScreenshot")
            assert base64.b64decode(picture["data"]).startswith(b"\x89PNG")

    asyncio.run(look())


@pytest.mark.parametrize("width", [390, 1280])
def test_the_plots_stay_within_their_cards_on_any_screen(tmp_path, width) -> None:
    names = ("old", "a-model-with-a-long-name", "third")
    history = pl.concat(
        history_rows(
            aggregated(scored([0.2 * day, 0.3], model=name), {"token_f1": SHARE}),
            recorded_at=NOON + timedelta(days=day),
            versions={f"{name}@p": CellVersions(day, 1, 1, "a")},
            cost_usd={},
            run_id="r",
        )
        for name in names
        for day in (1, 2, 3)
    )
    report = report_of({name: ["x", "y"] for name in names}, {name: [0.4, 0.6] for name in names}, history=history)
    priced = [
        replace(candidate, performance=replace(candidate.performance, cost_usd=1.5 * place))
        for place, candidate in enumerate(report.candidates, start=1)
    ]
    path = written(tmp_path, replace(report, candidates=tuple(priced)))

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:
            await page.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=844, deviceScaleFactor=1, mobile=False
            )
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            outside = (
                "[...document.querySelectorAll('svg.plot')].map(plot => {"
                "  const card = plot.closest('.card').getBoundingClientRect();"
                "  return [...plot.querySelectorAll('text, circle, polygon, .span')].filter(drawn => {"
                "    const box = drawn.getBoundingClientRect();"
                "    return box.left < card.left || box.right > card.right"
                "      || box.top < card.top || box.bottom > card.bottom"
                "  }).length"
                "})"
            )
            assert await page.evaluate(outside) == [0, 0]
            dots = "[...document.querySelectorAll('svg.plot')].map(plot => plot.querySelectorAll('.dot').length)"
            assert await page.evaluate(dots) == [3, 9]  # a point per candidate; three days of three

    asyncio.run(look())


def test_many_slices_are_paged_filtered_and_ordered(tmp_path) -> None:
    values = [f"topic {index:02}" for index in range(45) for _ in range(2)] + [HOSTILE] * 2
    gains = [index / 100 for index in range(45) for _ in range(2)] + [0.0] * 2
    scores = {"old": [0.5] * len(values), "new": [0.5 + gain for gain in gains]}
    report = report_of({name: ["x"] * len(values) for name in scores}, scores, slices_of={"topic": values})
    path = written(tmp_path, report)

    async def look():
        async with opened(path.as_uri(), tmp_path / "profile") as page:

            async def rows():
                script = "[...document.querySelectorAll('#slice-rows tr')].map(row => row.dataset.value)"
                return await page.evaluate(script), await page.evaluate(
                    "document.getElementById('slice-where').textContent"
                )

            shown, where = await rows()
            assert (shown[:2], len(shown), where) == (["topic 44", "topic 43"], 20, "1 to 20 of 46")
            await page.evaluate("document.getElementById('slice-next').click()")
            assert (await rows())[1] == "21 to 40 of 46"
            await page.choose("slice-order", "name")
            assert (await rows())[0][1:3] == ["topic 00", "topic 01"]
            await page.choose("slice-order", "worst")
            assert (await rows())[0][0] in ("topic 00", HOSTILE)  # no change at all
            search = "(c => { c.value = 'TOPIC 3'; c.dispatchEvent(new Event('input')) })"
            await page.evaluate(f"{search}(document.getElementById('slice-search'))")
            await asyncio.sleep(0.5)
            assert (await rows())[1] == "1 to 10 of 10"
            assert await page.evaluate("window.ran") is None

    asyncio.run(look())
