"""The primary metric of an evaluation: is it one of its metrics, and has it a better end?"""

from collections.abc import Iterator, Mapping

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Problem, nearest
from eval_assets.config.project import Loaded


def primary_problems(loaded: Loaded[Evaluation], directions: Mapping[str, bool | None]) -> Iterator[Problem]:
    """What is wrong with the primary metric that an evaluation declares.

    Args:
        loaded: The evaluation.
        directions: Label of each metric and name of each judge → whether greater is better; null where neither is.
    """
    primary = loaded.item.file.primary
    if primary is None:
        return
    if primary not in directions:
        said = f"expected a metric or judge of this evaluation, got {primary!r}; {nearest(primary, directions)}"
        yield loaded.problem(("primary",), said)
    elif directions[primary] is None:
        ranking = [name for name, direction in directions.items() if direction is not None]
        others = f"such as {', '.join(map(repr, ranking[:3]))}" if ranking else "which none of its metrics has"
        said = f"expected a metric or judge with a better end, {others}; {primary!r} describes and ranks nothing"
        yield loaded.problem(("primary",), said)
