"""The environment templates run in: neither Python's objects nor the machine's memory are within their reach."""

import re
from collections.abc import Sized
from typing import Any

from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_LENGTH = 1_000_000
"""Characters or items that one operator may make."""
MAX_BITS = 100_000
WIDTH = re.compile(r"%[^a-zA-Z%]*\d{6}")


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Refuses operators whose result is out of all proportion; computes nothing while a template is only read."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Apply an operator.

        Raises:
            OverflowError: The result would be huge.
        """
        if _is_huge(operator, left, right):
            raise OverflowError(f"{left!r:.40} {operator} {right!r:.40} is too large")
        return super().call_binop(context, operator, left, right)


def _is_huge(operator: str, left: Any, right: Any) -> bool:
    """Whether an operator would make a huge text, list or number.

    >>> _is_huge("*", "ab", 10**9), _is_huge("**", 10, 10**6), _is_huge("*", 3, 4)
    (True, True, False)
    """
    if operator == "%":
        return isinstance(left, str) and bool(WIDTH.search(left))
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        return bits > MAX_BITS
    if isinstance(left, Sized) and isinstance(right, int):
        return len(left) * right > MAX_LENGTH
    return isinstance(left, int) and isinstance(right, Sized) and len(right) * left > MAX_LENGTH
