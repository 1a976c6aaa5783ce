"""Schedules so plain that Dagster surely takes them, told without importing it; of all others Dagster is asked."""

import re

PART = re.compile(r"\*(?:/(\d{1,2}))?|(\d{1,2})(?:-(\d{1,2}))?")
BOUNDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
"""Of minute, hour, day, month and weekday; days that every month has."""


def is_plain(cron: str) -> bool:
    """Whether a schedule has five fields of numbers within bounds, on days that every month has.

    >>> is_plain("*/15 9-17 * * 1-5"), is_plain("0 6 31 2 *"), is_plain("@daily")
    (True, False, False)
    """
    fields = cron.split(" ")
    return len(fields) == len(BOUNDS) and all(
        _is_within(part, *bounds) for field, bounds in zip(fields, BOUNDS, strict=True) for part in field.split(",")
    )


def _is_within(part: str, lowest: int, highest: int) -> bool:
    found = PART.fullmatch(part)
    if found is None:
        return False
    step, first, last = found.groups()
    if first is None:
        return step is None or 1 <= int(step) <= highest
    return lowest <= int(first) <= highest and (last is None or int(first) < int(last) <= highest)
