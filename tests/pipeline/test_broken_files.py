"""A file that can't be used costs its own partition, and what needs it; everything else goes on."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from eval_assets.checking.references import check_project, refusals
from eval_assets.cli.main import commands
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.names import Names
from eval_assets.partitions import partitions_of
from eval_assets.planning.plan import make_plan
from eval_assets.planning.plan_text import plan_markdown, plan_text
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import FILES, problems_of, project_with

BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
MANY = [f"m{n}" for n in range(200)]
BROKEN = {  # name of a file → content, and what is said of it
    "models/tag.yaml": ("provider: openai\nmodel: !ENV NAME\n", "data/models/tag.yaml:2: expected a plain value"),
    "models/nul.yaml": ("provider: openai\nmodel: \0\n", "data/models/nul.yaml:2: expected text, got a NUL byte"),
    "models/date.yaml": ("provider: openai\nmodel: 2024-13-45\n", "data/models/date.yaml:2: "),
    "models/owner.yaml": (
        FILES["models/echo.yaml"] + "owners: [ada@example.technology]\n",
        "data/models/owner.yaml:3: owners[0]: expected team:name or an e-mail address that Dagster takes",
    ),
    "judges/itself.yaml": ("definition: &d [*d]\n", "data/judges/itself.yaml:1: expected values that end"),
    "evaluations/bomb.yaml": (BOMB, "data/evaluations/bomb.yaml:"),
    "evaluations/seed.yaml": (FILES["evaluations/e.yaml"] + "seed: -1\n", "data/evaluations/seed.yaml:6: seed: "),
    "evaluations/many.yaml": (
        "\n".join(["dataset: qa", f"models: [{', '.join(MANY)}]", f"prompts: [{', '.join(MANY)}]"]),
        "data/evaluations/many.yaml:2: models: expected at most 10,000 pairs of model and prompt, got 40,000",
    ),
    "evaluations/three...dots.yaml": (
        FILES["evaluations/e.yaml"],
        "data/evaluations/three...dots.yaml: expected a file",
    ),
    f"evaluations/{'x' * 120}.yaml": (FILES["evaluations/e.yaml"], f"data/evaluations/{'x' * 120}.yaml: expected a fi"),
    "datasets/depth.yaml": ("task: " + "[" * 900, "data/datasets/depth.yaml:1: expected values nested at most 50 deep"),
    "prompts/front.md": (f"---\ndescription: {{\n{BOMB}---\n## user\nx\n", "data/prompts/front.md:"),
    "prompts/loops.md": ("## user\n" + "{% for x in y %}" * 40 + "{% endfor %}" * 40, "data/prompts/loops.md:2: not a"),
    "prompts/latin.md": (b"## user\nCaf\xe9 {{ inputs }}\n", "data/prompts/latin.md:2: expected UTF-8, got byte 0xe9"),
    "prompts/wide.md": ("## user\n{{ inputs }}\x00", "data/prompts/wide.md:2: expected text, got a NUL byte"),
}


def with_all_broken(folder: Path) -> Project:
    return project_with(folder, **{name: content for name, (content, _) in BROKEN.items()})


def plan_of(folder: Path, *evaluations: str):
    settings = Settings(folder / "data", str(folder / "warehouse"), folder / "state")
    with EngineRoom.from_settings(settings) as engine_room:
        return make_plan(engine_room, evaluations=evaluations)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_said_once_with_its_place_and_stops_nothing_else(tmp_path: Path, name: str) -> None:
    content, said = BROKEN[name]
    project = project_with(tmp_path, **{name: content})
    assert [line for line in problems_of(project) if line.startswith(said)]
    assert refusals(project, "e", FileVersions(project).metrics) == []
    assert [planned.cell.key for planned in plan_of(tmp_path).cells] == ["e:echo@ask"]


def test_dagster_takes_the_partitions_of_a_project_with_every_broken_file(tmp_path: Path) -> None:
    partitions = partitions_of(with_all_broken(tmp_path), Names())
    names = partitions.of("comparison").get_partition_keys()
    assert names == ["bomb", "e", "many", "seed"]  # a name that can't be a partition is none; `check` says it
    assert partitions.of("predictions").get_partition_keys() == ["e:echo@ask"]


def test_a_folder_a_pipe_and_a_link_to_nowhere_are_no_files_to_read(tmp_path: Path) -> None:
    project_with(tmp_path)
    data = tmp_path / "data"
    for kind, suffix in (("models", "yaml"), ("judges", "yaml"), ("evaluations", "yaml"), ("datasets", "yaml")):
        (data / kind / f"folder.{suffix}").mkdir()
    (data / "prompts" / "folder.md").mkdir()
    os.mkfifo(data / "models" / "pipe.yaml")  # reading it would wait for ever
    (data / "models" / "gone.yaml").symlink_to("nowhere.yaml")
    (data / "models" / "circle.yaml").symlink_to("circle.yaml")
    project = load_project(data)
    said = problems_of(project)
    assert sum("expected a file, got a folder of that name" in line for line in said) == 5
    assert "data/models/pipe.yaml: expected a regular file, got a pipe, socket or device; move it elsewhere" in said
    assert "data/models/gone.yaml: the file doesn't exist" in said
    assert [line for line in said if line.startswith("data/models/circle.yaml: expected a readable file, got: ")]
    assert refusals(project, "e", FileVersions(project).metrics) == []


def test_a_name_that_is_no_utf8_is_said_in_letters_that_every_terminal_has(tmp_path: Path) -> None:
    project_with(tmp_path)
    (tmp_path / "data/models" / os.fsdecode(b"caf\xe9.yaml")).write_text("provider: openai\n")
    (said,) = problems_of(load_project(tmp_path / "data"))
    assert said.startswith("data/models/caf\\udce9.yaml: expected a file name of lower-case letters")
    assert said.isascii()


def test_files_an_editor_hides_are_none_of_ours(tmp_path: Path) -> None:
    project_with(tmp_path)
    (tmp_path / "data/models/.#echo.yaml").symlink_to("ada@host.123:456")
    (tmp_path / "data/prompts/.ask.md").write_text("")
    assert problems_of(load_project(tmp_path / "data")) == []


def test_a_file_that_vanishes_between_listing_and_reading_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_with(tmp_path)
    listed = list((tmp_path / "data/models").glob("*.yaml"))
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: listed if folder.name == "models" else iter(()))
    (tmp_path / "data/models/echo.yaml").unlink()
    assert load_project(tmp_path / "data").broken == {
        ("models", "echo"): "data/models/echo.yaml: the file doesn't exist"
    }


def test_a_plan_leaves_out_the_evaluations_that_cannot_run_and_says_why(tmp_path: Path) -> None:
    other = FILES["evaluations/e.yaml"]
    project_with(
        tmp_path,
        **{
            "models/bad.yaml": "provider: !ENV X\n",
            "evaluations/bad-model.yaml": other.replace("[echo]", "[bad]"),
            "evaluations/bad-rows.yaml": other.replace("qa", "rows"),
            "datasets/rows.yaml": FILES["datasets/qa.yaml"],
            "datasets/rows.jsonl": '{"example_id": "a", "inputs": 5}\n',
            "evaluations/bad-name.yaml": other.replace("qa", "qaa"),
            "evaluations/bad-self.yaml": "dataset: [\n",
        },
    )
    plan = plan_of(tmp_path)
    assert [planned.cell.key for planned in plan.cells] == ["e:echo@ask"]
    assert {refused.evaluation for refused in plan.refused} == {"bad-model", "bad-rows", "bad-name", "bad-self"}
    said = {refused.evaluation: refused.problems for refused in plan.refused}
    assert said["bad-model"].startswith("data/models/bad.yaml:1: expected a plain value, got the tag '!ENV'")
    assert said["bad-rows"].startswith("data/datasets/rows.jsonl:1: inputs: expected text")
    assert said["bad-name"].startswith("data/evaluations/bad-name.yaml:1: dataset: expected a file of data/datasets")
    assert said["bad-self"].startswith("data/evaluations/bad-self.yaml:1: not valid YAML: the '[' that opens here")
    for text in (plan_text(plan), plan_markdown(plan)):
        assert "not run  evaluation bad-rows:" in text
        assert "data/datasets/rows.jsonl:1: inputs: expected text" in text
        assert "e:echo@ask" in text
    listed = json.loads(json.dumps(plan.as_json()))["refused"]
    assert {"evaluation": "bad-self", "problems": [said["bad-self"]]} in listed


def test_a_plan_of_nothing_but_what_cannot_run_is_refused(tmp_path: Path) -> None:
    project_with(tmp_path, **{"evaluations/bad.yaml": "dataset: [\n"})
    with pytest.raises(ConfigError, match=r"^data/evaluations/bad.yaml:1: not valid YAML"):
        plan_of(tmp_path, "bad")
    assert [planned.cell.key for planned in plan_of(tmp_path, "bad", "e").cells] == ["e:echo@ask"]


def test_an_evaluation_with_a_mistyped_dataset_takes_no_edge_from_the_others(tmp_path: Path) -> None:
    changed = {f"evaluations/{name}.yaml": FILES["evaluations/e.yaml"].replace("qa", "gone") for name in ("a", "b")}
    partitions = partitions_of(project_with(tmp_path, **changed), Names())
    known = {*partitions.of("eval_datasets").get_partition_keys()}
    for asset in ("predictions", "judge_agreement", "comparison", "pairwise_preferences"):
        for dependency in partitions.deps_of(asset):
            if dependency.asset_key.to_user_string() == "eval_datasets":
                assert set(dependency.partition_mapping.downstream_partition_keys_by_upstream_partition_key) <= known


def test_check_says_the_problems_of_some_files_and_the_notes_of_others(tmp_path: Path) -> None:
    rows = '{"example_id": "a", "inputs": "Why?"}\n{"example_id": "b", "inputs": "How?"}\n'
    changed = {
        "datasets/late.yaml": "task: retriever\n",
        "datasets/late.jsonl": rows + '{"example_id": "c", "inputs": 5}\n',
        "evaluations/late.yaml": "dataset: late\nmodels: [gone]\nprompts: [ask]\n",
        "evaluations/later.yaml": "dataset: late\nmodels: [echo]\nprompts: [ask]\n",
        "datasets/qa.jsonl": rows,
        "models/served.yaml": "provider: openai\nmodel: m\nbase_url: http://127.0.0.1:9/v1\n",
        "prompts/ask.md": "## user\n{inputs}\n",
        "evaluations/e.yaml": FILES["evaluations/e.yaml"].replace("[echo]", "[served]"),
    }
    project_with(tmp_path, **changed)
    result = CliRunner().invoke(commands, ["--data", str(tmp_path / "data"), "check"])
    assert result.exit_code == 1
    assert "data/datasets/late.jsonl:3: inputs: expected text" in result.stdout
    assert "data/evaluations/late.yaml:2: models[0]: expected a file of data/models, got 'gone'" in result.stdout
    assert "note: evaluation e: data/prompts/ask.md sends the same text 2 times" in result.stdout
    assert result.stderr.endswith("2 problems\n")


def test_every_problem_of_a_project_names_a_file(tmp_path: Path) -> None:
    project = with_all_broken(tmp_path)
    said = check_project(project, FileVersions(project).metrics).problems
    assert len(said) == len(BROKEN)
    assert all(line.startswith("data/") for line in said)
