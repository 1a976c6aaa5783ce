"""One machine among several that share a warehouse: a process that claims, keeps and writes replies as it is told.

Used by `tests/remote`: `python -m tests.remote_machine ROOT OPTIONS STATE_FOLDER LANE`, then a command a line.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from eval_assets.requests.exchange import Reply
from eval_assets.requests.keys import key_of
from eval_assets.storage.replies.journal import journals_of, read_segment
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse

REQUESTS = {key_of(text): text for text in ('{"asks": "a"}', '{"asks": "b"}', '{"asks": "c"}')}
"""Request key → canonical request."""


def main() -> None:
    root, options, folder, lane = sys.argv[1:]
    state = Path(folder)
    store = ResponseStore(Warehouse(root, json.loads(options)), state)
    lease = store.open_lane(lane)
    writer = lease.__enter__()
    assert writer.claims is not None
    for line in sys.stdin:
        what, *keys = line.split()
        done: list[str] = []
        if what == "claim":
            done = sorted(writer.claims.claim(dict.fromkeys(keys, writer.claims.seen)).fresh)
        elif what == "keep":
            for key in keys:
                reply = Reply("ok", "x", "stop", latency_seconds=1.0, requested_at=datetime.now(UTC))
                writer.append(key, REQUESTS[key], reply, f"run-of-{state.name}")
        elif what == "holds":
            done = [str(writer.claims.holds(key)) for key in keys]
        elif what == "flush":
            writer.flush()
            n_waiting = sum(len(read_segment(path).records) for path in journals_of(state, lane))
            done = [f"{n_waiting} in journals"]
        elif what == "close":
            lease.__exit__(None, None, None)
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
