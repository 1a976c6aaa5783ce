"""Data versions: equal for equal content in whatever order, and of the rows that were read, whoever writes besides."""

import contextlib
from pathlib import Path

import polars as pl
import pytest

from eval_assets.config.evaluation import Evaluation, EvaluationFile, MetricChoice
from eval_assets.judges.formats import FormatMemory
from eval_assets.metrics.registry import resolve_metrics
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.stages.aggregate_reports import scores_of, write_aggregates
from eval_assets.stages.cell_inputs import StoredModel, evaluation_of
from eval_assets.stages.comparison import write_comparison
from eval_assets.stages.graph import Cell
from eval_assets.stages.heuristic_metrics import write_scores
from eval_assets.stages.judge_agreement import write_agreement
from eval_assets.stages.judge_scores import write_verdicts
from eval_assets.stages.pairwise_preferences import write_preferences
from eval_assets.stages.stored_inputs import stored_inputs
from eval_assets.storage.snapshots import Snapshot
from eval_assets.storage.versions import all_versions, current_version, record_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import inputs_recorded
from eval_assets.tables.schemas import SCHEMAS
from tests.builders import evaluation, frame_of, judge, model, prediction, score, verdict, warehouse_of, write_rows

CELL = Cell("trial", "alpha", "ask")
SLOW = ("toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count")
FACTS = {"token_f1": MetricFacts(True, 0, 1), "grader": MetricFacts(True, 1, 5)}
DECLARED = Evaluation(name="trial", file=EvaluationFile(dataset="qa", models=["alpha"], prompts=["ask"]))


class Racing(Warehouse):
    """A warehouse in which another run replaces a partition after every look at its table."""

    def _raced(self, table: str, seen):
        if table == self.__dict__.get("raced"):
            with contextlib.suppress(StopIteration):
                object.__setattr__(self, "raced", None)  # the other run's own looks are not raced
                next(self.__dict__["versions"])
            object.__setattr__(self, "raced", table)
        return seen

    def scan(self, table, partition=None, *, version=None):
        return self._raced(table, super().scan(table, partition, version=version))

    def snapshot(self, table) -> Snapshot:
        return self._raced(table, super().snapshot(table))

    def last_commit(self, table, partition):
        return self._raced(table, super().last_commit(table, partition))

    def last_commits(self, table):
        return self._raced(table, super().last_commits(table))


def racing(folder: Path, table: str, rows_of_version, **tables) -> Racing:
    """Version `n` of the table's one partition holds `rows_of_version(n)` under the data version `n`."""
    warehouse_of(folder, **tables)
    warehouse = Racing(str(folder / "warehouse"))
    write_rows(Warehouse(warehouse.root), table, rows_of_version(0), data_version="0")

    def versions():
        for n in range(1, 100):
            write_rows(Warehouse(warehouse.root), table, rows_of_version(n), data_version=str(n))
            yield

    object.__setattr__(warehouse, "versions", versions())
    object.__setattr__(warehouse, "raced", table)
    return warehouse


def test_scores_are_of_the_predictions_they_say(tmp_path: Path) -> None:
    # Only the output of version 0 is the target: a score of 1 belongs to it, a score of 0 to any other.
    warehouse = racing(
        tmp_path,
        "predictions",
        lambda n: [prediction(output="Paris" if n == 0 else f"not {n}")],
        evaluations=[evaluation()],
    )
    metrics = resolve_metrics("text", (MetricChoice(metric="exact_match"),), SLOW)
    written = write_scores(
        CELL, metrics, shards_for=lambda _: None, warehouse=warehouse, scratch=tmp_path / "s", run_id="r"
    )
    made_from = inputs_recorded(written.commit)["predictions/trial:alpha@ask"]
    (found,) = Warehouse(warehouse.root).scan("heuristic_metrics").collect()["score"]
    assert (found == 1.0) is (made_from == "0")


def test_verdicts_are_of_the_predictions_they_say(tmp_path: Path) -> None:
    warehouse = racing(
        tmp_path,
        "predictions",
        lambda n: [prediction(f"p-{n}", outcome="error", output=None)],  # skipped: nobody has to be asked
        evaluations=[evaluation(judges=["grader"])],
        judges=[judge()],
    )

    def open_engine(stored: StoredModel, of: Evaluation):
        return contextlib.nullcontext(None)

    formats = FormatMemory(tmp_path / "formats.json")
    written = write_verdicts(
        CELL, open_engine, formats=formats, warehouse=warehouse, scratch=tmp_path / "s", run_id="r"
    )
    made_from = inputs_recorded(written.commit)["predictions/trial:alpha@ask"]
    (judged,) = Warehouse(warehouse.root).scan("judge_scores").collect()["prediction_id"].unique()
    assert judged == f"p-{made_from}"


@pytest.mark.parametrize("table", ["heuristic_metrics", "judge_scores"])
def test_aggregates_are_of_the_scores_they_say(tmp_path: Path, table: str) -> None:
    def rows(n: int):
        return [score(score=n / 100)] if table == "heuristic_metrics" else [verdict(score=1 + n / 100)]

    others = {"heuristic_metrics": [score()], "judge_scores": [verdict()]}
    others.pop(table)
    tables = {"predictions": [prediction()], "evaluations": [evaluation(judges=["grader"])], **others}
    warehouse = racing(tmp_path, table, rows, **tables)
    written = write_aggregates(CELL, DECLARED, FACTS, warehouse=warehouse, run_id="r")
    made_from = int(inputs_recorded(written.commit)[f"{table}/trial:alpha@ask"])
    metric = "token_f1" if table == "heuristic_metrics" else "grader"
    found = Warehouse(warehouse.root).scan("aggregate_reports").filter(metric=metric).collect()["mean"][0]
    assert found == pytest.approx(made_from / 100 if metric == "token_f1" else 1 + made_from / 100)


def test_a_comparison_is_of_the_aggregates_it_says(tmp_path: Path) -> None:
    tables = {
        "predictions": [prediction()],
        "evaluations": [evaluation()],
        "heuristic_metrics": [score()],
        "judge_scores": [verdict()],
    }

    def rows(n: int):
        columns = {"evaluation": "trial", "model": "alpha", "prompt": "ask", "metric": "token_f1"}
        return [{**columns, "kind": "heuristic", "mean": n / 100, "n_total": 1, "n_scored": 1, "run_id": "r"}]

    warehouse = racing(tmp_path, "aggregate_reports", rows, **tables)
    written = write_comparison(DECLARED, [CELL], FACTS, judged={}, warehouse=warehouse, run_id="r")
    made_from = int(inputs_recorded(written.commit)["aggregate_reports/trial:alpha@ask"])
    found = Warehouse(warehouse.root).scan("comparison").filter(metric="token_f1").collect()["mean"][0]
    assert found == pytest.approx(made_from / 100)


def test_preferences_are_of_the_predictions_they_say(tmp_path: Path) -> None:
    pairwise = {"judge": "grader"}
    tables = {
        "evaluations": [evaluation(models=["alpha", "beta"], pairwise=pairwise)],
        "judges": [judge()],
        "models": [model(name) for name in ("alpha", "beta")],
    }

    def rows(n: int):
        return [
            prediction(f"p-{name}-{n}", model=name, outcome="error", output=None, error=f"version {n}")
            for name in ("alpha", "beta")
        ]

    warehouse = racing(tmp_path, "predictions", rows, **tables)
    upstream = {"predictions": ["trial:alpha@ask", "trial:beta@ask"], "judges": ["grader"], "evaluations": ["trial"]}
    inputs = stored_inputs(warehouse, upstream)
    seen = inputs.scan("predictions", {"evaluation": "trial"}).collect()["error"].unique().to_list()
    # Both cells are of one version here: the snapshot holds the one that is recorded for each.
    assert seen == [f"version {inputs.versions['predictions/trial:alpha@ask']}"]
    stored = current_version(warehouse, "evaluations", "trial")
    written = write_preferences(
        evaluation_of(stored),
        lambda stored_model: contextlib.nullcontext(None),
        inputs=inputs,
        stored=stored,
        formats=FormatMemory(tmp_path / "formats.json"),
        warehouse=warehouse,
        run_id="r",
    )
    recorded = inputs_recorded(written.commit)
    assert recorded["predictions/trial:beta@ask"] == inputs.versions["predictions/trial:beta@ask"]
    assert recorded["evaluations/trial"] == stored.content_sha256


def test_agreement_records_the_judge_and_the_evaluation_that_were_read(tmp_path: Path) -> None:
    tables = {"evaluations": [evaluation(judges=["grader"])], "judges": [judge()], "judge_scores": [verdict()]}
    warehouse = warehouse_of(tmp_path, predictions=[prediction()], models=[model()], **tables)
    upstream = {"judge_scores": ["trial:alpha@ask"], "pairwise_preferences": ["trial"], "judges": ["grader"]}
    inputs = stored_inputs(warehouse, {**upstream, "evaluations": ["trial"]})
    stored = current_version(warehouse, "evaluations", "trial")
    # Another run edits the evaluation between our look at it and our commit.
    write_rows(warehouse, "evaluations", [evaluation(judges=["grader"], seed=7)], data_version="later")
    written = write_agreement(evaluation_of(stored), inputs=inputs, stored=stored, warehouse=warehouse, run_id="r")
    recorded = inputs_recorded(written.commit)
    assert recorded["evaluations/trial"] == stored.content_sha256 != "later"
    assert recorded["judge_scores/trial:alpha@ask"] == "data-1"


def many_scores(n: int, metrics: list[str]) -> pl.DataFrame:
    rows = pl.DataFrame({"position": [i for i in range(n) for _ in metrics], "metric": metrics * n})
    filled = rows.with_columns(
        pl.lit("trial").alias("evaluation"),
        pl.lit("alpha").alias("model"),
        pl.lit("ask").alias("prompt"),
        example_id=pl.col("position").cast(pl.String),
        score_id=pl.format("s-{}-{}", "metric", "position"),
        sample_index=pl.lit(0, pl.Int64),
        score=(pl.col("position") % 10) / 10,
        outcome=pl.lit("ok"),
        version=pl.lit("v1"),
    )
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in SCHEMAS["heuristic_metrics"].items() if name not in filled
    ]
    return filled.with_columns(missing).select(list(SCHEMAS["heuristic_metrics"]))


def test_an_unchanged_cell_of_many_rows_keeps_its_version_in_whatever_order_they_lie(tmp_path: Path) -> None:
    metrics = ["token_f1", "contains", "rouge1", "latency"]
    warehouse = warehouse_of(
        tmp_path, predictions=[prediction()], evaluations=[evaluation(cluster=None)], judge_scores=[]
    )
    rows = many_scores(4_000, metrics)
    facts = dict.fromkeys(metrics, MetricFacts(True, 0, 1))
    versions, orders = set(), set()
    for seed in range(4):
        shuffled = rows if seed == 0 else rows.sample(fraction=1.0, shuffle=True, seed=seed)
        warehouse.replace("heuristic_metrics", shuffled, CELL.partition, {"data_version": "h"})
        warehouse.replace("judge_scores", frame_of("judge_scores", []), CELL.partition, {"data_version": "j"})
        versions.add(write_aggregates(CELL, DECLARED, facts, warehouse=warehouse, run_id=f"r{seed}").data_version)
        orders.add(tuple(warehouse.scan("aggregate_reports").collect()["metric"]))
    assert len(versions) == 1
    assert orders == {tuple(metrics)}  # as the evaluation declares them


def test_scores_of_metrics_and_judges_that_left_the_evaluation_do_not_count() -> None:
    heuristic = frame_of(
        "heuristic_metrics", [score("s-1"), score("s-2", metric="renamed"), score("s-3", metric="gone")]
    )
    judged = frame_of("judge_scores", [verdict("s-4"), verdict("s-5", judge="dismissed")])
    kept = scores_of(heuristic.lazy(), judged.lazy(), ["token_f1", "grader"])
    assert kept["metric"].to_list() == ["token_f1", "grader"]
    assert scores_of(heuristic.lazy(), judged.lazy(), []).is_empty()


@pytest.mark.parametrize("left", ["a removed metric", "a removed judge", "a renamed metric"])
def test_one_cell_is_compared_although_others_hold_scores_of(tmp_path: Path, left: str) -> None:
    both = [prediction(f"p-{name}", model=name) for name in ("alpha", "beta")]
    old = {
        "a removed metric": [score("s-9", metric="gone", of=both[1])],
        "a renamed metric": [score("s-8", metric="f1", of=both[1])],
    }
    tables = {
        "predictions": both,
        "evaluations": [evaluation(models=["alpha", "beta"])],
        "heuristic_metrics": [*(score(f"s-{n}", of=each) for n, each in enumerate(both)), *old.get(left, [])],
        "judge_scores": [verdict("s-5", judge="dismissed", of=both[1])] if left == "a removed judge" else [],
    }
    warehouse = warehouse_of(tmp_path, **tables)
    cells = [CELL, Cell("trial", "beta", "ask")]
    for cell in cells:
        warehouse.replace("aggregate_reports", frame_of("aggregate_reports", []), cell.partition, {"data_version": "a"})
    declared = Evaluation(name="trial", file=EvaluationFile(dataset="qa", models=["alpha", "beta"], prompts=["ask"]))
    facts = {"token_f1": MetricFacts(True, 0, 1)}
    write_comparison(declared, cells, facts, judged={}, warehouse=warehouse, run_id="r")
    assert warehouse.scan("comparison").collect()["metric"].unique().to_list() == ["token_f1"]


@pytest.mark.parametrize("n_stored", [0, 1])
def test_a_version_that_another_process_adds_meanwhile_stays_in_the_history(
    tmp_path: Path, monkeypatch, n_stored: int
) -> None:
    warehouse, other = Warehouse(str(tmp_path)), Warehouse(str(tmp_path))

    def record(into: Warehouse, text: str) -> int:
        fields = {"content": {"text": text}, "source": text, "description": "", "run_id": text}
        return record_version(into, "prompts", name="ask", content_sha256=text, **fields).version

    for number in range(n_stored):
        record(other, f"stored {number}")
    looked = Warehouse.snapshot
    meanwhile = iter(["theirs", "theirs too"])

    def overtaken(self: Warehouse, table: str) -> Snapshot:
        """The other process commits between our look at the history and our commit, twice."""
        seen = looked(self, table)
        if self is warehouse and (text := next(meanwhile, None)):
            record(other, text)
        return seen

    monkeypatch.setattr(Warehouse, "snapshot", overtaken)
    assert record(warehouse, "ours") == n_stored + 3
    history = [version.source for version in all_versions(other, "prompts", "ask")]
    assert history == [*(f"stored {number}" for number in range(n_stored)), "theirs", "theirs too", "ours"]
