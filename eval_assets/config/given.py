"""Functions that Python code hands over where a file would name one. Hashing them is in `user_code.fingerprints`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

GIVEN_MODULE = "<given>"
"""Stands where a file has the module of `module:function`; no module can have this name."""


@dataclass(frozen=True, slots=True)
class GivenFunction:
    """A function of this process, which no file can name.

    Args:
        function: The function, or an object that is called like one.
        version: Hash of what it does: another one makes its answers and scores stale.
    """

    function: Callable[..., Any]
    version: str


def is_given(target: str | None) -> bool:
    """Whether a target stands for a function that Python code hands over."""
    return target is not None and target.startswith(f"{GIVEN_MODULE}:")


def given_target(name: str) -> str:
    """What stands for a given function in a model, and for a metric.

    >>> given_target("my_app")
    '<given>:my_app'
    """
    return f"{GIVEN_MODULE}:{name}"
