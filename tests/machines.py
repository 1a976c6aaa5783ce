"""Several machines on one: folders that share nothing but warehouse and Dagster instance, a Postgres, a Redis, workers.

python -m tests.machines celery …            # what a worker's machine runs, without what only takes time in a test
python -m tests.machines dagster-daemon …
"""

import glob
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 600
"""So long a machine of tests that is busy with others may take for one step."""

PACKAGES = ("dagster_celery", "dagster_postgres", "redis")
REPOSITORY = Path(__file__).parents[1]


def lacking(*needed: str) -> str | None:
    """Why machines can't be tried here; null if they can.

    Args:
        needed: Packages, and the programs `postgres` and `redis-server`.
    """
    for name in needed:
        if name == "postgres":
            if postgres_program("initdb") is None:
                return "postgres isn't installed"
            if os.geteuid() == 0 and not _user_for_postgres():
                return "postgres doesn't run as root, and there is no user `postgres`"
        elif name == "redis-server":
            if shutil.which(name) is None:
                return "redis-server isn't installed"
        elif importlib.util.find_spec(name) is None:
            return f"{name.replace('_', '-')} isn't installed"
    return None


def postgres_program(name: str) -> str | None:
    """Where a program of Postgres lies; Debian keeps them off the path."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))  # noqa: PTH207  an absolute pattern
    return shutil.which(name) or (found[-1] if found else None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(is_so: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    """Wait until something is so; fails with what was waited for."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


@contextmanager
def postgres_in(folder: Path) -> Iterator[str]:
    """A Postgres of its own; its address, as SQLAlchemy takes it."""
    folder.mkdir()
    port, user = free_port(), _user_for_postgres()
    if user:
        shutil.chown(folder, user)
        for above in folder.parents:
            if above.stat().st_uid == os.geteuid():
                above.chmod(above.stat().st_mode | 0o011)
    initdb, server = postgres_program("initdb"), postgres_program("postgres")
    assert initdb
    assert server
    made = [initdb, "-D", str(folder / "data"), "-U", "eval", "--auth", "trust", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, user=user, cwd="/")
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
    running = subprocess.Popen(
        [server, "-D", str(folder / "data"), *options],
        user=user,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port), "postgres")
        yield f"postgresql+psycopg2://eval@127.0.0.1:{port}/postgres"
    finally:
        running.send_signal(signal.SIGQUIT)
        running.wait()


class Redis:
    """A Redis of its own, which may go and come back with what it held."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder), "--appendonly", "yes"]
        self._running = subprocess.Popen([str(shutil.which("redis-server")), *options], stdout=subprocess.DEVNULL)
        until(lambda: _answers(self.port), "redis-server")

    def stop(self) -> None:
        self._running.terminate()
        self._running.wait()


def processes_below(folder: Path) -> list[int]:
    """Processes whose working directory lies in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


def write_shims(folder: Path) -> None:
    """Programs named as those of Dagster and Celery, for a `PATH`, which lose no time in a test."""
    folder.mkdir()
    for name, module in {
        "celery": "tests.machines celery",
        "dagster-daemon": "tests.machines dagster-daemon",
        "eval-assets": "eval_assets",
    }.items():
        shim = folder / name
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        shim.chmod(0o755)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _user_for_postgres() -> str | None:
    """Postgres refuses to run as root."""
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if os.geteuid() == 0 and "postgres" in known else None


def _run_hurried(program: str, arguments: list[str]) -> None:
    sys.argv = [program, *arguments]
    if program == "dagster-daemon":
        from dagster._daemon import controller
        from dagster._daemon.cli import main as daemon

        controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
        daemon()
        return
    from celery.__main__ import main as celery

    from eval_assets.checks import data_quality
    from eval_assets.quality.inspection import Inspection

    # Great Expectations takes ten seconds to import; `test_data_quality` is about it.
    data_quality.inspect = lambda *_: Inspection(defaultdict(tuple), 0)  # type: ignore[assignment]
    if os.environ.get("DIE_AT") == "between":
        _die_between_commit_and_journal()
    celery()


def _die_between_commit_and_journal() -> None:
    unlink = Path.unlink

    def replacement(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002  as Python declares it
        if path.suffix == ".journal":
            os.kill(os.getpid(), signal.SIGKILL)
        unlink(path, missing_ok)

    Path.unlink = replacement  # type: ignore[method-assign]


if __name__ == "__main__":
    _run_hurried(sys.argv[1], sys.argv[2:])
