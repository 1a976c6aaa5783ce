"""Metrics that answer with labels: shares with intervals, in every output, beside each other."""

import json

import polars as pl
import pytest

from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.labels import MOST_LABELS, label_shares, shares_in_words
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts
from eval_assets.reports.evaluation_report import assemble_report
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.parquet import write_parquet
from eval_assets.reports.rendered.plain_lines import WIDTH
from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.previews import rows_preview
from eval_assets.tables.schemas import SCHEMAS
from tests.report_rows import SHARE, measured, report_of, scored

LABELS = MetricFacts(greater_is_better=None)
OLD = ["good"] * 15 + ["bad"] * 5
NEW = ["good"] * 5 + ["bad"] * 15
CELL = {"evaluation": "trial", "model": "m", "prompt": "p"}


def labelled(labels, *, model="m", metric="tone", **columns) -> pl.DataFrame:
    """Rows of a metric that gives labels alone; None is a row it has no label for."""
    outcome = ["ok" if label is not None else "error" for label in labels]
    return measured([None] * len(labels), model=model, metric=metric, label=labels, outcome=outcome, **columns)


def report_with(*, more=(), **fields):
    texts = {"old": ["x"] * 20, "new": ["y"] * 20}
    rows = [labelled(OLD, model="old"), labelled(NEW, model="new"), *more]
    facts = {"token_f1": SHARE, "tone": LABELS, "kind": LABELS}
    return report_of(texts, dict.fromkeys(texts, [0.5, 0.6] * 10), more_scores=rows, facts=facts, **fields)


@pytest.fixture(scope="module")
def report():
    return report_with()


def test_a_metric_of_labels_is_never_said_to_be_incomputable(report) -> None:
    for text in (report_table(report), report_markdown(report), report_html(report), str(report_json(report))):
        assert "could not be computed" not in text
        assert "is over 0 of" not in text
    assert report_notes(report) == ()


def test_a_row_without_a_label_is_counted_and_said() -> None:
    reasons = [None] * 19 + ["ZeroDivisionError: zero"]
    kind = [labelled(["a"] * 19 + [None], model=model, metric="kind", reason=reasons) for model in ("old", "new")]
    (note,) = report_notes(report_with(more=kind))
    assert str(note) == "old@p, new@p: 2 of 40 rows have no score of kind (error: ZeroDivisionError: zero)."


def test_shares_have_wilsons_interval() -> None:
    # Wilson at 95 % of 15 in 20, z = 1.96: centre (0.75 + 0.0960) / 1.1921 = 0.7097, reach 0.1784
    (good, bad) = label_shares(scored([None] * 20).with_columns(label=pl.Series(OLD)), None, confidence=0.95)
    assert (good["label"], good["n"], good["share"], good["ci_method"]) == ("good", 15, 0.75, "wilson")
    assert (good["ci_low"], good["ci_high"]) == pytest.approx((0.5313, 0.8881), abs=5e-4)
    # The two shares are one another's complement, and so are their intervals.
    assert (bad["n"], bad["share"]) == (5, 0.25)
    assert (1 - bad["ci_high"], 1 - bad["ci_low"]) == pytest.approx((good["ci_low"], good["ci_high"]))


def test_clustered_examples_widen_the_interval_of_a_share() -> None:
    rows = scored([None] * 20).with_columns(label=pl.Series(OLD))
    groups = pl.DataFrame({"example_id": [f"e{n}" for n in range(20)], "doc": [str(n // 5) for n in range(20)]})
    alone = label_shares(rows, None, confidence=0.95)[0]
    clustered = label_shares(rows, ExampleGroups(groups, cluster="doc"), confidence=0.95)[0]
    assert clustered["share"] == alone["share"] == 0.75
    # Four documents of one tone each are four independent observations, not twenty.
    assert clustered["ci_high"] - clustered["ci_low"] > 1.5 * (alone["ci_high"] - alone["ci_low"])


def test_samples_of_an_example_are_averaged_before_examples_are_counted() -> None:
    rows = pl.concat([scored([None] * 2).with_columns(sample_index=pl.lit(n)) for n in (0, 1)])
    rows = rows.with_columns(label=pl.Series(["a", "a", "a", "b"]))  # e0: a, a; e1: a, b
    shares = {row["label"]: (row["n"], row["share"]) for row in label_shares(rows, None, confidence=0.95)}
    assert shares == {"a": (3, 0.75), "b": (1, 0.25)}


def test_hundreds_of_labels_become_the_most_frequent_and_the_rest() -> None:
    labels = ["often"] * 30 + [f"rare-{n:03}" for n in range(300)]
    shares = label_shares(scored([None] * 330).with_columns(label=pl.Series(labels)), None, confidence=0.95)
    assert len(shares) == MOST_LABELS + 1
    assert (shares[0]["label"], shares[0]["n"]) == ("often", 30)
    # 19 of the rare ones are named, 281 counted together
    assert (shares[-1]["label"], shares[-1]["n"]) == (None, 281)
    assert sum(row["share"] for row in shares) == pytest.approx(1)


def test_a_metric_with_scores_and_labels_keeps_its_mean_and_gains_shares() -> None:
    rows = scored([1.0, 0.0, 1.0, None]).with_columns(label=pl.Series(["yes", "no", "yes", None]))
    row = aggregate_cell(rows, metric_facts={"token_f1": SHARE}, cell=CELL, run_id="r").row(0, named=True)
    assert (row["mean"], row["greater_is_better"], row["n_labelled"]) == (pytest.approx(2 / 3), True, 3)
    assert [(share["label"], share["n"]) for share in json.loads(row["labels"])] == [("yes", 2), ("no", 1)]


def test_a_metric_without_labels_has_none() -> None:
    row = aggregate_cell(scored([1.0]), metric_facts={"token_f1": SHARE}, cell=CELL, run_id="r").row(0, named=True)
    assert (row["n_labelled"], row["labels"]) == (0, None)


def test_slices_have_their_own_shares() -> None:
    groups = pl.DataFrame({"example_id": [f"e{n}" for n in range(20)], "topic": ["a"] * 15 + ["b"] * 5})
    rows = scored([None] * 20).with_columns(label=pl.Series(OLD))
    frame = aggregate_cell(
        rows, metric_facts={"token_f1": LABELS}, cell=CELL, run_id="r", groups=ExampleGroups(groups, slices=("topic",))
    )
    of_slices = frame.filter(pl.col("slice_column") == "topic").sort("slice_value")
    assert [[(s["label"], s["share"]) for s in json.loads(labels)] for labels in of_slices["labels"]] == [
        [("good", 1.0)], [("bad", 1.0)],
    ]  # fmt: skip


def test_the_terminal_shows_a_line_per_label_with_the_candidates_beside_each_other(report) -> None:
    lines = report_table(report).splitlines()
    line = next(line for line in lines if line.strip().startswith("tone: bad"))
    # 5 of 20 by the baseline, 15 of 20 by the other candidate
    assert [part.strip() for part in line.split("  ")[-2:]] == ["25 % [11 %, 47 %]", "75 % [53 %, 89 %]"]
    assert any(line.strip().startswith("tone: good") for line in lines)
    assert max(map(len, lines)) <= WIDTH


def test_markdown_and_page_show_a_line_per_label(report) -> None:
    line = next(line for line in report_markdown(report).splitlines() if line.startswith("| tone: good"))
    assert [cell.partition(" \\[")[0].strip() for cell in line.split("|")[2:4]] == ["75 %", "25 %"]
    page = report_html(report)
    assert "<h3>tone: good</h3>" in page
    assert "53 % to 89 %" in page
    block = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    place = [name for name, _ in block["metrics"]].index("tone")
    assert [answer[4][place] for answer in block["examples"][0][4]] == ["good", "good"]


def test_the_comparison_says_by_how_much_shares_differ_and_calls_nothing_better(report) -> None:
    row = report.against_baseline("new@p", "tone")
    assert (row["verdict"], row["greater_is_better"]) == (None, None)
    assert row["sentence"].startswith("bad +50.0 points (75 % against 25 %; 95% interval +")
    assert "; good -50.0 points (25 % against 75 %; " in row["sentence"]
    for text in (report_table(report), report_markdown(report), report_html(report)):
        assert "75 % against 25 %" in " ".join(text.split())
    bad = next(share for share in json.loads(row["labels"]) if share["label"] == "bad")
    # 10 of 20 pairs changed to bad, none back. Bonett-Price: (11 - 1) / 22 = 0.4545, half width
    # 1.96 * sqrt((12 / 22 - 0.4545 ** 2) / 22) = 0.2432
    assert (bad["difference_ci_low"], bad["difference_ci_high"]) == pytest.approx((0.2113, 0.6978), abs=5e-4)


@pytest.mark.parametrize(
    ("n_labels", "ending"),
    [
        (3, "points (5 % against 5 %; 95% interval -12.6 to +12.6)"),
        (4, "; 1 more label differs by no more"),
        (5, "; 2 more labels differ by no more"),
    ],
)
def test_labels_beyond_the_first_three_are_counted_in_words(n_labels, ending) -> None:
    given = [f"l{index}" for index in range(n_labels - 1)] + ["rest"] * (21 - n_labels)
    kind = [labelled(given, model=model, metric="kind") for model in ("old", "new")]
    sentence = report_with(more=kind).against_baseline("new@p", "kind")["sentence"]
    assert sentence.endswith(ending)


def test_a_label_that_one_candidate_never_got_has_a_share_of_zero_with_an_interval() -> None:
    kind = [
        labelled(["a"] * 20, model="old", metric="kind"),
        labelled(["a"] * 18 + ["b"] * 2, model="new", metric="kind"),
    ]
    text = report_table(report_with(more=kind))
    lines = text.splitlines()
    line = next(line for line in lines if line.strip().startswith("kind: b"))
    # Wilson of 0 in 20: 1.96^2 / (20 + 1.96^2) = 0.161
    assert [part.strip() for part in line.split("  ") if part][1] == "0 % [0 %, 16 %]"


def test_json_and_parquet_hold_the_shares(report, tmp_path) -> None:
    candidate = report_json(report)["candidates"][0]
    tone = candidate["metrics"]["tone"]
    assert [(row["label"], row["n"], row["share"]) for row in tone["labels"]] == [("good", 15, 0.75), ("bad", 5, 0.25)]
    assert (tone["n_labelled"], tone["share_good"], tone["mean"]) == (20, 0.75, None)
    (compared,) = [
        row for row in report_json(report)["comparisons"] if row["metric"] == "tone" and row["compared_with"]
    ]
    assert compared["labels"][0]["difference"] == pytest.approx(0.5)
    write_parquet(report, tmp_path)
    frame = pl.read_parquet(tmp_path / "aggregates.parquet").filter(pl.col("metric") == "tone")
    assert json.loads(frame["labels"][0])[0]["label"] == "good"


def test_the_ui_shows_shares_in_words(report) -> None:
    rows = report.aggregates.filter(pl.col("metric") == "tone").with_columns(
        pl.col("labels").map_elements(shares_in_words, return_dtype=pl.String)
    )
    assert "good 75 % \\[53 %, 89 %\\], bad 25 %" in rows_preview(rows, ["metric", "labels"])


def test_foreign_labels_break_no_output() -> None:
    wild = ["a|b\nc", "<b>x</b>", "https://example.org", "\x1b[31m", "très", "漢字"]
    kind = [labelled([*wild, *["z"] * 14], model=model, metric="kind") for model in ("old", "new")]
    report = report_with(more=kind)
    table = report_table(report)
    assert table.isascii()
    assert max(map(len, table.splitlines())) <= WIDTH
    assert "kind: \\u6f22\\u5b57" in table  # told apart, not two question marks
    rows = [line for line in report_markdown(report).splitlines() if line.startswith("| kind: ")]
    assert len(rows) == 7
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}
    page = report_html(report)
    assert "<b>x</b>" not in page
    json.loads(json.dumps(report_json(report), allow_nan=False))


def test_a_metric_of_labels_is_no_headline() -> None:
    report = report_with(metrics=[{"metric": "tone", "function": "mine:tone"}])
    assert report.headline == "token_f1"


def test_tables_from_before_there_were_labels_are_still_reported() -> None:
    made = report_with()
    old = made.aggregates.with_columns(labels=pl.lit(None, dtype=pl.String), n_labelled=pl.lit(None, dtype=pl.Int64))
    compared = made.comparison.with_columns(labels=pl.lit(None, dtype=pl.String))
    frames = {
        "predictions": made.predictions, "aggregate_reports": old, "comparison": compared, "gate_results": made.gates,
        "aggregate_history": made.history, "judge_scores": pl.DataFrame(schema=SCHEMAS["judge_scores"]),
        "heuristic_metrics": pl.concat(
            [
                *(measured([0.5, 0.6] * 10, model=model) for model in ("old", "new")),
                labelled(OLD, model="old"),
                labelled(NEW, model="new"),
            ]
        ),
    }  # fmt: skip
    again = assemble_report(made.evaluation, frames, dataset=made.dataset, provenance=made.provenance)
    for render in (report_table, report_markdown, report_html):
        assert "old@p" in render(again)
    assert not any("could not be computed" in note.text for note in report_notes(again))
