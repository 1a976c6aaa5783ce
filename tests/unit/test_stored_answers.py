"""Answers from the store alone: what was never asked stays open, and teaches nothing about the endpoint."""

from pathlib import Path

from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.judges.asking import converse
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.opinions import opinion
from eval_assets.providers.identity import identity_of
from eval_assets.stages.cell_inputs import StoredModel
from eval_assets.stages.stored_answers import StoredAnswers
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse

MODEL = Model.model_validate(
    {"name": "mini", "file": {"provider": "openai", "model": "mini", "base_url": "http://127.0.0.1:9/v1"}}
)
JUDGE = Judge.model_validate({"name": "kind", "file": {"definition": "Is it kind?", "model": "mini"}})


def test_a_verdict_that_was_never_given_is_counted_and_no_reply_format_is_concluded_from_it(tmp_path: Path) -> None:
    identity = identity_of(MODEL, None)
    store = ResponseStore(Warehouse(str(tmp_path)), tmp_path / "state")
    stored = StoredAnswers(StoredModel(MODEL, None, 1), identity, store, missing_as="error")
    formats = FormatMemory()
    talk = opinion(JUDGE.file, MODEL, {"inputs": "Hello?"}, "Hello!", draw=0, formats=formats)
    (said,) = converse([(MODEL, talk)], {"mini": stored}, formats)
    assert (said.outcome, said.score, stored.n_missing) == ("error", None, 1)
    assert not formats.is_settled(MODEL)
