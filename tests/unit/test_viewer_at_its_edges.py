"""The viewer's parts by themselves: addresses as they are read and written, the index, and very many of everything."""

import re
import socket
from urllib.parse import parse_qsl

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.config.settings import settings_from, web_address
from eval_assets.errors import ConfigError
from eval_assets.reports.evaluation_report import DatasetFacts, Provenance, assemble_report
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.cell_tables import AGGREGATE_REPORTS
from eval_assets.tables.schemas import SCHEMAS
from eval_assets.viewer.cell_numbers import cell_numbers
from eval_assets.viewer.column_rows import ColumnRows
from eval_assets.viewer.default_view import usual_view
from eval_assets.viewer.grid_page import GridPages
from eval_assets.viewer.grid_selection import selected
from eval_assets.viewer.grid_view import CHOICES, GridView, address, read_view
from eval_assets.viewer.score_index import IndexedCandidate, IndexShelf, ScoreIndex
from eval_assets.viewer.serving import names_of, serve
from eval_assets.viewer.viewed_project import ViewedProject
from tests.report_rows import NOON, answered, judged, measured, trial

MANY, METRICS = 300, 200


def summarised(n_candidates: int, n_metrics: int, n_labelled: int = 0):
    """Candidates with metrics, aggregated and no more; with labels alone where any are labelled."""
    metrics = [f"metric-{number:03}" for number in range(n_metrics)]
    models = [f"model-{number:03}" for number in range(n_candidates)]
    common = {"evaluation": "trial", "prompt": "p", "version": "v1", "kind": "heuristic", "greater_is_better": True}
    aggregates = pl.DataFrame(
        [
            {
                **common,
                "model": model,
                "metric": metric,
                "n_total": 2,
                "n_scored": 0 if n_labelled else 2,
                "n_labelled": n_labelled,
                "mean": 0.5,
            }
            for model in models
            for metric in metrics
        ],
        schema=AGGREGATE_REPORTS,
    )
    tables = ("predictions", "heuristic_metrics", "judge_scores", "comparison", "gate_results", "aggregate_history")
    frames = {"aggregate_reports": aggregates} | {table: pl.DataFrame(schema=SCHEMAS[table]) for table in tables}
    return assemble_report(
        trial(*models), frames, dataset=DatasetFacts("d", 2, ""), provenance=Provenance(NOON, (), {})
    )


def test_three_hundred_candidates_and_two_hundred_metrics_are_a_page_of_few_columns(tmp_path, monkeypatch):
    crowded = summarised(MANY, METRICS)
    (tmp_path / "data").mkdir()
    warehouse = Warehouse(str(tmp_path / "data" / "warehouse"))
    warehouse.replace(
        "predictions", answered(["yes", None], model="model-000"),
        {"evaluation": "trial", "model": "model-000", "prompt": "p"},
    )  # fmt: skip
    monkeypatch.setattr(ViewedProject, "summary", lambda self, name: crowded)
    project = ViewedProject(settings_from({}, data_dir=tmp_path / "data"), warehouse)
    page = GridPages(project).page("trial", [])
    heads = re.findall(r'<th scope="col"><span class="name[^"]*"><b>(model-\d+)', page)
    assert len(heads) == 3
    assert heads[0] == "model-000"
    assert "model-299@p" in page  # to be chosen
    assert "metric-199" in page
    assert page.count('<span class="outcome">missing</span>') == 4  # two candidates, two examples
    everything = GridPages(project).page("trial", [("c", f"model-{number:03}@p") for number in range(MANY)])
    assert len(re.findall(r'<th scope="col"><span class="name', everything)) == 12


def test_an_address_is_read_as_it_was_written():
    report = summarised(14, 6)
    default = usual_view(report)
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    numbers = st.none() | st.floats(-1e6, 1e6).map(lambda value: float(f"{value:g}"))
    names = st.sampled_from([candidate.name for candidate in report.candidates])

    @given(
        st.builds(
            GridView,
            columns=st.lists(names, min_size=1, max_size=11, unique=True).map(tuple),
            base=names,
            metric=st.sampled_from(report.metrics),
            scores=st.lists(st.sampled_from(report.metrics), min_size=1, max_size=5, unique=True).map(tuple),
            q=texts,
            low=numbers,
            high=numbers,
            dlow=numbers,
            dhigh=numbers,
            page=st.integers(1, 99),
            **{field: st.sampled_from(list(values)) for field, values in CHOICES.items()},
        )
    )
    def check(view: GridView) -> None:
        columns = (view.base, *(column for column in view.columns if column != view.base))
        read = read_view(report, default, parse_qsl(address(view, default, page=view.page)))
        assert read == GridView(**{**{name: getattr(view, name) for name in view.__slots__}, "columns": columns})

    check()


def numbered(*scores: float, lengths: tuple[float, ...] | None = None) -> IndexedCandidate:
    n = len(scores)
    return IndexedCandidate(
        positions=np.arange(n),
        outcomes=pl.Series(["ok"] * n, dtype=pl.Categorical()),
        lengths=np.array(lengths or [1.0] * n),
        latencies=np.ones(n),
        n_samples=np.ones(n, dtype=np.int64),
        n_failed=np.zeros(n, dtype=np.int64),
        digests=np.arange(n, dtype=np.uint64),
        rows=np.arange(n, dtype=np.uint64),
        is_flaky=np.zeros(n, dtype=bool),
        scores={"f1": np.array(scores)},
    )


INDEX = ScoreIndex(
    (),
    pl.Series(list("abcd")),
    {"old@p": numbered(0.5, 0.5, np.nan, 0.1 + 0.2), "new@p": numbered(0.9, 0.1, 0.7, 0.3, lengths=(3, 9, np.nan, 4))},
    {name: ColumnRows.present("trial", name) for name in ("old@p", "new@p")},
)


@pytest.mark.parametrize(
    ("fields", "up", "rows"),
    [
        ({"show": "better"}, True, [0]),  # 0.30000000000000004 against 0.3 is no change
        ({"show": "better"}, False, [1]),
        ({"show": "flips", "sort": "regression"}, True, [1, 0]),
        ({"show": "unscored"}, True, [2]),
        ({"show": "unscored", "of": "new@p"}, True, []),
        ({"sort": "longest", "of": "new@p"}, True, [1, 3, 0, 2]),  # what has no length comes last
        ({"sort": "lowest"}, True, [1, 3, 0, 2]),
        ({"sort": "disagreement"}, True, [0, 1, 3, 2]),  # equally far apart: as in the dataset
        ({"low": 0.3, "high": 0.5, "of": "new@p"}, True, [3]),
    ],
)
def test_rows_are_chosen_and_ordered_by_numbers_alone(fields, up, rows) -> None:
    view = GridView(("old@p", "new@p"), "old@p", "f1", ("f1",), **fields)
    assert selected(INDEX, view, greater_is_better=up).tolist() == rows


def test_samples_are_averaged_and_differing_ones_are_flaky(tmp_path) -> None:
    warehouse = Warehouse(str(tmp_path))
    cell = {"evaluation": "trial", "model": "m", "prompt": "p"}
    twice = {"example_id": ["a", "a", "b", "b"], "position": [0, 0, 1, 1], "sample_index": [0, 1, 0, 1]}
    warehouse.replace("predictions", answered(["one", None, "three", "four!"], **twice), cell)
    warehouse.replace("heuristic_metrics", measured([1.0, None, 0.2, 0.4], **twice), cell)
    rows = cell_numbers(warehouse, ColumnRows.present("trial", "m@p")).to_dicts()
    assert [row["score of token_f1"] for row in rows] == [1.0, pytest.approx(0.3)]
    assert [(row["n_samples"], row["n_failed"], row["outcome"]) for row in rows] == [(2, 1, "error"), (2, 0, "ok")]
    assert [row["is_flaky"] for row in rows] == [False, True]
    assert [row["length"] for row in rows] == [3.0, 5.0]


def test_only_cells_that_were_written_since_are_read_again(tmp_path, monkeypatch) -> None:
    warehouse = Warehouse(str(tmp_path))
    columns = [ColumnRows.present("trial", candidate) for candidate in ("old@p", "new@p")]
    cells = {model: {"evaluation": "trial", "model": model, "prompt": "p"} for model in ("old", "new")}
    for model, cell in cells.items():
        warehouse.replace("predictions", answered(["x", "y"], model=model), cell)
    read: list[str] = []
    monkeypatch.setattr(
        "eval_assets.viewer.score_index.cell_numbers",
        lambda tables, column: read.append(column.cell["model"]) or cell_numbers(tables, column),
    )
    shelf = IndexShelf()
    first = shelf.index(warehouse, columns)
    assert shelf.index(warehouse, columns) is first
    warehouse.replace("judge_scores", judged([4.0, None], model="new"), cells["new"])
    second = shelf.index(warehouse, columns)
    assert second is not first
    assert read == ["old", "new", "new"]
    assert second.scores("new@p", "correctness").tolist() == [4.0, pytest.approx(np.nan, nan_ok=True)]


def test_an_address_of_a_server_is_a_web_address_without_a_password() -> None:
    assert web_address("https://dagster.internal/ui/", "--dagster-url") == "https://dagster.internal/ui"
    assert web_address("", "--dagster-url") is None
    for wrong in ("javascript:alert(1)", "127.0.0.1:3000", "http://user:secret@host", "http://[::1", "file:///etc"):
        with pytest.raises(ConfigError, match=r"--dagster-url: expected an address such as"):
            web_address(wrong, "--dagster-url")


def test_a_server_answers_to_the_name_it_listens_at_and_loopback_to_all_of_its_own() -> None:
    assert names_of("localhost") == names_of("::1") == ("127.0.0.1", "localhost", "[::1]")
    assert names_of("Evals.internal") == ("evals.internal",)
    assert names_of("10.0.0.7") == ("10.0.0.7",)
    assert {"localhost", socket.gethostname().lower()} <= set(names_of("0.0.0.0"))  # noqa: S104


def test_a_metric_that_answers_with_labels_shows_them(tmp_path, monkeypatch) -> None:
    (tmp_path / "data").mkdir()
    warehouse = Warehouse(str(tmp_path / "data" / "warehouse"))
    report = summarised(1, 1, n_labelled=2)
    cell = {"evaluation": "trial", "model": "model-000", "prompt": "p"}
    warehouse.replace("predictions", answered(["yes", "no"], model="model-000"), cell)
    labelled = measured([None, None], model="model-000", metric="metric-000", label=["polite", "<rude>"])
    warehouse.replace("heuristic_metrics", labelled, cell)
    monkeypatch.setattr(ViewedProject, "summary", lambda self, name: report)
    page = GridPages(ViewedProject(settings_from({}, data_dir=tmp_path / "data"), warehouse)).page("trial", [])
    assert re.findall(r'<span class="metric">metric-000</span> <b>([^<]*)</b>', page) == ["polite", "&lt;rude&gt;"]


def test_a_port_that_is_taken_is_said(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = settings_from({}, data_dir=tmp_path)
        with pytest.raises(ConfigError, match=f"nothing can listen at 127.0.0.1:{port}: .*; choose another by --host"):
            serve(settings, host="127.0.0.1", port=port, dagster_url=None, can_edit=False, on_ready=lambda _: None)


def test_a_page_can_tell_that_its_evaluation_was_written_since(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    warehouse = Warehouse(str(tmp_path / "data" / "warehouse"))
    project = ViewedProject(settings_from({}, data_dir=tmp_path / "data"), warehouse)
    rows = answered(["x"])
    versions = [project.version("trial")]
    for evaluation in ("trial", "trial-2"):
        cell = {"evaluation": evaluation, "model": "m", "prompt": "p"}
        warehouse.replace("predictions", rows.with_columns(evaluation=pl.lit(evaluation)), cell)
        versions.append(project.version("trial"))
    assert versions[0] != versions[1] == versions[2]  # the other evaluation's rows are none of this one's
