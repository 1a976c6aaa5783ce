"""A judge file, `data/judges/<name>.yaml`: what is judged, on which scale, shown what, by which model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, Owner, Slug
from eval_assets.config.scales import IntegerScale, Scale

Kind = Literal["rubric", "template", "tree", "jury"]
NEEDED_BY_KIND: Mapping[Kind, str] = MappingProxyType(
    {"rubric": "definition", "template": "prompt", "tree": "tree", "jury": "jurors"}
)
"""Kind of judge → the field of its file that it can't do without."""


class JudgeExample(FileModel):
    """One worked example shown to the judge."""

    input: str | None = Field(None, description="What was asked; nothing is shown when absent.")
    output: str = Field(description="What was answered.")
    score: float | str = Field(description="A number of the scale, or a label of it.")
    justification: str = Field(description="The reason that the judge shall give.")
    columns: dict[str, str] = Field(
        default_factory=dict, description="Further columns shown with it, by name, such as `targets`."
    )


class TreeNode(FileModel):
    """A yes/no question of a decision tree; each branch is another question or a score."""

    question: str = Field(description="What is asked of the output, to be answered with yes or no.")
    yes: "TreeNode | float" = Field(description="What follows a yes: a score of the scale, or the next question.")
    no: "TreeNode | float" = Field(description="What follows a no: a score of the scale, or the next question.")

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

    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    version: str = Field("v1", description="Name of this version, kept with every score; yours to count up.")
    kind: Kind = Field(
        "rubric",
        description="How it judges: `rubric` builds the messages from definition, rubric and scale, `template` renders "
        "`prompt`, `tree` asks yes/no questions, `jury` counts the votes of other judges.",
    )
    definition: str = Field("", description="What is judged, in a sentence or two; `rubric` needs it.")
    rubric: str = Field("", description="What each score means; left to the judge's model when absent.")
    guidelines: tuple[str, ...] = Field((), description="Rules the output must keep, listed in the rubric.")
    prompt: str | None = Field(
        None, description="For `template`: the user message, with {{ output }} and columns, each one fenced text."
    )
    tree: TreeNode | None = Field(None, description="For `tree`: the first question.")
    jurors: tuple[Slug, ...] = Field((), description="For `jury`: other judges, each on its own model.")
    vote: Literal["majority", "mean"] = Field(
        "majority", description="For `jury`: the score that more than half of the jurors give, or the mean of theirs."
    )
    scale: Scale = Field(IntegerScale(), description="What a verdict may be; whole numbers from 1 to 5 when absent.")
    examples: tuple[JudgeExample, ...] = Field((), description="Worked examples shown to the judge, in order.")
    columns: tuple[str, ...] = Field((), description="Columns of the example shown to the judge beside the output.")
    include_input: bool = Field(default=True, description="Whether the judge sees what was asked.")
    model: Slug | None = Field(None, description="Name of a file of data/models: who judges; a jury has none.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Override the model's sampling parameters; null takes one away."
    )
    samples: int = Field(1, ge=1, description="Verdicts asked per prediction; for a jury, of each juror.")
    expected_value: bool = Field(
        default=False, description="Score by the expectation over the score token's probabilities (G-Eval)."
    )
    aggregates: tuple[Literal["mean", "variance", "p90", "min", "max", "median"], ...] = Field(
        ("mean", "variance", "p90"), description="What reports say of its scores as a whole."
    )
    greater_is_better: bool = Field(default=True, description="Whether a higher score is better.")

    @property
    def is_binary(self) -> bool:
        """Whether every score it gives is 0 or 1: no mean of several verdicts, no expectation."""
        return self.scale.is_binary and self.samples == 1 and not self.expected_value

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> "JudgeFile":
        needed = NEEDED_BY_KIND[self.kind]
        if not getattr(self, needed):
            meant = next((kind for kind, field in NEEDED_BY_KIND.items() if getattr(self, field)), None)
            hint = f"; with {NEEDED_BY_KIND[meant]!r} write `kind: {meant}`" if meant else ""
            raise ValueError(f"a judge of kind {self.kind!r} needs the field {needed!r}{hint}")
        if self.kind != "jury" and self.model is None:
            raise ValueError("expected the field 'model' with the name of a file in data/models")
        return self

    @model_validator(mode="after")
    def _scores_are_on_the_scale(self) -> "JudgeFile":
        if self.kind == "jury":
            return self
        for index, example in enumerate(self.examples):
            _said_of(f"examples[{index}].score", self.scale.score_of, example.score)
        for leaf in self.tree.leaves() if self.tree else ():
            _said_of("a score of the tree", self.scale.label_of, leaf)
        if self.expected_value and not self.scale.is_of_digits:
            raise ValueError("expected_value needs an integer scale within 0 to 9, where every score is one token")
        if self.expected_value and self.kind == "tree":
            raise ValueError("expected_value needs a judge that replies with a score, a tree's questions don't")
        return self


def _said_of(what: str, read: Callable[[Any], object], value: Any) -> None:
    """Say of what it is that a scale refuses it."""
    try:
        read(value)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


class Judge(FileModel):
    """A judge with its name."""

    name: Slug = Field(description="Name of the file, without its ending.")
    file: JudgeFile = Field(description="What the file says.")
