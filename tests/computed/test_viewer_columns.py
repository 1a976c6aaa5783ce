"""Columns of former states and of other evaluations: beside the candidates, as baseline, in filters, traces and CSV."""

import csv
import html
import io
import json
import re
import shutil
from urllib.parse import quote

import pytest

from eval_assets.config.column_name import ColumnName
from eval_assets.config.settings import settings_from
from eval_assets.errors import ConfigError
from eval_assets.stages.compared_since import compared_since
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer import column_rows
from tests.small_project import compute_everything, project_with
from tests.viewed import viewer_of

CODE = """
import json


def says(inputs: str) -> str:
    \"\"\"The last word of the question.\"\"\"
    return inputs.split()[-1]


def shouts(inputs: str) -> str:
    return inputs.split()[-1].upper()


def judge(messages, columns):
    strict = "strictly" in str(messages)
    return json.dumps({"justification": "so", "score": 1 if strict else 5})
"""
GRID = "/evaluations/first/grid"
NOW, BEFORE, ELSEWHERE = "says@ask", "says@ask~previous", "second:shouts@ask"
EDITED = "q2"
EVALUATION = {
    "dataset": "qa", "prompts": ["ask"], "judges": ["right"], "metrics": ["exact_match"],
    "without_metrics": ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level"], "primary": "exact_match",
}  # fmt: skip


def rows_of(edited: str, wanted: str) -> str:
    rows = [{"example_id": f"q{n}", "inputs": f"Say word{n}", "targets": f"word{n}"} for n in range(4)]
    rows[2] = {"example_id": EDITED, "inputs": edited, "targets": wanted}
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def files(*, rows: str, prompt: str, rubric: str) -> dict[str, str | None]:
    return {
        "datasets/qa.jsonl": rows,
        "datasets/others.yaml": "task: question-answering\n",
        "datasets/others.jsonl": '{"example_id": "a", "inputs": "Why?", "targets": "Because."}\n',
        "models/echo.yaml": None,
        "models/says.yaml": "provider: callable\ncallable: columns_code:says\n",
        "models/shouts.yaml": "provider: callable\ncallable: columns_code:shouts\n",
        "models/referee.yaml": "provider: callable\ncallable: columns_code:judge\n",
        "judges/right.yaml": f"definition: Is it right?\nrubric: {rubric}\nmodel: referee\n",
        "prompts/ask.md": prompt,
        "evaluations/e.yaml": None,
        "evaluations/first.yaml": json.dumps({**EVALUATION, "models": ["says"]}),
        "evaluations/second.yaml": json.dumps({**EVALUATION, "models": ["shouts"]}),
        "evaluations/apart.yaml": json.dumps({**EVALUATION, "dataset": "others", "models": ["says"], "judges": []}),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    (folder / "columns_code.py").write_text(CODE)
    prompt = "## user\nAnswer: {{ inputs }}\n"
    project_with(folder, **files(rows=rows_of("Say former", "former"), prompt=prompt, rubric="1 wrong, 5 right"))
    compute_everything(folder, run_id="run-former")
    edited = files(rows=rows_of("Say something", "nothing"), prompt=prompt, rubric="strictly 1 wrong, 5 right")
    project_with(folder, **edited)
    compute_everything(folder, run_id="run-latter")
    return folder


@pytest.fixture(scope="module")
def viewer(folder):
    return viewer_of(folder)


def page(viewer, address: str, status: int = 200) -> str:
    answer = viewer.get(address)
    assert answer.status_code == status, answer.text
    return answer.text


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def cells(viewer, query: str) -> dict[tuple[str, str], str]:
    """Example and column → what its cell says."""
    found = {}
    for row in re.findall(r"<tr tabindex.*?</tr>", page(viewer, f"{GRID}?{query}"), re.DOTALL):
        example = re.search(r'class="open"[^>]*>([^<]*)<', row)[1]
        for name, cell in re.findall(r'<td data-of="([^"]*)"[^>]*>(.*?)</td>', row, re.DOTALL):
            found[example, html.unescape(name)] = words(re.sub(r'<a class="why.*?</a>', "", cell))
    return found


def shown(viewer, query: str) -> list[str]:
    return re.findall(r'class="open"[^>]*>([^<]*)<', page(viewer, f"{GRID}?{query}"))


def test_a_former_state_is_a_column_with_its_answers_scores_mean_and_time(viewer) -> None:
    found = cells(viewer, f"c={NOW}&c={BEFORE}&s=exact_match")
    assert found["q2", NOW] == "something exact_match 0"
    assert found["q2", BEFORE].startswith("former ")
    assert "exact_match 1" in found["q2", BEFORE]
    head = words(re.search(r"<thead>.*?</thead>", page(viewer, f"{GRID}?c={BEFORE}"), re.DOTALL)[0])
    assert "(run run-form)" in head
    assert re.search(r"as of \d+ \w+ 2\d{3}, \d\d:\d\d UTC", head)
    assert "(run run-form) 1.00 [0.51, 1.00]" in head  # four of four were right then


def test_where_the_row_was_edited_the_cell_says_so_and_no_difference_is_shown(viewer) -> None:
    found = cells(viewer, f"c={NOW}&c={BEFORE}&s=exact_match")
    assert "answers another text of this row: no difference" in found["q2", BEFORE]
    assert not re.search(r"[+−-]1\b", found["q2", BEFORE])
    assert "another text" not in found["q1", BEFORE]
    assert shown(viewer, f"c={NOW}&c={BEFORE}&show=flips") == []
    assert shown(viewer, f"c={NOW}&c={BEFORE}&show=disagreements") == []
    assert shown(viewer, f"c={NOW}&c={BEFORE}&show=outputs") == []
    head = words(re.search(r"<thead>.*?</thead>", page(viewer, f"{GRID}?c={NOW}&c={BEFORE}"), re.DOTALL)[0])
    assert "0 better 0 worse 1 row edited" in head
    assert "answer" in page(viewer, f"{GRID}?c={BEFORE}")


def test_the_example_shows_the_text_that_the_former_state_answered(viewer) -> None:
    text = words(page(viewer, f"/evaluations/first/example?id={EDITED}&c={NOW}&c={BEFORE}"))
    assert text.index("Say something") < text.index("Answers another text of this row Say former Expected former")
    text = words(page(viewer, f"/evaluations/first/example?id=q1&c={NOW}&c={BEFORE}"))
    assert "another text" not in text


def test_where_the_rubric_was_another_no_difference_is_shown(viewer) -> None:
    found = cells(viewer, f"c={NOW}&c={BEFORE}&s=right&metric=right")
    assert found["q1", NOW] == "word1 right 1"
    assert found["q1", BEFORE] == "word1 right 5"
    text = page(viewer, f"{GRID}?c={NOW}&c={BEFORE}&metric=right")
    assert "right was scored otherwise: no difference" in words(text)
    assert shown(viewer, f"c={NOW}&c={BEFORE}&metric=right&show=flips") == []


def test_a_candidate_of_another_evaluation_is_compared_like_any_other(viewer) -> None:
    found = cells(viewer, f"c={NOW}&c={ELSEWHERE}&s=exact_match&s=right")
    assert found["q1", ELSEWHERE] == "WORD1 exact_match 0 -1 right 1"  # the same judge, now
    assert shown(viewer, f"c={NOW}&c={ELSEWHERE}&show=worse&of={ELSEWHERE}") == ["q0", "q1", "q3"]
    text = words(page(viewer, f"{GRID}?c={ELSEWHERE}"))
    assert "of the evaluation second" in text
    assert "0 better 3 worse" in text
    assert shown(viewer, f"c={ELSEWHERE}&q=WORD3&where=outputs&of={ELSEWHERE}") == ["q3"]


def test_any_column_can_be_the_one_compared_with(viewer) -> None:
    found = cells(viewer, f"c={NOW}&c={ELSEWHERE}&base={ELSEWHERE}&s=exact_match&diff=baseline")
    assert [name for _, name in found][:2] == [ELSEWHERE, NOW]
    assert found["q1", NOW] == "word1 exact_match 1 +1"
    marked = page(viewer, f"{GRID}?c={NOW}&c={ELSEWHERE}&base={ELSEWHERE}&diff=baseline")
    assert "<ins>word1</ins>" in marked
    assert "<ins>WORD1</ins>" not in marked


def test_what_a_state_did_is_what_the_comparison_with_it_says(folder, viewer) -> None:
    with EngineRoom.from_settings(settings_from({}, data_dir=folder / "data")) as room:
        told = compared_since(room, "first").candidates[0]
    assert told.examples["edited"] == [EDITED]
    assert (told.effects_of("all")["exact_match"]["n_pairs"], told.row["n_same"]) == (3, 3)
    assert [key for key, text in cells(viewer, f"c={NOW}&c={BEFORE}").items() if "another text" in text] == [
        (EDITED, BEFORE)
    ]


def test_the_csv_has_the_columns_that_are_shown(viewer) -> None:
    rows = list(csv.DictReader(io.StringIO(page(viewer, f"{GRID}.csv?c={NOW}&c={BEFORE}&c={ELSEWHERE}&s=exact_match"))))
    assert [row[f"output of {BEFORE}"] for row in rows] == ["word0", "word1", "former", "word3"]
    assert [row[f"output of {ELSEWHERE}"] for row in rows] == ["WORD0", "WORD1", "SOMETHING", "WORD3"]
    assert [row["inputs"] for row in rows][2] == "Say something"
    assert [row[f"row of {BEFORE}"] for row in rows] == ["same", "same", "edited", "same"]
    assert f"row of {NOW}" not in rows[0]


def test_the_trace_of_a_former_answer_is_of_the_version_that_holds_it(folder, viewer) -> None:
    text = page(viewer, f"/evaluations/first/example?id={EDITED}&c={NOW}&c={BEFORE}")
    links = [html.unescape(link) for link in re.findall(r'data-trace href="([^"]*)"', text)]
    former = words(page(viewer, links[1]))
    history = viewer_history(folder)
    assert "Answer: Say former" in former
    assert f"predictions, version {history['run-former']}" in former or f"version {history['run-former']}" in former
    assert "no command prints them" in former
    assert "strictly" not in former.partition("came about")[2]
    assert "eval-assets trace" in words(page(viewer, links[0]))


def viewer_history(folder) -> dict[str, int]:
    commits = Warehouse(str(folder / "data" / "warehouse")).history("predictions")
    return {
        commit.metadata["run_id"]: commit.version
        for commit in commits
        if commit.metadata.get("partition") == "evaluation=first/model=says/prompt=ask"
    }


def test_columns_are_chosen_from_the_states_and_evaluations_there_are(viewer) -> None:
    text = page(viewer, f"/evaluations/first/columns?show=errors&c={NOW}")
    offered = [html.unescape(name) for name in re.findall(r'type="checkbox" name="c" value="([^"]*)"', text)]
    state, other = offered
    assert other == ELSEWHERE
    assert re.fullmatch(r"says@ask~[0-9a-f]{12}", state)
    assert 'name="show" value="errors"' in text
    assert cells(viewer, f"c={NOW}&c={state}")["q2", state].startswith("former")
    assert state not in page(viewer, f"/evaluations/first/columns?c={NOW}&c={state}").partition('type="checkbox"')[2]
    assert state not in page(viewer, f"/evaluations/first/columns?c={NOW}&c={BEFORE}")  # the same state
    assert f'value="{state}" checked' in page(viewer, f"{GRID}?c={NOW}&c={state}")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("says@ask~v9", "says@ask has no state 'v9'; its states are"),
        ("says@ask~yesterday", "expected previous, first, released"),
        ("says@ask~1999-01-01", "has no state '1999-01-01'"),
        ("nobody:says@ask", "expected an evaluation that was computed, got 'nobody'"),
        ("apart:says@ask", "expected an evaluation over the dataset 'qa', 'apart' is over 'others'"),
        (
            "second:says@ask",
            "expected a candidate of second that was computed, got 'says@ask'; did you mean 'shouts@ask'",
        ),
        ("says~ask:x", "expected a column [evaluation:]model@prompt[~state], got 'says~ask:x'"),
    ],
)
def test_a_column_that_there_is_not_is_said(viewer, column, said) -> None:
    assert said in words(page(viewer, f"{GRID}?c={quote(column)}", status=404))


def test_rows_that_maintenance_removed_are_said(folder, tmp_path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    version = viewer_history(copy)["run-former"]
    log = copy / "data" / "warehouse" / "predictions" / "_delta_log" / f"{version:020d}.json"
    added = [json.loads(line)["add"]["path"] for line in log.read_text().splitlines() if '"add"' in line]
    for path in added:
        (copy / "data" / "warehouse" / "predictions" / path.replace("%3D", "=").replace("%40", "@")).unlink()
    viewer = viewer_of(copy)
    text = words(page(viewer, f"{GRID}?c={BEFORE}", status=410))
    assert "can't be read any more" in text
    assert "eval-assets maintain" in text
    assert shown(viewer, f"c={NOW}") == ["q0", "q1", "q2", "q3"]


def test_columns_that_are_not_shown_are_not_read(folder, monkeypatch) -> None:
    read = []
    rows_in_version = column_rows.rows_in_version
    monkeypatch.setattr(column_rows, "rows_in_version", lambda *asked: read.append(asked) or rows_in_version(*asked))
    viewer = viewer_of(folder)
    page(viewer, GRID)
    page(viewer, f"/evaluations/first/columns?c={NOW}")
    assert read == []
    page(viewer, f"{GRID}?c={BEFORE}")
    assert read


def test_a_name_of_a_column_is_read_as_it_is_written() -> None:
    for text in ("a@b", "e:a@b", "a@b~v3", "e:a@b~model:v2", "a@b~2026-11-20T10:00"):
        assert str(ColumnName.parsed(text)) == text
    with pytest.raises(ConfigError):
        ColumnName.parsed("a")
