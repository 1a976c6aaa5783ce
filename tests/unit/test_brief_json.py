"""The report within a budget of tokens: valid, never larger, and a larger budget only adds to it."""

import json

import polars as pl
import pytest

from eval_assets.errors import ExportError
from eval_assets.metrics.text.token_counts import TokenCounts
from eval_assets.reports.note import Note
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.brief_json import brief_json
from tests.report_rows import judged, report_of

COUNT = TokenCounts().total
BUDGETS = [200, 230, 260, 300, 350, 400, 500, 700, 1_000, 1_500, 2_000, 3_500, 5_000, 8_000, 12_000, 20_000]


def two_candidates():
    n = 60
    outputs = {
        "old": [f"old answer {i} " + "word " * 40 for i in range(n)],
        "new": [f"new answer {i}" for i in range(n)],
    }
    outputs["new"][5] = None
    scores = {"old": [0.5] * n, "new": [(i % 11) / 10 for i in range(n)]}
    scores["new"][5] = None
    verdicts = [judged([4] * n, model="old"), judged([1 + i % 5 for i in range(n)], model="new")]
    return report_of(
        outputs,
        scores,
        judge_scores=pl.concat(verdicts),
        notes=[Note(f"note {number} that says something") for number in range(12)],
        slices_of={"topic": [f"topic {i % 5}" for i in range(n)]},
        gates=[{"metric": "token_f1", "min": 0.9}],
    )


def many_candidates():
    names = [f"a-model-with-quite-a-long-name-{number:02}" for number in range(30)]
    outputs = {name: [f"{name} says {i}" for i in range(6)] for name in names}
    return report_of(outputs, {name: [(number + i) / 70 for i in range(6)] for number, name in enumerate(names)})


def one_candidate():
    return report_of({"only": ["日本語の答え" * 80, 'quotes " and \\ and \x1b[31m', "x"]}, {"only": [0.1, 0.2, 0.9]})


def nothing_scored():
    return report_of({"a": [None] * 4, "b": [None] * 4}, {"a": [None] * 4, "b": [None] * 4})


REPORTS = {make.__name__: make for make in (two_candidates, many_candidates, one_candidate, nothing_scored)}


@pytest.fixture(scope="module", params=REPORTS)
def texts(request):
    """Budget → what is written, of one report."""
    report = REPORTS[request.param]()
    return {budget: brief_json(report, max_tokens=budget, count=COUNT) for budget in BUDGETS}


def test_every_budget_gives_valid_json_that_fits(texts) -> None:
    for budget, text in texts.items():
        assert json.loads(text)["evaluation"] == "trial"
        assert COUNT(text) <= budget


def test_a_larger_budget_only_adds(texts) -> None:
    before = None
    for text in texts.values():
        now = json.loads(text)
        if before is not None:
            for section, entries in before.items():
                if isinstance(entries, list):
                    assert now[section][: len(entries)] == entries, section
            assert sum(now.get("left_out", {}).values()) <= sum(before.get("left_out", {}).values())
            assert len(now["answer"]) >= len(before["answer"])
        before = now


def test_shown_and_left_out_are_all_there_is(texts) -> None:
    def n_entries(text: str) -> int:
        found = json.loads(text)
        return sum(len(own) for own in found.values() if isinstance(own, list)) + sum(
            found.get("left_out", {}).values()
        )

    assert len({n_entries(text) for text in texts.values()}) == 1


def test_what_tells_most_comes_first() -> None:
    report = two_candidates()
    small = json.loads(brief_json(report, max_tokens=900, count=COUNT))
    assert small["answer"] == answer_sentence(report)
    assert small["verdict"] == "NO-GO"
    assert [row["candidate"] for row in small["ranking"]] == ["old@p", "new@p"]  # 0.5 and 0.49
    assert small["gates"][0]["verdict"] == "NO-GO"
    worst = small["worse"][0]
    assert (worst["example_id"], worst["scores"]) == ("e0", {"baseline": 0.5, "candidate": 0.0})
    assert (worst["output"], worst["prediction_id"]) == ("new answer 0", "new-0")
    assert worst["reasons"] == {"correctness": "because 1"}
    whole = json.loads(brief_json(report, max_tokens=20_000, count=COUNT))
    assert whole["failures"] == [
        {
            "outcome": "error",
            "reason": "HTTP 500",
            "n_rows": 1,
            "candidates": ["new@p"],
            "example_ids": ["e5"],
            "prediction_ids": ["new-5"],
        }
    ]
    assert "left_out" not in whole
    assert whole["more"]["example"] == "eval-assets report trial --example EXAMPLE_ID"


def test_a_candidate_alone_is_told_by_its_lowest_scores() -> None:
    text = brief_json(one_candidate(), max_tokens=20_000, count=COUNT)
    lowest = json.loads(text)["lowest"]
    assert [(entry["example_id"], entry["score"]) for entry in lowest] == [("e0", 0.1), ("e1", 0.2), ("e2", 0.9)]
    assert "\x1b" not in text
    assert lowest[1]["output"] == 'quotes " and \\ and \x1b[31m'


def test_a_budget_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ExportError, match="got --max-tokens 20"):
        brief_json(two_candidates(), max_tokens=20, count=COUNT)
