"""The stage at the end: candidates compared, gates asked, history extended, the report page written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.comparing import compare_candidates
from eval_assets.reports.computed.former_scores import FormerScores
from eval_assets.reports.computed.gating import evaluate_gates, overall_verdict
from eval_assets.reports.computed.history import CellVersions, history_rows
from eval_assets.reports.computed.labels import with_labels
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.evaluation_report import examples_sha256
from eval_assets.reports.performance import MEASURED, Performance, known_sum, performance
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.stages.aggregate_reports import groups_of, scores_of
from eval_assets.stages.cell_inputs import data_version_in
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.graph import Cell, cells_of
from eval_assets.stages.metric_facts import stored_facts
from eval_assets.stages.previews import report_preview
from eval_assets.stages.report_reading import read_report
from eval_assets.stages.stage import Computation
from eval_assets.storage.versions import StoredVersion, current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written, provenance
from eval_assets.tables.columns import CANDIDATE

CODE_VERSION = "4"
SCORE_TABLES = ("heuristic_metrics", "judge_scores")


def compute_comparison(run: Computation) -> Written:
    """Compare the candidates of an evaluation and write its report page."""
    room = run.room
    evaluation, stored = run.evaluation()
    inputs = run.inputs().versions
    written = write_comparison(
        evaluation,
        cells_of(room.project, evaluation.name),
        stored_facts(room.versions, room.warehouse, evaluation),
        judged={
            place: inputs[place] for place in inputs if place.startswith(("judge_agreement/", "pairwise_", "changes/"))
        },
        warehouse=room.warehouse,
        run_id=run.run_id,
        stored=stored,
    )
    if room.pages is None:
        return written
    report = read_report(room, evaluation.name)
    facts = {**written.facts, "page": room.pages.write(evaluation.name, report_html(report))}
    return replace(written, facts=facts, shown=report_preview(report))


def write_comparison(
    evaluation: Evaluation,
    cells: Sequence[Cell],
    facts: Mapping[str, MetricFacts],
    *,
    judged: Mapping[str, str],
    warehouse: Warehouse,
    run_id: str,
    stored: StoredVersion | None = None,
) -> Written:
    """Compare the candidates of an evaluation, ask its gates and extend its history.

    Args:
        evaluation: The evaluation, as stored.
        cells: Its cells; those that were never computed are reported as missing.
        facts: Direction and range of every metric and judge; scores of others are left from earlier and don't count.
        judged: Data versions of what is known about its judges: on the report's page, not in the compared numbers.
        warehouse: Where scores and comparisons lie.
        run_id: The run that writes.
        stored: The version of the evaluation that was given; null: the current one.
    """
    name, partition = evaluation.name, {"evaluation": evaluation.name}
    stored = stored or current_version(warehouse, "evaluations", name)
    reports = warehouse.snapshot("aggregate_reports")
    computed = [cell for cell in cells if reports.last_commit(cell.partition) is not None]
    versions = {f"aggregate_reports/{cell.key}": data_version_in(reports, cell.partition) for cell in computed}
    keys = [cell.candidate for cell in computed]
    mine = CANDIDATE.is_in(keys)
    heuristic, judged_rows = (warehouse.scan(table, partition).filter(mine) for table in SCORE_TABLES)
    scores = scores_of(heuristic, judged_rows, list(facts))
    aggregates = reports.scan(partition).filter(mine & pl.col("metric").is_in(list(facts))).collect()
    groups = groups_of(warehouse, partition, cluster=stored.content["cluster"], slices=[])
    comparison = compare_candidates(evaluation, scores, aggregates, metric_facts=facts, run_id=run_id, groups=groups)
    comparison = with_labels(comparison, scores, evaluation, groups)
    looks_back = any(gate.against != "baseline" for gate in evaluation.file.gates)
    pairs = warehouse.scan("paired_scores", partition).filter(mine)
    former = FormerScores(pairs.collect(), groups) if looks_back else None
    asks_slices = any(gate.worst_slice_min is not None for gate in evaluation.file.gates)
    slices = stored.content["slices"] if asks_slices else []
    gates = evaluate_gates(
        evaluation,
        scores,
        metric_facts=facts,
        run_id=run_id,
        groups=groups_of(warehouse, partition, cluster=stored.content["cluster"], slices=slices) if slices else groups,
        references=stored.content.get("references", ()),
        performances=_performances(warehouse, evaluation),
        former=former,
    )
    data_version = content_sha256([comparison.drop("run_id").to_dicts(), gates.drop("run_id").to_dicts(), versions])
    recorded = provenance(
        run_id=run_id,
        data_version=data_version,
        code_version=CODE_VERSION,
        inputs={**versions, **judged, f"evaluations/{name}": stored.content_sha256},
    )
    if _is_new(warehouse, partition, data_version):
        _extend_history(warehouse, evaluation, aggregates, stored.version, run_id=run_id)
    warehouse.replace("gate_results", gates, partition, recorded)
    commit = warehouse.replace("comparison", comparison, partition, recorded)
    verdict = overall_verdict(gates)
    return Written(
        data_version,
        commit,
        comparison.height,
        {
            "verdict": verdict.verdict.value,
            "n_candidates": len(cells),
            "n_missing_candidates": len(cells) - len(computed),
        },
    )


def _performances(warehouse: Warehouse, evaluation: Evaluation) -> dict[str, Performance]:
    """Candidate → its cost and speed, where a gate asks about them."""
    asked = [getattr(gate, name) for gate in evaluation.file.gates for name in gate.OF_COST]
    if not any(threshold is not None for threshold in asked):
        return {}
    rows = warehouse.scan("predictions", {"evaluation": evaluation.name}).select(MEASURED).collect()
    judged = pl.DataFrame(schema={"cost_usd": pl.Float64()})
    parts = rows.partition_by("model", "prompt", as_dict=True)
    return {Candidate.of(model, prompt): performance(part, judged) for (model, prompt), part in parts.items()}


def _is_new(warehouse: Warehouse, partition: Mapping[str, str], data_version: str) -> bool:
    latest = warehouse.last_commit("comparison", partition)
    return latest is None or latest.metadata["data_version"] != data_version


def _extend_history(
    warehouse: Warehouse, evaluation: Evaluation, aggregates: pl.DataFrame, evaluation_version: int, *, run_id: str
) -> None:
    """Append a point for every candidate whose aggregates were made by runs not yet in the history."""
    predictions = (
        warehouse.scan("predictions", {"evaluation": evaluation.name})
        .select("model", "prompt", "example_id", "example_sha256", "prompt_version", "model_version", "cost_usd")
        .collect()
    )
    judges = warehouse.scan("judge_scores", {"evaluation": evaluation.name})
    judged = judges.group_by("model", "prompt", "judge").agg(pl.col("judge_version").max()).collect()
    judge_versions: defaultdict[str, dict[str, int | None]] = defaultdict(dict)
    for row in judged.iter_rows(named=True):
        judge_versions[Candidate.of_row(row)][row["judge"]] = row["judge_version"]
    versions: dict[str, CellVersions] = {}
    costs: dict[str, float | None] = {}
    for (model, prompt), rows in predictions.group_by("model", "prompt"):
        candidate = Candidate.of(model, prompt)
        first = rows.row(0, named=True)
        versions[candidate] = CellVersions(
            first["prompt_version"],
            first["model_version"],
            evaluation_version,
            examples_sha256(rows),
            judge_versions[candidate],
        )
        costs[candidate] = known_sum(rows["cost_usd"])
    recorded = history_rows(aggregates, recorded_at=datetime.now(UTC), versions=versions, cost_usd=costs, run_id=run_id)
    if recorded.height:
        warehouse.append("aggregate_history", recorded, {"run_id": run_id})
