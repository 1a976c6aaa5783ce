"""The review: people label outputs one after the other, and see what the judge said once they have.

The verdict, and whose output it is, are hidden until all outputs of the example are labelled: who has read another's
verdict repeats it, and the judge would be measured against itself.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import polars as pl

from eval_assets.calibration.given_labels import stored_labels
from eval_assets.calibration.label_files import export_labels
from eval_assets.calibration.labelling import Labelling
from eval_assets.calibration.review_queue import RANDOM, labelled_items
from eval_assets.config.candidate import Candidate
from eval_assets.config.judge import JudgeFile
from eval_assets.errors import EditError, LabelError, StorageError, ViewError
from eval_assets.requests.conversations import readable
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.review_agreement import shown_agreement
from eval_assets.viewer.review_form import LONGEST_NAME, LONGEST_NOTE, TAKE_BACK, SentLabel, rater_named
from eval_assets.viewer.review_given import Review, given_label
from eval_assets.viewer.review_task import (
    SIDES,
    ReviewQueues,
    ReviewTask,
    choices_on,
    sides_of,
    task_named,
    tasks_of,
)
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.foreign_text import targets_text

Row = Mapping[str, Any]
ASKED = ("what", "rater", "after", "given", "part")


class ReviewPages:
    """Writes the pages of the review, and takes labels."""

    def __init__(self, project: ViewedProject, token: str) -> None:
        self._project, self._token = project, token
        self._queues = ReviewQueues(project.warehouse)

    def page(self, name: str, asked: Mapping[str, str]) -> str:
        """The next output, with what the judge said of the one before.

        Raises:
            EditError: The viewer takes no labels.
            ConfigError, StorageError: There is no such evaluation, or no output of it.
            ViewError: The address asks for something that there is not.
        """
        review = self._review(name, asked)
        item = review.next_after(asked.get("after", "")) if review.rater else None
        evaluation, task = review.labelling.project.evaluation(name), review.task
        scale = review.labelling.scale_of(task.judge) if task.judge and task.pair is None else None
        return rendered(
            "review.html.j2",
            name=name,
            can_edit=True,
            token=self._token,
            review=review,
            tasks=tasks_of(evaluation),
            asked=_judge_file(review),
            item=item,
            example=self._example(name, item) if item else None,
            outputs=_outputs(review.task, item) if item else [],
            choices=choices_on(scale) if scale else (),
            bounds=scale.bounds if scale else None,
            sides=SIDES,
            given=given_label(review, asked["given"]) if asked.get("given") else None,
            after=asked.get("after", ""),
            random=RANDOM,
            take_back=TAKE_BACK,
            longest={"note": LONGEST_NOTE, "rater": LONGEST_NAME},
            address=lambda **fields: _address(review, **fields),
        )

    def agreement(self, name: str, asked: Mapping[str, str]) -> str:
        """How far the judge agrees with all labels of this moment, as a page or as a part of one."""
        review = self._review(name, asked)
        return rendered(
            "agreement.html.j2",
            name=name,
            can_edit=True,
            review=review,
            agreement=shown_agreement(self._project, review.labelling, review.task, known=review.settled),
            is_part=asked.get("part") == "1",
            address=lambda **fields: _address(review, **fields),
        )

    def give(self, name: str, fields: Mapping[str, str]) -> str:
        """Keep the label that a form says; returns the address of the next output.

        Raises:
            LabelError: It can't be taken; nothing was stored.
        """
        sent = SentLabel.of(fields)
        review = self._review(name, {"what": sent.what, "rater": sent.rater})
        item = review.item(sent.item)
        if item is None:
            raise LabelError(
                f"item: expected an output of the review, got {sent.item!r:.80}; the example was answered anew since "
                "it was shown, or left the evaluation: open the review again"
            )
        added = review.labelling.give([sent.label(review.task, item)])
        given = "" if sent.said is None else added["label_id"][0]
        return f"/evaluations/{name}/review?{_address(review, after=sent.after, given=given)}"

    def table(self, name: str) -> str:
        """All labels that were given on the evaluation, as `eval-assets labels export` writes them."""
        labelling = self._labelling(name)
        return export_labels(stored_labels(labelling.warehouse, labelling.dataset).filter(evaluation=name))

    def _labelling(self, name: str) -> Labelling:
        if not self._project.can_edit:
            raise EditError(f"this viewer only reads: `eval-assets view {name:.80} --allow-edit` takes labels")
        project = self._project.files()
        project.evaluation(name)
        return Labelling(project, self._project.warehouse, name)

    def _review(self, name: str, asked: Mapping[str, str]) -> Review:
        for field in asked:
            if field not in ASKED:
                raise ViewError(f"expected one of {', '.join(ASKED)}, got {field!r:.80}")
        labelling = self._labelling(name)
        task = task_named(labelling.project.evaluation(name), asked.get("what", ""))
        queue = self._queues.queue(labelling, task)
        if queue.is_empty():
            raise StorageError(f"{name} has no outputs to label so: `eval-assets run {name}` computes them")
        rater = rater_named(asked["rater"]) if asked.get("rater") else ""
        done = (
            labelled_items(labelling.warehouse, queue, dataset=labelling.dataset, rater=rater, judge=task.judge)
            if rater
            else set[str]()
        )
        return Review(labelling, task, rater, queue, done)

    def _example(self, name: str, item: Row) -> dict[str, str | None]:
        """What was asked, as a reader sees it."""
        place = {"evaluation": name, **Candidate.of_row(item).columns}
        rows = self._project.warehouse.scan("predictions", place).filter(
            pl.col("example_id") == item["example_id"], pl.col("sample_index") == item["sample_index"]
        )
        row = next(rows.select("inputs", "targets", "context").collect().iter_rows(named=True), None)
        if row is None:
            raise ViewError(
                f"{name}: example {item['example_id']!r:.80} was answered anew just now; load the page again"
            )
        return {"inputs": readable(row["inputs"]), "targets": targets_text(row["targets"]), "context": row["context"]}


def _judge_file(review: Review) -> JudgeFile | None:
    """What the judge is told, which is what people should go by; of a jury what the first of its jurors is told."""
    if review.task.judge is None:
        return None
    judge = review.labelling.project.judge(review.task.judge).file
    return review.labelling.project.judge(judge.jurors[0]).file if judge.jurors else judge


def _outputs(task: ReviewTask, item: Row) -> list[tuple[str, str]]:
    """Heading and text of what is on the screen: of a pair in the order that was drawn, without names."""
    if task.pair is None:
        return [("Answer", item["output"])]
    return [(side.capitalize(), output) for side, _, output in sides_of(item)]


def _address(review: Review, **fields: str) -> str:
    """The query of a page of this review."""
    asked = {"what": review.task.name, "rater": review.rater, **fields}
    return urlencode({name: value for name, value in asked.items() if value})
