"""When a refresh began: a killed refresh goes on instead of paying again for what it had already renewed."""

import contextlib
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from eval_assets.errors import StorageFullError

FORGOTTEN_AFTER = timedelta(hours=24)
"""A refresh left unfinished for longer than this starts anew."""


def refresh_began_at(state_dir: Path, lane: str, scope: str) -> datetime:
    """Begin a refresh, or find the beginning of the one that did not finish; replies asked for since then are fresh.

    Args:
        state_dir: Where the response store keeps its journals.
        lane: The lane refreshed.
        scope: What is refreshed, such as a cell and a stage; each scope is refreshed for itself.
    """
    path = _path(state_dir, lane, scope)
    now = datetime.now(UTC)
    with contextlib.suppress(OSError, ValueError, KeyError):
        began_at = datetime.fromisoformat(json.loads(path.read_text())["began_at"])
        if now - began_at < FORGOTTEN_AFTER:
            return began_at
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"began_at": now.isoformat(), "scope": scope}))
    except OSError as error:
        raise StorageFullError(
            f"the beginning of the refresh can't be noted in {path}: {error.strerror}; nothing was sent"
        ) from error
    return now


def refresh_ended(state_dir: Path, lane: str, scope: str) -> None:
    """Forget a refresh that came to its end."""
    _path(state_dir, lane, scope).unlink(missing_ok=True)


def _path(state_dir: Path, lane: str, scope: str) -> Path:
    return state_dir / f"{lane}.{hashlib.sha256(scope.encode()).hexdigest()[:8]}.refresh"
