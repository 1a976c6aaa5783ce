"""What a result offers besides its numbers: comparing, rescoring, tests, files of the project."""

import json

import polars as pl
import pytest
import yaml

import eval_assets as ea
from eval_assets.errors import ConfigError, StorageError
from tests.loopback import LoopbackProvider

ROWS = [
    {"inputs": "a", "targets": "A", "topic": "x"},
    {"inputs": "b", "targets": "B", "topic": "x"},
    {"inputs": "c", "targets": "C", "topic": "y"},
    {"inputs": "d", "targets": "D", "topic": "y"},
]
EXACT = ["exact_match"]
LIMIT = 3
VERDICT = '{"justification": "as asked", "score": 4}'


def upper(inputs):
    return inputs.upper()


def worse(inputs):
    return inputs.upper() if inputs in "abc" else "<b>?</b>"


def test_a_result_shows_itself_with_texts_escaped(project):
    r = ea.evaluate(ROWS, upper, worse, metrics=EXACT)
    html = r._repr_html_()
    assert "&lt;b&gt;?&lt;/b&gt;" in html
    assert "<b>?</b>" not in html
    assert "4 requests sent, 4 replies" not in html
    assert "8 requests sent, 0 replies reused" in html
    text = repr(r)
    assert text.startswith("No reliable winner on exact_match: worse against the baseline upper")
    assert "3 exact_match 1 -> 0: d" in text
    assert "python" not in text.replace("upper", "")


def test_metrics_of_slices_are_in_the_report_and_clusters_widen_intervals(project):
    r = ea.evaluate(ROWS, worse, metrics=EXACT, slices=["topic"])
    sliced = r.report.aggregates.filter(pl.col("slice_column") == "topic")
    assert dict(sliced.select("slice_value", "mean").iter_rows()) == {"x": 1.0, "y": 0.5}
    clustered = ea.evaluate(ROWS, worse, metrics=EXACT, cluster="topic")
    (plain,), (wide,) = r.summary.to_dicts(), clustered.summary.to_dicts()
    assert wide["ci_low"] < plain["ci_low"]


def test_two_results_are_compared_example_by_example(project):
    before = ea.evaluate(ROWS, upper, metrics=EXACT)
    now = ea.evaluate(ROWS, worse, metrics=EXACT)
    compared = now.compare(before)
    (row,) = compared.df.to_dicts()
    assert (row["candidate"], row["compared_with"], row["n_pairs"], row["difference"]) == ("worse", "upper", 4, -0.25)
    assert [flip.example_id for flip in compared.flips["worse"]] == ["3"]
    together = ea.evaluate(ROWS, upper, worse, metrics=EXACT)
    # the same pair, compared within one evaluation
    of_worse = together.summary.filter(candidate="worse").to_dicts()[0]
    assert of_worse["difference"] == row["difference"]
    assert of_worse["sentence"] == row["sentence"]
    other = ea.evaluate([{"example_id": "q", "inputs": "a", "targets": "A"}], upper, metrics=EXACT)
    with pytest.raises(ConfigError, match="no example in common"):
        now.compare(other)


def test_a_regression_fails_a_test_with_what_got_worse(project):
    r = ea.evaluate(ROWS, upper, worse, metrics=EXACT)
    r.assert_no_regression(max_drop=0.25)
    with pytest.raises(AssertionError) as raised:
        r.assert_no_regression(metric="exact_match", max_drop=0.1)
    said = str(raised.value)
    assert said.startswith("worse: exact_match dropped by 0.25 on 4 examples, at most 0.1 is allowed")
    assert "3: 1 -> 0" in said
    assert "is       '<b>?</b>'" in said
    alone = ea.evaluate(ROWS, worse, metrics=EXACT)
    alone.assert_no_regression(min_mean=0.75)
    with pytest.raises(AssertionError, match=r"mean exact_match is 0.75, expected at least 0.9"):
        alone.assert_no_regression(min_mean=0.9)
    with pytest.raises(AssertionError, match=r"dropped by 0.25 "):
        alone.assert_no_regression(against=ea.evaluate(ROWS, upper, metrics=EXACT))
    with pytest.raises(ConfigError, match="expected a second candidate"):
        alone.assert_no_regression()


def test_a_regression_of_a_metric_where_less_is_better_is_a_rise(project):
    def length(output):
        return len(output)

    less = {"function": length, "greater_is_better": False}
    r = ea.evaluate(ROWS, upper, worse, metrics=[less])
    # 8 characters in place of 1, on one of 4 rows
    with pytest.raises(AssertionError, match=r"dropped by 1\.75 "):
        r.assert_no_regression(max_drop=1)
    r.assert_no_regression(max_drop=2)


def test_rescoring_sends_nothing_but_judgements(project):
    with LoopbackProvider(answer=lambda body: VERDICT) as provider:
        judge = ea.Judge(
            "polite",
            "The output is polite.",
            model=ea.Model("judge-1", base_url=provider.base_url, limits={"start_concurrency": 4}),
        )
        r = ea.evaluate(ROWS, upper, metrics=EXACT)
        judged = r.rescore(judges=[judge])
        assert (judged.n_sent, provider.requests) == (4, 4)
        assert judged.report.metrics == ("exact_match", "polite")
        assert judged.metrics["polite/v1/mean"] == 4.0
        again = judged.rescore(metrics=["token_count"])
        assert (again.n_sent, provider.requests) == (0, 4)
        assert again.report.metrics == ("token_count", "polite")
    later = ea.evaluate(ROWS, upper, metrics=EXACT, name="series")
    ea.evaluate(ROWS[:2], upper, metrics=EXACT, name="series")
    with pytest.raises(StorageError, match=r"later evaluation of the name 'python.series'"):
        later.rescore(metrics=["token_count"])


def test_a_score_is_traced_to_its_row(project):
    r = ea.evaluate(ROWS, upper, metrics=EXACT)
    traced = r.trace(r.scores["prediction_id"][0])
    assert traced["example"]["inputs"] == "a"
    assert traced["prediction"]["output"] == "A"


def test_a_budget_ends_an_evaluation(project):
    model = ea.Model(function=upper, prices={"request_usd": 1.0})
    assert ea.evaluate(ROWS[:1], model, metrics=EXACT).cost_usd == 1.0
    assert ea.evaluate(ROWS[:1], model, metrics=EXACT).cost_usd == 0.0
    with pytest.raises(ea.EvalAssetsError, match="budget"):
        ea.evaluate(ROWS, model, metrics=EXACT, max_cost_usd=2.5)


def test_models_prompts_and_judges_of_the_project_are_named(project):
    data = project / "data"
    for kind in ("models", "prompts", "judges"):
        (data / kind).mkdir()
    (project / "shouting.py").write_text("def answer(prompt):\n    return prompt.upper()\n")
    (data / "models" / "shout.yaml").write_text("provider: callable\ncallable: shouting:answer\n")
    (data / "prompts" / "plain.md").write_text("## user\n{{ inputs }}\n")
    r = ea.evaluate(ROWS, "shout@plain", worse, metrics=EXACT, baseline="worse")
    assert r.metrics["shout@plain/exact_match/v1/mean"] == 1.0
    assert r.report.baseline.startswith("worse.")
    with pytest.raises(ConfigError, match="say with which prompt: shout@plain"):
        ea.evaluate(ROWS, "shout", metrics=EXACT)


async def by_position(letter):
    return letter.upper() + mark


mark = "!"


def test_a_saved_evaluation_sends_nothing_in_the_pipeline(project, monkeypatch):
    from eval_assets.config.settings import settings_from
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.stages.report_reading import read_report
    from tests.command_line import exit_code, isolated

    (project / "answering.py").write_text(
        "def app(inputs):\n    return inputs.upper()\n\n\n"
        "def is_same(output, targets) -> bool:\n    return output == targets\n"
    )
    monkeypatch.syspath_prepend(str(project))
    import answering

    candidates = (answering.app, worse, by_position)
    r = ea.evaluate(ROWS, *candidates, metrics=["exact_match", answering.is_same], baseline="worse")
    written = sorted(str(path.relative_to(project)) for path in r.save("support"))
    assert written == [
        "data/datasets/support.jsonl", "data/datasets/support.yaml", "data/evaluations/support.yaml",
        "data/models/app.yaml", "data/models/by_position.yaml", "data/models/worse.yaml", "data/prompts/inputs.md",
        "support_by_position.py", "support_worse.py",
    ]  # fmt: skip
    by_position_file = yaml.safe_load((project / "data/models/by_position.yaml").read_text())
    assert by_position_file["callable"] == "support_by_position:by_position"
    assert yaml.safe_load((project / "data/models/app.yaml").read_text())["callable"] == "answering:app"
    isolated(monkeypatch, project / "home")
    (project / "home").mkdir()
    assert exit_code(project / "data", "check") == 0
    assert exit_code(project / "data", "run", "support") == 0
    with EngineRoom.from_settings(settings_from(data_dir=project / "data")) as room:
        report = read_report(room, "support")
        runs = room.warehouse.scan("runs", None).filter(evaluation="support").collect()
    assert (runs["n_sent"].sum(), runs["n_reused"].sum()) == (0, 12)
    means = {candidate.model: candidate.metrics["exact_match"]["mean"] for candidate in report.candidates}
    assert means == {"app": 1.0, "worse": 0.75, "by_position": 0.0}
    assert report.baseline == "worse@inputs"


def test_a_function_that_has_no_text_is_saved_by_its_outputs_and_that_is_said(project, caplog):
    held = {"a": "A"}
    r = ea.evaluate(ROWS, lambda inputs: held.get(inputs, "?"), "topic", metrics=EXACT)
    r.save("support")
    assert "lambda is saved by its outputs" in caplog.text
    models = {path.name: path.read_text() for path in (project / "data/models").iterdir()}
    assert yaml.safe_load(models["lambda.yaml"])["provider"] == "recorded"
    assert json.loads(models["lambda.jsonl"].splitlines()[1])["output"] == "?"
    assert [json.loads(line)["output"] for line in models["topic.jsonl"].splitlines()] == ["x", "x", "y", "y"]
    again = ea.evaluate("support", "lambda@inputs", "topic@inputs", metrics=EXACT)
    assert again.df["lambda@inputs"].to_list() == ["A", "?", "?", "?"]
    assert again.n_sent == 0


def test_saving_never_writes_over_other_files(project):
    r = ea.evaluate(ROWS, upper, metrics=EXACT)
    r.save("support")
    r.save("support")
    other = ea.evaluate(ROWS[:2], upper, metrics=EXACT)
    with pytest.raises(ConfigError, match=r"save: .*data/datasets/support.jsonl.* already there"):
        other.save("support")
    other.save("support", overwrite=True)
    rows = [json.loads(line) for line in (project / "data/datasets/support.jsonl").read_text().splitlines()]
    assert len(rows) == 2


def is_short(output) -> bool:
    return len(output) < LIMIT


def test_a_metric_of_this_process_is_saved_as_a_module(project):
    r = ea.evaluate(ROWS, worse, metrics=[is_short])
    r.save("support")
    assert (project / "support_metrics.py").read_text() == (
        "LIMIT = 3\n\n\ndef is_short(output) -> bool:\n    return len(output) < LIMIT\n"
    )
    evaluation = yaml.safe_load((project / "data/evaluations/support.yaml").read_text())
    assert evaluation["metrics"] == [{"function": "support_metrics:is_short", "metric": "is_short"}]


def test_a_metric_that_has_no_text_cant_be_saved_and_that_is_said(project):
    held = {"A"}

    def is_known(output) -> bool:
        return output in held

    refused = {"'is_known' closes over 'held'": is_known, "'<lambda>' is no function": lambda output: 1.0}
    for said, metric in refused.items():
        r = ea.evaluate(ROWS, upper, metrics=[metric])
        with pytest.raises(ConfigError, match=said):
            r.save("support")


def test_a_module_that_was_edited_since_is_not_evaluated_as_its_new_self(project, monkeypatch):
    (project / "edited.py").write_text("def app(inputs):\n    return inputs\n")
    monkeypatch.syspath_prepend(str(project))
    import edited

    ea.evaluate(ROWS, edited.app, metrics=EXACT)
    (project / "edited.py").write_text("def app(inputs):\n    return inputs.upper()\n")
    with pytest.raises(ConfigError, match=r"edited.py was edited since it was imported here; reload it"):
        ea.evaluate(ROWS, edited.app, metrics=EXACT)
