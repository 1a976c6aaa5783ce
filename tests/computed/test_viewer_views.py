"""The default view of an evaluation file, and the examples on which people and a judge differ."""

import html
import json
import re
import shutil
from urllib.parse import urlencode

import pytest
import yaml

from eval_assets.calibration.given_labels import GivenLabel
from eval_assets.calibration.labelling import Labelling
from eval_assets.config.grid_choice import GridChoice
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from eval_assets.planning.plan import make_plan
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.evaluation_parts import EvaluationContent
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.former_states import PARTS
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.exported.export import export_pages
from eval_assets.viewer.grid_view import CHOICES
from eval_assets.viewer.viewed_project import ViewedProject
from tests.small_project import problems_of
from tests.viewed import N_EXAMPLES, NAME, ODD, PLAIN, viewer_of

GRID = f"/evaluations/{NAME}/grid"
FORMER = f"{PLAIN}~previous"
VIEW = {
    "columns": [ODD, FORMER],
    "baseline": ODD,
    "metric": "right",
    "scores": ["right"],
    "show": "flips",
    "of": FORMER,
    "low": 1,
    "sort": "regression",
    "lines": 6,
    "row": ["targets", "topic"],
    "look": "raw",
    "per": 10,
}


@pytest.fixture
def copy(viewed, tmp_path):
    return shutil.copytree(viewed, tmp_path / "copy")


def edit(folder, **fields) -> None:
    path = folder / "data" / "evaluations" / f"{NAME}.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}))


def page(viewer, query: str = "", *, path: str = GRID) -> str:
    answer = viewer.get(f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


def shown(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="open"[^>]*>e(\d+)/ä<', text)]


def heads(text: str) -> list[str]:
    return re.findall(r'<th scope="col"><span class="name[^"]*"><b>(\w+)</b>', text)


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def test_a_view_of_the_file_is_what_the_grid_shows_at_first(copy) -> None:
    edit(copy, view=VIEW)
    viewer = viewer_of(copy)
    text = page(viewer)
    asked = [("c", ODD), ("c", FORMER), ("base", ODD), ("metric", "right"), ("s", "right"), ("show", "flips")]
    asked += [("of", FORMER), ("low", "1"), ("sort", "regression"), ("lines", "6"), ("look", "raw"), ("per", "10")]
    asked += [("r", "targets"), ("r", "topic")]
    edit(copy, view=None)
    assert shown(text) == shown(page(viewer, urlencode(asked))) != []
    assert heads(text) == ["odd", "plain"]
    assert "lines-6" in text
    row = words(re.search(r"<tr tabindex.*?</th>", text, re.DOTALL)[0])
    assert re.fullmatch(r"e\d+/ä Expected answer \d+ topic (odd|even)", row)


def test_the_address_comes_before_the_view_of_the_file_and_can_empty_its_fields(copy) -> None:
    edit(copy, view=VIEW)
    viewer = viewer_of(copy)
    assert shown(page(viewer, "show=all&of=&low=&sort=dataset&per=100")) == list(range(N_EXAMPLES))
    assert heads(page(viewer, f"c={PLAIN}&base={PLAIN}&of=")) == ["plain"]
    text = page(viewer, "show=all&of=")
    assert f'<a href="{GRID}">default view</a>' in text
    assert "default view</a>" not in page(viewer)
    found = re.search(r'<a href="([^"]*)">show all</a>', page(viewer))[1]
    assert len(shown(page(viewer, html.unescape(found).partition("?")[2] + "&per=100"))) == N_EXAMPLES
    assert re.search(r'name="of" data-kept', text)  # so that an empty field is sent, and takes the default back


def test_a_view_is_copied_as_the_file_has_it(copy) -> None:
    viewer = viewer_of(copy)
    asked = [("c", ODD), ("c", FORMER), ("base", ODD), ("show", "worse"), ("low", "0.5"), ("lines", "all"), ("r", "id")]
    before = page(viewer, urlencode(asked))
    copied = yaml.safe_load(html.unescape(re.search(r'data-copy="(view:[^"]*)"', before)[1]))
    assert copied["view"] == {
        "columns": [ODD, FORMER], "baseline": ODD, "show": "worse", "low": 0.5, "lines": "all", "row": [],
    }  # fmt: skip
    edit(copy, **copied)
    after = page(viewer)
    assert shown(after) == shown(before)
    assert heads(after) == heads(before)
    assert problems_of(load_project(copy / "data")) == []


def test_an_edited_view_makes_nothing_stale_and_no_other_data_version(copy) -> None:
    def versions():
        files = FileVersions(load_project(copy / "data"))
        content = EvaluationContent.of(files.version("evaluations", NAME).content)
        with EngineRoom.from_settings(settings_from({}, data_dir=copy / "data")) as room:
            planned = make_plan(room, evaluations=[NAME])
        parts = [part(content) for part in PARTS.values()]
        return files.sha256("evaluations", NAME), parts, planned.roots, planned.partitions

    before = versions()
    edit(copy, view=VIEW)
    assert versions() == before


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"columns": ["plain@askk"]}, "view.columns[0]: expected a candidate of seen, got 'plain@askk'; did you mean"),
        ({"columns": ["nobody:plain@ask"]}, "expected an evaluation that can be used, got 'nobody'"),
        ({"baseline": "plain"}, "expected a column [evaluation:]model@prompt[~state], got 'plain'"),
        ({"metric": "tokn_f1"}, "expected a metric or judge of this evaluation, got 'tokn_f1'; did you mean"),
        ({"scores": ["token_f1", "x"]}, "view.scores[1]: expected a metric or judge of this evaluation, got 'x'"),
        ({"show": "flip"}, "view.show"),
        ({"lines": 4}, "view.lines"),
        ({"colour": "red"}, "view.colour"),
        ({"slice": "topic"}, "view.slice"),
        ({"row": ["inputs", "topik"]}, "view.row[1]: expected a column of the dataset, got 'topik'; did you mean"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_view_is_said_with_file_and_line(copy, view, said) -> None:
    path = copy / "data" / "evaluations" / f"{NAME}.yaml"
    declared = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**declared, "view": view}, sort_keys=False))
    line = path.read_text().splitlines().index("view:") + 2
    (problem,) = problems_of(load_project(copy / "data"))
    assert said in problem
    assert re.search(rf"data/evaluations/{NAME}.yaml:({line}|{line + 1}|{line + 2})\b", problem)


def test_a_view_that_cannot_be_shown_is_said_and_the_usual_one_is(copy) -> None:
    viewer = viewer_of(copy)
    for fields, said in (
        ({"view": {"columns": ["plain@later"]}}, "expected one of plain@ask, odd@ask; got 'plain@later'"),
        ({"view": {"lines": 4}}, "view.lines"),
        ({"view": {"columns": [f"{PLAIN}~v7"]}}, "plain@ask has no state 'v7'"),
    ):
        edit(copy, **fields)
        text = page(viewer)
        assert "the view of data/evaluations/seen.yaml can't be shown" in words(text)
        assert said in words(text)
        assert len(shown(text)) == 25


def test_counts_of_the_page_lead_to_as_many_examples_whatever_the_default_view(copy) -> None:
    edit(copy, view=VIEW)
    text = page(viewer_of(copy), path=f"/evaluations/{NAME}")
    links = re.findall(r'<a[^>]*href="([^"]*show=(?:better|worse)[^"]*)"[^>]*>(\d+) (?:better|worse)</a>', text)
    assert len(links) == 2
    for link, n in links:
        query = html.unescape(link).partition("?")[2]
        assert len(shown(page(viewer_of(copy), f"{query}&per=100"))) == int(n) > 0


def test_exported_pages_begin_with_the_view_of_the_file_as_far_as_files_go(copy, tmp_path) -> None:
    edit(copy, view={**VIEW, "of": PLAIN, "q": "answer"})
    settings = settings_from({}, data_dir=copy / "data")
    export_pages(ViewedProject(settings, Warehouse(settings.warehouse_root)), tmp_path / "out", on_done=lambda _: None)
    handed = (tmp_path / "out" / "evaluations" / NAME / "files" / "evaluation.js").read_text()
    facts = json.loads(handed[handed.index("{") : handed.rindex("}") + 1])
    assert facts["columns"] == [ODD]  # the state before stays on the server
    assert (facts["base"], facts["metric"], facts["scores"], facts["lines"], facts["per"]) == (
        ODD, "right", ["right"], "6", "10",
    )  # fmt: skip
    assert facts["usual"] == {
        "show": "flips", "of": PLAIN, "where": "all", "sort": "regression", "width": "fit", "q": "answer", "low": 1.0,
    }  # fmt: skip


def test_the_choices_of_files_are_those_of_the_grid() -> None:
    schema = GridChoice.model_json_schema()["properties"]
    for name, choices in CHOICES.items():
        assert [str(value) for value in schema[name]["enum"]] == list(choices), name


@pytest.fixture(scope="module")
def labelled(viewed, tmp_path_factory):
    """Labels on four examples: right on `e1` of both, wrong of `odd` on e2, of `plain` on e6."""
    copy = shutil.copytree(viewed, tmp_path_factory.mktemp("labelled") / "copy")
    labelling = Labelling(load_project(copy / "data"), Warehouse(str(copy / "data" / "warehouse")), NAME)
    said = {("e1/ä", PLAIN): "5", ("e1/ä", ODD): "2", ("e2/ä", ODD): "5", ("e6/ä", PLAIN): "4", ("e8/ä", PLAIN): "5"}
    labelling.give([GivenLabel(example, candidate, "ann", label) for (example, candidate), label in said.items()])
    return copy


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("human=disagrees", [2, 6]),
        (f"human=disagrees&of={ODD}", [2]),
        ("human=agrees", [1, 8]),
        (f"human=agrees&of={PLAIN}", [1, 8]),
        ("human=labelled&metric=right", [1, 2, 6, 8]),
        (f"human=unlabelled&of={ODD}", [n for n in range(N_EXAMPLES) if n not in (1, 2)]),
        (f"human=labelled&of={FORMER}", [1, 6, 8]),  # what it said then is the text that was labelled
    ],
)
def test_examples_are_found_by_what_people_say_of_the_judge(labelled, query, rows) -> None:
    assert shown(page(viewer_of(labelled), f"per=100&{query}")) == rows


def test_the_label_stands_in_the_cell_and_a_preset_leads_to_the_wrong_verdicts(labelled) -> None:
    viewer = viewer_of(labelled)
    preset = html.unescape(re.search(r'<a href="([^"]*)"[^>]*>judge wrong</a>', page(viewer))[1])
    text = page(viewer, preset.partition("?")[2])
    assert shown(text) == [2, 6]
    cell = words(re.search(rf'<td data-of="{ODD}".*?</td>', text, re.DOTALL)[0])
    assert "right 2" in cell
    assert "people ann: 5" in cell


def test_a_label_that_is_given_meanwhile_counts(labelled, tmp_path) -> None:
    copy = shutil.copytree(labelled, tmp_path / "copy")
    viewer = viewer_of(copy)
    assert shown(page(viewer, "human=disagrees")) == [2, 6]
    labelling = Labelling(load_project(copy / "data"), Warehouse(str(copy / "data" / "warehouse")), NAME)
    labelling.give([GivenLabel("e2/ä", ODD, "ann", "2")])
    assert shown(page(viewer, "human=disagrees")) == [6]


def test_scores_stand_in_one_order_everywhere_what_decides_first(viewed) -> None:
    viewer = viewer_of(viewed)
    order = ["token_f1", "token_count", "exact_match", "right"]
    text = page(viewer, "id=e1/ä", path=f"/evaluations/{NAME}/example")
    assert re.findall(r'<tr><th scope="row">(\w+)', text) == order * 2
    assert re.findall(r'name="s" value="(\w+)"', page(viewer)) == order
    by = re.search(r'<select name="metric".*?</select>', page(viewer))[0]
    assert re.findall(r'<option value="(\w+)"', by) == order
