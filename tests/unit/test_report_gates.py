"""Gates of an evaluation: who is asked what, what the answers say together, and how they are written down."""

from xml.etree import ElementTree as ET

import polars as pl
import pytest
from pydantic import ValidationError

from eval_assets.reports.computed.aggregates import aggregate_cell
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.gating import evaluate_gates, may_ship, overall_verdict
from eval_assets.reports.computed.scores import ExampleGroups, MetricFacts
from eval_assets.reports.performance import performance
from eval_assets.reports.rendered.gate_explained import gates_explained
from eval_assets.reports.rendered.gate_formats import gates_junit, gates_markdown
from eval_assets.statistics.intervals import exact_interval
from eval_assets.tables.evaluation_tables import GATE_RESULTS
from tests.report_rows import SHARE, aggregated, answered, report_of, scored, trial

MINIMUM = {"metric": "token_f1", "min": 0.5}
DROP = {"metric": "token_f1", "max_drop": 0.05}
GOOD, NEAR, POOR = [0.9, 0.8] * 30, [0.91, 0.79] * 30, [0.2, 0.3] * 30


def ask(gates, **scores):
    rows = pl.concat(scored(values, model=model) for model, values in scores.items())
    return evaluate_gates(trial(*scores, gates=gates), rows, metric_facts={"token_f1": SHARE}, run_id="r")


def answers(rows):
    return {(row["model"], row["condition"]): row["verdict"] for row in rows.iter_rows(named=True)}


def test_a_candidate_that_holds_the_baselines_level_passes() -> None:
    rows = ask([DROP], old=GOOD, new=[0.91, 0.79] * 30)
    assert answers(rows) == {("new", "drop against baseline at most 0.05"): "GO"}
    assert overall_verdict(rows).exit_code == 0


def test_a_candidate_that_drops_is_stopped() -> None:
    rows = ask([DROP], old=GOOD, new=POOR)
    assert answers(rows) == {("new", "drop against baseline at most 0.05"): "NO-GO"}
    assert overall_verdict(rows).exit_code == 1


def test_a_third_of_failed_requests_makes_a_gate_inconclusive_however_good_the_rest_is() -> None:
    rows = ask([DROP, MINIMUM], old=GOOD, new=[*GOOD[:40], *[None] * 20])
    of_new = rows.filter(pl.col("model") == "new")
    assert of_new["verdict"].to_list() == ["INCONCLUSIVE", "INCONCLUSIVE"]
    assert of_new["failed_share"].to_list() == pytest.approx([1 / 3, 1 / 3])
    assert "33 % of the rows have no score" in of_new["reason"][0]
    assert overall_verdict(rows).exit_code == 3


def test_an_interval_around_the_threshold_is_inconclusive() -> None:
    rows = ask([MINIMUM], old=[0.4, 0.6] * 5)
    assert answers(rows) == {("old", "mean at least 0.5"): "INCONCLUSIVE"}


@pytest.mark.parametrize(
    ("facts", "values"),
    [
        (SHARE, [0.9, 0.8] * 30),
        (MetricFacts(low=1, high=5), [4.0, 5.0, 3.0] * 20),
        (MetricFacts(), [12.0, 15.0] * 30),
    ],
)
@pytest.mark.parametrize("clustered", [True, False])
def test_a_gate_on_a_mean_goes_by_the_interval_of_the_table(facts, values, clustered) -> None:
    rows = scored(values)
    tickets = pl.DataFrame({"example_id": rows["example_id"], "ticket": [str(i // 4) for i in range(60)]})
    groups = ExampleGroups(tickets, cluster="ticket") if clustered else None
    known = {"token_f1": facts}
    cell = {"evaluation": "trial", "model": "m", "prompt": "p"}
    shown = aggregate_cell(rows, metric_facts=known, cell=cell, run_id="r", groups=groups).row(0, named=True)
    gates = [{"metric": "token_f1", "min": 0.5}]
    asked = evaluate_gates(trial("m", gates=gates), rows, metric_facts=known, run_id="r", groups=groups)
    assert asked.select("ci_low", "ci_high").row(0) == pytest.approx((shown["ci_low"], shown["ci_high"]))
    assert "% interval " in asked["reason"][0]


def test_a_gate_on_a_pass_rate_goes_by_the_exact_interval_and_says_so() -> None:
    facts = MetricFacts(low=0, high=1, is_binary=True)
    asked = evaluate_gates(
        trial("m", gates=[MINIMUM]), scored([1.0, 1.0, 1.0, 0.0] * 10), metric_facts={"token_f1": facts}, run_id="r"
    )
    assert asked.select("ci_low", "ci_high").row(0) == pytest.approx(exact_interval(30, 40, confidence=0.95).ends)
    assert asked["reason"][0].startswith("0.75 (95% exact interval 0.59 to 0.87) meets")


def test_a_drop_gate_goes_by_the_interval_of_the_comparison() -> None:
    rows = pl.concat([scored(GOOD, model="old"), scored([0.85, 0.8] * 30, model="new")])
    known, evaluation = {"token_f1": SHARE}, trial("old", "new", gates=[DROP])
    asked = evaluate_gates(evaluation, rows, metric_facts=known, run_id="r").row(0, named=True)
    frame = compare_candidates(evaluation, rows, aggregated(rows, known), metric_facts=known, run_id="r")
    compared = frame.filter(pl.col("is_baseline_comparison")).row(0, named=True)
    assert (asked["ci_low"], asked["ci_high"]) == pytest.approx(
        (-compared["difference_ci_high"], -compared["difference_ci_low"])
    )


def test_a_minimum_is_asked_of_the_baseline_as_advice() -> None:
    rows = ask([MINIMUM], old=POOR, new=GOOD)
    assert rows.select("model", "tier", "verdict").rows() == [("old", "advisory", "NO-GO"), ("new", "critical", "GO")]
    assert overall_verdict(rows).verdict == "GO"


def test_a_minimum_decides_for_a_baseline_that_is_the_only_candidate() -> None:
    rows = ask([MINIMUM], old=POOR)
    assert rows.select("tier", "verdict").rows() == [("critical", "NO-GO")]


def test_a_drop_without_a_second_candidate_is_inconclusive_and_not_silent() -> None:
    rows = ask([DROP], old=GOOD)
    assert rows["reason"].to_list() == ["the baseline is the only candidate, so there is no drop to measure"]
    assert overall_verdict(rows).exit_code == 3


def test_a_gate_on_a_metric_nobody_scored_is_inconclusive() -> None:
    rows = ask([{"metric": "bleu", "min": 0.2}], old=GOOD)
    assert rows.select("verdict", "n_scored").rows() == [("INCONCLUSIVE", 0)]


def test_a_cell_that_was_never_computed_is_inconclusive() -> None:
    rows = evaluate_gates(
        trial("old", "new", gates=[DROP]), scored(GOOD, model="old"), metric_facts={"token_f1": SHARE}, run_id="r"
    )
    assert rows.select("model", "verdict").rows() == [("new", "INCONCLUSIVE")]


def test_a_relative_drop_is_asked_as_a_share_of_the_baselines_mean() -> None:
    rows = ask([{"metric": "token_f1", "max_drop_relative": 0.1}], old=GOOD, new=[0.6, 0.5] * 30)
    assert rows["condition"].to_list() == ["drop against baseline at most 10 % of its mean"]
    assert rows["observed"].to_list() == pytest.approx([0.3 / 0.85])
    assert rows["verdict"].to_list() == ["NO-GO"]


def test_each_threshold_of_a_gate_is_a_condition() -> None:
    rows = ask([{"metric": "token_f1", "min": 0.1, "max": 0.99, "max_drop": 0.05}], old=GOOD, new=GOOD)
    assert rows.filter(pl.col("model") == "new")["condition"].to_list() == [
        "mean at least 0.1",
        "mean at most 0.99",
        "drop against baseline at most 0.05",
    ]


def test_an_advisory_gate_warns_and_decides_nothing() -> None:
    overall = overall_verdict(ask([{**DROP, "tier": "advisory"}], old=GOOD, new=POOR))
    assert overall.verdict == "GO"
    assert overall.note == "no critical gates; 1 of 1 advisory conditions not met or undecided"


def test_one_stop_outweighs_what_could_not_be_decided() -> None:
    rows = ask([DROP], old=GOOD, worse=POOR, failing=[*GOOD[:40], *[None] * 20])
    assert overall_verdict(rows).note == "1 of 2 critical conditions failed; none may ship"


def test_an_evaluation_without_gates_passes_and_says_that_nothing_was_asked() -> None:
    overall = overall_verdict(ask([], old=GOOD))
    assert (overall.verdict, overall.exit_code) == ("GO", 0)
    assert "nothing was asked" in overall.note


def test_the_rows_have_the_columns_of_the_table() -> None:
    assert dict(ask([DROP], old=GOOD, new=POOR).schema) == GATE_RESULTS


def test_junit_tells_failed_from_undecided_from_advised() -> None:
    rows = ask([DROP, {**MINIMUM, "tier": "advisory"}], old=GOOD, new=POOR, failing=[*GOOD[:40], *[None] * 20])
    suite = ET.fromstring(gates_junit(rows, overall_verdict(rows), evaluation="trial"))  # noqa: S314 - written two lines above
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",  # two drops, three minimums
        "failures": "1",  # new drops
        "errors": "1",  # failing can't be decided
        "skipped": "2",  # the minimum is advice: new misses it, failing can't tell
    }
    assert suite.find("testcase/failure").get("type") == "NO-GO"
    assert suite[0].get("classname") == "trial:new@p"


def test_junit_survives_control_characters_and_markup() -> None:
    rows = ask([DROP], old=GOOD, new=POOR).with_columns(reason=pl.lit("a\x00b <&> c"))
    suite = ET.fromstring(gates_junit(rows, overall_verdict(rows), evaluation="trial"))  # noqa: S314 - written one line above
    assert suite.find("testcase/failure").get("message") == r"a\u0000b <&> c"


def test_markdown_leads_with_the_verdict_and_escapes_the_reason() -> None:
    rows = ask([DROP], old=GOOD, new=POOR).with_columns(reason=pl.lit("a|b"))
    lines = gates_markdown(rows, overall_verdict(rows), evaluation="trial").splitlines()
    assert lines[0] == "**❌ NO-GO** · trial: 1 of 1 critical conditions failed."
    assert lines[-1].endswith(r"| 0 % | a\|b |")


def asked_of(rows) -> set[str]:
    return set(rows.filter(pl.col("tier") == "critical")["model"])


def test_a_reference_is_asked_nothing_and_a_gate_may_name_who_has_to_pass() -> None:
    rows = pl.concat(scored(values, model=model) for model, values in {"old": GOOD, "new": NEAR, "weak": POOR}.items())
    facts = {"token_f1": SHARE}
    plain = evaluate_gates(trial("old", "new", "weak", gates=[DROP]), rows, metric_facts=facts, run_id="r")
    assert (asked_of(plain), overall_verdict(plain).verdict) == ({"new", "weak"}, "NO-GO")
    spared = evaluate_gates(
        trial("old", "new", "weak", gates=[DROP]), rows, metric_facts=facts, run_id="r", references=["weak"]
    )
    assert (asked_of(spared), overall_verdict(spared).verdict) == ({"new"}, "GO")
    for name in ("new", "new@p"):
        chosen = trial("old", "new", "weak", gates=[{**DROP, "candidates": [name]}])
        found = evaluate_gates(chosen, rows, metric_facts=facts, run_id="r")
        assert (asked_of(found), overall_verdict(found).note) == (
            {"new"},
            "1 of 1 critical conditions met; new@p may ship",
        )


def test_the_verdict_says_who_may_ship() -> None:
    rows = ask([DROP], old=GOOD, new=NEAR, weak=POOR)
    overall = overall_verdict(rows)
    assert (overall.verdict, overall.note) == ("NO-GO", "1 of 2 critical conditions failed; new@p may ship")
    assert may_ship(rows) == (["new@p"], 2)


def test_a_gate_on_several_metrics_asks_each_of_them() -> None:
    rows = pl.concat(
        scored(values, model=model, metric=metric)
        for metric in ("a", "b")
        for model, values in (("old", GOOD), ("new", POOR if metric == "b" else NEAR))
    )
    evaluation = trial("old", "new", gates=[{"metrics": ["a", "b"], "max_drop": 0.05}])
    found = evaluate_gates(evaluation, rows, metric_facts={"a": SHARE, "b": SHARE}, run_id="r")
    assert dict(found.select("metric", "verdict").rows()) == {"a": "GO", "b": "NO-GO"}


def test_the_worst_slice_decides_by_an_interval_widened_for_the_number_of_slices() -> None:
    ids = [f"e{index}" for index in range(60)]
    groups = ExampleGroups(
        pl.DataFrame({"example_id": ids, "language": ["de"] * 20 + ["en"] * 40}), slices=("language",)
    )
    rows = pl.concat([scored(GOOD, model="old"), scored([*POOR[:20], *GOOD[:40]], model="new")])

    def verdict(minimum):
        evaluation = trial("old", "new", gates=[{"metric": "token_f1", "worst_slice_min": minimum}])
        found = evaluate_gates(evaluation, rows, metric_facts={"token_f1": SHARE}, run_id="r", groups=groups)
        return found.filter(model="new").row(0, named=True)

    assert verdict(0.1)["verdict"] == "GO"
    row = verdict(0.5)
    assert (row["verdict"], row["condition"]) == ("NO-GO", "worst language at least 0.5")
    assert row["reason"].startswith("de, the worst of 2 slices: 0.250 (97.5% interval ")
    assert (row["observed"], row["n_scored"]) == (0.25, 20)


def test_cost_and_latency_are_asked_as_measured() -> None:
    rows = pl.concat([scored(GOOD, model="old"), scored(GOOD, model="new")])
    gate = {"max_cost_usd_per_1000": 1.0, "max_latency_p90_seconds": 2.0}
    predictions = answered(["x"] * 4, model="new").with_columns(
        cost_usd=pl.lit(0.002), latency_seconds=pl.Series([1.0, 1.0, 1.0, 1.5])
    )
    measured = performance(predictions, pl.DataFrame(schema={"cost_usd": pl.Float64()}))
    found = evaluate_gates(
        trial("old", "new", gates=[gate]), rows, metric_facts={"token_f1": SHARE}, run_id="r",
        performances={"new@p": measured},
    )  # fmt: skip
    assert {(row["model"], row["metric"]): (row["verdict"], row["reason"]) for row in found.to_dicts()} == {
        ("new", "cost"): ("NO-GO", "1,000 answers cost $2.00"),
        ("new", "latency"): ("GO", "90 % came within 1.35 s"),  # linear between 1 and 1.5 at 2.7 of 3 steps
        ("old", "cost"): (
            "INCONCLUSIVE", "what answers cost isn't known: no price is declared, or nothing was answered",
        ),
        ("old", "latency"): ("INCONCLUSIVE", "how long replies took wasn't measured"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({"min": 0.5}, "either 'metric' or 'metrics'"),
        (
            {"metric": "a", "metrics": ["b"], "min": 0.5},
            "either 'metric' or 'metrics', whose scores are asked about, got both",
        ),
        ({"metric": "a", "max_cost_usd_per_1000": 1}, "no metric with a gate that asks about cost and latency alone"),
        ({"metric": "a"}, "expected at least one of 'min'"),
    ],
)
def test_a_gate_that_asks_nothing_or_of_nothing_is_refused(gate, said) -> None:
    with pytest.raises(ValidationError, match=said):
        trial("old", gates=[gate])


def test_each_condition_is_explained_down_to_its_verdict() -> None:
    report = report_of(
        {"old": ["x"] * 60, "new": [*["x"] * 55, *[None] * 5]},
        {"old": GOOD, "new": [*NEAR[:55], *[None] * 5]},
        gates=[DROP, {"max_cost_usd_per_1000": 1.0}],
    )
    said = gates_explained(report)
    assert "- new@p, token_f1, drop against baseline at most 0.05 (critical): INCONCLUSIVE" in said
    assert "8 % of the rows have no score: between " in said
    assert "what was paid and waited has no interval" in said
    assert said.endswith("Of 1 candidate asked, none may ship.\n")
