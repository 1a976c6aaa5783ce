"""Letting a warehouse grow old at once."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deltalake import DeltaTable


def age(root, days):
    """Let everything in a warehouse have happened so many days ago."""
    moment = datetime.now(UTC) - timedelta(days=days)
    for path in Path(root).rglob("*"):
        if path.suffix == ".json" and path.parent.name == "_delta_log":
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            for action in actions:
                for content in action.values():
                    for field in {"timestamp", "deletionTimestamp", "modificationTime"} & content.keys():
                        content[field] = int(moment.timestamp() * 1000)
            path.write_text("\n".join(json.dumps(action) for action in actions))
    for path in [*Path(root).rglob("*.checkpoint.parquet"), *Path(root).rglob("_last_checkpoint")]:
        path.unlink()  # they hold times too
    for log in Path(root).rglob("_delta_log"):
        DeltaTable(str(log.parent)).create_checkpoint()
    for path in Path(root).rglob("*"):
        os.utime(path, (moment.timestamp(), moment.timestamp()))
