"""Adding one of each to a copy of the project takes the files that CONTRIBUTING.md says, and it works."""

import filecmp
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.derived import DERIVED

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8")
COPIED = ("eval_assets", "docs", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Addition:
    """What somebody writes.

    Args:
        new: File → its text.
        edits: File → what is there, and what stands there afterwards.
        proof: A script over what was added.
    """

    new: dict[str, str]
    edits: dict[str, list[tuple[str, str]]]
    proof: str


METRIC = Addition(
    new={},
    edits={
        "eval_assets/metrics/overlap/spelling.py": [
            (
                "METRICS = (\n",
                '''def same_length(rows: Rows, _: Mapping[str, Any]) -> Scores:
    """Whether output and target have as many characters."""
    at, targets = rows.pairs
    return rows.best([float(len(rows.outputs[row]) == len(target)) for row, target in zip(at, targets, strict=True)])


METRICS = (
    Metric("same_length", same_length),
''',
            )
        ]
    },
    proof="""
from eval_assets.config.evaluation import MetricChoice
from eval_assets.metrics.registry import resolve_metrics
assert "same_length" in [m.label for m in resolve_metrics("text", (MetricChoice(metric="same_length"),))]
""",
)
PROVIDER = Addition(
    new={
        "eval_assets/providers/clients/echo_client.py": '''"""Provider `echo`: the last message comes back."""

from datetime import UTC, datetime

from eval_assets.config.model import Model
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.requests.exchange import Client, Reply, Request


class EchoClient:
    """Repeats what it is asked."""

    async def complete(self, request: Request) -> Reply:
        """Repeat the last message."""
        return Reply("ok", request.messages[-1]["content"], "stop", 0.0, datetime.now(UTC))

    async def aclose(self) -> None:
        """Nothing is open."""


def open_echo(_model: Model, _surroundings: Surroundings) -> Client:
    """Make the client."""
    return EchoClient()
'''
    },
    edits={
        "eval_assets/providers/traits.py": [
            (
                "from eval_assets.providers.clients.openai_opening",
                """from eval_assets.providers.clients.echo_client import open_echo
from eval_assets.providers.clients.openai_opening""",
            ),
            (
                '        "callable": Provider(\n',
                '        "echo": Provider(open_client=open_echo),\n        "callable": Provider(\n',
            ),
        ],
        "eval_assets/config/model.py": [
            ('Literal["openai", ', 'Literal["echo", "openai", '),
            ('        "openai": "model",\n', '        "echo": "model",\n        "openai": "model",\n'),
        ],
    },
    proof="""
import asyncio
from pathlib import Path
from eval_assets.config.model import Model
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.identity import identity_of
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Request
model = Model.model_validate({"name": "e", "file": {"provider": "echo", "model": "any"}})
assert identity_of(model).provider == "echo"
client = open_client(model, Surroundings(Path("."), EmbeddedServers()))
reply = asyncio.run(client.complete(Request(({"role": "user", "content": "hello"},))))
assert reply.output == "hello"
""",
)
SCALE = Addition(
    new={},
    edits={
        "eval_assets/config/scales.py": [
            (
                "class NamedScale(FileModel):",
                '''class StarsScale(NumberedScale):
    """Stars, from 0."""

    type: Literal["stars"] = Field(description="Which scale it is.")
    stars: int = 5

    is_whole: ClassVar[bool] = True

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return 0, self.stars


class NamedScale(FileModel):''',
            ),
            ("FORMS = {\n", 'FORMS = {\n    "stars": "{type: stars, stars: 5}",\n'),
            ("    IntegerScale | NumberScale", "    StarsScale | IntegerScale | NumberScale"),
        ]
    },
    proof="""
from eval_assets.config.judge import Judge
from eval_assets.judges.fingerprint import judge_fingerprint
file = {"definition": "It shines.", "rubric": "more is better", "model": "m", "scale": {"type": "stars", "stars": 3}}
judge = Judge.model_validate({"name": "j", "file": file})
assert judge.file.scale.value_schema == {"type": "integer", "enum": [0, 1, 2, 3]}, judge.file.scale.value_schema
assert judge_fingerprint(judge)
""",
)
COLUMN = Addition(
    new={},
    edits={
        "eval_assets/reports/performance.py": [
            (
                "    reused_share: float | None\n\n",
                "    reused_share: float | None\n    longest_seconds: float | None = None\n\n",
            ),
            (
                "    return Performance(\n",
                "    return Performance(\n        longest_seconds=_quantile(latency, 1.0),\n",
            ),
        ],
        "eval_assets/reports/rendered/table.py": [
            ('"tok/s", "reused"]', '"tok/s", "reused", "longest"]'),
            (
                "        share_text(speed.reused_share),\n",
                "        share_text(speed.reused_share),\n        str(speed.longest_seconds),\n",
            ),
        ],
    },
    proof="""
import polars as pl
from eval_assets.reports.performance import performance
from eval_assets.reports.rendered.table import _speed_cells
from eval_assets.tables.cell_tables import JUDGE_SCORES, PREDICTIONS
rows = pl.DataFrame([{"outcome": "ok", "latency_seconds": 2.5}], schema=PREDICTIONS)
assert _speed_cells(performance(rows, pl.DataFrame(schema=JUDGE_SCORES)))[-1] == "2.5"
""",
)
STAGE = Addition(
    new={
        "eval_assets/stages/output_lengths.py": '''"""The stage that counts the characters of a cell's outputs."""

import polars as pl

from eval_assets.stages.cell_inputs import versioned_rows
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.graph import parse_cell
from eval_assets.stages.stage import Computation
from eval_assets.storage.writing import Written, provenance
from eval_assets.tables.cell_tables import OUTPUT_LENGTHS

CODE_VERSION = "1"


def compute_output_lengths(run: Computation) -> Written:
    """Count the characters of each output."""
    cell = parse_cell(run.key)
    version, rows = versioned_rows(run.room.warehouse, "predictions", cell.partition)
    counted = rows.select(
        "evaluation", "model", "prompt", "prediction_id", n_characters=pl.col("output").str.len_chars().cast(pl.Int64)
    ).sort("prediction_id").collect()
    data_version = content_sha256(counted.to_dicts())
    inputs = {f"predictions/{cell.key}": version}
    made_from = provenance(run_id=run.run_id, data_version=data_version, code_version=CODE_VERSION, inputs=inputs)
    frame = pl.DataFrame(counted, schema=OUTPUT_LENGTHS)
    commit = run.room.warehouse.replace("output_lengths", frame, cell.partition, made_from)
    return Written(data_version, commit, frame.height)
'''
    },
    edits={
        "eval_assets/tables/cell_tables.py": [
            (
                "CELL_TABLES: ",
                'OUTPUT_LENGTHS = {**CELL, "prediction_id": pl.String(), "n_characters": pl.Int64()}\n\nCELL_TABLES: ',
            ),
            (
                '    "predictions": PREDICTIONS,\n',
                '    "predictions": PREDICTIONS,\n    "output_lengths": OUTPUT_LENGTHS,\n',
            ),
        ],
        "eval_assets/stages/stage_table.py": [
            ("    judge_scores,\n    pairwise", "    judge_scores,\n    output_lengths,\n    pairwise"),
            (
                '        Stage(\n            table="judge_scores",',
                """        Stage(
            table="output_lengths",
            unit="cell",
            description="How long each output is.",
            inputs={"predictions": same_key},
            compute=output_lengths.compute_output_lengths,
            code_version=output_lengths.CODE_VERSION,
            preview=first_rows("output_lengths", "prediction_id", "n_characters"),
        ),
        Stage(
            table="judge_scores",""",
            ),
        ],
    },
    proof="""
import tempfile
from pathlib import Path
import dagster as dg
from tests.loopback import LoopbackProvider
from tests.projects import Lab, echo_or_verdict, write_project
with tempfile.TemporaryDirectory() as folder, LoopbackProvider(answer=echo_or_verdict) as provider:
    with dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(write_project(Path(folder), provider.base_url), instance)
        one = {"evaluations": ["main"], "models": ["alpha"], "prompts": ["short"]}
        failed = lab.run(**one).failed
        assert not failed, failed
        partition = {"evaluation": "main", "model": "alpha", "prompt": "short"}
        rows = lab.warehouse.scan("output_lengths", partition).collect()
        assert rows.height == 4 and rows["n_characters"].min() > 0
        assert lab.plan(**one).is_empty, [cell.staleness for cell in lab.plan(**one).cells]
""",
)
FORMAT = Addition(
    new={
        "eval_assets/reports/rendered/one_line.py": '''"""The report in one line."""

from eval_assets.reports.evaluation_report import EvaluationReport


def report_line(report: EvaluationReport) -> str:
    """Name of the evaluation and how many candidates it has."""
    return f"{report.evaluation.name}: {len(report.candidates)}"
'''
    },
    edits={
        "eval_assets/cli/reporting.py": [
            ('Choice(["table", ', 'Choice(["line", "table", '),
            (
                '        case "json":\n',
                """        case "line":
            from eval_assets.reports.rendered.one_line import report_line

            return report_line(loaded)
        case "json":
""",
            ),
        ]
    },
    proof="""
from types import SimpleNamespace
from eval_assets.cli.reporting import _rendered
assert _rendered(SimpleNamespace(evaluation=SimpleNamespace(name="e"), candidates=[1, 2]), "line") == "e: 2"
""",
)
ADDITIONS = {
    "a metric": METRIC,
    "a provider": PROVIDER,
    "a judge scale": SCALE,
    "a report column": COLUMN,
    "a stage": STAGE,
    "a page": FORMAT,
}


def files_said(what: str) -> int:
    """How many files the page says that an addition takes."""
    return int(re.findall(rf"^\| {what} \|.*\| (\d+) \|$", PAGE, re.MULTILINE)[0])


def python(*arguments: str, folder: Path) -> None:
    """Run Python over the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]


def changed(before: Path, after: Path) -> set[str]:
    """Files that differ or are new."""
    files = {str(path.relative_to(after)) for path in after.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return {
        file for file in files if not (before / file).exists() or not filecmp.cmp(before / file, after / file, False)
    }


def add(addition: Addition, copy: Path) -> None:
    """Write what somebody writes."""
    for file, text in addition.new.items():
        (copy / file).write_text(text)
    for file, edits in addition.edits.items():
        text = (copy / file).read_text()
        for there, instead in edits:
            assert text.count(there) == 1, (file, there)
            text = text.replace(there, instead)
        (copy / file).write_text(text)


def test_adding_one_of_each_takes_the_files_that_the_page_says(tmp_path: Path) -> None:
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("*-pytest-*", "*.gz", "*.png"))
        else:
            shutil.copy(source, tmp_path / name)
    by_hand: set[str] = set()
    for what, addition in ADDITIONS.items():
        add(addition, tmp_path)
        (tmp_path / f"proof_of_{what.split()[-1]}.py").write_text(addition.proof)
        files = {file for file in (*addition.new, *addition.edits) if not file.startswith("tests/")}
        assert len(files) == files_said(what), what
        by_hand |= files
    python("-m", "tests.derived", folder=tmp_path)
    proofs = {path.name for path in tmp_path.glob("proof_of_*.py")}
    assert len(proofs) == len(ADDITIONS)
    python("-c", "".join(f"import {Path(proof).stem}\n" for proof in sorted(proofs)), folder=tmp_path)
    found = {file for file in changed(CHECKOUT, tmp_path) - DERIVED - proofs if not file.startswith("tests/")}
    assert found == by_hand


def test_everything_the_page_lists_is_added_here() -> None:
    listed = re.findall(r"^\| (an? [a-z ]+) \|", PAGE, re.MULTILINE)
    assert listed == list(ADDITIONS)
