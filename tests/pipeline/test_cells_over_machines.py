"""`docs/scaling.md`, word by word: cells over two machines give what one process gives, for the same requests."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from eval_assets.stages.stage_table import STAGES
from eval_assets.storage.warehouse import Warehouse
from tests.documented_files import DOCS, write_shown
from tests.loopback import LoopbackProvider
from tests.machines import (
    PACKAGES,
    REPOSITORY,
    SECONDS,
    Redis,
    lacking,
    postgres_in,
    processes_below,
    until,
    write_shims,
)

BLOCKS = re.findall(r"^```sh\n(.*?)^```$", (DOCS / "scaling.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
OF_ONE_RUN = {"run_id", "reused"}
"""Columns that say which run wrote a row, and whether it asked for it."""

SAYS_WHEN = {"changes"}
"""Tables whose content is also when states were computed, which their data versions tell."""

WHY_NOT = lacking(*PACKAGES, "postgres", "redis-server")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


def named(body: Mapping[str, Any]) -> str:
    return f"{body['model']} says Oslo to {body['messages'][-1]['content']}"


def shell(script: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a block of the page, and say what it printed."""
    running = subprocess.Popen(
        ["/bin/sh", "-e", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        printed, said = running.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        running.kill()
        printed, said = running.communicate()
    logs = "\n".join(f"{log}\n{log.read_text()[-3000:]}" for log in folder.rglob("*.log"))
    assert running.returncode == 0, f"{script}\n{printed}\n{said}\n{logs}"
    return printed


def contents(root: Path) -> dict[str, tuple[dict[Any, str], list[tuple[Any, ...]]]]:
    """Table → data versions of its partitions, and its rows."""
    warehouse = Warehouse(str(root))
    found = {}
    for table in STAGES:
        versions = {key: commit.metadata["data_version"] for key, commit in warehouse.last_commits(table).items()}
        rows = warehouse.scan(table).collect()
        if table in SAYS_WHEN:
            versions = dict.fromkeys(versions, "")
        kept = [name for name, dtype in rows.schema.items() if name not in OF_ONE_RUN and dtype != pl.Datetime]
        found[table] = versions, sorted(rows.select(kept).rows(), key=str)
    return found


def test_the_page_gives_what_one_process_gives_and_pays_once(tmp_path: Path) -> None:
    install, project, sharing, workers, running = BLOCKS
    assert install.count("\n") == 4  # what the fixtures below stand for
    folder = tmp_path / "empty"
    folder.mkdir()
    write_shims(tmp_path / "bin")
    redis = Redis(tmp_path / "redis")
    with LoopbackProvider(answer=named) as provider, postgres_in(tmp_path / "postgres") as postgres:
        environment = {
            **os.environ,
            "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "DAGSTER_DISABLE_TELEMETRY": "1",
        }
        for variable in ("DAGSTER_HOME", "EVAL_ASSETS_WAREHOUSE", "EVAL_ASSETS_STATE", "EVAL_ASSETS_DATA"):
            environment.pop(variable, None)
        shell(project, folder, environment)
        write_shown("scaling.md", folder)
        evaluation = folder / "support/data/evaluations/questions.yaml"
        evaluation.write_text(evaluation.read_text().replace("http://127.0.0.1:8080/v1", provider.base_url))
        sharing = sharing.replace("postgresql+psycopg2://eval@127.0.0.1:55432/postgres", postgres)
        environment |= shell_variables(sharing.replace("redis://127.0.0.1:56379/0", redis.url), folder, environment)
        try:
            shell(workers.replace("PYTHONPATH=$PWD", "PYTHONPATH=$PWD:$PYTHONPATH"), folder, environment)
            logs = {name: folder / name / "worker.log" for name in ("machine-1", "machine-2")}
            until(lambda: all(" ready." in log.read_text() for log in logs.values()), "both workers")
            said = shell(running, folder, environment)
        finally:
            for process in processes_below(folder):
                os.kill(process, signal.SIGKILL)
            redis.stop()
        assert "Everything is up to date" in said
        n_requests = provider.requests
        assert n_requests == len(provider.by_hash) == 8  # 2 prompts, 4 questions
        n_runs = {name: log.read_text().count(" succeeded in ") for name, log in logs.items()}
        assert sum(n_runs.values()) >= 3  # 2 cells, and what joins them
        assert min(n_runs.values()) > 0

        # The same replies, in one process with a warehouse and an instance of its own.
        shutil.copytree(folder / "lake/responses", folder / "single/responses")
        alone = {**environment, "EVAL_ASSETS_WAREHOUSE": str(folder / "single")}
        shell("cd support && DAGSTER_HOME=$PWD/alone eval-assets run", folder, alone)
        assert provider.requests == n_requests
    assert contents(folder / "lake") == contents(folder / "single")


def shell_variables(script: str, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What a block of `export` lines sets."""
    printed = shell(f"{script}\nenv -0", folder, environment)
    exported = re.findall(r"^export (\w+)=", script, re.MULTILINE)
    pairs = dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)
    return {name: pairs[name] for name in exported}
