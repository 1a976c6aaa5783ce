"""What a person sends from the review: read from the form, and made a label of the output that was on the screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from eval_assets.calibration.given_labels import GivenLabel
from eval_assets.calibration.review_queue import RANDOM
from eval_assets.config.candidate import Candidate
from eval_assets.config.problems import nearest
from eval_assets.errors import LabelError
from eval_assets.viewer.review_task import SIDES, ReviewTask, preferred

LONGEST_NOTE = 2_000
LONGEST_NAME = 80
TAKE_BACK = "take back"
FIELDS = ("what", "rater", "item", "shown", "other_shown", "after", "label", "note", "do")


@dataclass(frozen=True, slots=True)
class SentLabel:
    """The fields of the form.

    Args:
        what: Name of the task.
        rater: Who.
        item: `item_id` of what was on the screen.
        shown: Fingerprint of the output there.
        other_shown: Of the other one of a pair.
        said: The verdict, of a pair a side; null takes an earlier one back.
        note: Why.
        after: Where the queue went on, for the page that follows.
    """

    what: str
    rater: str
    item: str
    shown: str
    other_shown: str
    said: str | None
    note: str
    after: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Read them.

        Raises:
            LabelError: A field is unknown or missing, too long, or not what it should be.
        """
        for name in fields:
            if name not in FIELDS:
                raise LabelError(f"expected a field of the review, got {name!r:.80}; {nearest(name, FIELDS)}")
        takes_back = fields.get("do") == TAKE_BACK
        if not takes_back and not fields.get("label", "").strip():
            raise LabelError("label: expected a verdict, got none")
        return cls(
            fields.get("what", ""),
            rater_named(fields.get("rater", "")),
            fields.get("item", ""),
            fields.get("shown", ""),
            fields.get("other_shown", ""),
            None if takes_back else fields["label"].strip(),
            _note(fields.get("note", "")),
            fields.get("after", ""),
        )

    def label(self, task: ReviewTask, item: Mapping[str, Any]) -> GivenLabel:
        """The label that it is of an item of the queue.

        Raises:
            LabelError: It is no side of a pair.
        """
        said, other = self.said, None
        if task.pair is not None:
            other = Candidate.of(item["other_model"], item["other_prompt"])
            if said is not None and said not in SIDES:
                raise LabelError(f"label: expected one of {', '.join(SIDES)}, got {said!r:.80}")
            said = said and preferred(item, said)
        return GivenLabel(
            example_id=item["example_id"],
            candidate=Candidate.of_row(item),
            rater=self.rater,
            label=said,
            judge=task.judge,
            sample_index=item["sample_index"],
            other=other,
            note=self.note,
            is_chosen=item["part"] != RANDOM,
            shown=self.shown,
            other_shown=self.other_shown if other else None,
        )


def rater_named(name: str) -> str:
    """A person's name as it is kept.

    Raises:
        LabelError: It is empty, too long, or has characters that can't be seen.
    """
    name = name.strip()
    if not name:
        raise LabelError("rater: expected the name of who labels, got none")
    if len(name) > LONGEST_NAME:
        raise LabelError(f"rater: expected a name of at most {LONGEST_NAME} characters, got {len(name):,}")
    if not name.isprintable():
        raise LabelError(f"rater: expected a name, got characters that can't be seen: {name!a:.120}")
    return name


def _note(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise LabelError(f"note: expected at most {LONGEST_NOTE:,} characters, got {len(text):,}; nothing was stored")
    return text
