"""Data versions of model files: what is new in a release leaves files that don't name it as they were."""

import json

import pytest

from eval_assets.stages.file_changes import version_change
from eval_assets.stages.file_versions import FileVersions
from eval_assets.storage.versions import StoredVersion
from tests.small_project import project_with

SERVED = "provider: openai\nmodel: gpt\nparameters: {temperature: 0}\n"
FILES = {
    "models/gpt.yaml": SERVED,
    "models/past.yaml": "provider: recorded\nfile: past.jsonl\n",
    "models/past.jsonl": '{"example_id": "a", "output": "x"}\n',
}


def version_of(folder, name, **changed):
    return FileVersions(project_with(folder, **{**FILES, **changed})).version("models", name)


@pytest.mark.parametrize(
    ("name", "sha256"), [("echo", "9eb8a69a5ea57117"), ("gpt", "329bdefd9c9dfd90"), ("past", "75f8bd9cb0be07e7")]
)
def test_a_file_that_names_no_new_field_keeps_its_data_version(tmp_path, name, sha256):
    # As printed by the first release for the same files.
    assert version_of(tmp_path, name).sha256 == sha256


@pytest.mark.parametrize(
    "line", ["reasoning_tags: anywhere", "tool_calls: as_output", "columns: {candidate: model}", "query: {v: '2'}"]
)
def test_a_new_field_that_is_set_makes_a_new_version(tmp_path, line):
    changed = version_of(tmp_path, "gpt", **{"models/gpt.yaml": f"{SERVED}{line}\n"})
    assert changed.sha256 != version_of(tmp_path, "gpt").sha256


def test_a_change_names_no_field_that_an_earlier_release_did_not_have(tmp_path):
    new = version_of(tmp_path, "gpt", **{"models/gpt.yaml": SERVED.replace("0", "1")})
    content = json.loads(json.dumps(new.content))
    content["file"]["parameters"]["temperature"] = 0
    for field in ("reasoning_tags", "tool_calls"):
        del content["file"][field]
    former = StoredVersion(name="gpt", version=1, content_sha256="x", content=content, source=SERVED, run_id="run-1")
    assert version_change("models", "gpt", former, new, 2) == "model gpt v1 → v2: parameters.temperature 0 → 1"


@pytest.mark.parametrize(
    ("former_model", "said"),
    [
        ({}, "how this release asks it, or reads its replies, changed"),
        ({"parameters": {"temperature": 1}}, "its model changed"),
        ({"model": "gpt-0"}, "its model changed"),
    ],
)
def test_a_judge_of_an_earlier_release_is_not_said_to_have_another_model(tmp_path, former_model, said):
    files = {**FILES, "judges/right.yaml": "definition: Is it right?\nmodel: gpt\n"}
    new = FileVersions(project_with(tmp_path, **files)).version("judges", "right")
    content = json.loads(json.dumps(new.content))
    content["models"][0]["file"] |= former_model
    for field in ("reasoning_tags", "tool_calls"):
        del content["models"][0]["file"][field]
    former = StoredVersion(name="right", version=1, content_sha256="x", content=content, source="", run_id="run-1")
    assert version_change("judges", "right", former, new, 2) == f"judge right v1 → v2: {said}"
