"""The first screen: one sentence, the ranked table, gates and notes, in that order and alike in every output."""

from dataclasses import replace

import polars as pl
import pytest

from eval_assets.api.results.showing import result_html, result_text
from eval_assets.api.without_dagster import Sent
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.note import Note, Weight, in_order
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import performance
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.answer_table import answer_table
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.plain_lines import WIDTH
from eval_assets.reports.rendered.table import report_table
from eval_assets.tables.columns import CANDIDATE
from tests.report_rows import SHARE, judged, measured, report_of

LOW, HIGH = [0.2, 0.3] * 15, [0.8, 0.9] * 15
DESCRIBED = MetricFacts(greater_is_better=False, low=0, high=1, named_at=None)


def compared(*scores, **fields) -> EvaluationReport:
    """A report of candidates a (the baseline), b, c…, all answered."""
    names = "abcdefghij"[: len(scores)]
    texts = {name: ["text"] * len(scores[0]) for name in names}
    return report_of(texts, dict(zip(names, scores, strict=True)), **fields)


def priced(report: EvaluationReport, **costs: float | None) -> EvaluationReport:
    """The same report where each answer of a model cost so many dollars."""
    candidates = []
    for candidate in report.candidates:
        rows = report.predictions.filter(candidate.name == CANDIDATE)
        cost = pl.lit(costs.get(candidate.model), dtype=pl.Float64)
        speed = performance(rows.with_columns(cost_usd=cost), judged([]))
        candidates.append(replace(candidate, performance=speed))
    return replace(report, candidates=tuple(candidates))


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (compared(LOW, HIGH), "b@p is better than the baseline a@p on token_f1: +60.0 points (95% interval "),
        (compared(HIGH, LOW), "b@p is worse than the baseline a@p on token_f1: -60.0 points (95% interval "),
        (
            compared(HIGH, HIGH),
            "No reliable winner on token_f1: b@p against the baseline a@p 0.0 points (95% interval ",
        ),
        (
            compared(LOW, HIGH, HIGH, LOW),
            "b@p, the best of 4, is better than the baseline a@p on token_f1, as is 1 of 2 others: +60.0 points",
        ),
        (
            compared(HIGH, LOW, [0.1, 0.2] * 15),
            "None of 2 candidates is better than the baseline a@p on token_f1; the best of them, b@p, is worse: -60.0",
        ),
        (
            compared(HIGH, HIGH, gates=[{"metric": "token_f1", "max_drop": 0.5}]),
            "b@p and the baseline a@p are equivalent on token_f1: equivalent within 50.0 points: ",
        ),
        (
            compared(HIGH),
            "a@p: token_f1 is 0.850 (95% interval [0.831, 0.869]) on 30 examples, with nothing to compare",
        ),
        (compared(LOW, [None] * 30), "Nothing to compare on token_f1: no example has a score from both b@p and a@p."),
    ],
)
def test_the_sentence_says_who_is_better_by_how_much_and_how_sure(report, said) -> None:
    assert answer_sentence(report).startswith(said)


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"a": 0.0008, "b": 0.0012}, "; 1,000 answers cost $1.20 against $0.80."),
        ({"a": None, "b": 0.0000012}, "; 1,000 answers cost $0.0012 against -."),
        ({"a": 0.0, "b": 0.0}, "; both cost nothing."),
        ({}, "; no price is known."),
    ],
)
def test_the_sentence_says_at_what_cost(costs, said) -> None:
    assert answer_sentence(priced(compared(LOW, HIGH), **costs)).endswith(said)


def test_a_judge_that_decides_and_was_never_measured_is_doubted_in_the_sentence() -> None:
    from eval_assets.reports.judge_trust import judge_trust
    from eval_assets.reports.judging_report import JudgingReport
    from eval_assets.tables.evaluation_tables import JUDGE_AGREEMENT

    verdicts = pl.concat([judged([1.0, 2.0] * 15, model="a"), judged([4.0, 5.0] * 15, model="b")])
    report = compared(LOW, HIGH, judge_scores=verdicts, primary="correctness")
    trust = judge_trust(pl.DataFrame(schema=JUDGE_AGREEMENT), {"correctness": None})
    said = answer_sentence(replace(report, judging=JudgingReport(trust)))
    assert said.startswith("b@p is better than the baseline a@p on correctness (a judge: uncalibrated): +3 ")


def test_results_that_are_out_of_date_begin_with_that() -> None:
    assert answer_sentence(replace(compared(LOW, HIGH), outdated=("x",))).startswith(
        "Out of date, as last computed: b@p"
    )


def test_nothing_stands_before_the_table_but_the_sentence() -> None:
    failing = compared(
        LOW, [*HIGH[:20], *[None] * 10], notes=[Note("noted")], gates=[{"metric": "token_f1", "min": 0.1}]
    )
    table = report_table(failing)
    sentence, ranked, *_ = table.split("\n\n")
    assert " ".join(sentence.split()) == answer_sentence(failing)
    assert ranked.splitlines()[0].split()[:2] == ["candidate", "token_f1"]
    assert max(map(len, table.splitlines())) <= WIDTH == 100
    lines = report_markdown(failing).splitlines()
    assert lines[0] == f"**trial: {answer_sentence(failing)}**"
    assert lines[2].startswith("| | candidate | token_f1")
    page = report_html(failing)
    assert page.index("<h1") < page.index('<table class="ranking">') < page.index('id="notes"')
    assert "noted" not in page[: page.index('id="notes"')]
    labels, sent = {"a@p": "a", "b@p": "b"}, Sent("run", 0, 0, None)
    text = result_text(failing, labels, sent, report_notes(failing))
    assert text.split("\n\n")[0].startswith("b is better than the baseline a on token_f1: ")
    html = result_html(failing, labels, sent, report_notes(failing))
    assert html.index("<table>") < html.index("noted")
    assert report_json(failing)["answer"] == answer_sentence(failing)


def test_a_comment_has_at_most_40_lines_and_a_fold_whatever_went_wrong() -> None:
    notes = [Note(f"cause {number}") for number in range(50)]
    gates = [{"metric": "token_f1", "min": 0.9 + number / 1000} for number in range(20)]
    report = compared(*[LOW] * 10, notes=notes, gates=gates)
    seen = report_markdown(report).partition("<details>")[0].splitlines()
    assert len(seen) <= 40
    assert any("50 notes, the first 8 here:" in line for line in seen)
    assert "cause 49" in report_markdown(report)


def test_the_baseline_stands_in_the_table_in_its_place_and_candidates_without_a_mean_last() -> None:
    table = answer_table(compared(HIGH, LOW, [None] * 30))
    assert [(row.place, row.name, row.is_incomplete) for row in table.rows] == [
        (1, "a@p", False),
        (2, "b@p", False),
        (None, "c@p", True),
    ]
    assert table.rows[0].cells[1] == "baseline"


def test_defaults_are_shown_apart_without_letters_or_p_values() -> None:
    more = [measured(LOW, model=model, metric="toxicity") for model in "ab"]
    report = compared(LOW, HIGH, more_scores=more, facts={"token_f1": SHARE, "toxicity": DESCRIBED})
    assert [head.title for head in answer_table(report).heads] == ["token_f1", "vs baseline, points"]
    text = report_table(report)
    assert "toxicity -" in text[text.index("described, not tested") :]
    assert "toxicity" not in text[: text.index("described, not tested")]
    assert "p " not in report.against_baseline("b@p", "toxicity")["sentence"]


def test_the_brief_report_is_the_first_part_of_the_whole_one() -> None:
    report = compared(LOW, HIGH, notes=[Note("noted")], gates=[{"metric": "token_f1", "min": 0.1}])
    brief = report_table(report, brief=True)
    assert report_table(report).startswith(f"{brief}\n")
    assert brief.splitlines()[-1] == "- noted"


def test_a_metric_that_cannot_be_computed_here_costs_one_line() -> None:
    reasons = ["unavailable: install torch"] * 30
    more = [measured([None] * 30, model=model, metric="toxicity", reason=reasons) for model in "ab"]
    report = compared(LOW, HIGH, more_scores=more, facts={"token_f1": SHARE, "toxicity": DESCRIBED})
    assert [line for line in report_table(report).splitlines() if "toxicity" in line] == [
        "- toxicity could not be computed for any row (unavailable: install torch)."
    ]


def test_rows_without_a_target_are_one_note_and_no_failure() -> None:
    reasons, outcomes = [None] * 28 + ["no targets"] * 2, ["ok"] * 28 + ["skipped"] * 2
    fields = {"reason": reasons, "outcome": outcomes}
    scores = {"a": [*LOW[:28], None, None], "b": [*HIGH[:28], None, None]}
    rows = [
        measured(values, model=model, metric=metric, **fields)
        for metric in ("f1", "match")
        for model, values in scores.items()
    ]
    texts = {name: ["text"] * 30 for name in scores}
    gates = [{"metric": "f1", "min": 0.1, "max_failed_share": 0}]
    report = report_of(texts, {"a": [], "b": []}, more_scores=rows, facts={"f1": SHARE, "match": SHARE}, gates=gates)
    assert [str(note) for note in report_notes(report)] == [
        "2 of 30 examples have no target: left out of f1, match, and counted as no failure."
    ]
    assert {(row["n_total"], row["n_scored"], row["n_without_target"]) for row in report.aggregates.to_dicts()} == {
        (28, 28, 2)
    }
    assert set(report.gates["verdict"]) == {"GO"}
    assert set(report.gates["failed_share"]) == {0.0}
    assert not any(row.is_incomplete for row in answer_table(report).rows)
    assert report.against_baseline("b@p", "f1")["n_unpaired"] == 0


def test_a_metric_for_which_no_row_has_a_target_has_no_mean_and_is_one_note() -> None:
    fields = {"reason": ["no targets"] * 30, "outcome": ["skipped"] * 30}
    more = [measured([None] * 30, model=model, metric="match", **fields) for model in "ab"]
    report = compared(LOW, HIGH, more_scores=more, facts={"token_f1": SHARE, "match": SHARE})
    (note,) = report_notes(report)
    assert str(note) == "30 of 30 examples have no target: left out of match, and counted as no failure."


def test_the_most_consequential_note_comes_first() -> None:
    notes = [
        Note("c"),
        Note("b", Weight.FAILED, n_rows=1),
        Note("a", Weight.FAILED, n_rows=9),
        Note("0", Weight.OUTDATED),
    ]
    assert [note.text for note in in_order(notes)] == ["0", "a", "b", "c"]


def test_many_reasons_of_one_outcome_are_one_note() -> None:
    texts = {"a": ["x"] * 9}
    reasons = [f"ValueError: {index % 7}" for index in range(9)]
    rows = measured([None] * 9, model="a", metric="mine", outcome=["error"] * 9, reason=reasons)
    found = measured([0.5], model="a", metric="mine", example_id=["other"])
    report = report_of(texts, {"a": [0.5] * 9}, more_scores=[rows, found], facts={"token_f1": SHARE, "mine": SHARE})
    said = [str(note) for note in report_notes(report)]
    assert said == ["a@p: 9 of 9 rows have no score of mine (error: ValueError: 0, and 6 other reasons)."]


def test_the_primary_metric_stands_first_wherever_the_file_has_it() -> None:
    more = [measured(LOW, model=model, metric="rougeL") for model in "ab"]
    report = compared(LOW, HIGH, more_scores=more, facts={"token_f1": SHARE, "rougeL": SHARE}, primary="rougeL")
    assert [head.title for head in answer_table(report).heads] == ["rougeL", "vs baseline, points", "token_f1"]


def test_metrics_that_a_candidate_lacks_are_one_note() -> None:
    more = [measured(LOW, model="a", metric=metric) for metric in ("m1", "m2", "m3", "m4")]
    facts = dict.fromkeys(("token_f1", "m1", "m2", "m3", "m4"), SHARE)
    report = compared(LOW, HIGH, more_scores=more, facts=facts)
    assert [str(note) for note in report_notes(report)] == ["b@p: no scores of m1, m2, m3, 1 more."]


def test_an_evaluation_whose_predictions_are_missing_says_so_once() -> None:
    report = report_of({"a": ["x"], "b": [], "c": []}, {"a": [0.5]})
    assert str(report_notes(report)[0]) == "b@p, c@p: no predictions, the cell was not computed."
