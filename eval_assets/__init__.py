"""LLM evaluation as a Dagster asset project.

Names are imported when they are used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_assets.component import EvaluationProjectComponent
    from eval_assets.definitions import build_definitions

__all__ = ["EvaluationProjectComponent", "build_definitions"]

_HOME_OF = {
    "EvaluationProjectComponent": ("component", "EvaluationProjectComponent"),
    "build_definitions": ("definitions", "build_definitions"),
}
"""Public name → module of this package, and the name it has there."""


def __getattr__(name: str) -> Any:
    """Import a public name with its first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    module, found = _HOME_OF[name]
    value = getattr(import_module(f"{__name__}.{module}"), found)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted({*globals(), *__all__})
