"""What pages show of a component are attributes that it has."""

import re
from pathlib import Path

import pytest
import yaml

from eval_assets.component import EvaluationProjectComponent

CHECKOUT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```yaml\n(type: eval_assets\.EvaluationProjectComponent\n.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = (CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md"))
SHOWN = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")))
]


@pytest.mark.parametrize("block", SHOWN)
def test_attributes_that_a_page_shows_are_taken(block: str) -> None:
    attributes = yaml.safe_load(block.replace("{{ context.project_root }}", "/code"))["attributes"]
    taken = EvaluationProjectComponent.model().model_validate(attributes)
    assert taken.model_dump(exclude_unset=True) == attributes
    with pytest.raises(ValueError, match="upstreams"):
        EvaluationProjectComponent.model().model_validate({**attributes, "upstreams": {}})
