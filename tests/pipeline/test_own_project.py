"""A project of one's own: begun from a table, run by the package alone, its definitions treated as files are."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest

from eval_assets.assets.file_reading import reading_config
from eval_assets.starting.beginning import begin
from eval_assets.storage.tracing.trace import trace
from eval_assets.storage.tracing.trace_text import trace_text
from tests.projects import Files, Lab

CHECKOUT = Path(__file__).parents[2]
TABLE = "id;question;answer\n" + "".join(f"{n};What is {n} plus {n}, please?;{2 * n}\n" for n in range(1, 5))
CALLABLE = "    provider: callable\n    callable: eval_assets.providers.baselines:lead_sentence\n"
WIPED = ("DAGSTER_HOME", "EVAL_ASSETS_DATA", "EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_STATE")


def begun(folder: Path, model: str) -> Path:
    """The evaluation file of a project that was begun from a table, with another model than the bundled one."""
    (folder / "sums.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
    begin(folder / "mine", folder / "sums.csv")
    evaluation = folder / "mine" / "data" / "evaluations" / "sums.yaml"
    text = evaluation.read_text()
    bundled = text[text.index("    provider: embedded") : text.index("  # - name: mini")]
    evaluation.write_text(text.replace(bundled, model))
    return evaluation


@pytest.mark.slow
def test_the_package_alone_runs_a_project_and_dagster_loads_it_from_another_folder(tmp_path: Path) -> None:
    # What a wheel installs is the package's folder with all that is in it, and nothing of the checkout around it.
    wheel = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel == {"packages": ["eval_assets"]}
    installed = tmp_path / "installed"
    shutil.copytree(CHECKOUT / "eval_assets", installed / "eval_assets", ignore=shutil.ignore_patterns("__pycache__"))
    evaluation = begun(tmp_path, CALLABLE)
    project = evaluation.parents[2]
    inherited = {name: value for name, value in os.environ.items() if name not in WIPED}
    environment = {**inherited, "PYTHONPATH": str(installed)}

    def printed(*arguments: str, cwd: Path) -> str:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert printed("eval_assets", "run", "--limit", "2", cwd=evaluation.parent).startswith(f"project {project}\n")
    assert "2 candidates on 2 examples of sums" in printed("eval_assets", "report", "sums", cwd=project)
    left = {path.name for path in project.iterdir()}
    assert left == {".dagster", ".eval-assets", ".gitignore", "data", "definitions.py", "workspace.yaml"}
    assert (project / "data" / "warehouse" / "reports" / "sums.html").exists()
    code = (
        "import sys, runpy, eval_assets; defs = runpy.run_path(sys.argv[1])['defs'];"
        "print(eval_assets.__file__, *defs.get_assets_def('prompts').partitions_def.get_partition_keys())"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, str(project / "definitions.py")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert loaded.stdout.split() == [str(installed / "eval_assets" / "__init__.py"), "brief", "sentence"]


@pytest.mark.usefixtures("unchecked")
def test_an_edited_definition_reruns_its_own_cells_and_is_traced_to(tmp_path: Path, provider) -> None:
    served = f"    provider: openai\n    model: alpha-1\n    base_url: {provider.base_url}\n"
    served += "    parameters: {temperature: 0}\n"
    evaluation = begun(tmp_path, served)
    with dg.DagsterInstance.ephemeral() as instance:
        lab = Lab(Files(evaluation.parents[2], provider.base_url), instance)
        lab.run()
        assert provider.requests == 8  # four rows, two prompts
        evaluation.write_text(
            evaluation.read_text().replace("Answer in as few words as possible.", "Say it in a word.")
        )

        (cell,) = [planned for planned in lab.plan().cells if planned.is_stale]
        assert cell.cell.key == "sums:smollm2@brief"
        assert cell.staleness.causes == ("prompt brief v1 → v2: system message changed",)
        changed = ["-system: Answer in as few words as possible.", "+system: Say it in a word."]
        assert cell.staleness.diffs == {"prompts/brief": changed}

        with lab.engine_room() as engine_room:
            sensor = lab.definitions(engine_room).resolve_sensor_def("watch_files")
            asked = sensor(dg.build_sensor_context(instance=instance, cursor="{}")).run_requests
        assert [request.run_config for request in asked] == [reading_config(lab.names, ["prompts/brief"])]

        lab.run()
        assert provider.requests == 12
        prediction = lab.warehouse.scan("predictions").filter(prompt="brief").collect()["prediction_id"][0]
        assert "Say it in a word." in trace_text(trace(lab.warehouse, prediction))
