"""Table, Markdown, JSON, HTML and pictures of one report: what each must show, and what must not break it."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from eval_assets.reports.computed.history import CellVersions, history_rows
from eval_assets.reports.evaluation_report import load_report
from eval_assets.reports.note import Note
from eval_assets.reports.noting import report_notes
from eval_assets.reports.performance import performance
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import leaderboard_svg, report_html
from eval_assets.reports.rendered.page.page_figures import figures
from eval_assets.reports.rendered.plain_lines import WIDTH
from eval_assets.reports.rendered.table import report_table
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.schemas import PARTITIONED_BY
from tests.report_rows import NOON, SHARE, aggregated, answered, judged, measured, report_of, scored, trial

GATE = {"metric": "token_f1", "max_drop": 0.05}
HOSTILE = "</script><script>alert(1)</script> <b>|`*_ \x1b[31m ünï"


@pytest.fixture(scope="module")
def failing():
    """A third of the requests of `new` failed; what is left scored better than the baseline."""
    return report_of(
        {"old": ["text"] * 30, "new": [*["text"] * 20, *[None] * 10]},
        {"old": [0.5, 0.6] * 15, "new": [*[0.8, 0.9] * 10, *[None] * 10]},
        gates=[GATE],
        notes=[Note("the judge is tiny")],
    )


@pytest.fixture(scope="module")
def hostile():
    return report_of(
        {"old": [HOSTILE, "x"], "new": ["y", HOSTILE]},
        {"old": [0.1, 0.2], "new": [0.9, 0.8]},
        judge_scores=pl.concat([judged([1.0, 2.0], model=name) for name in ("old", "new")]).with_columns(
            justification=pl.lit(HOSTILE)
        ),
        description=HOSTILE,
        notes=[Note(HOSTILE)],
    )


def new_metrics(report):
    return next(entry for entry in report_json(report)["candidates"] if entry["model"] == "new")["metrics"]


def test_a_third_of_failed_requests_is_the_first_note(failing) -> None:
    assert [str(note) for note in report_notes(failing)] == [
        "new@p: 10 of 30 requests failed (error: HTTP 500). Means are over what is left.",
        "the judge is tiny",
    ]


def test_why_a_metric_has_no_score_is_said_once_however_many_rows_lack_it() -> None:
    reasons = {"toxicity": ["unavailable: no model"] * 3, "mine": [None, "ZeroDivisionError: zero", "KeyError: 'x'"]}
    scores = {"toxicity": [None] * 3, "mine": [1.0, None, None]}
    rows = [
        measured(scores[metric], model=model, metric=metric, reason=reasons[metric])
        for metric in scores
        for model in ("old", "new")
    ]
    texts = {name: ["a", "b", "c"] for name in ("old", "new")}
    facts = dict.fromkeys(("token_f1", "toxicity", "mine"), SHARE)
    report = report_of(texts, dict.fromkeys(texts, [1.0] * 3), more_scores=rows, facts=facts)
    assert [str(note) for note in report_notes(report)] == [
        "old@p, new@p: 2 of 6 rows have no score of mine (error: ZeroDivisionError: zero).",
        "old@p, new@p: 2 of 6 rows have no score of mine (error: KeyError: 'x').",
        "toxicity could not be computed for any row (unavailable: no model).",
    ]


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html])
def test_failed_requests_cannot_be_missed_in_any_output(failing, render) -> None:
    text = render(failing)
    assert "10 of 30 requests failed" in " ".join(text.split())
    assert "INCONCLUSIVE" in text
    # 20 of 30 scored with mean 0.85: 17 / 30 had the others scored 0, 27 / 30 had they scored 1
    assert "0.567 to 0.9" in text.replace("–", " to ")


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html])
def test_results_that_are_out_of_date_have_the_same_verdict_in_every_output(render) -> None:
    passed = report_of(
        {name: ["x"] * 30 for name in ("old", "new")}, {"old": [0.5, 0.6] * 15, "new": [0.8, 0.9] * 15}, gates=[GATE]
    )
    assert passed.verdict.verdict == "GO"
    text = " ".join(render(replace(passed, outdated=("prompt p v1 -> v2",))).split())
    assert "INCONCLUSIVE" in text
    assert "the results are out of date: prompt p v1 -" in text


def test_failed_requests_cannot_be_missed_in_the_json(failing) -> None:
    found = report_json(failing)
    assert (found["verdict"]["verdict"], found["verdict"]["exit_code"]) == ("INCONCLUSIVE", 3)
    metric = new_metrics(failing)["token_f1"]
    assert (metric["n_total"], metric["n_scored"], metric["n_error"]) == (30, 20, 10)
    assert metric["mean_if_missing_worst"] == pytest.approx(17 / 30)
    assert found["notes"][0] == {
        "text": "10 of 30 requests failed (error: HTTP 500). Means are over what is left.",
        "about": "failed",
        "n_rows": 10,
        "candidates": ["new@p"],
    }


def test_the_json_has_the_promised_shape_and_no_nan(failing) -> None:
    found = json.loads(json.dumps(report_json(failing), allow_nan=False))
    assert found["evaluation"] == "trial"
    assert [(entry["model"], entry["prompt"]) for entry in found["candidates"]] == [("old", "p"), ("new", "p")]
    promised = {"n_total", "n_scored", "mean", "variance", "p90", "ci_low", "ci_high"}
    assert promised <= new_metrics(failing)["token_f1"].keys()


def test_a_judge_stands_beside_the_metrics_under_its_own_name() -> None:
    report = report_of({"new": ["x"] * 2}, {"new": [0.5, 0.6]}, judge_scores=judged([4.0, None], model="new"))
    metric = new_metrics(report)["correctness"]
    assert (metric["kind"], metric["mean"], metric["n_scored"], metric["n_unparsed"]) == ("judge", 4.0, 1, 1)
    assert str(report_notes(report)[0]) == "new@p: 1 of 2 rows has no score of correctness (unparsed)."
    assert report.judges == {"correctness": "judge-model"}


def test_the_table_is_ascii_and_fits_a_terminal(failing, hostile) -> None:
    for text in (report_table(failing), report_table(hostile)):
        assert max(map(len, text.splitlines())) <= WIDTH
        assert text.isascii()
        assert "\x1b" not in text


def test_the_table_fits_however_many_candidates_there_are() -> None:
    names = [f"a-model-with-quite-a-long-name-{index}" for index in range(9)]
    text = report_table(report_of({name: ["x"] * 3 for name in names}, {name: [0.1, 0.5, 0.3] for name in names}))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert all(f"-{index}" in text for index in range(9))


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html])
def test_verdict_sentence_cost_and_notes_are_in_every_output(failing, render) -> None:
    text = " ".join(render(failing).split())
    assert "new@p is better than the baseline old@p on token_f1: +30.0 points" in text
    assert "10 of 30 examples left out" in text
    assert "the judge is tiny" in text


def test_the_page_runs_its_own_script_and_nothing_from_a_model(hostile) -> None:
    page = report_html(hostile)
    assert "<script>alert" not in page
    assert page.count("</script>") == 2  # the data block and the script of the report
    block = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert json.loads(block)["examples"][0][4][0][0] == HOSTILE.replace("\x1b", r"\u001b")


def test_the_page_asks_the_network_for_nothing(failing) -> None:
    page = report_html(failing)
    assert "default-src 'none'" in page
    assert not any(f'{attribute}="http' in page for attribute in ("src", "href", "action"))
    assert "@import" not in page
    assert "url(" not in page.split("<style>")[1].split("</style>")[0]


def test_markdown_keeps_foreign_text_out_of_its_markup(hostile) -> None:
    text = report_markdown(hostile)
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("| e0")]
    assert rows[0].replace("\\|", "").count("|") == 5  # four cells


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html, report_json])
def test_a_cell_that_was_never_computed_is_named(render) -> None:
    report = report_of({"old": ["x"], "new": []}, {"old": [0.5]})
    assert "no predictions, the cell was not computed." in str(render(report))
    assert "Nothing to compare on token_f1" in str(render(report))


@pytest.mark.parametrize("render", [report_table, report_markdown, report_html, report_json])
def test_an_evaluation_without_any_row_still_renders(render, tmp_path) -> None:
    assert "trial" in str(render(load_report(Warehouse(str(tmp_path)), trial("old", "new"), generated_at=NOON)))


def test_a_leaderboard_is_a_picture_of_its_own_with_text_as_text(failing) -> None:
    svg = leaderboard_svg(failing, "token_f1")
    texts = [element.text for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314
    assert texts == [
        "token_f1", "0", "1",
        "new", "@p, 20 of 30 scored", "0.850",
        "old", "@p, baseline", "0.550",
    ]  # fmt: skip
    assert svg == leaderboard_svg(failing, "token_f1")


def test_a_leaderboard_on_its_own_names_every_colour_that_its_marks_ask_for(failing) -> None:
    svg = leaderboard_svg(failing, "token_f1")
    compared = ("svg.mark.good", "svg.mark.bad", "svg.mark.flat")  # with the baseline: none of these stand here
    rules = [line for line in svg.splitlines() if line.startswith("svg.mark") and not line.startswith(compared)]
    asked = set(re.findall(r"var\((--[a-z-]+)\)", "".join(rules)))
    assert asked == {"--line", "--base", "--warn-line", "--accent"}
    assert all(f"{colour}: #" in svg for colour in asked)


def test_the_trend_is_drawn_once_there_are_two_points() -> None:
    versions = {"old@p": CellVersions(1, 1, 1, "a")}
    rows = [
        history_rows(
            aggregated(scored([mean], model="old"), {"token_f1": SHARE}),
            recorded_at=NOON.replace(hour=hour), versions=versions, cost_usd={}, run_id="r",
        )
        for hour, mean in ((1, 0.4), (2, 0.5))
    ]  # fmt: skip
    history = pl.concat(rows).with_columns(ci_low=None, ci_high=None)
    report = report_of({"old": ["x"]}, {"old": [0.5]}, history=history)
    (figure,) = figures(report)
    assert figure.title.startswith("token_f1 over time")
    assert [tick.label for tick in figure.x_ticks] == ["21 Nov, 01:00", "21 Nov, 02:00"]
    # with 6 % of air the axis is 0.394 to 0.506: 0.006 / 0.112 = 5.36 % from the bottom and from the top
    (series,) = figure.series
    assert (series.name, series.line) == ("old@p", "0.0,94.64 100.0,5.36")
    assert figure.title in report_html(report)
    assert "over time" not in report_html(report_of({"old": ["x"]}, {"old": [0.5]}, history=rows[0]))


def test_quality_is_drawn_against_the_cost_of_those_whose_price_is_known() -> None:
    report = report_of(
        {name: ["x"] * 2 for name in ("old", "new", "free")}, {name: [0.4, 0.6] for name in ("old", "new", "free")}
    )
    prices = {"old": 0.001, "new": 0.003}
    priced = [
        replace(candidate, performance=replace(candidate.performance, cost_usd=prices.get(candidate.model)))
        for candidate in report.candidates
    ]
    (figure,) = figures(replace(report, candidates=tuple(priced)))
    assert figure.title == "token_f1 against the cost of 1,000 predictions"
    # 0.001 dollars for 2 predictions are $0.50 for 1,000, and 0.003 are $1.50: with 6 % of air $0.44 to $1.56
    assert [tick.label for tick in figure.x_ticks] == ["$0.5", "$1", "$1.5"]
    assert [(series.name, series.colour, series.points[0].x) for series in figure.series] == [
        ("old@p", "is-grey", 5.36),  # 0.06 / 1.12
        ("new@p", "colour-0", 94.64),
    ]


def test_cost_and_speed_are_summed_per_candidate() -> None:
    frame = answered(
        ["x", "y", None],
        latency_seconds=[1.0, 3.0, 60.0], completion_tokens=[10, 30, None], prompt_tokens=[5, 5, None],
        cost_usd=[0.1, 0.2, None], reused=[True, False, False], first_token_seconds=[0.25, 0.75, None],
    )  # fmt: skip
    found = performance(frame, judged([]))
    assert found.cost_usd == pytest.approx(0.3)
    assert found.spent_usd == pytest.approx(0.2)
    assert (found.prompt_tokens, found.completion_tokens) == (10, 40)
    assert found.latency_p50_seconds == 2.0  # a request that failed after a minute is not a latency of an answer
    assert (found.is_streamed, found.first_token_p50_seconds, found.first_token_p90_seconds) == (True, 0.5, 0.7)
    assert found.tokens_per_second == 10.0  # 40 tokens in 4 seconds
    assert found.reused_share == pytest.approx(1 / 3)
    assert found.failures == {"error": 1}
    assert found.judge_cost_usd is None


def test_a_report_is_read_from_the_warehouse_with_the_versions_it_was_read_at(tmp_path) -> None:
    warehouse = Warehouse(str(tmp_path))
    made = report_of({"old": ["x", "y"], "new": ["x", None]}, {"old": [0.5, 0.7], "new": [0.9, None]}, gates=[GATE])
    frames = {
        "predictions": made.predictions, "aggregate_reports": made.aggregates, "comparison": made.comparison,
        "gate_results": made.gates,
        "heuristic_metrics": pl.concat([measured([0.5, 0.7], model="old"), measured([0.9, None], model="new")]),
    }  # fmt: skip
    for table, frame in frames.items():
        for part in frame.partition_by(PARTITIONED_BY[table]):
            warehouse.replace(table, part, {name: part[name][0] for name in PARTITIONED_BY[table]})
    read = load_report(warehouse, made.evaluation, generated_at=NOON)
    assert report_json(read)["candidates"] == report_json(made)["candidates"]
    assert read.provenance.delta_versions["predictions"] == 2  # created, then two cells
    assert read.provenance.delta_versions["judge_scores"] is None
    assert read.provenance.run_ids == ("run-1", "run-2")


def test_a_candidate_that_left_the_evaluation_leaves_the_report(tmp_path) -> None:
    warehouse = Warehouse(str(tmp_path))
    for model in ("old", "gone"):
        warehouse.replace(
            "predictions", answered(["x"], model=model), {"evaluation": "trial", "model": model, "prompt": "p"}
        )
    report = load_report(warehouse, trial("old"), generated_at=NOON)
    assert report.predictions["model"].to_list() == ["old"]


@pytest.mark.parametrize(
    ("render", "shown"),
    [(report_table, "250/700 ms"), (report_markdown, "| 250 ms |"), (report_html, "250/700 ms"), (report_json, "0.25")],
)
def test_the_time_to_the_first_token_is_shown_where_replies_were_streamed(render, shown) -> None:
    report = report_of({"old": ["x"] * 2, "new": ["x"] * 2}, {"old": [0.4, 0.6], "new": [0.4, 0.6]})
    assert shown not in str(render(report))
    timed = replace(report.total, first_token_p50_seconds=0.25, first_token_p90_seconds=0.7)
    old, new = report.candidates
    streamed = replace(report, total=timed, candidates=(replace(old, performance=timed), new))
    assert shown in (json.dumps(render(streamed)) if render is report_json else render(streamed))
