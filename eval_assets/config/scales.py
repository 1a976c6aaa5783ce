# ruff: noqa: SIM905  words of many scripts, in lists that stay readable
"""Scales of judges: what a verdict may be, how it is asked for, and what may be concluded from it.

All there is to say of a scale stands in its class; a further one is a class, its form and a member of `Scale`. Where in
a reply the verdict stands is found in `judges.replies`.
"""

import difflib
import json
import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from eval_assets.config.fields import FileModel

MAX_ENUMERATED = 21
LARGEST_DIGIT = 9
PAIR = 2

PASS_WORDS = frozenset(
    "pass passed passes passing bestanden erfüllt réussi conforme aprobado aprovado superato geslaagd "
    "сдано пройдено зачёт 通过 合格 及格 합격 통과 ناجح उत्तीर्ण".split()
)
FAIL_WORDS = frozenset(
    "fail failed fails failing échec échoué suspenso reprobado reprovado respinto gezakt "
    "незачёт 不通过 未通过 不合格 不及格 불합격 راسب अनुत्तीर्ण".split()
) | {"nicht bestanden", "nicht erfüllt", "non conforme", "не сдано", "не пройдено"}


class NumberedScale(FileModel):
    """Scores without names, between two bounds."""

    type: str = Field(description="Which scale it is.")

    verdict_field: ClassVar[str] = "score"
    is_whole: ClassVar[bool] = False
    is_pass_rate: ClassVar[bool] = False
    label_scores: ClassVar[Mapping[str, float]] = {}
    other_words: ClassVar[Mapping[str, str]] = {}

    @property
    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""

    @property
    def span(self) -> str:
        """All scores in words, such as `1 to 5`."""
        return "{} to {}".format(*self.bounds) if self.is_whole else "{:g} to {:g}".format(*self.bounds)

    @property
    def asked(self) -> str:
        """What stands for the verdict where a judge is told how to reply."""
        return f"{'whole number' if self.is_whole else 'number'} from {self.span}"

    @property
    def wanted(self) -> str:
        """What a message says was expected."""
        return f"a {self.asked}"

    @property
    def value_schema(self) -> dict[str, Any]:
        """JSON schema of a verdict, in the strict subset that endpoints enforce."""
        low, high = self.bounds
        if self.is_whole and high - low < MAX_ENUMERATED:
            return {"type": "integer", "enum": list(range(int(low), int(high) + 1))}
        return {"type": "integer" if self.is_whole else "number", "minimum": low, "maximum": high}

    @property
    def grades(self) -> Mapping[float, str] | None:
        """Every score a verdict can have, in order, with its name; null for a scale of any number.

        >>> IntegerScale(max=3).grades, NumberScale(type="number").grades
        ({1.0: '1', 2.0: '2', 3.0: '3'}, None)
        """
        low, high = map(int, self.bounds)
        return {float(grade): str(grade) for grade in range(low, high + 1)} if self.is_whole else None

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1, so that means are shares."""
        return self.is_whole and self.bounds == (0, 1)

    @property
    def is_of_digits(self) -> bool:
        """Whether every score is one digit, and so one token of a reply."""
        return self.is_whole and self.bounds[0] >= 0 and self.bounds[1] <= LARGEST_DIGIT

    def score_of(self, value: float | str) -> float:
        """The score a verdict stands for; ValueError says why it is not on the scale."""
        low, high = self.bounds
        if isinstance(value, str) or not low <= value <= high or (self.is_whole and value != int(value)):
            raise ValueError(f"expected {self.wanted}, got {value!r}")
        return float(value)

    def label_of(self, score: float) -> None:
        """Null: a score on this scale has no name; ValueError if it is not on the scale."""
        self.score_of(score)

    def value_in(self, stated: Any) -> float | None:
        """The score that a JSON value, text apart, states; null for another kind of value, ValueError off the scale."""
        is_number = isinstance(stated, int | float) and not isinstance(stated, bool)
        return self.score_of(stated) if is_number else None

    def score_by_people(self, label: str, number: float | None) -> float | None:  # noqa: ARG002  scores have no names
        """The score a human label stands for, which is given as written and as a number; null if off the scale.

        >>> IntegerScale().score_by_people("5", 5.0), IntegerScale().score_by_people("6", 6.0)
        (5.0, None)
        """
        try:
            return None if number is None else self.score_of(number)
        except ValueError:
            return None


class _Range(NumberedScale):
    """Numbers from `min` to `max`."""

    min: float = Field(description="Lowest score.")
    max: float = Field(description="Highest score.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min >= self.max:
            raise ValueError(f"expected min below max, got min {self.min} and max {self.max}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return self.min, self.max


class IntegerScale(_Range):
    """Whole numbers from `min` to `max`; anything else in a verdict is refused."""

    type: Literal["integer"] = Field("integer", description="Which scale it is.")
    min: int = Field(1, description="Lowest score.")
    max: int = Field(5, description="Highest score.")

    is_whole: ClassVar[bool] = True


class NumberScale(_Range):
    """Any number from `min` to `max`."""

    type: Literal["number"] = Field(description="Which scale it is.")
    min: float = Field(0.0, allow_inf_nan=False, description="Lowest score.")
    max: float = Field(1.0, allow_inf_nan=False, description="Highest score.")


class NamedScale(FileModel):
    """Verdicts with names, each with its score."""

    type: str = Field(description="Which scale it is.")

    verdict_field: ClassVar[str] = "verdict"
    is_pass_rate: ClassVar[bool] = False
    is_of_digits: ClassVar[bool] = False
    other_words: ClassVar[Mapping[str, str]] = {}

    @property
    @abstractmethod
    def label_scores(self) -> Mapping[str, float]:
        """Every label with its score."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return min(self.label_scores.values()), max(self.label_scores.values())

    @property
    def span(self) -> str:
        """All labels in words, such as `pass, fail`."""
        return ", ".join(self.label_scores)

    @property
    def asked(self) -> str:
        """What stands for the verdict where a judge is told how to reply."""
        return " or ".join(json.dumps(label, ensure_ascii=False) for label in self.label_scores)

    @property
    def wanted(self) -> str:
        """What a message says was expected."""
        return f"one of {self.span}"

    @property
    def value_schema(self) -> dict[str, Any]:
        """JSON schema of a verdict, in the strict subset that endpoints enforce."""
        return {"type": "string", "enum": list(self.label_scores)}

    @property
    def grades(self) -> Mapping[float, str]:
        """Every score a verdict can have, in order, with its name.

        Labels that share a score are one grade: no metric can tell them apart.

        >>> PassFailScale(type="pass_fail").grades
        {0.0: 'fail', 1.0: 'pass'}
        """
        return {
            score: " or ".join(label for label, its_score in self.label_scores.items() if its_score == score)
            for score in sorted(set(self.label_scores.values()))
        }

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1, so that means are shares."""
        return set(self.label_scores.values()) == {0, 1}

    def score_of(self, value: float | str) -> float:
        """The score a label stands for; ValueError says why it is not on the scale."""
        if not isinstance(value, str) or value not in self.label_scores:
            raise ValueError(f"expected {self.wanted}, got {value!r}")
        return self.label_scores[value]

    def label_of(self, score: float) -> str:
        """The first label with this score; ValueError if there is none."""
        for label, its_score in self.label_scores.items():
            if its_score == score:
                return label
        raise ValueError(f"expected the score of one of {dict(self.label_scores)}, got {score}")

    def value_in(self, stated: Any) -> str | None:
        """The label that a JSON value, text apart, states; null if it states none."""
        is_number = isinstance(stated, int | float) and not isinstance(stated, bool)
        return str(stated) if is_number and str(stated) in self.label_scores else None

    def score_by_people(self, label: str, number: float | None) -> float | None:
        """The score a human label stands for, which is given as written and as a number; null if off the scale.

        >>> PassFailScale(type="pass_fail").score_by_people("pass", None)
        1.0
        """
        return self.label_scores.get(label, number if number in self.label_scores.values() else None)


class LabelScale(NamedScale):
    """Named verdicts, each with its score."""

    type: Literal["labels"] = Field(description="Which scale it is.")
    labels: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        min_length=2, description="Label → its score, at least two; labels may share a score."
    )

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        if len({label.strip().casefold() for label in self.labels} - {""}) < len(self.labels):
            raise ValueError(f"expected labels that differ in more than case, none empty, got {list(self.labels)}")
        return self

    @property
    def label_scores(self) -> Mapping[str, float]:
        """Every label with its score."""
        return self.labels


class PassFailScale(NamedScale):
    """`pass` scores 1, `fail` scores 0."""

    type: Literal["pass_fail"] = Field(description="Which scale it is.")

    is_pass_rate: ClassVar[bool] = True
    label_scores: ClassVar[Mapping[str, float]] = {"pass": 1.0, "fail": 0.0}
    other_words: ClassVar[Mapping[str, str]] = dict.fromkeys(PASS_WORDS, "pass") | dict.fromkeys(FAIL_WORDS, "fail")

    def value_in(self, stated: Any) -> str | None:
        """The label that true or false states; null for any other value."""
        return ("pass" if stated else "fail") if isinstance(stated, bool) else None


FORMS = {
    "integer": "{type: integer, min: 1, max: 5}",
    "number": "{type: number, min: 0, max: 1}",
    "pass_fail": "{type: pass_fail}",
    "labels": "{type: labels, labels: {good: 1, bad: 0}}",
}


def _form_between(low: str, high: str) -> str:
    """How a scale from one number to another is written.

    >>> _form_between("1", "5"), _form_between("0", "0.5")
    ('{type: integer, min: 1, max: 5}', '{type: number, min: 0, max: 0.5}')
    """
    return f"{{type: {'number' if '.' in low + high else 'integer'}, min: {low}, max: {high}}}"


def _with_its_type(scale: Any) -> Any:
    """What a file says of a scale, with its type; one without is an integer scale."""
    kind = str(scale.get("type", "integer") if isinstance(scale, dict) else getattr(scale, "type", None))
    if kind not in FORMS:
        near = difflib.get_close_matches(scale if isinstance(scale, str) else kind, FORMS, n=1)
        bounds = re.findall(r"(?<!\d)-?\d+(?:\.\d+)?", str(scale)) if isinstance(scale, str | list) else []
        form = FORMS[near[0]] if near else _form_between(*bounds) if len(bounds) == PAIR else None
        hint = f"; did you mean {form}?" if form else ""
        raise ValueError(f"expected one of {', '.join(FORMS.values())}, got {scale!r}{hint}")
    return {"type": kind, **scale} if isinstance(scale, dict) else scale


Scale = Annotated[
    IntegerScale | NumberScale | PassFailScale | LabelScale,
    Field(discriminator="type"),
    BeforeValidator(_with_its_type),
]
