"""A judge file, `data/judges/<name>.yaml`: what is judged, on which scale, shown what, by which model."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from eval_assets.config.fields import FileModel, Owner, Slug

LARGEST_DIGIT = 9

SCALE_FORMS = {
    "integer": "{type: integer, min: 1, max: 5}",
    "number": "{type: number, min: 0, max: 1}",
    "pass_fail": "{type: pass_fail}",
    "labels": "{type: labels, labels: {good: 1, bad: 0}}",
}


def _label_with(score: float, labels: dict[str, float]) -> str:
    for label, its_score in labels.items():
        if its_score == score:
            return label
    raise ValueError(f"expected the score of one of {labels}, got {score}")


class IntegerScale(FileModel):
    """Whole numbers from `min` to `max`; anything else in a verdict is refused."""

    type: Literal["integer"] = "integer"
    min: int = 1
    max: int = 5

    @model_validator(mode="after")
    def _is_a_range(self) -> "IntegerScale":
        if self.min >= self.max:
            raise ValueError(f"expected min below max, got min {self.min} and max {self.max}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return float(self.min), float(self.max)

    def score_of(self, value: float | str) -> float:
        """The score a verdict stands for; ValueError says why it is not on the scale."""
        if isinstance(value, str) or not self.min <= value <= self.max or value != int(value):
            raise ValueError(f"expected a whole number from {self.min} to {self.max}, got {value!r}")
        return float(value)

    def label_of(self, score: float) -> None:
        """Null: a score on this scale has no name; ValueError if it is not on the scale."""
        self.score_of(score)


class NumberScale(FileModel):
    """Any number from `min` to `max`."""

    type: Literal["number"]
    min: float = Field(0.0, allow_inf_nan=False)
    max: float = Field(1.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_a_range(self) -> "NumberScale":
        if self.min >= self.max:
            raise ValueError(f"expected min below max, got min {self.min} and max {self.max}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return self.min, self.max

    def score_of(self, value: float | str) -> float:
        """The score a verdict stands for; ValueError says why it is not on the scale."""
        if isinstance(value, str) or not self.min <= value <= self.max:
            raise ValueError(f"expected a number from {self.min:g} to {self.max:g}, got {value!r}")
        return float(value)

    def label_of(self, score: float) -> None:
        """Null: a score on this scale has no name; ValueError if it is not on the scale."""
        self.score_of(score)


class LabelScale(FileModel):
    """Named verdicts, each with its score."""

    type: Literal["labels"]
    labels: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(min_length=2)

    @model_validator(mode="after")
    def _labels_differ(self) -> "LabelScale":
        if len({label.strip().casefold() for label in self.labels} - {""}) < len(self.labels):
            raise ValueError(f"expected labels that differ in more than case, none empty, got {list(self.labels)}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return min(self.labels.values()), max(self.labels.values())

    def score_of(self, value: float | str) -> float:
        """The score a label stands for; ValueError says why it is not on the scale."""
        if not isinstance(value, str) or value not in self.labels:
            raise ValueError(f"expected one of {', '.join(self.labels)}, got {value!r}")
        return self.labels[value]

    def label_of(self, score: float) -> str:
        """The first label with this score; ValueError if there is none."""
        return _label_with(score, self.labels)


class PassFailScale(FileModel):
    """`pass` scores 1, `fail` scores 0."""

    type: Literal["pass_fail"]

    @property
    def labels(self) -> dict[str, float]:
        """Both verdicts with their scores."""
        return {"pass": 1.0, "fail": 0.0}

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score."""
        return 0.0, 1.0

    def score_of(self, value: float | str) -> float:
        """The score a verdict stands for; ValueError says why it is not on the scale."""
        if not isinstance(value, str) or value not in self.labels:
            raise ValueError(f"expected pass or fail, got {value!r}")
        return self.labels[value]

    def label_of(self, score: float) -> str:
        """The first label with this score; ValueError if there is none."""
        return _label_with(score, self.labels)


def _scale_type(scale: Any) -> Any:
    """The type a scale declares; a scale without one is an integer scale."""
    return scale.get("type", "integer") if isinstance(scale, dict) else getattr(scale, "type", None)


Scale = Annotated[
    Annotated[IntegerScale, Tag("integer")]
    | Annotated[NumberScale, Tag("number")]
    | Annotated[PassFailScale, Tag("pass_fail")]
    | Annotated[LabelScale, Tag("labels")],
    Discriminator(_scale_type),
]


class JudgeExample(FileModel):
    """One worked example shown to the judge."""

    input: str | None = None
    output: str
    score: float | str = Field(description="A number of the scale, or a label of it.")
    justification: str
    columns: dict[str, str] = Field(default_factory=dict)


class TreeNode(FileModel):
    """A yes/no question of a decision tree; each branch is another question or a score."""

    question: str
    yes: "TreeNode | float"
    no: "TreeNode | float"

    def leaves(self) -> tuple[float, ...]:
        """Every score the tree can end in."""
        branches = (self.yes, self.no)
        return tuple(
            leaf for branch in branches for leaf in (branch.leaves() if isinstance(branch, TreeNode) else (branch,))
        )


class JudgeFile(FileModel):
    """Contents of a judge file.

    `kind: rubric` builds the messages from definition, rubric, scale and examples; `template` renders the file's own
    `prompt`; `tree` asks small yes/no questions until it reaches a score; `jury` collects the verdicts of `jurors`.
    """

    description: str = ""
    owners: tuple[Owner, ...] = ()
    version: str = "v1"
    kind: Literal["rubric", "template", "tree", "jury"] = "rubric"
    definition: str = ""
    rubric: str = ""
    guidelines: tuple[str, ...] = Field((), description="Rules the output must keep, listed in the rubric.")
    prompt: str | None = Field(
        None, description="For `template`: the user message, with {{ output }} and columns, each one fenced text."
    )
    tree: TreeNode | None = None
    jurors: tuple[Slug, ...] = Field((), description="For `jury`: other judges, each on its own model.")
    vote: Literal["majority", "mean"] = "majority"
    scale: Scale = IntegerScale()
    examples: tuple[JudgeExample, ...] = ()
    columns: tuple[str, ...] = Field((), description="Columns of the example shown to the judge beside the output.")
    include_input: bool = True
    model: Slug | None = Field(None, description="Any entry of data/models.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Override the model's sampling parameters; null takes one away."
    )
    samples: int = Field(1, ge=1, description="Verdicts asked per prediction; for a jury, of each juror.")
    expected_value: bool = Field(
        default=False, description="Score by the expectation over the score token's probabilities (G-Eval)."
    )
    aggregates: tuple[Literal["mean", "variance", "p90", "min", "max", "median"], ...] = ("mean", "variance", "p90")
    greater_is_better: bool = True

    @field_validator("scale", mode="before")
    @classmethod
    def _scale_has_a_form(cls, value: Any) -> Any:
        kind = str(_scale_type(value))
        if kind not in SCALE_FORMS:
            said = value if isinstance(value, str) else kind
            near = difflib.get_close_matches(said, SCALE_FORMS, n=1)
            hint = f"; did you mean {SCALE_FORMS[near[0]]}?" if near else ""
            raise ValueError(f"expected one of {', '.join(SCALE_FORMS.values())}, got {value!r}{hint}")
        return value

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> "JudgeFile":
        needed = {"rubric": "definition", "template": "prompt", "tree": "tree", "jury": "jurors"}[self.kind]
        if not getattr(self, needed):
            raise ValueError(f"a judge of kind {self.kind!r} needs the field {needed!r}")
        if self.kind != "jury" and self.model is None:
            raise ValueError("expected the field 'model' with the name of a file in data/models")
        return self

    @model_validator(mode="after")
    def _scores_are_on_the_scale(self) -> "JudgeFile":
        if self.kind == "jury":
            return self
        for example in self.examples:
            self.scale.score_of(example.score)
        for leaf in self.tree.leaves() if self.tree else ():
            self.scale.label_of(leaf)
        low, high = self.scale.bounds
        if self.expected_value and not (self.scale.type == "integer" and low >= 0 and high <= LARGEST_DIGIT):
            raise ValueError("expected_value needs an integer scale within 0 to 9, where every score is one token")
        if self.expected_value and self.kind == "tree":
            raise ValueError("expected_value needs a judge that replies with a score, a tree's questions don't")
        return self


class Judge(FileModel):
    """A judge with its name."""

    name: Slug
    file: JudgeFile
