"""Links from the Dagster UI to the viewer: there where its address is known, and nowhere else."""

import pytest

from eval_assets.assets.metadata import viewer_link
from eval_assets.stages.stage_table import STAGES


@pytest.mark.parametrize(
    ("table", "key", "path"),
    [
        ("comparison", "support", "/evaluations/support"),
        ("predictions", "support:gpt-4o@short", "/evaluations/support/grid?c=gpt-4o%40short"),
        ("heuristic_metrics", "support:gpt-4o@short", "/evaluations/support/grid?c=gpt-4o%40short"),
    ],
)
def test_a_partition_links_to_what_the_viewer_shows_of_it(monkeypatch, table, key, path) -> None:
    monkeypatch.setenv("EVAL_ASSETS_VIEWER_URL", "http://127.0.0.1:3141/")
    assert viewer_link(STAGES[table], key)["viewer"].value == f"http://127.0.0.1:3141{path}"


def test_files_and_projects_without_an_address_have_no_link(monkeypatch) -> None:
    monkeypatch.setenv("EVAL_ASSETS_VIEWER_URL", "http://127.0.0.1:3141")
    assert viewer_link(STAGES["prompts"], "short") == {}
    monkeypatch.delenv("EVAL_ASSETS_VIEWER_URL")
    assert viewer_link(STAGES["comparison"], "support") == {}
