"""The notebook of `examples/` runs, and shows what is written in it."""

import json
from pathlib import Path

from tests.notebooks import CHECKOUT, executed, project_with_datasets

NOTEBOOK = CHECKOUT / "examples" / "first_evaluation.ipynb"


def test_the_first_evaluation_runs_and_shows_what_it_says(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("EVAL_ASSETS_WAREHOUSE", raising=False)
    monkeypatch.delenv("EVAL_ASSETS_DATA", raising=False)
    written = json.loads(NOTEBOOK.read_text("utf-8"))
    shown = executed(written, project_with_datasets(tmp_path))
    assert shown == written, "python -m tests.notebooks examples/first_evaluation.ipynb"
