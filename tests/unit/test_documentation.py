"""Pages lead where they say, show fields that exist, and stand in the table of contents."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from eval_assets.config.files.yaml_documents import parse_yaml
from eval_assets.schemas.copies import FILE_NAMES, SHIPPED

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


OF_DAGSTER = ("type: ", "storage:", "telemetry:", "run_launcher:", "load_from:")
"""How components and settings of Dagster begin; `test_documented_deployments` is about the latter."""

YAML_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
    if not block.startswith(OF_DAGSTER)
]


def fragment_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a few fields of a file have to be like."""
    return {name: part for name, part in schema.items() if name not in ("required", "allOf")}


@pytest.mark.parametrize("block", YAML_BLOCKS)
def test_what_a_page_shows_of_a_file_has_the_fields_of_that_kind(block: str) -> None:
    shown = parse_yaml(block, file="page").values
    schemas = [json.loads((SHIPPED / name).read_text("utf-8")) for name in FILE_NAMES.values()]
    faults = [
        [fault.message for fault in Draft7Validator(fragment_of(schema)).iter_errors(shown)] for schema in schemas
    ]
    assert min(faults, key=len) == []
