"""The viewer over a small computed project: the numbers of the report, filters, traces, and what must not happen."""

import csv
import html
import io
import json
import re
import shutil
from urllib.parse import quote

import polars as pl
import pytest

from eval_assets.config.settings import settings_from
from eval_assets.planning.present_report import present_report
from eval_assets.reports.noting import report_notes
from eval_assets.reports.rendered.answer import answer_sentence
from eval_assets.reports.rendered.measures import mean_text, measures
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.tracing.trace import trace
from eval_assets.viewer import evaluation_page
from tests.viewed import N_EXAMPLES, NAME, ODD, PLAIN, SCRIPT, viewer_of

HOME = f"/evaluations/{NAME}"
GRID = f"{HOME}/grid"


@pytest.fixture(scope="session")
def folder(viewed):
    """For reading only."""
    return viewed


@pytest.fixture(scope="session")
def viewer(folder):
    return viewer_of(folder, dagster_url="http://127.0.0.1:3000")


@pytest.fixture(scope="session")
def report(folder):
    with EngineRoom.from_settings(settings_from({}, data_dir=folder / "data")) as room:
        return present_report(room, NAME)


def shown(viewer, address: str, status: int = 200) -> str:
    """The text of a page, as a person sees it."""
    answer = viewer.get(address)
    assert answer.status_code == status, answer.text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.text)))


def numbers(viewer, query: str = "") -> list[int]:
    """The examples a grid shows, in its order."""
    answer = viewer.get(f"{GRID}?per=100&{query}")
    assert answer.status_code == 200, answer.text
    return [int(number) for number in re.findall(r'class="open" href="[^"]*">e(\d+)/ä<', answer.text)]


def prediction_of(folder, candidate: str, example: str) -> str:
    rows = pl.scan_delta(str(folder / "data" / "warehouse" / "predictions")).filter(
        pl.col("model") == candidate.partition("@")[0], pl.col("example_id") == example
    )
    return rows.collect()["prediction_id"][0]


@pytest.fixture(scope="session")
def pages(folder, viewer):
    """Every kind of page: address → its HTML."""
    traced = prediction_of(folder, ODD, "e1/ä")
    addresses = [
        "/", HOME, GRID, f"{GRID}?diff=baseline&lines=all&per=100", f"{HOME}/example?id=e1/ä",
        f"{HOME}/example?id=e1/ä&trace={traced}", f"{HOME}/example?id=e1/ä&trace={traced}&part=1",
        f"{HOME}/example?id=e4/ä", f"{GRID}?metric={quote(SCRIPT)}", f"/{quote(SCRIPT)}",
        f"/evaluations/{quote(SCRIPT, safe='')}",
    ]  # fmt: skip
    return {address: viewer.get(address).text for address in addresses}


def test_the_first_page_lists_what_was_computed_and_what_was_not(viewer, report) -> None:
    page = shown(viewer, "/")
    first = next(one for one in measures(report) if one.metric == "token_f1")
    best = max((PLAIN, ODD), key=lambda name: first.rows[name]["mean"])
    assert f"First by token_f1 {best.replace('@', ' @ ')} {mean_text(first, best)}" in page
    assert "none yet: eval-assets run never" in page


def test_the_page_of_an_evaluation_says_what_the_report_says(viewer, report) -> None:
    page = shown(viewer, HOME)
    assert answer_sentence(report) in page
    for measure in measures(report):
        for row in measure.rows.values():
            assert f"{row['n_scored']} of {row['n_total']}" in page
    row = report.against_baseline(ODD, "token_f1")
    assert row["sentence"] in page
    assert f"{row['wins']} better" in page
    assert f"{row['losses']} worse" in page


def test_a_page_written_by_another_process_is_the_same(folder, viewer, monkeypatch) -> None:
    monkeypatch.setattr(evaluation_page, "MANY_SCORES", 1)
    apart = viewer_of(folder, dagster_url="http://127.0.0.1:3000")
    without_time = (re.sub(r"<footer>.*|<time.*?</time>", "", one.get(HOME).text) for one in (viewer, apart))
    assert next(without_time) == next(without_time)


def test_the_page_has_every_note_of_the_report(viewer, report) -> None:
    page = shown(viewer, HOME)
    assert report_notes(report)
    for note in report_notes(report):
        assert " ".join(str(note).split()) in page


def test_heads_of_the_grid_have_the_means_and_the_wins_of_the_report(viewer, report) -> None:
    for metric in ("token_f1", "exact_match", "right"):
        page = shown(viewer, f"{GRID}?metric={metric}")
        measure = next(one for one in measures(report) if one.metric == metric)
        row = report.against_baseline(ODD, metric)
        assert f"{mean_text(measure, ODD)} {row['wins']} better {row['losses']} worse" in page


def test_every_link_of_a_page_leads_to_a_page(viewer, pages) -> None:
    links = {html.unescape(link) for page in pages.values() for link in re.findall(r'href="(/[^"]*)"', page)}
    by_kind = {re.sub(r"\d+|p-[0-9a-f]+", "", link.partition("#")[0]): link for link in links}
    assert len(by_kind) > 20
    assert [link for link in by_kind.values() if viewer.get(link).status_code != 200 and "never" not in link] == []


def test_a_prompt_is_shown_with_each_version_and_the_lines_it_changed(viewer) -> None:
    page = viewer.get(HOME).text
    assert page.index("prompt-ask-v2") < page.index("prompt-ask-v1")
    assert "<del>-Answer: {{ inputs }}</del><ins>+Answer briefly: {{ inputs }}</ins>" in page


def test_all_examples_are_there_in_dataset_order_with_the_baseline_first(viewer) -> None:
    assert numbers(viewer) == list(range(N_EXAMPLES))
    heads = re.findall(r"<b>(\w+)</b><span>@<wbr>ask", viewer.get(GRID).text)
    assert heads == ["plain", "odd"]


def test_better_and_worse_are_filters_and_together_they_are_the_flips(viewer, report) -> None:
    row = report.against_baseline(ODD, "token_f1")
    better = numbers(viewer, f"show=better&of={ODD}&sort=improvement")
    worse = numbers(viewer, f"show=worse&of={ODD}&sort=regression")
    assert (len(better), len(worse)) == (row["wins"], row["losses"])
    # `plain` fails on each third row; `odd` adds two words to odd ones, and says something else on 1, 2, 3 and 5.
    assert set(better) == set(range(0, N_EXAMPLES, 3)) - {3}
    assert set(worse) == {1, 2, 3, 5} | {n for n in range(7, N_EXAMPLES, 2) if n % 3}
    assert set(numbers(viewer, "show=flips")) == {*better, *worse}


def test_the_worst_change_comes_first_and_unscored_rows_last(viewer) -> None:
    order = numbers(viewer, "sort=regression")
    assert set(order[:3]) == {1, 2, 5}  # from all to nothing
    assert order[-1] == 4


def test_a_failed_request_looks_unlike_a_wrong_answer_and_can_be_found(viewer) -> None:
    assert numbers(viewer, "show=errors") == numbers(viewer, "outcome=error") == numbers(viewer, "show=unscored") == [4]
    cells = re.findall(r'<td data-of="[^"]*" class="failed-cell">.*?</td>', viewer.get(GRID).text, re.DOTALL)
    assert len(cells) == 1
    assert '<span class="outcome">error</span>' in cells[0]
    assert "the model fell over" in cells[0]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=NO+IDEA&where=outputs", [n for n in range(N_EXAMPLES) if n % 3 == 0]),
        ("q=number+is+17", [17]),
        ("q=answer+17&where=inputs", [17]),
        ("q=row+21&where=reasons", [21]),
        ("q=briefly:+Which+number+is+2&where=messages", [2, *range(20, 30)]),
        ("q=%5Bn%5D.*", []),
        ("q=onerror%3D'window&where=outputs", [1]),
        ("slice=topic%3Dodd&low=1", [n for n in range(1, N_EXAMPLES, 2) if n % 3]),
        ("slice=topic%3Deven&show=better", list(range(0, N_EXAMPLES, 6))),
        ("dlow=-1&dhigh=-1", [2, 5]),
        ("show=outputs&slice=topic%3Deven", [2, 4, *range(0, N_EXAMPLES, 6)]),
        ("sort=longest&per=10&show=disagreements", None),
    ],
)
def test_filters_find_what_they_say(viewer, query, found) -> None:
    rows = numbers(viewer, query)
    assert rows[0] == 3 if found is None else sorted(rows) == sorted(found)


def test_words_are_marked_against_the_baseline_and_the_target(viewer) -> None:
    assert "answer 11 <ins>of course</ins>" in viewer.get(f"{GRID}?diff=baseline&per=100").text
    assert "<ins>no idea </ins>6" in viewer.get(f"{GRID}?diff=target&per=100").text


def test_a_page_beyond_the_last_is_the_last(viewer) -> None:
    assert "21 to 30, page 3 of 3" in shown(viewer, f"{GRID}?per=10&page=99")


def test_the_export_holds_exactly_the_examples_and_scores_that_are_shown(viewer) -> None:
    address = f"show=better&of={ODD}&sort=improvement&s=token_f1"
    rows = list(csv.reader(io.StringIO(viewer.get(f"{GRID}.csv?{address}").text)))
    assert rows[0][:4] == ["example_id", "inputs", "targets", f"output of {PLAIN}"]
    assert [int(row[0][1:-2]) for row in rows[1:]] == numbers(viewer, address)
    assert rows[1][5:] == ["0.4", "answer 0", "ok", "1.0"]  # of "no idea 0" 1 word of 3 is right, 1 word of 2 found


def test_an_example_shows_each_answer_each_score_and_its_reason(viewer) -> None:
    page = shown(viewer, f"{HOME}/example?id=e9/ä")
    assert "Which number is 9" in page
    assert "no idea 9" in page
    assert "answer 9 of course" in page
    assert f"right 2 {SCRIPT} row 9" in page
    assert f"right 5 {SCRIPT} row 9" in page


def test_a_trace_leads_to_prompt_model_row_judge_and_run(folder, viewer) -> None:
    prediction = prediction_of(folder, ODD, "e9/ä")
    answer = viewer.get(f"{HOME}/example?id=e9/ä&trace={prediction}")
    page = html.unescape(answer.text)
    for part in (
        "Answer briefly: Which number is 9",
        "prompt ask, version 2",
        "viewed_code:odd",
        "raw reply",
        "Is it right?",
    ):
        assert part in page
    assert 'href="http://127.0.0.1:3000/runs/run-2"' in answer.text
    assert f'href="{HOME}#prompt-ask-v2"' in answer.text
    traced = viewer.get(f"{HOME}/trace.json?id={prediction}").json()
    settings = settings_from({}, data_dir=folder / "data")
    with EngineRoom.from_settings(settings) as room:
        assert traced == json.loads(json.dumps(trace(room.warehouse, prediction), default=str))


def test_the_id_of_a_score_leads_to_its_example(folder, viewer) -> None:
    scores = pl.scan_delta(str(folder / "data" / "warehouse" / "judge_scores")).filter(pl.col("example_id") == "e9/ä")
    answer = viewer.get(f"/trace?id={scores.collect()['score_id'][0]}")
    assert answer.history[0].status_code == 303
    assert "Which number is 9" in answer.text


def test_next_and_previous_follow_the_order_of_the_grid(viewer) -> None:
    order = numbers(viewer, "sort=longest")
    page = viewer.get(f"{HOME}/example?id=e{order[1]}/ä&sort=longest").text
    before, after = (re.search(rf'rel="{rel}" href="[^"]*id=e(\d+)%2F', page) for rel in ("prev", "next"))
    assert (int(before[1]), int(after[1])) == (order[0], order[2])


def test_nothing_foreign_is_markup_and_nothing_of_a_page_stands_inline(pages) -> None:
    for address, page in pages.items():
        assert "<img" not in page, address
        assert re.findall(r"<script(?![^>]* src=\"/static/viewer.js\")", page) == [], address
        assert re.findall(r"<[^>]*\s(style|on\w+)=", page) == [], address
        assert not set("\x00\x1b\u202e") & set(page), address
    assert "a\\u202eright to left\\u001b[31m\\u0000end" in pages[f"{GRID}?diff=baseline&lines=all&per=100"]


def test_a_megabyte_in_a_cell_is_cut_and_says_so(viewer, pages) -> None:
    assert len(pages[GRID]) < 100_000
    assert "999,400 more characters" in pages[GRID]
    assert "980,000 more characters" in viewer.get(f"{HOME}/example?id=e3/ä").text


def test_every_answer_allows_only_the_viewers_own_files(viewer) -> None:
    for address in ("/", GRID, "/static/viewer.css", "/nowhere", f"{GRID}.csv"):
        policy = viewer.get(address).headers["content-security-policy"]
        assert "default-src 'none'; style-src 'self'; script-src 'self'" in policy
        assert "unsafe" not in policy


def test_another_hosts_name_is_not_answered(viewer) -> None:
    for host in ("evil.example", "evil.example:3141", "localhost.evil.example", ""):
        answer = viewer.get(GRID, headers={"host": host})
        assert (answer.status_code, "answer" in answer.text) == (421, True)
        assert "Which number" not in answer.text


def test_only_reading_is_answered(viewer) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert viewer.request(method, GRID).status_code == 405


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/evaluations/nope", "there is no 'nope'"),
        ("/evaluations/nope/grid", "there is no 'nope'"),
        (f"{GRID}?metric=tokn_f1", "did you mean 'token_f1'?"),
        (f"{GRID}?c=odd", "candidate: expected one of plain@ask, odd@ask"),
        (f"{GRID}?low=much", "low: expected a number, got 'much'"),
        (f"{GRID}?page=nan", "page: expected a number"),
        (f"{GRID}?slice=odd", "expected column=value"),
        (f"{GRID}?color=red", "got 'color'"),
        (f"{HOME}/example?id=nobody", "expected the id of an example that was answered, got 'nobody'"),
        (f"{HOME}/example?id=e1/ä&trace=p-0", "expected a prediction of this example"),
        (f"{HOME}/trace.json?id=s-nothing", "expected a score, prediction or example id"),
        ("/trace?id=e1/ä", "got the example"),
        ("/static/../app.py", "there is no"),
        ("/static/app.py", "there is no file"),
    ],
)
def test_what_is_not_there_is_said_on_a_page(viewer, address, said) -> None:
    assert said in shown(viewer, address, 404)


def test_what_was_never_computed_says_how_to_compute_it(viewer) -> None:
    for address in ("/evaluations/never", "/evaluations/never/grid", "/evaluations/never/example?id=e1"):
        assert "eval-assets run" in shown(viewer, address, 503)


def test_an_empty_warehouse_is_a_clear_page(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "own", ignore=shutil.ignore_patterns("warehouse"))
    empty = viewer_of(tmp_path / "own")
    assert "none yet: eval-assets run seen" in shown(empty, "/")
    assert "eval-assets run" in shown(empty, GRID, 503)


def test_a_half_written_warehouse_shows_what_there_is(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "own")
    for table in ("heuristic_metrics", "judge_scores", "aggregate_reports", "comparison", "gate_results"):
        shutil.rmtree(tmp_path / "own" / "data" / "warehouse" / table)
    half = viewer_of(tmp_path / "own")
    assert len(numbers(half)) == N_EXAMPLES
    assert "answer 11 of course" in shown(half, f"{GRID}?per=100")
    assert "answer 9 of course" in shown(half, f"{HOME}/example?id=e9/ä")
    assert shown(half, HOME)


def test_a_damaged_table_is_named(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "own")
    for file in (tmp_path / "own" / "data" / "warehouse" / "predictions").rglob("*.parquet"):
        file.write_bytes(b"no parquet")
    assert "predictions" in shown(viewer_of(tmp_path / "own"), GRID, 503)


def test_looking_writes_nothing(folder, viewer) -> None:
    def files():
        return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}

    before = files()
    for address in ("/", HOME, GRID, f"{HOME}/example?id=e9/ä"):
        viewer.get(address)
    assert files() == before
