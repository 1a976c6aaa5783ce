"""What can be labelled in an evaluation: outputs for one of its judges, or two candidates side by side.

The order is that of `calibration.review_queue`. Pages are written by `review_page`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import polars as pl

from eval_assets.calibration.labelling import Labelling
from eval_assets.calibration.review_queue import outputs_to_review, pairs_to_review, review_queue
from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import nearest
from eval_assets.config.scales import Scale
from eval_assets.errors import ViewError
from eval_assets.storage.warehouse import Warehouse

JUDGE, PAIR = "judge", "pair"
MOST_QUEUES = 4
MOST_BUTTONS = 10
SIDES = {"left": "1", "right": "2", "tie": "0"}
"""What may be said of a pair as it is shown, each with its key."""


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """One kind of label.

    Args:
        judge: Which judge it is compared with; null where no judge of the evaluation compares pairs.
        pair: Of two side by side, both in the order of their names; null: outputs by themselves.
    """

    judge: str | None
    pair: tuple[Candidate, Candidate] | None = None

    @property
    def name(self) -> str:
        """As addresses and forms have it."""
        return f"{JUDGE}:{self.judge}" if self.pair is None else f"{PAIR}:{' '.join(self.pair)}"

    @property
    def words(self) -> str:
        """As people read it."""
        return f"for the judge {self.judge}" if self.pair is None else " or ".join(self.pair)


@dataclass(frozen=True, slots=True)
class VerdictButton:
    """One verdict that can be given by a button.

    Args:
        value: What is sent.
        words: What stands on the button.
        key: What presses it; empty where no key is left.
    """

    value: str
    words: str
    key: str


def tasks_of(evaluation: Evaluation) -> tuple[ReviewTask, ...]:
    """Everything that can be labelled: for each judge, then the pairs that the file compares, else those with its
    baseline, or its first candidate.
    """
    candidates, pairwise = evaluation.candidates, evaluation.file.pairwise
    first = evaluation.file.baseline or candidates[0]
    pairs = evaluation.compared_pairs or tuple((Candidate(first), other) for other in candidates if other != first)
    asked = pairwise.judge if pairwise else None
    ordered = dict.fromkeys(tuple(sorted(pair)) for pair in pairs)
    singles = (ReviewTask(judge) for judge in evaluation.file.judges)
    return (*singles, *(ReviewTask(asked, (Candidate(one), Candidate(two))) for one, two in ordered))


def task_named(evaluation: Evaluation, name: str) -> ReviewTask:
    """The task of a name; the first without one.

    Raises:
        ViewError: There is none of that name, or none at all.
    """
    tasks = {task.name: task for task in tasks_of(evaluation)}
    if not tasks:
        raise ViewError(f"{evaluation.name} has no judge and one candidate: there is nothing to label")
    if name and name not in tasks:
        raise ViewError(f"what: expected one of {', '.join(tasks)}, got {name!r:.80}; {nearest(name, tasks)}")
    return tasks[name] if name else next(iter(tasks.values()))


def choices_on(scale: Scale) -> tuple[VerdictButton, ...]:
    """Buttons for the verdicts of a scale, digits under themselves, else in order; none where a number is written."""
    low, high = scale.bounds
    grades = scale.grades if high - low < MOST_BUTTONS else None
    names = list(scale.label_scores) or list((grades or {}).values())
    if not names or len(names) > MOST_BUTTONS:
        return ()
    keys = names if scale.is_of_digits else [str(place % MOST_BUTTONS) for place in range(1, len(names) + 1)]
    return tuple(VerdictButton(name, name, key) for name, key in zip(names, keys, strict=True))


class ReviewQueues:
    """The order of outputs of each task, kept until an output or a verdict is written."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._kept: dict[tuple[Any, ...], pl.DataFrame] = {}
        self._lock = Lock()

    def queue(self, labelling: Labelling, task: ReviewTask) -> pl.DataFrame:
        """All items of a task in order, those too that are labelled: as `review_queue` gives them."""
        evaluation = labelling.project.evaluation(labelling.evaluation)
        scales = {judge: labelling.scale_of(judge) for judge in evaluation.file.judges}
        versions = tuple(self._warehouse.version(table) for table in ("predictions", "judge_scores"))
        asked = (evaluation.name, evaluation.candidates, task, str(scales), evaluation.file.seed, versions)
        with self._lock:
            kept = self._kept.pop(asked, None)
            if kept is None:
                kept = review_queue(self._items(evaluation, scales, task), seed=evaluation.file.seed)
            self._kept[asked] = kept
            while len(self._kept) > MOST_QUEUES:
                self._kept.pop(next(iter(self._kept)))
            return kept

    def _items(self, evaluation: Evaluation, scales: Mapping[str, Scale], task: ReviewTask) -> pl.DataFrame:
        candidates = task.pair or evaluation.candidates
        outputs = outputs_to_review(self._warehouse, evaluation.name, candidates, scales)
        return outputs if task.pair is None else pairs_to_review(outputs, *task.pair)


def sides_of(item: Mapping[str, Any]) -> Iterator[tuple[str, Candidate, str]]:
    """Side, candidate and output of a pair as it is shown."""
    one = (Candidate.of_row(item), item["output"])
    two = (Candidate.of(item["other_model"], item["other_prompt"]), item["other_output"])
    for side, (candidate, output) in zip(SIDES, (two, one) if item["is_swapped"] else (one, two), strict=False):
        yield side, candidate, output


def shown_as(item: Mapping[str, Any], label: str) -> str:
    """The side of the screen that a label of a pair was.

    >>> shown_as({"is_swapped": True}, "a"), shown_as({"is_swapped": True}, "tie")
    ('right', 'tie')
    """
    return next(side for side in SIDES if preferred(item, side) == label)


def preferred(item: Mapping[str, Any], side: str) -> str:
    """What a label of a pair is called, `a`, `b` or `tie`, of what was said of it as it was shown.

    >>> preferred({"is_swapped": True}, "left"), preferred({"is_swapped": False}, "left")
    ('b', 'a')
    """
    left, right = ("b", "a") if item["is_swapped"] else ("a", "b")
    return {"left": left, "right": right}.get(side, side)
