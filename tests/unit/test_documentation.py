"""Pages lead where they say, and the table of contents has all of them."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DOCS = CHECKOUT / "docs"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(`{3,}).*?^\1", re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without what it shows of files and programs."""
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Where a link into a page may lead, as the common renderers name headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_table_of_contents_has_every_page() -> None:
    listed = set(LINK.findall(prose(DOCS / "README.md")))
    there = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert there - listed == set(), "docs/README.md is the table of contents: add a line for each"


def test_the_decisions_are_listed() -> None:
    listed = set(LINK.findall(prose(DOCS / "decisions" / "README.md")))
    assert {page.name for page in (DOCS / "decisions").glob("*.md")} - {"README.md"} <= listed
