"""Where tables may lie: local paths that delta-rs and polars can open. Object stores are not looked at."""

import re

from eval_assets.errors import StorageError

UNUSABLE = re.compile(r"[\[\]|^\\=\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
"""delta-rs panics at brackets, bars and carets, and decodes a percent sign before two hexadecimal digits; polars takes
`name=value` in a path for a partition."""


def refuse_unusable(root: str) -> None:
    """Refuse a local folder that tables can't be kept in.

    Raises:
        StorageError: Its path holds a character that the libraries below can't open.

    >>> refuse_unusable("/home/o'brien/my project #2 (100%)/wärehouse")
    """
    if found := UNUSABLE.search(root):
        raise StorageError(
            f"expected a warehouse folder that delta-rs can open, got {found.group()!r} in {root!r}; rename that "
            "folder, or set EVAL_ASSETS_WAREHOUSE to one with none of [ ] | ^ \\ = in its path, no line break and no % "
            "before two hexadecimal digits"
        )
