"""The Dagster instance of a project: its folder, and opening it while no other process does so for the first time."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import yaml
from dagster._check import CheckError
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION as OLD_REVISION
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from eval_assets.automation.home import dagster_home
from eval_assets.automation.run_history import SETTINGS
from eval_assets.errors import StorageError
from eval_assets.storage.locks import exclusive

SHIPPED_SETTINGS = Path(__file__).with_name("instance.yaml")
"""What a new instance is told where the project has no `dagster.yaml`."""
DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
MESSAGE_CHARACTERS = 300
MADE_BY_ANOTHER = ("42P07", "42701", "42710", "23505")
"""What Postgres calls a table, a column, an object and a row that are there already."""
OPENINGS = 10
SECONDS_BETWEEN_OPENINGS = 0.3


@contextmanager
def open_instance(of_project: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, its folder, settings and databases made if they are absent.

    Args:
        of_project: Its folder, unless `DAGSTER_HOME` names another.

    Dagster makes its databases when it opens them; two processes that do so at once leave them with two versions, which
    no later process accepts. So they take turns, and databases that were left so are mended. Machines that share a
    Postgres take none: there it is opened again where another one was quicker to make a table.

    Raises:
        StorageError: The folder can't be used.
    """
    home = dagster_home(of_project)
    try:
        with exclusive(home / ".opening.lock", label="the first opening"):
            _write_settings(home / "dagster.yaml", of_project.parent / "dagster.yaml")
            for database in DATABASES:
                _mend(home / database)
            instance = _opened()
    except OSError as error:
        raise StorageError(
            f"expected DAGSTER_HOME to be a folder that can be written, got {str(home)!r}: {error.strerror or error}; "
            "set it to another one"
        ) from error
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"the databases of the Dagster instance in {home} can't be read: {error}; move that folder away, which "
            "loses the list of runs and nothing else, and run again"
        ) from error
    except (ImportError, CheckError) as error:
        raise StorageError(
            f"{home}/dagster.yaml needs something that isn't installed, {_first_line(error)}; for Postgres: "
            "`pip install 'eval-assets[postgres]'`, and `scheme: postgresql+psycopg2`"
        ) from error
    except (yaml.YAMLError, dg.DagsterError) as error:
        raise StorageError(
            f"the Dagster instance in {home} can't be opened, {_first_line(error)}; mend "
            f"{home}/dagster.yaml, or remove it to have a new one written"
        ) from error
    except Exception as error:
        # What dagster-postgres raises after some attempts is a class of its own.
        cause = error.__cause__ if error.__class__.__module__.startswith("dagster_postgres") else error
        if isinstance(cause, SQLAlchemyError):
            raise StorageError(
                f"the database of the Dagster instance in {home} can't be used, {_first_line(cause)}; see that it "
                f"runs, and that {home}/dagster.yaml says where"
            ) from error
        raise
    with instance:
        yield instance


def _opened() -> dg.DagsterInstance:
    for _ in range(OPENINGS - 1):
        try:
            return dg.DagsterInstance.get()
        except (DBAPIError, DagsterInvariantViolationError) as error:
            if not _is_made_by_another(error):
                raise
            time.sleep(SECONDS_BETWEEN_OPENINGS)
    return dg.DagsterInstance.get()


def _is_made_by_another(error: Exception) -> bool:
    """Whether another machine made the same table meanwhile, or recorded a run before ours was done with making them.

    Dagster then looks for what to bring over in a run, by an instance that isn't there yet.
    """
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "pgcode", None) in MADE_BY_ANOTHER
    return "undefined DagsterInstance weakref" in str(error)


def _first_line(error: Exception) -> str:
    """What an error of a library begins with, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MESSAGE_CHARACTERS]}"


def _write_settings(file: Path, of_project: Path) -> None:
    """Give a new instance the project's own settings or the shipped ones, and the storage that needs less computing.

    One that was used without settings stays without: it may be somebody else's, whose processes don't know our storage.
    """
    is_new = not any((file.parent / database).exists() for database in DATABASES)
    if is_new and not file.exists():
        settings = (of_project if of_project.exists() else SHIPPED_SETTINGS).read_text(encoding="utf-8")
        names_another = re.search(r"^(storage|\w+_storage):", settings, re.MULTILINE)
        file.write_text(settings if names_another else settings + SETTINGS, encoding="utf-8")


def _mend(database: Path) -> None:
    """Keep one version where two openings at once wrote one each: the newer, since its tables are there."""
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        has_versions = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        if connection.execute(has_versions).fetchone() is None:
            return
        found = [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]
        if len(found) > 1:
            kept = next((version for version in found if version != OLD_REVISION), OLD_REVISION)
            connection.execute("DELETE FROM alembic_version")
            connection.execute("INSERT INTO alembic_version VALUES (?)", (kept,))
