"""A judge file, `data/judges/<name>.yaml`: what is judged, on which scale, shown what, by which model."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, Slug


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


class NumberScale(FileModel):
    """Any number from `min` to `max`."""

    type: Literal["number"]
    min: float = 0.0
    max: float = 1.0

    @model_validator(mode="after")
    def _is_a_range(self) -> "NumberScale":
        if self.min >= self.max:
            raise ValueError(f"expected min below max, got min {self.min} and max {self.max}")
        return self


class PassFailScale(FileModel):
    """`pass` scores 1, `fail` scores 0."""

    type: Literal["pass_fail"]


class LabelScale(FileModel):
    """Named verdicts, each with its score."""

    type: Literal["labels"]
    labels: dict[str, float] = Field(min_length=2)


Scale = Annotated[IntegerScale | NumberScale | PassFailScale | LabelScale, Field(discriminator="type")]


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


class JudgeFile(FileModel):
    """Contents of a judge file.

    `kind: rubric` builds the messages from definition, rubric, scale and examples; `template` renders the file's own
    `prompt`; `tree` asks small yes/no questions until it reaches a score; `jury` collects the verdicts of `jurors`.
    """

    description: str = ""
    owners: tuple[str, ...] = ()
    version: str = "v1"
    kind: Literal["rubric", "template", "tree", "jury"] = "rubric"
    definition: str = ""
    rubric: str = ""
    guidelines: tuple[str, ...] = Field((), description="Rules the output must keep, listed in the rubric.")
    prompt: str | None = Field(None, description="For `template`: the whole user message, with {{ output }} and columns.")
    tree: TreeNode | None = None
    jurors: tuple[Slug, ...] = Field((), description="For `jury`: other judges, each on its own model.")
    vote: Literal["majority", "mean"] = "majority"
    scale: Scale = IntegerScale()
    examples: tuple[JudgeExample, ...] = ()
    columns: tuple[str, ...] = Field((), description="Columns of the example shown to the judge beside the output.")
    include_input: bool = True
    model: Slug | None = Field(None, description="Any entry of data/models.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Override the model's sampling parameters.")
    samples: int = Field(1, ge=1, description="Verdicts asked per prediction.")
    expected_value: bool = Field(
        default=False, description="Score by the expectation over the verdict token's probabilities (G-Eval)."
    )
    aggregates: tuple[Literal["mean", "variance", "p90", "min", "max", "median"], ...] = ("mean", "variance", "p90")
    greater_is_better: bool = True

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> "JudgeFile":
        needed = {"rubric": "definition", "template": "prompt", "tree": "tree", "jury": "jurors"}[self.kind]
        if not getattr(self, needed):
            raise ValueError(f"a judge of kind {self.kind!r} needs the field {needed!r}")
        if self.kind != "jury" and self.model is None:
            raise ValueError("expected the field 'model' with the name of a file in data/models")
        return self


class Judge(FileModel):
    """A judge with its name."""

    name: Slug
    file: JudgeFile
