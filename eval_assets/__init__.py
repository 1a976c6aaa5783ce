"""LLM evaluation as a Dagster asset project; from Python: `import eval_assets as ea`, then `ea.evaluate(data, my_app)`.

Names are imported when they are used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval_assets.api.arguments.declared import DeclaredJudge as Judge
    from eval_assets.api.arguments.declared import DeclaredModel as Model
    from eval_assets.api.evaluating import aevaluate, evaluate, plan
    from eval_assets.api.opened_project import OpenedProject, open_project
    from eval_assets.api.results.result import EvaluationResult
    from eval_assets.component import EvaluationProjectComponent
    from eval_assets.definitions import build_definitions
    from eval_assets.errors import EvalAssetsError

__all__ = [
    "EvalAssetsError",
    "EvaluationProjectComponent",
    "EvaluationResult",
    "Judge",
    "Model",
    "OpenedProject",
    "aevaluate",
    "build_definitions",
    "evaluate",
    "open_project",
    "plan",
]

_HOME_OF = {
    "EvalAssetsError": ("errors", "EvalAssetsError"),
    "EvaluationProjectComponent": ("component", "EvaluationProjectComponent"),
    "EvaluationResult": ("api.results.result", "EvaluationResult"),
    "Judge": ("api.arguments.declared", "DeclaredJudge"),
    "Model": ("api.arguments.declared", "DeclaredModel"),
    "OpenedProject": ("api.opened_project", "OpenedProject"),
    "aevaluate": ("api.evaluating", "aevaluate"),
    "build_definitions": ("definitions", "build_definitions"),
    "evaluate": ("api.evaluating", "evaluate"),
    "open_project": ("api.opened_project", "open_project"),
    "plan": ("api.evaluating", "plan"),
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
