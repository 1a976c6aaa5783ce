"""What `docs/python.md` shows can be done as it stands."""

import linecache
import re
import sys
from pathlib import Path
from types import ModuleType

from tests.loopback import LoopbackProvider

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
LOCAL_MODEL = "http://localhost:11434/v1"
VERDICT = '{"justification": "It does.", "score": 4}'


def reply(body):
    return VERDICT if "helpful" in str(body["messages"]) or "score" in str(body["messages"]) else "Jupiter"


def test_every_block_of_the_page_runs(project, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) > 10
    assert LOCAL_MODEL in PAGE
    with LoopbackProvider(answer=reply) as provider:
        code = "\n".join(blocks).replace(LOCAL_MODEL, provider.base_url)
        page = ModuleType("python_page")
        monkeypatch.setitem(sys.modules, "python_page", page)
        monkeypatch.setitem(linecache.cache, "<page>", (len(code), None, code.splitlines(keepends=True), "<page>"))
        exec(compile(code, "<page>", "exec"), vars(page))  # noqa: S102  the page is ours
    assert (project / "data/evaluations/planets.yaml").exists()
    assert (project / "planets_my_app.py").read_text().startswith("def my_app(inputs):")
    assert page.r.metrics["exact_match/v1/mean"] == 1 / 3
