"""`docs/from-mlflow.md` runs as it stands, and leaves out nothing that MLflow offers."""

import json
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "from-mlflow.md").read_text("utf-8")
RECORDED = {
    version: json.loads((TESTS / "data" / f"mlflow_{version}_evaluate.json").read_text("utf-8"))
    for version in ("models", "genai")
}


def test_every_block_of_the_page_runs(project: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    names: dict[str, object] = {"__name__": "from_mlflow_page"}
    exec(compile(code, "docs/from-mlflow.md", "exec"), names)  # noqa: S102  the page is ours
    assert names["r"].metrics == {"correct/mean": 1.0}  # type: ignore[attr-defined]
    assert names["found"]["candidate"].len() >= 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("models", "arguments"),
        ("models", "metrics"),
        ("models", "judges"),
        ("genai", "arguments"),
        ("genai", "scorers"),
    ],
)
def test_everything_that_mlflow_offers_has_a_place_on_the_page(version: str, kind: str) -> None:
    offered = RECORDED[version][kind]
    assert len(offered) > 3
    assert [name for name in offered if f"`{name}`" not in PAGE] == []


def test_the_page_names_the_versions_that_were_recorded() -> None:
    assert all(recorded["mlflow"] in PAGE for recorded in RECORDED.values())
