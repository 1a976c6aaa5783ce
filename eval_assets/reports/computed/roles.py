"""What each metric of an evaluation is there for: to decide, to be tested besides, or to describe.

The rule is here alone; the table `comparison` keeps what it gave, and every output reads it from there.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from eval_assets.config.evaluation import Evaluation
from eval_assets.reports.computed.scores import MetricFacts


class Role(StrEnum):
    """What a metric is there for.

    `primary` decides ranking, verdict and the confirmatory test. What the file `named` besides is tested and corrected
    together. A default that came with the task is `described`: a difference with its interval, no p-value, no letters.
    """

    PRIMARY = "primary"
    NAMED = "named"
    DESCRIBED = "described"


def roles_of(
    evaluation: Evaluation, facts: Mapping[str, MetricFacts], *, meanless: Collection[str] = ()
) -> dict[str, Role]:
    """The role of each metric and judge.

    Args:
        evaluation: Its file may say which is `primary`; what its gates ask about counts as named.
        facts: Metric or judge name → its direction, and its place among those the file names.
        meanless: Metrics without a single number: never primary unless the file says so.

    Returns:
        Name → role. At most one is primary: none where nothing has a better end.

    >>> from eval_assets.config.evaluation import EvaluationFile
    >>> file = EvaluationFile(dataset="d", models=("m",), prompts=("p",))
    >>> facts = {"exact_match": MetricFacts(named_at=None), "rougeL": MetricFacts(named_at=0)}
    >>> {name: role.value for name, role in roles_of(Evaluation(name="e", file=file), facts).items()}
    {'exact_match': 'described', 'rougeL': 'primary'}
    """
    named = named_first(evaluation, facts)
    chosen = evaluation.file.primary
    if chosen not in facts:
        last = len(facts)
        ranking = [name for name in facts if facts[name].greater_is_better is not None and name not in meanless]
        ranking.sort(key=lambda name: named.index(name) if name in named else last)
        chosen = next(iter(ranking), None)
    return {name: Role.PRIMARY if name == chosen else Role.NAMED if name in named else Role.DESCRIBED for name in facts}


def named_first(evaluation: Evaluation, facts: Mapping[str, MetricFacts]) -> list[str]:
    """The metrics and judges that an evaluation's file names, in its order: metrics, judges, what gates ask about."""
    placed = sorted(
        ((known.named_at, name) for name, known in facts.items() if known.named_at is not None),
        key=lambda place: place[0],
    )
    gated = [gate.metric for gate in evaluation.file.asked if gate.metric in facts]
    return list(dict.fromkeys([*(name for _, name in placed), *gated]))
