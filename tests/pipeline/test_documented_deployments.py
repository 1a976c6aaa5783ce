"""Deployments that files and pages show: the settings are those that Dagster's packages take."""

import importlib.util
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config

from tests.documented_files import shown_in

REPOSITORY = Path(__file__).parents[2]
SETTINGS = {
    **{path: text for path, text in shown_in("scaling.md").items() if path.endswith("dagster.yaml")},
    "deploy/dagster.yaml": (REPOSITORY / "deploy/dagster.yaml").read_text("utf-8"),
}
COMPOSE = yaml.safe_load((REPOSITORY / "compose.yaml").read_text("utf-8"))
OURS = ("code", "webserver", "daemon", "worker")


@pytest.fixture
def variables(monkeypatch):
    for text in SETTINGS.values():
        for name in (value for value in text.replace("}", " ").split() if value.isupper() and "_" in value):
            monkeypatch.setenv(name, "x")


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("path", SETTINGS)
def test_dagster_takes_the_settings(tmp_path: Path, path: str) -> None:
    settings = yaml.safe_load(SETTINGS[path])
    for part in filter(None, (settings.get("run_launcher"), settings.get("compute_logs"))):
        package = part["module"].partition(".")[0]
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package.replace('_', '-')} isn't installed")
        found = getattr(import_module(part["module"]), part["class"])
        result = process_config(resolve_to_config_type(found.config_type()), part.get("config", {}))
        assert result.success, [error.message for error in result.errors or ()]
    # The rest, of which Dagster knows the names: a misspelled one is refused.
    (tmp_path / "dagster.yaml").write_text(SETTINGS[path])
    dagster_instance_config(str(tmp_path))


def test_nothing_listens_beyond_this_machine_and_nobody_is_root() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:3000:3000"]
    instructions = (REPOSITORY / "Dockerfile").read_text("utf-8").splitlines()
    users = [line.split()[1] for line in instructions if line.startswith("USER ")]
    assert users == ["10001"]
    assert any("--require-hashes" in line for line in instructions)
    for name in OURS:
        service = COMPOSE["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]


def test_secrets_are_named_and_never_written() -> None:
    containers = [service.get("environment", {}) for service in COMPOSE["services"].values()]
    named = [value for each in containers for name, value in each.items() if name.endswith(("KEY", "PASSWORD"))]
    assert named
    assert all(str(value).startswith("${") for value in named)


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint isn't installed")
def test_hadolint_has_nothing_to_say() -> None:
    linted = subprocess.run(
        [str(shutil.which("hadolint")), str(REPOSITORY / "Dockerfile")], check=False, capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose isn't installed")
def test_compose_resolves(monkeypatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "x")
    command = [str(shutil.which("docker-compose")), "-f", str(REPOSITORY / "compose.yaml"), "config"]
    resolved = subprocess.run(command, check=False, capture_output=True, text=True)
    assert resolved.returncode == 0, resolved.stderr
    assert set(yaml.safe_load(resolved.stdout)["services"]) == set(COMPOSE["services"])
    monkeypatch.delenv("DAGSTER_POSTGRES_PASSWORD")
    refused = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    assert "set it in the environment" in refused.stderr
