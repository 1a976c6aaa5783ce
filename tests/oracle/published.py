"""Published implementations, each imported by the first test that asks it: every worker collects all tests."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Published:
    """A module, as its name would stand for it after an import.

    Args:
        module: Its dotted name.
    """

    module: str

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.module), name)
