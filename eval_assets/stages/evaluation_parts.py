"""The part of an evaluation that each stage reads: an edited gate is nothing to a prediction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from eval_assets.config.evaluation import Evaluation

Part = Mapping[str, Any]
"""Name of a field, as people know it, → its JSON value."""


@dataclass(frozen=True, slots=True)
class EvaluationContent:
    """What the table `evaluations` keeps of a file and of what it refers to.

    Args:
        evaluation: The file.
        metric_fingerprints: Label of each heuristic metric → hash of what decides its scores.
        cluster: Column of the dataset that says which examples depend on each other.
        slices: Columns of the dataset by which results are split.
        references: Models that are kept for comparison only.
    """

    evaluation: Evaluation
    metric_fingerprints: Mapping[str, str]
    cluster: str | None
    slices: tuple[str, ...]
    references: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Read the content of a stored version, or of a file as it stands."""
        return cls(
            evaluation=Evaluation.model_validate({"name": content["name"], "file": content["file"]}),
            metric_fingerprints=content["metric_fingerprints"],
            cluster=content["cluster"],
            slices=tuple(content["slices"]),
            references=tuple(content.get("references", ())),
        )


def part_key(evaluation: str, table: str) -> str:
    """Partition of `evaluations` that holds what a stage reads of an evaluation.

    >>> part_key("quickstart", "predictions")
    'quickstart:predictions'
    """
    return f"{evaluation}:{table}"


def predictions_part(content: EvaluationContent) -> Part:
    """Which examples are answered, how often. Candidates are cells of their own."""
    return _fields(content, "dataset", "slice", "samples")


def heuristic_metrics_part(content: EvaluationContent) -> Part:
    """Which metrics are computed."""
    return {"metrics": content.metric_fingerprints}


def judge_scores_part(content: EvaluationContent) -> Part:
    """Which judges are asked."""
    return {"judges": sorted(content.evaluation.file.judges)}


def aggregate_reports_part(content: EvaluationContent) -> Part:
    """Which scores are described, and how."""
    return {**_described(content), "slices": list(content.slices)}


def pairwise_preferences_part(content: EvaluationContent) -> Part:
    """Which outputs are shown side by side; nothing where none are."""
    if content.evaluation.file.pairwise is None:
        return {}
    pairs = [list(pair) for pair in content.evaluation.compared_pairs]
    return {"compared_pairs": pairs, **_fields(content, "pairwise", "confidence", "seed")}


def judge_agreement_part(content: EvaluationContent) -> Part:
    """Which judges are measured, on what; nothing where there are none."""
    file = content.evaluation.file
    if not file.judges and file.pairwise is None:
        return {}
    judge = None if file.pairwise is None else file.pairwise.judge
    measured = {**judge_scores_part(content), "pairwise.judge": judge, "cluster": content.cluster}
    split = {"slices": list(content.slices)} if content.slices else {}
    return {**measured, **split, **_fields(content, "dataset", "models", "confidence", "seed")}


def changes_part(content: EvaluationContent) -> Part:
    """Which candidates are held against their former states, by which scores; a released state where a gate asks."""
    is_asked = any(gate.against == "released" for gate in content.evaluation.file.gates)
    candidates = {"candidates": list(content.evaluation.candidates)}
    return {**candidates, **_described(content), **({"against": "released"} if is_asked else {})}


def comparison_part(content: EvaluationContent) -> Part:
    """Which candidates are compared with which, and what is asked of them."""
    candidates = {"candidates": list(content.evaluation.candidates), "baseline": content.evaluation.baseline}
    file = content.evaluation.file
    by_slice = any(gate.worst_slice_min is not None for gate in file.gates)
    asked = {"slices": list(content.slices) if by_slice else [], "references": list(content.references)}
    decided = {"primary": file.primary, "named": list(file.named), "correction": file.correction}
    return {**candidates, **_described(content), **decided, **asked, **_fields(content, "gates")}


def declared_ranges(evaluation: Evaluation) -> dict[str, list[float]]:
    """Label of each custom metric whose range the file declares → lowest and highest score."""
    choices = evaluation.file.metrics
    return {choice.label or choice.metric: list(choice.range) for choice in choices if choice.range is not None}


def _described(content: EvaluationContent) -> Part:
    return {
        **heuristic_metrics_part(content),
        **judge_scores_part(content),
        "cluster": content.cluster,
        "ranges": declared_ranges(content.evaluation),
        **_fields(content, "confidence", "seed"),
    }


def _fields(content: EvaluationContent, *names: str) -> Part:
    return content.evaluation.file.model_dump(mode="json", include=set(names))
