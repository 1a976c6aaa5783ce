"""Datasets are read again when their files changed, and only then."""

import json
import os
import time
from pathlib import Path

import pytest

from eval_assets.checking import recorded_files
from eval_assets.config.files.file_states import COARSE_SECONDS, are_settled, states_of
from eval_assets.config.project_files import load_project
from eval_assets.stages import file_versions
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import problems_of, project_with

ROW = '{"example_id": "a", "inputs": "Why?", "targets": "x"}\n'


@pytest.fixture
def look(tmp_path: Path, monkeypatch):
    """What a sensor's tick does: data version of the dataset, and whether its rows were read for it."""
    folder = tmp_path / "data" / "datasets"
    for kind in ("datasets", "prompts", "models", "judges", "evaluations"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    (folder / "d.yaml").write_text("task: text\nlabels: [{file: people.jsonl}]\ndocuments: {file: docs.jsonl}\n")
    (folder / "d.jsonl").write_text(ROW)
    (folder / "docs.jsonl").write_text('{"doc_id": "1", "text": "x"}\n')
    (folder / "people.jsonl").write_text('{"example_id": "a", "label": "good", "rater": "ann"}\n')
    reads = []
    read = file_versions.read_examples
    monkeypatch.setattr(file_versions, "read_examples", lambda *given: reads.append(given) or read(*given))

    def tick() -> tuple[str, int]:
        before = len(reads)
        version = FileVersions(load_project(tmp_path / "data")).sha256("datasets", "d")
        return version, len(reads) - before

    tick.folder = folder
    return tick


def test_an_unchanged_dataset_is_read_once(look) -> None:
    first, n_read = look()
    assert n_read == 1
    assert [look() for _ in range(3)] == [(first, 0)] * 3


@pytest.mark.parametrize("file", ["d.jsonl", "docs.jsonl", "people.jsonl"])
def test_an_edit_of_the_same_length_and_time_stamp_is_seen(look, file: str) -> None:
    before, _ = look()
    path = look.folder / file
    status = path.stat()
    path.write_text(path.read_text().replace('"x"', '"y"').replace("good", "evil"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after, n_read = look()
    assert (after != before, n_read) == (True, 1)


def test_a_file_put_in_the_place_of_another_is_seen(look) -> None:
    before, _ = look()
    other = look.folder / "other"
    other.write_text(ROW.replace("Why", "How"))
    status = (look.folder / "d.jsonl").stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(look.folder / "d.jsonl")
    assert look()[0] != before


def test_an_edited_card_is_seen(look) -> None:
    look()
    card = look.folder / "d.yaml"
    card.write_text(card.read_text() + "columns: {inputs: targets}\n")
    assert look()[1] == 1


def test_a_file_as_young_as_a_coarse_time_stamp_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("x")
    young, old = time.time_ns() // 10**9 * 10**9, (int(time.time()) - 100) * 10**9
    ((path, _, _, size, inode),) = states_of([file])
    # Whole seconds: an edit within the next two could carry the same one.
    assert not are_settled([(path, young, young, size, inode)])
    assert are_settled([(path, old, old, size, inode)])
    assert states_of([tmp_path / "absent"]) == (None,)
    assert are_settled([None])
    assert COARSE_SECONDS >= 2


def test_an_edit_while_the_rows_are_read_is_not_missed(look, monkeypatch) -> None:
    read = file_versions.read_labels

    def edited_meanwhile(*given, **named):
        (look.folder / "d.jsonl").write_text(json.dumps({"example_id": "a", "inputs": "Later?", "targets": "x"}) + "\n")
        monkeypatch.setattr(file_versions, "read_labels", read)
        return read(*given, **named)

    monkeypatch.setattr(file_versions, "read_labels", edited_meanwhile)
    stale, _ = look()
    fresh, n_read = look()
    assert (fresh != stale, n_read) == (True, 1)


@pytest.mark.parametrize("rows", ['{"example_id": "a", "output": "x"}\n', '{"example_id": "a"}\n'])
def test_check_reads_a_file_of_predictions_once_until_it_changes(tmp_path: Path, monkeypatch, rows: str) -> None:
    reads = []
    read = recorded_files.recorded_client
    monkeypatch.setattr(recorded_files, "recorded_client", lambda *given, **how: reads.append(1) or read(*given, **how))
    files = {"models/echo.yaml": "provider: recorded\nfile: run.jsonl\n"}
    project = project_with(tmp_path, **files, **{"models/run.jsonl": rows})
    problems_of(project)
    assert len(reads) == 1

    project_with(tmp_path, **files, **{"models/run.jsonl": rows + rows.replace('"a"', '"b"')})
    problems_of(project)
    assert len(reads) == 2
