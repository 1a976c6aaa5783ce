"""A slice by ids: which examples it chooses, what is said of ids that no row has, and older slices."""

from eval_assets.config.evaluation import Slice
from tests.small_project import problems_of, project_with

ROWS = "".join(f'{{"example_id": "{name}", "inputs": "Why?", "targets": "So.", "kind": "{name}"}}\n' for name in "abc")


def project(folder, chosen: str):
    evaluation = f"dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity]\nslice: {chosen}\n"
    return project_with(folder, **{"datasets/qa.jsonl": ROWS, "evaluations/e.yaml": evaluation})


def test_ids_choose_examples_and_narrow_what_else_is_asked(tmp_path):
    assert problems_of(project(tmp_path, "{ids: [c, a]}")) == []
    chosen = Slice(ids=("c", "a"))
    assert [name for name in "abc" if chosen.selects(name, {})] == ["a", "c"]
    both = Slice(ids=("c", "a"), where={"kind": "c"})
    assert [name for name in "abc" if both.selects(name, {"kind": name})] == ["c"]
    assert str(both) == "those with an id of 'c', 'a' and kind 'c'"


def test_ids_that_no_row_has_are_a_problem(tmp_path):
    (said,) = problems_of(project(tmp_path, "{ids: [z]}"))
    assert "data/evaluations/e.yaml:5: slice.ids: expected examples of dataset 'qa'" in said
    assert "it has none of those with an id of 'z'" in said


def test_a_slice_without_ids_is_stored_as_before():
    assert Slice(first=3).model_dump(mode="json") == {"first": 3, "where": {}}
