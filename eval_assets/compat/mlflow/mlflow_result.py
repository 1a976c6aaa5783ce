"""What `evaluate` returns: MLflow's `metrics`, `tables`, `artifacts` and `run_id`, with the result of ours behind."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_assets.api.results.result import EvaluationResult
from eval_assets.wording.valid_json import finite_values

if TYPE_CHECKING:
    import pandas as pd

TABLE = "eval_results_table"


@dataclass(frozen=True, slots=True)
class MlflowArtifact:
    """Something besides metrics.

    Args:
        content: The thing itself.
        uri: Where it lies, if it lies somewhere.
    """

    content: Any
    uri: str | None = None


@dataclass(frozen=True, eq=False)
class MlflowResult:
    """A result in MLflow's shape.

    Args:
        metrics: Aggregates under MLflow's names; those that no row has a score for are left out.
        table: A row per example: features, targets, outputs, scores, justifications.
        further: What `custom_artifacts` made.
        result: The result of ours: intervals, comparisons, failed rows.
    """

    metrics: Mapping[str, float]
    table: "pd.DataFrame" = field(repr=False)
    further: Mapping[str, MlflowArtifact] = field(repr=False)
    result: EvaluationResult = field(repr=False)

    @property
    def run_id(self) -> str:
        """The run under which tables name it."""
        return self.result.sent.run_id

    @cached_property
    def tables(self) -> dict[str, "pd.DataFrame"]:
        """Name → frame: `eval_results_table`, and frames that `custom_artifacts` made."""
        frames = {
            name: each.content for name, each in self.further.items() if type(each.content).__name__ == "DataFrame"
        }
        return {TABLE: self.table, **frames}

    @cached_property
    def artifacts(self) -> dict[str, MlflowArtifact]:
        """Name → artifact."""
        return {TABLE: MlflowArtifact(self.table), **self.further}

    def save(self, path: str | Path) -> None:
        """Write `metrics.json` and the tables, as JSON with `columns` and `data`, into a folder."""
        folder = Path(path)
        (folder / "artifacts").mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(dict(self.metrics)), encoding="utf-8")
        for name, frame in self.tables.items():
            values, _ = finite_values({"columns": list(map(str, frame.columns)), "data": frame.to_numpy().tolist()})
            text = json.dumps(values, ensure_ascii=False, default=str)
            (folder / "artifacts" / f"{name}.json").write_text(text, encoding="utf-8")
