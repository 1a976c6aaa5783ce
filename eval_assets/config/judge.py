"""A judge file, `data/judges/<name>.yaml`: what is judged, on which scale, shown what, by which model."""

from typing import Any, Literal

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, Owner, Slug
from eval_assets.config.scales import IntegerScale, Scale


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

    @property
    def is_binary(self) -> bool:
        """Whether every score it gives is 0 or 1: no mean of several verdicts, no expectation."""
        return self.scale.is_binary and self.samples == 1 and not self.expected_value

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
        if self.expected_value and not self.scale.is_of_digits:
            raise ValueError("expected_value needs an integer scale within 0 to 9, where every score is one token")
        if self.expected_value and self.kind == "tree":
            raise ValueError("expected_value needs a judge that replies with a score, a tree's questions don't")
        return self


class Judge(FileModel):
    """A judge with its name."""

    name: Slug
    file: JudgeFile
