"""A project's evaluation held against its former states from Python."""

import polars as pl
import pytest

import eval_assets as ea
from eval_assets.errors import ConfigError
from tests.states import CANDIDATE, SHORT, StateLab


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> ea.OpenedProject:
    lab = StateLab(tmp_path_factory.mktemp("compared"))
    lab.run()
    lab.files["prompts/ask.md"] = SHORT
    lab.run()
    return ea.open_project(lab.folder)


def test_it_shows_what_the_command_prints_and_gives_the_same_numbers_as_frames(project: ea.OpenedProject) -> None:
    found = project.compare("e", since="v1", candidates=CANDIDATE)
    assert found.causes == {CANDIDATE: ["prompt ask v1 → v2: user message changed"]}
    kind = found.df.row(by_predicate=pl.col("metric") == "kind", named=True)
    assert (kind["candidate"], kind["difference"], kind["n_worse"]) == (CANDIDATE, -3, 20)
    assert found.json["candidates"][0]["metrics"]["kind"]["all"]["difference"] == -3
    lost = found.rows.filter(metric="kind").select(pl.col("now") - pl.col("before")).to_series()
    assert (lost.len(), lost.mean()) == (20, -3)
    assert "kind 5 -> 2: worse: -3" in repr(found)
    assert "## Since v1" in found._repr_markdown_()


def test_a_state_that_there_isnt_is_refused(project: ea.OpenedProject) -> None:
    with pytest.raises(ConfigError, match="no candidate has another state 'v7'"):
        project.compare("e", since="v7")
