"""Exported pages in a real browser, from the disk: they show what the server shows, and load nothing from elsewhere."""

import asyncio
import html
import re

import pytest

from eval_assets.config.settings import settings_from
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.exported import export, shards
from eval_assets.viewer.viewed_project import ViewedProject
from tests.chromium import IN_CHROMIUM, opened
from tests.viewed import NAME, ODD, PLAIN, viewer_of

pytestmark = IN_CHROMIUM
READY = "document.querySelector('#problem:not([hidden]), #grid tbody tr, .example-whole')"
QUERIES = (
    "", "per=10&page=2", "per=10&page=99", "show=flips&sort=regression", f"show=better&of={ODD}&sort=improvement",
    f"show=worse&of={ODD}", "show=errors", "show=unscored", "show=disagreements&sort=disagreement", "show=outputs",
    "show=flaky", "outcome=error", "sort=longest", "sort=shortest", "sort=lowest&metric=right",
    "sort=highest&of=plain@ask",
    "q=NO+IDEA&where=outputs", "q=number+is+17", "q=row+21&where=reasons", "q=onerror%3D'window&where=outputs",
    "q=%5Bn%5D.*", "slice=topic%3Dodd&low=1", "dlow=-1&dhigh=-1", "s=token_count&s=right&lines=1", "lines=all&per=100",
    f"c={PLAIN}", "metric=token_count", "width=wide",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(viewed):
    return viewed


@pytest.fixture(scope="module")
def exported(project, tmp_path_factory):
    settings = settings_from({}, data_dir=project / "data")
    folder = tmp_path_factory.mktemp("exported") / "pages of ä?#%41"
    with pytest.MonkeyPatch.context() as patch:
        for module in (export, shards):
            patch.setattr(module, "A_SHARD", 7)  # so that a page is made of several
        project = ViewedProject(settings, Warehouse(settings.warehouse_root))
        export.export_pages(project, folder, on_done=lambda _: None)
    return folder


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def grid_of_server(viewer, query: str) -> tuple[str, str, str]:
    page = viewer.get(f"/evaluations/{NAME}/grid?{query}&look=raw").text  # in files the grid's texts stand as they are
    page = re.sub(r"<a class=\"why skip\".*?</a>", "", page)
    table = re.search(r"<thead>.*</tbody>", page, re.DOTALL)[0]
    found = re.search(r"role=\"status\">(.*?)<span class=\"presets", page, re.DOTALL)[1]
    return words(table), words(found), words(re.search(r'id="pages">(.*?)</nav>', page, re.DOTALL)[1])


async def grid_of_files(page) -> tuple[str, str, str]:
    parts = [f"document.querySelector({part!r}).innerHTML" for part in ("#grid", "#found", "#pages")]
    table, found, pages = [await page.evaluate(part) for part in parts]
    return words(table.partition("</caption>")[2]), words(found), words(pages)


async def look_at(page, exported, path: str, query: str = "") -> None:
    await page.goto((exported / path).as_uri() + (f"?{query}" if query else ""))
    await page.wait_for(READY)
    assert await page.evaluate("document.getElementById('problem').textContent") == ""


def test_every_grid_and_every_example_reads_as_on_the_server(project, exported, tmp_path) -> None:
    viewer = viewer_of(project)

    async def look():
        async with opened((exported / "index.html").as_uri(), tmp_path / "profile") as page:
            for query in QUERIES:
                await look_at(page, exported, f"evaluations/{NAME}/grid.html", query)
                assert await grid_of_files(page) == grid_of_server(viewer, query), query
            for number in (1, 2, 4, 5, 9):
                query = f"id=e{number}/ä&sort=longest"
                await look_at(page, exported, f"evaluations/{NAME}/example.html", query)
                served = viewer.get(f"/evaluations/{NAME}/example?{query}").text
                served = re.sub(r"<a data-trace.*?</a>", "", served)
                whole = await page.evaluate("document.querySelector('.example-whole').innerHTML")
                whole = re.sub(r"<code>eval-assets trace.*?</button>", "", whole)
                assert words(whole) == words(re.search(r"<article.*?>(.*)</article>", served, re.DOTALL)[1])
                await page.wait_for("document.querySelector('#pages a')")
                pager = re.search(r'aria-label="Examples">(.*?)</nav>', served, re.DOTALL)[1]
                assert words(await page.evaluate("document.getElementById('pages').innerHTML")) == words(pager)
            assert await page.evaluate("window.ran") is None
            root = exported.as_uri()
            assert [url for url in page.requested if not url.startswith((root, "about:"))] == []

    asyncio.run(look())


def test_from_the_list_to_an_example_beside_the_grid_by_links_and_keys(exported, tmp_path) -> None:
    async def click(page, selector: str) -> None:
        await page.evaluate(f"window.isLeft = true; document.querySelector({selector!r}).click()")
        await page.wait_for(f"!window.isLeft && ({READY})")

    async def look():
        async with opened((exported / "index.html").as_uri(), tmp_path / "profile") as page:
            await page.evaluate(f"window.isLeft = true; document.querySelector('a[href*={NAME}]').click()")
            await page.wait_for("!window.isLeft && document.readyState === 'complete'")
            await click(page, "a[href*='show=worse']")
            first = await page.evaluate("document.querySelector('a.open').textContent")
            assert first == "e2/ä"
            assert await page.evaluate("document.querySelector('#filters [name=of]').value") == ODD
            await page.press("j")
            await page.press("Enter")
            await page.wait_for("document.querySelector('#panel .q')")
            assert await page.evaluate("document.querySelector('#panel code').textContent") == first
            await page.press("Escape")
            assert await page.evaluate("document.getElementById('panel').hidden")
            await page.evaluate("document.querySelector('[name=show]').value = 'errors'")
            changed = "document.querySelector('[name=show]').dispatchEvent(new Event('change', { bubbles: true }))"
            await page.evaluate(f"window.isLeft = true; {changed}")
            await page.wait_for(f"!window.isLeft && ({READY})")
            shown = "[...document.querySelectorAll('a.open')].map(link => link.textContent)"
            assert await page.evaluate(shown) == ["e4/ä"]
            assert await page.evaluate("window.ran") is None

    asyncio.run(look())


@pytest.mark.parametrize(
    ("page_and_query", "said"),
    [
        (
            "grid.html?metric=tokn_f1",
            'metric: expected one of token_f1, token_count, exact_match, right; got "tokn_f1"',
        ),
        ("grid.html?low=much", 'low: expected a number, got "much"'),
        ("grid.html?color=red", 'in the address, got "color"'),
        ("example.html?id=<img>", "expected the id of an example that was answered"),
    ],
)
def test_what_is_not_there_is_said_on_the_page(exported, tmp_path, page_and_query, said) -> None:
    async def look():
        path, _, query = page_and_query.partition("?")
        address = (exported / "evaluations" / NAME / path).as_uri()
        async with opened(f"{address}?{query}", tmp_path / "profile") as page:
            await page.wait_for(READY)
            assert said in await page.evaluate("document.getElementById('problem').textContent")

    asyncio.run(look())
