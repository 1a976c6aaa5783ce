"""Reports of many candidates and of long texts: bounded in size, best first, and they say what is left out."""

import json

import pytest

from eval_assets.reports.rendered.json_report import report_json
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.reports.rendered.page import page_examples
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.reports.rendered.plain_lines import WIDTH
from eval_assets.reports.rendered.table import report_table
from tests.report_rows import report_of

N = 20


@pytest.fixture(scope="module")
def many():
    """Twenty candidates, m00 the baseline and worst, each better than the one before; m07 failed on one example."""
    names = [f"m{number:02}" for number in range(N)]
    outputs = {name: [f"{name} says {index}" for index in range(12)] for name in names}
    outputs["m07"][3] = None
    scores = {name: [(number + index % 2) / 30 for index in range(12)] for number, name in enumerate(names)}
    scores["m07"][3] = None
    return report_of(outputs, scores)


def block_of(page: str):
    return json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>", maxsplit=1)[0])


def test_the_best_candidate_stands_first_in_the_terminal(many) -> None:
    lines = report_table(many, selected=["m07@p"]).splitlines()
    assert "m19@p, the best of 20, is better than the baseline m00@p on token_f1" in lines[0]
    start = next(index for index, line in enumerate(lines) if line.startswith("----")) + 1
    rows = [line.split()[:2] for line in lines[start : start + 10]]
    best = [[str(place), f"m{20 - place}@p"] for place in range(1, 9)]  # eight, one that is asked for, the baseline
    assert rows == [*best, ["13!!", "m07@p"], ["20", "m00@p"]]
    assert lines[start + 10].startswith("10 more: ")
    assert max(map(len, lines)) <= WIDTH


def test_the_top_and_what_is_selected_stand_in_markdown(many) -> None:
    lines = report_markdown(many, selected=["m05@p"]).splitlines()
    assert lines[2].startswith("| | candidate | token_f1 ↑ | vs baseline, points |")
    rows = [line for line in lines[4:] if line.startswith("| ")][:10]
    assert rows[0].startswith("| 1 | m19@p | **")
    assert [row.split("|")[2].strip() for row in rows[7:]] == ["m12@p", "m05@p", "m00@p (baseline)"]


def test_the_page_shows_the_best_and_folds_the_others_away(many) -> None:
    page = report_html(many)
    assert "<summary>11 more candidates</summary>" in page  # eight and the baseline stay
    assert page.count("<h3>token_f1</h3>") == 1
    block = block_of(page)
    assert block["candidates"] == ["m00@p", *(f"m{number}@p" for number in range(19, 12, -1))]
    assert "the baseline and the best of 20 candidates" in page
    assert "eval-assets report trial --format parquet --output FOLDER" in page


def test_a_few_candidates_stay_in_the_order_of_the_file() -> None:
    names = ("zeta", "alpha", "mid")
    report = report_of({name: ["x"] * 3 for name in names}, {name: [0.1, 0.2, 0.3] for name in names})
    assert block_of(report_html(report))["candidates"] == ["zeta@p", "alpha@p", "mid@p"]
    assert "Every example with the outputs of all candidates." in report_html(report)


def test_json_leaves_no_candidate_out(many) -> None:
    assert len(report_json(many)["candidates"]) == N
    assert len({row["model"] for row in report_json(many)["comparisons"]}) == N


def test_one_cause_is_one_note_however_many_candidates_it_befell() -> None:
    names = [f"m{number:02}" for number in range(30)]
    report = report_of({name: ["x", None] for name in names}, {name: [0.5, None] for name in names})
    for render in (report_table, report_markdown, report_html):
        text = " ".join(render(report).split())
        assert text.count("30 candidates: 30 of 60 requests failed (error: HTTP 500).") == 1
        assert text.count("requests failed") <= 2  # in Markdown once more, in the fold that names them
    (note,) = report_json(report)["notes"]
    assert note["candidates"] == [f"{name}@p" for name in names]


def test_a_page_of_more_text_than_fits_says_how_many_examples_it_shows(monkeypatch) -> None:
    monkeypatch.setattr(page_examples, "MOST_BYTES", 20_000)
    n = 200
    outputs = {name: [f"{name} {index} " + "wörd " * 40 for index in range(n)] for name in ("old", "new")}
    outputs["new"][150] = None
    scores = {"old": [0.5] * n, "new": [0.5] * n}
    scores["new"][150], scores["new"][120] = None, 0.9
    page = report_html(report_of(outputs, scores))
    block = block_of(page)
    shown = [example[0] for example in block["examples"]]
    assert len(json.dumps(block["examples"], ensure_ascii=False).encode()) < 25_000
    # The failed request and the one difference are shown whatever their place, the rest from the first on.
    assert {"e150", "e120", "e0", "e1"} <= set(shown)
    assert shown == sorted(shown, key=lambda name: int(name[1:]))
    assert f"{len(shown)} of 200 examples" in page
    assert "those first that failed or on which scores differ most" in page


def test_one_cell_of_many_megabytes_does_not_make_the_page_heavy() -> None:
    heavy = "wort " * 2_000_000  # 10 MB
    report = report_of({"old": [heavy, "x"], "new": [heavy + "other", "y"]}, {"old": [0.1, 0.5], "new": [0.9, 0.5]})
    for render in (report_html, report_markdown, report_table):
        assert len(render(report)) < 200_000
    assert "more characters are in the predictions table" in report_html(report)
