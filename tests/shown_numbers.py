"""The shipped evaluations on every surface, and the tables that their numbers come from.

The embedded model is replaced by code that answers at once, falls over now and then, and judges.
"""

import json
import math
import re
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from starlette.testclient import TestClient

from tests.command_line import exit_code
from tests.shown_tables import ShownTable, html_tables, markdown_tables, terminal_tables
from tests.viewed import viewer_of

DATA = Path(__file__).parents[1] / "data"
EVALUATIONS = ("quickstart", "judged", "qa-full", "retrieval", "summarization")
STAND_IN = """
import hashlib, json


def said(messages, columns, temperature=0, max_tokens=0, stop=None):
    n = int(hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:4], 16)
    if "output" in columns:
        return json.dumps({"justification": "since", "score": 1 + n % 5})
    if n % 17 == 0:
        raise ValueError("it fell over")
    words = str(columns.get("context") or columns.get("inputs")).split()
    start = n % max(1, len(words) - 9)
    return " ".join(words[start : start + 9]) + (f" {columns.get('targets')}" if n % 3 == 0 else "")
"""
MODEL = """provider: callable
callable: stand_in:said
parameters: {temperature: 0}
prices: {prompt_usd_per_million: 0, completion_usd_per_million: 0, request_usd: 0.0013}
"""
NUMBER = r"[+-]?[\d,]+(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER}) \[({NUMBER}), ({NUMBER})\]")
SENTENCE = re.compile(
    rf"^(?:[a-z ]+: )?({NUMBER})( points)? \(\d+% interval ({NUMBER}) to ({NUMBER})(?:, p ({NUMBER}))?"
)
STATISTICS = {
    "same score as people": "raw_agreement",
    "Cohen's kappa": "cohen_kappa",
    "Cohen's kappa, quadratic weights": "cohen_kappa_quadratic",
    "Spearman's rank correlation": "spearman",
    "Krippendorff's alpha, people and judge": "krippendorff_alpha_with_judge",
    "score per 100 characters": "length_bias",
    "score per 100 characters, beyond people's": "length_bias_beyond_people",
    "outputs with the most frequent score": "most_frequent_score_share",
    "justifications copied from its own examples": "copied_justification_share",
}
Row = Mapping[str, Any]


def fits(shown: str, value: float | None, factor: float = 1.0) -> bool:
    """Whether a number as it is shown is a value, rounded to the digits that are shown."""
    text = shown.replace(",", "").replace("$", "").removesuffix("%").strip()
    if value is None or text == "-":
        return value is None and text == "-"
    decimals = len(text.partition(".")[2])
    return math.isclose(float(text), value * factor, rel_tol=1e-9, abs_tol=0.5 * 10**-decimals * (1 + 1e-9))


@dataclass
class Shown:
    """One evaluation on all surfaces, and its tables.

    Args:
        name: Of the evaluation.
        folder: Of the project.
    """

    name: str
    folder: Path
    _printed: dict[tuple[str, ...], str] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """Rows of the evaluation in a table of the warehouse, read by nobody's function."""
        table = pl.scan_delta(str(self.folder / "data" / "warehouse" / name))
        return table.filter(pl.col("evaluation") == self.name).collect()

    def printed(self, *arguments: str) -> str:
        """What a command prints; it is asked once."""
        if arguments not in self._printed:
            with redirect_stdout(StringIO()) as out:
                exit_code(self.folder / "data", *arguments)
            self._printed[arguments] = out.getvalue()
        return self._printed[arguments]

    @cached_property
    def aggregates(self) -> dict[tuple[str, str], Row]:
        """Candidate and metric → the overall aggregate."""
        rows = self.table("aggregate_reports").filter(pl.col("slice_column").is_null())
        return {(f"{row['model']}@{row['prompt']}", row["metric"]): row for row in rows.iter_rows(named=True)}

    @cached_property
    def against_baseline(self) -> dict[tuple[str, str], Row]:
        """Candidate and metric → the comparison with the baseline."""
        rows = self.table("comparison").filter(pl.col("is_baseline_comparison"))
        return {(f"{row['model']}@{row['prompt']}", row["metric"]): row for row in rows.iter_rows(named=True)}

    @cached_property
    def candidates(self) -> list[str]:
        return list(dict.fromkeys(candidate for candidate, _ in self.aggregates))

    @cached_property
    def metrics(self) -> list[str]:
        return list(dict.fromkeys(metric for _, metric in self.aggregates))

    @cached_property
    def primary(self) -> str:
        return str(self.table("comparison").filter(role="primary")["metric"][0])

    @cached_property
    def json(self) -> dict[str, Any]:
        return json.loads(self.printed("report", self.name, "--format", "json"))

    @cached_property
    def pages(self) -> dict[str, list[ShownTable]]:
        """The report page, the viewer's and the exported one, each with its tables."""
        report = self.folder / "data" / "warehouse" / "reports" / f"{self.name}.html"
        exported = self.folder / "pages" / "evaluations" / self.name / "index.html"
        return {
            "report page": html_tables(report.read_text()),
            "viewer": html_tables(self.viewed(f"/evaluations/{self.name}")),
            "exported page": html_tables(exported.read_text()),
        }

    @cached_property
    def texts(self) -> dict[str, list[ShownTable]]:
        """The report in a terminal and as Markdown, and as the metadata of the asset."""
        return {
            "terminal": terminal_tables(self.printed("report", self.name)),
            "markdown": markdown_tables(self.printed("report", self.name, "--format", "md")),
            "asset": markdown_tables(str(self.metadata("comparison", self.name)["preview"])),
        }

    def grid(self) -> ShownTable:
        """The grid of all candidates in the viewer."""
        (table,) = html_tables(self.viewed(f"/evaluations/{self.name}/grid"))
        return table

    def viewed(self, address: str) -> str:
        return self._viewer.get(address).text

    @cached_property
    def _viewer(self) -> TestClient:
        return viewer_of(self.folder, can_edit=True)

    def metadata(self, asset: str, partition: str) -> dict[str, Any]:
        """What the Dagster UI shows of a partition that was materialized last."""
        with dg.DagsterInstance.get() as instance:
            wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition])
            (record,) = instance.fetch_materializations(wanted, limit=1).records
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def cell(self, asset: str, candidate: str) -> dict[str, Any]:
        return self.metadata(asset, f"{self.name}:{candidate}")


def write_shipped(folder: Path) -> None:
    """Copy the shipped project, with the stand-in for its model, run it by the command line, and write its pages."""
    shutil.copytree(DATA, folder / "data", ignore=shutil.ignore_patterns("warehouse"))
    (folder / "stand_in.py").write_text(STAND_IN)
    for name in ("smollm2-135m", "smollm2-brief"):
        (folder / "data" / "models" / f"{name}.yaml").write_text(MODEL)
    exit_code(folder / "data", "run", *EVALUATIONS, "--no-gate")
    exit_code(folder / "data", "view", "--export", str(folder / "pages"))


def titled(tables: list[ShownTable], title: str) -> list[dict[str, str]]:
    """The rows of all tables of a title: a long one goes on in a second."""
    return [row for table in tables if table.title == title for row in table.by_head()]


def named(cell: str) -> str:
    """A candidate as a cell names it, without what stands beside its name."""
    return re.sub(r"(incomplete|\(baseline\)|\*)$", "", cell).replace(" ", "")
