"""A run in a process of its own, to be killed: `python -m tests.faults.worker BASE_URL FOLDER N RUN_ID [DIE_AT]`.

DIE_AT kills the process with SIGKILL at one moment: `append` (half a record is on disk), `commit` (before the Delta
commit), `between` (after the commit, before the journal goes), or in an object store `entry` (its data is there, the
entry of its commit isn't) and `release` (after the commit, before the claims go). The variable WAREHOUSE names an
object store, and FOLDER is the state folder then.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval_assets.config.model import Limits
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.storage.remote.lane_claims import LaneClaims
from eval_assets.storage.remote.mirror import Mirror
from eval_assets.storage.replies import journal, lane_writer
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse
from tests.engines import answered, identity_at, jobs, store_in


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_append(append: Callable[..., None]) -> Callable[..., None]:
    """Half of the tenth record is written, then the process dies."""
    n = 0

    def replacement(segment: journal.Segment, record: Any) -> None:
        nonlocal n
        n += 1
        if n == 10:
            line = journal.framed(record)
            os.pwrite(segment._descriptor, line[: len(line) // 2], segment._offset)
            die()
        append(segment, record)

    return replacement


def dying_commit(put: Callable[[Mirror, list[Path]], None]) -> Callable[[Mirror, list[Path]], None]:
    """The table is created, then the process dies in its first commit."""

    def replacement(mirror: Mirror, entries: list[Path]) -> None:
        if mirror.version >= 0:
            die()
        put(mirror, entries)

    return replacement


def store_of(folder: Path) -> ResponseStore:
    if root := os.environ.get("WAREHOUSE"):
        return ResponseStore(Warehouse(root), folder, flush_rows=25)
    return store_in(folder, flush_rows=25)


def main(base_url: str, folder: str, n: str, run_id: str, die_at: str = "") -> None:
    match die_at:
        case "append":
            journal.Segment.append = dying_append(journal.Segment.append)  # type: ignore[method-assign]
        case "commit":
            lane_writer.LaneWriter._write = die  # type: ignore[method-assign]
        case "between":
            lane_writer.Path.unlink = die  # type: ignore[method-assign]
        case "entry":
            Mirror._put_entries = dying_commit(Mirror._put_entries)  # type: ignore[method-assign]
        case "release":
            LaneClaims.release = die  # type: ignore[method-assign]
    engine = Engine(
        identity=identity_at(base_url),
        client=OpenAIClient(model_id="tiny", base_url=base_url),
        store=store_of(Path(folder)),
        run_id=run_id,
        limits=Limits(max_concurrency=8, timeout_seconds=10),
    )
    answers = answered(engine, jobs(int(n)))
    assert all(answer.reply.output == f"echo: question {tag}" for tag, answer in answers.items())
    print(len(answers), flush=True)  # noqa: T201  read by the test


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
    main(*sys.argv[1:])
