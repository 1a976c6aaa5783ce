"""The projects that pages of the documentation show are sound as they stand."""

from pathlib import Path

import pytest

from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from tests.documented_files import shown_in, write_shown
from tests.small_project import notes_of, problems_of

NAMED = {
    "conversations.md": {"data/datasets/support.jsonl", "data/prompts/polite.md", "shop.py"},
    "files.md": {
        "data/evaluations/support.yaml",
        "data/datasets/tickets.labels.csv",
        "data/prompts/kind.md",
        "eval-assets.toml",
    },
    "project.md": {"data/evaluations/tickets.yaml", "data/datasets/tickets.csv", "eval-assets.toml"},
    "your-code.md": {"my_models.py", "my_metrics.py", "data/judges/jury.yaml", "data/judges/second-strict-juror.yaml"},
}


@pytest.mark.parametrize("page", NAMED)
def test_check_has_nothing_to_say_of_the_project_of_a_page(tmp_path: Path, page: str) -> None:
    assert NAMED[page] <= set(shown_in(page))
    data = write_shown(page, tmp_path)
    assert settings_from({}, start=tmp_path).data_dir == data
    project = load_project(data)
    assert problems_of(project) == []
    assert notes_of(project) == []
