"""The states of candidates as a frame, a row each: parameters, versions, metrics, cost, runs. What a search returns."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from eval_assets.config.candidate import cell_key
from eval_assets.reports.metric_keys import metric_key
from eval_assets.reports.states.lineage import DESCRIBED, ComputedState, committed_at, computed_states
from eval_assets.reports.states.recorded_means import MEASURED, MetricRow, recorded_means
from eval_assets.reports.states.stored_files import StoredFiles
from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import facts_recorded
from eval_assets.tables.columns import CELL, TIME

STATE_COLUMNS: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "evaluation": pl.String(),
    "candidate": pl.String(),
    "model": pl.String(),
    "prompt": pl.String(),
    "state": pl.String(),
    "is_current": pl.Boolean(),
    "started_at": TIME,
    "ended_at": TIME,
    "dataset": pl.String(),
    "dataset_version": pl.String(),
    "prompt_version": pl.Int64(),
    "model_version": pl.Int64(),
    "evaluation_version": pl.Int64(),
    "n_rows": pl.Int64(),
    "outcomes": pl.String(),
    "n_failed": pl.Int64(),
    "n_sent": pl.Int64(),
    "n_reused": pl.Int64(),
    "prompt_tokens": pl.Int64(),
    "completion_tokens": pl.Int64(),
    "cost_usd": pl.Float64(),
    "judge_cost_usd": pl.Float64(),
    "spent_usd": pl.Float64(),
    "latency_seconds_mean": pl.Float64(),
    "run_ids": pl.List(pl.String()),
    "report_page": pl.String(),
}
"""Columns that every frame of states has; `params.*`, `judges.*` and `metrics.*` come after them."""

PREDICTION_FACTS = ("n_failed", "prompt_tokens", "completion_tokens", "cost_usd", "latency_seconds_mean")

METRICS = 2
MODEL_FIELDS = ("provider", "model", "callable", "file", "base_url")


def state_frame(
    warehouse: Warehouse, pages: ReportPages | None, evaluations: Collection[str] | None = None
) -> pl.DataFrame:
    """A row per state of a candidate, the one computed last first.

    Args:
        warehouse: The tables.
        pages: The report pages; null: there are none.
        evaluations: Of these alone; null: all that were ever computed.

    Returns:
        `STATE_COLUMNS`, then `params.<name>` (of the model), `judges.<name>` (its version) and
        `metrics.<metric>/<version>/<aggregate>`.
    """
    states = computed_states(warehouse, evaluations)
    files, sent = StoredFiles(warehouse), _sent(warehouse)
    means = recorded_means(warehouse, states)
    shown = {state.cell["evaluation"] for state in states if state.is_current}
    page_of = {} if pages is None else {name: pages.place(name) for name in shown}
    rows = [
        {
            **_row(state, files, sent.get((state.key, state.run_id), {})),
            **_metrics(means.get((state.key, state.state), ())),
            "report_page": page_of.get(state.cell["evaluation"]) if state.is_current else None,
        }
        for state in states
    ]
    further = sorted({name for row in rows for name in row} - STATE_COLUMNS.keys(), key=_place)
    fixed = pl.DataFrame([{name: row.get(name) for name in STATE_COLUMNS} for row in rows], schema=STATE_COLUMNS)
    return fixed.with_columns(_series(name, [row.get(name) for row in rows]) for name in further)


def _row(state: ComputedState, files: StoredFiles, sent: Mapping[str, Any]) -> dict[str, Any]:
    ended_at = committed_at(state.commits[DESCRIBED])
    predicted, judged = (
        facts_recorded(state.commits[table]) if table in state.commits else {}
        for table in ("predictions", "judge_scores")
    )
    began = [committed_at(commit) for commit in state.own_commits]
    own = {
        **state.cell,
        "candidate": state.candidate,
        "state": state.state,
        "is_current": state.is_current,
        "run_id": state.run_id,
        "run_ids": state.run_ids,
        "started_at": min([*began, *([sent["started_at"]] if sent else [])]),
        "ended_at": ended_at,
        "n_rows": predicted.get("n_total"),
        "outcomes": json.dumps(predicted["outcomes"], sort_keys=True) if predicted else None,
        **{name: predicted.get(name) for name in PREDICTION_FACTS},
        "judge_cost_usd": judged.get("cost_usd"),
        **{name: sent.get(name, 0) for name in ("n_sent", "n_reused")},
        "spent_usd": _spent(sent, predicted.get("cost_usd"), judged.get("cost_usd")),
    }
    for place, data_version in state.made_from.items():
        table, _, name = place.partition("/")
        if table == "eval_datasets":
            own |= {"dataset": name, "dataset_version": data_version}
            continue
        version = files.version_of(place, data_version, ended_at)
        if table == "judges":
            own[f"judges.{name}"] = version.get("version")
        else:
            own[f"{table.removesuffix('s')}_version"] = version.get("version")
        if table == "models" and version:
            own |= _parameters(json.loads(version["content"])["file"])
    return own


def _spent(sent: Mapping[str, Any], *known: float | None) -> float | None:
    """What a run paid; null where it sent something and no price is known, which accounts of runs call nothing."""
    is_unknown = bool(sent.get("n_sent")) and not sent["spent_usd"] and all(cost is None for cost in known)
    return None if is_unknown else float(sent.get("spent_usd", 0.0))


def _parameters(model_file: Mapping[str, Any]) -> dict[str, Any]:
    """What decides how a model answers."""
    named = {name: model_file[name] for name in MODEL_FIELDS if model_file.get(name) is not None}
    return {f"params.{name}": value for name, value in {**named, **model_file.get("parameters", {})}.items()}


def _metrics(rows: Iterable[MetricRow]) -> dict[str, Any]:
    return {
        f"metrics.{metric_key(row['metric'], row['version'], name)}": row[name] for row in rows for name in MEASURED
    }


def _sent(warehouse: Warehouse) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Cell and run → what the run sent for it, all its stages together."""
    sums = (
        warehouse.scan("runs")
        .filter(pl.col("model").is_not_null())
        .group_by(*CELL, "run_id")
        .agg(
            pl.col("n_sent", "n_reused").sum(),
            pl.col("cost_usd").sum().alias("spent_usd"),
            pl.col("started_at").min(),
        )
        .collect()
    )
    return {(cell_key(row), row["run_id"]): row for row in sums.iter_rows(named=True)}


def _place(column: str) -> tuple[int, str, int]:
    """Parameters first, then judges, then metrics, whose aggregates are in their usual order."""
    metric, _, aggregate = column.rpartition("/")
    kind = ("params", "judges", "metrics").index(column.partition(".")[0])
    return (kind, metric, MEASURED.index(aggregate)) if kind == METRICS else (kind, column, 0)


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of one type: as its values are if they agree, else their JSON."""
    kinds = {type(value) for value in values if value is not None}
    if name.startswith("metrics."):
        dtype = pl.Int64() if name.endswith(("/n_scored", "/n_total")) else pl.Float64()
        return pl.Series(name, values, dtype=dtype)
    if kinds <= {int, float} and float in kinds:
        return pl.Series(name, values, dtype=pl.Float64())
    if len(kinds) > 1 or not kinds <= {bool, int, str}:
        texts = [None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True) for value in values]
        return pl.Series(name, texts, dtype=pl.String())
    return pl.Series(name, values, dtype=None if kinds else pl.String())
