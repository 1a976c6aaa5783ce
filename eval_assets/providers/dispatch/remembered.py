"""The concurrency that worked last time, per account, in a small file: a hint, which nobody misses when it is gone."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval_assets.providers.dispatch.concurrency import Level
from eval_assets.storage.atomic_files import write_json

LOG = logging.getLogger("eval_assets")


def remembered_levels(path: Path) -> dict[str, Level]:
    """Level per account; what can't be read is forgotten."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    levels = {account: _level(entry) for account, entry in found.items()} if isinstance(found, dict) else {}
    return {account: level for account, level in levels.items() if level is not None}


def remember_levels(path: Path, levels: Mapping[str, Level]) -> None:
    """Add these to the file. Of two processes at once the later one may forget what the other learned, no more."""
    entries = {account: asdict(level) for account, level in {**remembered_levels(path), **levels}.items()}
    try:
        write_json(path, entries)
    except OSError as error:
        LOG.debug("the concurrency that worked is not remembered: %s", error)


def _level(entry: Any) -> Level | None:
    match entry:
        case {"limit": int(limit), "is_found": bool(is_found)} if limit >= 1 and not isinstance(limit, bool):
            return Level(limit, is_found)
        case _:
            return None
