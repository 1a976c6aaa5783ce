"""Nothing stands between the answer and the ranked table, however many candidates there are and whatever is missing."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import gsm8k
from benchmarks.many_candidates import write_project
from benchmarks.public_judgements import DATASETS
from eval_assets.config.settings import settings_from
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.table import report_table
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.report_reading import read_report
from tests.report_rows import report_of
from tests.small_project import compute_everything

GSM8K = DATASETS / "gsm8k"
SYSTEMS = gsm8k.PUBLISHED


def own_solutions(folder: Path) -> Path:
    """Files such as those of GSM8K: 60 sums that four systems solve more or less often."""
    rng = random.Random(3)
    folder.mkdir()
    questions, solutions = [], []
    for number in range(60):
        answer = f"{number} + {number} = {2 * number}\n#### {2 * number}"
        questions.append({"question": f"{number} + {number}?", "answer": answer})
        said = {
            name: {"solution": answer if rng.random() < solved / 900 else f"#### {number + 1}"}
            for name, solved in SYSTEMS.items()
        }
        solutions.append(said)
    for name, rows in (("test.jsonl", questions), (gsm8k.SOLUTIONS, solutions)):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def computed(folder: Path, evaluation: str) -> EvaluationReport:
    compute_everything(folder, run_id="run")
    with EngineRoom.from_settings(settings_from({}, data_dir=folder / "data")) as room:
        return read_report(room, evaluation)


def between_answer_and_table(report: EvaluationReport) -> Iterator[str]:
    """What each output has there, beside the heads of columns and the rule below them."""
    _, table, *_ = report_table(report).split("\n\n")
    yield from table.splitlines()[:1]
    _, blank, head, *_ = report_markdown(report).splitlines()
    yield from (blank, head)
    page = report_html(report)
    yield page[page.index("</h1>") : page.index('<table class="ranking">')]


def assert_the_table_follows(report: EvaluationReport) -> None:
    head, blank, markdown_head, page = between_answer_and_table(report)
    metric = str(report.headline)
    assert head.split()[:2] == ["candidate", metric]
    assert (blank, markdown_head.startswith(f"| | candidate | {metric}")) == ("", True)
    assert "<li" not in page
    assert "note" not in page


@pytest.mark.parametrize(
    "source",
    ["own", pytest.param("public", marks=pytest.mark.skipif(not GSM8K.is_dir(), reason=f"no gsm8k in {DATASETS}"))],
)
def test_of_four_recorded_systems(tmp_path, source: str) -> None:
    gsm8k.write_project(tmp_path / "data", GSM8K if source == "public" else own_solutions(tmp_path / "own"))
    report = computed(tmp_path, "gsm8k")
    assert [candidate.model for candidate in report.candidates] == [*SYSTEMS]
    assert_the_table_follows(report)


def test_of_57_candidates_some_of_whose_requests_failed() -> None:
    names = [f"m{number:02}" for number in range(57)]
    scores = {name: [number / 57, 0.5, None if number % 5 == 0 else 1.0] * 4 for number, name in enumerate(names)}
    texts = {name: [None if score is None else "text" for score in row] for name, row in scores.items()}
    report = report_of(texts, scores)
    assert len(report.candidates) == 57
    assert len(report_notes(report)) > 0
    assert_the_table_follows(report)


def test_where_6_percent_of_the_targets_are_missing(tmp_path) -> None:
    write_project(tmp_path, n_candidates=3, n_examples=50, n_words=4)
    dataset = tmp_path / "data" / "datasets" / "many.jsonl"
    rows = [json.loads(line) for line in dataset.read_text().splitlines()]
    for row in rows[::17]:  # 3 of 50
        del row["targets"]
    dataset.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    report = computed(tmp_path, "many")
    assert_the_table_follows(report)
    # It is said, once, below the table.
    assert sum("without a target" in line or "no target" in line for line in report_table(report).splitlines()) == 1
