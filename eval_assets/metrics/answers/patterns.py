"""Regular expressions of the user, searched for a limited time: some take longer than the age of the universe."""

from functools import cache

import regex  # type: ignore[import-untyped]

from eval_assets.errors import MetricError

MOST_SECONDS = 1.0
"""Time one pattern may take for one text."""


class PatternTimeoutError(MetricError):
    """A pattern took too long for a text; the message is the reason of the row."""


@cache
def compiled(pattern: str, *, ignore_case: bool = False) -> "regex.Pattern[str]":
    """Compile a pattern of the user.

    Raises:
        MetricError: It is no regular expression.

    >>> compiled("^yes", ignore_case=True).search("Yes.") is None
    False
    """
    try:
        return regex.compile(pattern, regex.VERSION0 | (regex.IGNORECASE if ignore_case else 0))
    except (regex.error, RecursionError, OverflowError) as error:
        raise MetricError(f"expected a regular expression as `pattern`, got {pattern!r}: {error}") from error


def is_found(pattern: "regex.Pattern[str]", text: str, *, full: bool = False) -> bool:
    """Search a text for a pattern.

    Args:
        pattern: From `compiled`.
        text: Any text.
        full: It has to match the whole text.

    Raises:
        PatternTimeoutError: No answer within `MOST_SECONDS`.

    >>> is_found(compiled("b+"), "abc"), is_found(compiled("b+"), "abc", full=True)
    (True, False)
    """
    find = pattern.fullmatch if full else pattern.search
    try:
        return find(text, timeout=MOST_SECONDS) is not None
    except TimeoutError as error:
        raise PatternTimeoutError(
            f"expected the pattern {pattern.pattern[:80]!r} to be decided within {MOST_SECONDS:g} s, it was not for a "
            f"text of {len(text):,} characters; write it without repetitions inside repetitions"
        ) from error
