"""What `docs/python.md` shows can be done as it stands."""

import re
from pathlib import Path

from tests.loopback import LoopbackProvider

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
LOCAL_MODEL = "http://localhost:11434/v1"
VERDICT = '{"justification": "It does.", "score": 4}'


def reply(body):
    return VERDICT if "helpful" in str(body["messages"]) or "score" in str(body["messages"]) else "Jupiter"


def test_every_block_of_the_page_runs(project):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) > 10
    assert LOCAL_MODEL in PAGE
    with LoopbackProvider(answer=reply) as provider:
        code = "\n".join(blocks).replace(LOCAL_MODEL, provider.base_url)
        names = {"__name__": "python_page"}
        exec(compile(code, "docs/python.md", "exec"), names)  # noqa: S102  the page is ours
    assert (project / "data/evaluations/planets.yaml").exists()
    assert names["r"].metrics["exact_match/v1/mean"] == 1 / 3
