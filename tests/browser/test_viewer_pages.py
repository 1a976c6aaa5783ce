"""The viewer in a real browser: from the leaderboard to the prompt behind an answer, by links and by keyboard alone."""

import asyncio
import re
import shutil
from contextlib import asynccontextmanager

import pytest

from eval_assets.api.opened_project import open_project
from eval_assets.calibration.given_labels import stored_labels, used_labels
from eval_assets.storage.warehouse import Warehouse
from tests.chromium import IN_CHROMIUM, opened
from tests.viewed import NAME, ODD, PLAIN, served

pytestmark = IN_CHROMIUM
HOME = f"/evaluations/{NAME}"
GRID = f"{HOME}/grid"
FORMER = f"{PLAIN}~previous"
READING = (
    "/",
    HOME,
    f"{GRID}?diff=baseline",
    f"{GRID}?c={ODD}&c={FORMER}&low=0&width=wide",
    f"{HOME}/columns",
    f"{HOME}/example?id=e2/ä",
)
EDITING = tuple(
    f"{HOME}/{path}"
    for path in ("try", "review", "review?rater=ben", f"review?rater=ben&what=pair:{ODD} {PLAIN}", "agreement")
)
TRACED = "document.getElementById('trace') && document.getElementById('trace').textContent"


@pytest.fixture(scope="module")
def folder(viewed, tmp_path_factory):
    return shutil.copytree(viewed, tmp_path_factory.mktemp("edited") / "viewed")


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as found:
        yield found


@asynccontextmanager
async def page_at(address, path, tmp_path):
    async with opened(address + path, tmp_path / "profile") as page:
        yield page
        assert await page.evaluate("window.ran") is None
        assert all(url.startswith(address) for url in page.requested)


async def click(page, selector: str) -> None:
    """Follow a link to another page."""
    await page.evaluate(f"window.isLeft = true; document.querySelector({selector!r}).click()")
    await page.wait_for("!window.isLeft && document.readyState === 'complete'")


async def ids(page) -> list[str]:
    return await page.evaluate("[...document.querySelectorAll('a.open')].map(link => link.textContent)")


def test_from_the_list_to_the_version_of_a_prompt_behind_an_answer(address, tmp_path) -> None:
    async def look():
        async with page_at(address, "/", tmp_path) as page:
            await click(page, f"a[href='/evaluations/{NAME}']")
            assert "token_f1" in await page.evaluate("document.querySelector('h1').textContent")
            await click(page, "a[href*='show=worse']")
            shown = await ids(page)
            assert shown[0] == "e2/ä"
            assert await page.evaluate("document.querySelector('#filters [name=show]').value") == "worse"
            assert await page.evaluate("document.querySelector('#filters [name=of]').value") == ODD
            await page.evaluate("document.querySelectorAll('a.open')[4].click()")
            await page.wait_for("document.querySelector('#panel .q')")
            assert await page.evaluate("document.querySelector('#panel code').textContent") == shown[4]
            await page.evaluate("document.querySelectorAll('#panel a[data-trace]')[1].click()")
            await page.wait_for(TRACED)
            assert "Answer briefly" in await page.evaluate("document.querySelector('#panel .trace').textContent")
            await click(page, "#panel a[href*='#prompt-']")
            version = "document.getElementById('prompt-ask-v2')"
            assert "+Answer briefly" in await page.evaluate(f"{version}.textContent")
            assert await page.evaluate(f"{version}.open")

    asyncio.run(look())


def test_keys_alone_search_walk_open_trace_and_close(address, tmp_path) -> None:
    async def look():
        async with page_at(address, GRID, tmp_path) as page:
            await page.press("/")
            for letter in "no idea":
                await page.press(letter)
            await page.evaluate("window.isLeft = true")
            await page.press("Enter")
            await page.wait_for("!window.isLeft && document.readyState === 'complete'")
            assert len(await ids(page)) == 10
            assert (await page.evaluate("location.search")).startswith("?q=no+idea&")
            await page.press("j")
            await page.press("j")
            await page.press("Enter")
            await page.wait_for("document.querySelector('#panel code')?.textContent === 'e3/ä'")
            await page.press("j")
            await page.wait_for("document.querySelector('#panel code')?.textContent === 'e6/ä'")
            await page.press("2")
            await page.wait_for(TRACED)
            assert "viewed_code:odd" in await page.evaluate("document.getElementById('panel').textContent")
            await page.press("Escape")
            assert await page.evaluate("document.getElementById('panel').hidden")
            assert "e6/ä" in await page.evaluate("document.activeElement.textContent")

    asyncio.run(look())


def test_labels_are_given_by_keys_alone(folder, address, tmp_path) -> None:
    review = f"{HOME}/review"
    item = "document.querySelector('.rating [name=item]').value"
    status = "document.querySelector('.given [role=status]').textContent.replace(/\\s+/g, ' ')"

    async def press(page, keys: str) -> None:
        """Keys, the last of which leads to another page."""
        for key in keys[:-1]:
            await page.press(key)
        await page.evaluate("window.isLeft = true")
        await page.press(keys[-1])
        await page.wait_for("!window.isLeft && document.readyState === 'complete'")

    async def look():
        async with page_at(address, review, tmp_path) as page:
            for letter in "ann":  # the field of the name has the focus
                await page.press(letter)
            await page.evaluate("window.isLeft = true")
            await page.press("Enter")
            await page.wait_for("!window.isLeft && document.readyState === 'complete'")
            first = await page.evaluate(item)
            await page.press("n")
            for letter in "so 5":
                await page.press(letter)
            await page.press("Escape")
            await press(page, "4")
            assert "You said 4." in await page.evaluate(status)
            await page.wait_for("document.querySelector('.matrix')")  # measured while she reads the next one
            second = await page.evaluate(item)
            await press(page, "s")
            assert len({first, second, await page.evaluate(item)}) == 3
            await press(page, "1")
            assert "You said 1." in await page.evaluate(status)
            await press(page, "u")
            await page.goto(f"{address}{review}?rater=ann")
            assert await page.evaluate(item) == second

    asyncio.run(look())
    (row,) = used_labels(stored_labels(Warehouse(str(folder / "data" / "warehouse")), "qa")).to_dicts()
    assert (row["rater"], row["label"], row["note"], row["is_chosen"]) == ("ann", "4", "so 5", False)


def test_a_prompt_is_tried_and_saved_as_its_next_version(folder, tmp_path) -> None:
    copy = shutil.copytree(folder, tmp_path / "tried")
    text = "document.querySelector('[name=text]')"

    async def look(address):
        async with page_at(address, GRID, tmp_path) as page:
            await click(page, "a[href*='/try?id=']")
            for letter in "ask":  # keys of the page do nothing while one writes
                await page.evaluate(f"{text}.focus()")
                await page.press(letter)
            await page.evaluate(f"{text}.value = '## user\\nIn one word: {{{{ inputs }}}}\\n'")
            await click(page, "button[value=run]")
            await page.wait_for("document.querySelectorAll('.try table.grid tbody tr').length === 5")
            for width in (1440, 390):
                await page.looks(width=width, height=900, scheme="light")
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await click(page, "button[value=save]")
            assert "is saved" in await page.evaluate("document.querySelector('[role=status]').textContent")

    with served(copy) as address:
        asyncio.run(look(address))
    plan = open_project(copy).plan(NAME)
    assert "+In one word: {{ inputs }}" in str(plan)


def test_a_choice_sends_the_form_and_empty_fields_stay_out_of_the_address(address, tmp_path) -> None:
    async def look():
        async with page_at(address, GRID, tmp_path) as page:
            await page.evaluate(
                "window.isLeft = true; (field => { field.value = 'errors';"
                " field.dispatchEvent(new Event('change', { bubbles: true })) })(document.querySelector('[name=show]'))"
            )
            await page.wait_for("!window.isLeft && document.readyState === 'complete'")
            assert await ids(page) == ["e4/ä"]
            assert "low=" not in await page.evaluate("location.search")

    asyncio.run(look())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_wide_and_narrow_screens_and_names_its_fields(address, tmp_path, scheme) -> None:
    async def look():
        async with page_at(address, "/", tmp_path) as page:
            for width, height in ((1440, 900), (390, 844)):
                await page.looks(width=width, height=height, scheme=scheme)
                for path in (*READING, *EDITING):
                    await page.goto(address + path)
                    assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
                    fields = "document.querySelectorAll('input:not([type=hidden]), select, textarea')"
                    unnamed = f"[...{fields}].filter(field => !field.labels.length).length"
                    assert await page.evaluate(unnamed) == 0
                    assert await page.evaluate("document.querySelectorAll('h1').length") == 1
                    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
                    assert (max(map(int, re.findall(r"\d+", ground))) < 60) == (scheme == "dark")

    asyncio.run(look())


def test_eight_examples_of_three_columns_with_scores_fit_a_screen_and_sizes_are_chosen(address, tmp_path) -> None:
    three = f"{GRID}?c={PLAIN}&c={ODD}&c={FORMER}"
    height = "document.querySelectorAll('.grid tbody tr')[3].offsetHeight"
    width = "document.querySelector('table.grid').offsetWidth"

    async def look():
        async with page_at(address, "/", tmp_path) as page:
            await page.looks(width=1440, height=900, scheme="light")
            await page.goto(address + three)
            whole = (
                "[...document.querySelectorAll('[data-row]')].filter(row => row.getBoundingClientRect().bottom"
                " <= document.querySelector('.table-pane').getBoundingClientRect().bottom).length"
            )
            assert await page.evaluate(whole) >= 8
            scores = "document.querySelector('[data-row]').querySelectorAll('.cell-scores b').length"
            assert await page.evaluate(scores) == 9
            assert await page.evaluate("document.documentElement.scrollHeight") == 900
            usual = await page.evaluate(height), await page.evaluate(width)
            assert usual[1] <= 1440
            await page.goto(f"{address}{three}&lines=12&width=wide")
            assert await page.evaluate(height) > 2 * usual[0]
            assert await page.evaluate(width) > 2000

    asyncio.run(look())


def test_a_former_state_is_chosen_beside_the_grid_and_traced_by_its_key(address, tmp_path) -> None:
    offered = "document.querySelector('#others input[type=checkbox]')"

    async def look():
        async with page_at(address, f"{GRID}?c={PLAIN}&c={ODD}&s=token_f1", tmp_path) as page:
            await page.evaluate("document.querySelector('details.more').open = true")
            await page.evaluate("document.getElementById('more-columns').click()")
            await page.wait_for(offered)
            await page.evaluate(f"{offered}.click()")
            await page.evaluate("window.isLeft = true; document.querySelector('#filters [type=submit]').click()")
            await page.wait_for("!window.isLeft && document.readyState === 'complete'")
            heads = "[...document.querySelectorAll('.grid thead th')].map(head => head.textContent.trim())"
            assert "(run run-1)" in (await page.evaluate(heads))[3]
            for key in "jj3":
                await page.press(key)
            await page.wait_for(TRACED)
            trace = await page.evaluate("document.querySelector('#panel .trace').textContent")
            assert "Answer: Which number is 1" in trace  # as it was asked then
            assert "briefly" not in trace
            assert "no command prints them" in trace
            await page.press("Escape")
            assert "e1/ä" in await page.evaluate("document.activeElement.textContent")

    asyncio.run(look())


def test_an_open_page_says_that_a_run_has_written_since(address, tmp_path) -> None:
    async def look():
        async with page_at(address, GRID, tmp_path) as page:
            asked = "document.dispatchEvent(new Event('visibilitychange'))"
            await page.evaluate(asked)
            await page.wait_for("performance.getEntriesByType('resource').some(one => one.name.endsWith('/version'))")
            assert await page.evaluate("document.querySelector('.newer a').hidden")
            await page.evaluate(f"document.querySelector('.newer').dataset.version = 'former'; {asked}")
            await page.wait_for("!document.querySelector('.newer a').hidden")

    asyncio.run(look())
