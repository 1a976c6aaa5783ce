"""What headers of a response say about when to go on: how long to wait, and what is left of a quota."""

import re
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from eval_assets.providers.dispatch.limiter import Quota
from eval_assets.requests.foreign_values import finite_number

RATE_LIMIT = "ratelimit"
SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the provider asks to wait; null if it doesn't say.

    >>> retry_after_seconds({"retry-after": "1.5"}), retry_after_seconds({"retry-after-ms": "20"})
    (1.5, 0.02)
    """
    milliseconds, value = headers.get("retry-after-ms"), headers.get("retry-after")
    if (number := finite_number(milliseconds)) is not None:
        return max(0.0, number / 1000)
    if value is None:
        return None
    if (number := finite_number(value)) is not None:
        return max(0.0, number)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError, IndexError):  # what the parser raises for what is no date
        return None


def quota_of(headers: Mapping[str, str]) -> Quota:
    """What the rate-limit headers say is left, in OpenAI's spelling or Anthropic's; of any case."""
    # One pass: most servers send none, and each look-up of what isn't there costs more than this.
    told = {name.lower(): value for name, value in headers.items() if RATE_LIMIT in name.lower()}
    if not told:
        return Quota()
    left = {kind: finite_number(_about(told, kind, "remaining")) for kind in ("requests", "tokens")}
    reset = {kind: _seconds_until(_about(told, kind, "reset")) for kind in ("requests", "tokens")}
    return Quota(
        remaining_requests=None if left["requests"] is None else int(left["requests"]),
        reset_requests_seconds=reset["requests"],
        remaining_tokens=None if left["tokens"] is None else int(left["tokens"]),
        reset_tokens_seconds=reset["tokens"],
    )


def _about(told: Mapping[str, str], kind: str, what: str) -> str:
    return told.get(f"x-ratelimit-{what}-{kind}") or told.get(f"anthropic-ratelimit-{kind}-{what}") or ""


def _seconds_until(text: str) -> float | None:
    """Seconds until a window begins anew, told as a duration or as a moment; null if it is neither."""
    if (seconds := duration_seconds(text)) is not None:
        return seconds
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def duration_seconds(text: str) -> float | None:
    """Seconds of a duration as rate-limit headers write it; null if it isn't one.

    >>> duration_seconds("6m0.5s"), duration_seconds("20ms"), duration_seconds("3"), duration_seconds("soon")
    (360.5, 0.02, 3.0, None)
    """
    if (number := finite_number(text)) is not None:
        return number
    if not re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    return sum(float(amount) * SECONDS_PER_UNIT[unit] for amount, unit in parts)
