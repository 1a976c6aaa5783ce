"""Every page for those who don't see it, or use no mouse: axe-core finds no serious fault, and the keyboard is enough.

axe-core is MPL-2.0 and isn't kept here: it is looked for in `$EVAL_ASSETS_AXE`, then where `make test` installs it.
"""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from eval_assets.config.settings import settings_from
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.exported.export import export_pages
from eval_assets.viewer.viewed_project import ViewedProject
from tests.chromium import IN_CHROMIUM, opened
from tests.viewed import NAME, ODD, PLAIN, served

HOME = f"/evaluations/{NAME}"
EXAMPLE = "example?id=e2/%C3%A4"
AXE = next(
    (
        path
        for folder in filter(None, (os.environ.get("EVAL_ASSETS_AXE"), str(Path(sys.prefix) / "axe")))
        if (path := Path(folder) / "node_modules" / "axe-core" / "axe.min.js").exists()
    ),
    None,
)
needs_axe = pytest.mark.skipif(
    AXE is None,
    reason="needs axe-core: `npm install --prefix .venv/axe axe-core@4.14.1`, or its folder in EVAL_ASSETS_AXE",
)
pytestmark = IN_CHROMIUM
LOOKS = [(1440, "light"), (1440, "dark"), (390, "light")]
SERIOUS = """
document.querySelectorAll('details').forEach(folded => { folded.open = true; });
axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
  .filter(one => ['serious', 'critical'].includes(one.impact))
  .map(one => [one.id, one.help, ...one.nodes.slice(0, 3).map(node => node.html.slice(0, 200))].join(' | ')))
"""
PAGES = {
    "list": "/",
    "evaluation": HOME,
    "grid": f"{HOME}/grid?diff=baseline",
    "grid of states": f"{HOME}/grid?c={ODD}&c={PLAIN}~previous&low=0&lines=6",
    "columns": f"{HOME}/columns",
    "example": f"{HOME}/{EXAMPLE}",
    "review, begun": f"{HOME}/review?rater=ben",
    "review": f"{HOME}/review",
    "pairs": f"{HOME}/review?rater=ben&what=pair:{ODD}%20{PLAIN}",
    "agreement": f"{HOME}/agreement",
    "try": f"{HOME}/try",
    "problem": f"{HOME}/nothing",
}


@pytest.fixture(scope="module")
def folder(viewed, tmp_path_factory):
    return Path(shutil.copytree(viewed, tmp_path_factory.mktemp("edited") / "viewed"))


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as found:
        yield found


@pytest.fixture(scope="module")
def files(folder, tmp_path_factory):
    exported = tmp_path_factory.mktemp("exported") / "pages"
    settings = settings_from({}, data_dir=folder / "data")
    export_pages(ViewedProject(settings, Warehouse(settings.warehouse_root)), exported, on_done=lambda _: None)
    pages = exported / "evaluations" / NAME
    return {
        "exported list": (exported / "index.html").as_uri(),
        "exported evaluation": (pages / "index.html").as_uri(),
        "exported grid": (pages / "grid.html").as_uri(),
        "exported example": f"{(pages / 'example.html').as_uri()}?id=e2/%C3%A4",
        "report page": (folder / "data" / "warehouse" / "reports" / f"{NAME}.html").as_uri(),
    }


async def serious(page) -> list[str]:
    """What axe-core calls serious or critical on the page as it stands."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    return await page.evaluate(SERIOUS)


@needs_axe
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_of_the_server_has_a_serious_fault(address, tmp_path, width, scheme) -> None:
    async def look():
        faults = {}
        async with opened(address, tmp_path / "profile") as page:
            await page.looks(width=width, height=900, scheme=scheme)
            for name, path in PAGES.items():
                await page.goto(address + path)
                faults[name] = await serious(page)
            await page.goto(f"{address}{HOME}/{EXAMPLE}")
            await page.evaluate("document.querySelector('button[value=ask]')?.click()")
            await page.wait_for("document.querySelector('.asked-again button[value=keep]')")
            faults["asked again"] = await serious(page)
            await page.goto(f"{address}{HOME}/grid")
            await page.evaluate("document.querySelectorAll('a[data-why]')[1].click()")
            await page.wait_for("document.querySelector('#panel .trace')")
            faults["side panel"] = await serious(page)
        assert {name: found for name, found in faults.items() if found} == {}

    asyncio.run(look())


@needs_axe
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_page_that_is_a_file_has_a_serious_fault(files, tmp_path, width, scheme) -> None:
    async def look():
        faults = {}
        async with opened("about:blank", tmp_path / "profile") as page:
            await page.looks(width=width, height=900, scheme=scheme)
            for name, path in files.items():
                await page.goto(path)
                await page.wait_for("document.querySelector('h1')")
                if name in ("exported grid", "exported example"):
                    await page.wait_for("document.querySelector('#grid tbody tr, .example-whole')")
                faults[name] = await serious(page)
        assert {name: found for name, found in faults.items() if found} == {}

    asyncio.run(look())


def test_tab_and_enter_alone_lead_from_the_leaderboard_to_a_trace(address, tmp_path) -> None:
    async def follow(page) -> None:
        await page.evaluate("window.isLeft = true")
        await page.press("Enter")
        await page.wait_for("!window.isLeft && document.readyState === 'complete'")

    async def look():
        async with opened(f"{address}/", tmp_path / "profile") as page:
            await page.tab_to(f"a[href='{HOME}']")
            await follow(page)
            await page.tab_to(f"nav.bar a[href='{HOME}/grid']")
            await follow(page)
            await page.tab_to("#search")
            for letter in "no idea":
                await page.press(letter)
            await follow(page)
            assert (await page.evaluate("location.search")).startswith("?q=no+idea")
            await page.tab_to("a.open")
            await page.press("Enter")
            await page.wait_for("document.querySelector('#panel .q')")
            await page.tab_to("#panel a[data-trace]")
            await page.press("Enter")
            await page.wait_for("document.getElementById('trace')")
            assert "eval-assets trace" in await page.evaluate("document.querySelector('#panel .trace').textContent")

    asyncio.run(look())
