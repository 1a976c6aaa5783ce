"""Scorers of `mlflow.genai`: functions as metrics of ours, built-in ones as judges of the project."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from eval_assets.api.arguments.declared import DeclaredJudge
from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import ConfigError

JUDGE_OF = {
    "Correctness": "answer-correctness",
    "RelevanceToQuery": "answer-relevance",
    "Equivalence": "equivalence",
    "Fluency": "fluency",
    "Guidelines": "guidelines",
    "RetrievalGroundedness": "groundedness",
    "RetrievalRelevance": "relevance",
    "RetrievalSufficiency": "context-sufficiency",
    "Safety": "safety",
    "Summarization": "summarization-quality",
}
"""Class of a built-in scorer → the judge of this name that the project has to have."""

YES_OR_NO = {"yes": True, "no": False, "true": True, "false": False}
"""Words of a verdict that MLflow counts as one and nothing."""


@dataclass(frozen=True, slots=True)
class GivenScorers:
    """What `ea.evaluate` takes of them.

    Args:
        metrics: Mappings with a `metric` and its `function`.
        judges: Names of judges, or declared ones.
        named: Metric or judge → what results call it.
    """

    metrics: list[Any] = field(default_factory=list)
    judges: list[Any] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)


def scorers_of(scorers: Sequence[Any], project: Project) -> GivenScorers:
    """Sort scorers.

    Args:
        scorers: `@scorer` functions, plain functions, built-in scorers, names of metrics or judges, `ea.Judge`.
        project: Whose judges stand for built-in scorers.

    Raises:
        ConfigError: One of them can't be used here.
    """
    found = GivenScorers()
    for scorer in scorers:
        kind = type(scorer).__name__
        function = getattr(scorer, "_original_func", None) or (scorer if inspect.isroutine(scorer) else None)
        if isinstance(scorer, DeclaredJudge):
            found.judges.append(scorer)
        elif isinstance(scorer, str):
            (found.judges if scorer in project.names("judges") else found.metrics).append(scorer)
        elif function is not None:
            name = str(getattr(scorer, "name", None) or getattr(function, "__name__", "scorer"))
            found.metrics.append({"metric": _plain(name), "function": scoring(function, name)})
            found.named[_plain(name)] = name
        elif kind in JUDGE_OF:
            _add_judge(scorer, kind, project, found)
        else:
            raise ConfigError(
                f"scorers: {kind} has no counterpart here; expected functions of inputs, outputs and expectations, "
                f"`ea.Judge(…)`, names of metrics and judges, or {', '.join(JUDGE_OF)}"
            )
    return found


def _add_judge(scorer: Any, kind: str, project: Project, found: GivenScorers) -> None:
    judge = JUDGE_OF[kind]
    if judge not in project.names("judges"):
        raise ConfigError(
            f"scorers: {kind} is the judge {judge!r} here, which the project doesn't have; add "
            f"data/judges/{judge}.yaml, or give ea.Judge({judge!r}, 'what is judged', model=…); "
            f"{nearest(judge, project.names('judges'))}"
        )
    guidelines = getattr(scorer, "guidelines", None)
    if guidelines:
        rules = [guidelines] if isinstance(guidelines, str) else list(guidelines)
        file = project.judge(judge).file
        fields = file.model_dump(mode="json", exclude={"definition", "model", "guidelines"}, exclude_defaults=True)
        name = _plain(str(scorer.name))
        declared = DeclaredJudge(name, file.definition, model=str(file.model), guidelines=rules, **fields)
        found.judges.append(declared)
        found.named[name] = str(scorer.name)
        return
    found.judges.append(judge)
    found.named[judge] = str(getattr(scorer, "name", judge))


def scoring(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A scorer's function as a metric of ours: what it returns becomes a score, or a label, with a reason.

    Raises:
        ConfigError: It asks for the trace, which isn't recorded here.
    """
    signature = inspect.signature(function)
    if "trace" in signature.parameters:
        raise ConfigError(
            f"scorers: {name!r} asks for the trace, which isn't recorded here; latency, tokens and cost are columns of "
            "predictions, which a metric asks for by name"
        )

    @wraps(function)
    def score(*args: Any, **given: Any) -> Any:
        return scored(function(*args, **given), name)

    # What is annotated decides how columns are given and scores are read: values are as `scored` makes them.
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    score.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return score


def scored(found: Any, name: str) -> Any:
    """What a scorer returns, as a metric of ours returns it.

    >>> scored(True, "same"), scored("yes", "polite"), scored("blue", "colour")
    (1.0, 1.0, {'score': None, 'label': 'blue', 'reason': None})
    """
    reason = getattr(found, "rationale", None)
    value = getattr(found, "value", found) if hasattr(found, "rationale") else found
    if isinstance(value, str):
        verdict = YES_OR_NO.get(value.casefold())
        if verdict is None:
            return {"score": None, "label": value, "reason": reason}
        value = verdict
    if isinstance(value, Mapping | list | tuple):
        raise TypeError(f"scorer {name!r}: expected one number, yes or no, or a label, got {value!r:.80}")
    number = None if value is None else float(value)
    return number if reason is None else (number, reason)


def _plain(name: str) -> str:
    """A name as our metrics and judges have them."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-") or "scorer"
