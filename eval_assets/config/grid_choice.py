"""The `view` of an evaluation file: what the viewer's grid shows before a reader chooses. It changes no result."""

from typing import Literal

from pydantic import Field

from eval_assets.config.fields import FileModel, MetricName

Show = Literal["all", "flips", "worse", "better", "errors", "disagreements", "outputs", "flaky", "unscored"]
Sort = Literal[
    "dataset", "regression", "improvement", "lowest", "highest", "disagreement", "longest", "shortest", "slowest"
]
Where = Literal["all", "inputs", "outputs", "reasons", "messages"]
Diff = Literal["none", "baseline", "target"]
Lines = Literal[1, 2, 3, 6, 12, "all"]
Per = Literal[10, 25, 50, 100]
Look = Literal["rendered", "raw"]
Width = Literal["fit", "narrow", "wide"]
Human = Literal["", "disagrees", "agrees", "labelled", "unlabelled"]

MOST_COLUMNS = 12
"""Columns side by side; the rest is a click away."""


class GridChoice(FileModel):
    """What the viewer's grid shows of an evaluation at first; what an address says comes before it. No result depends
    on it.
    """

    columns: tuple[str, ...] = Field(
        (),
        max_length=MOST_COLUMNS,
        description="Candidates `model@prompt` from left to right, a former state `model@prompt~previous`, or a "
        "candidate of another evaluation over the dataset `evaluation:model@prompt`; the best when absent.",
    )
    baseline: str | None = Field(
        None, description="The column that others are compared with; the evaluation's baseline when absent."
    )
    metric: MetricName | None = Field(
        None, description="What is sorted and filtered by; the primary metric when absent."
    )
    scores: tuple[MetricName, ...] = Field(
        (), description="Metrics and judges written into the cells; those that decide when absent."
    )
    show: Show = Field("all", description="Which examples.")
    of: str | None = Field(None, description="The column that `show`, ranges and `outcome` are about; any when absent.")
    human: Human = Field(
        "",
        description="Examples by whether people's labels and a judge say the same: the judge that is `metric`, else "
        "the evaluation's first.",
    )
    q: str = Field("", max_length=500, description="A text that is searched for, case ignored.")
    where: Where = Field("all", description="In which texts it is searched for.")
    low: float | None = Field(None, description="Least score.", allow_inf_nan=False)
    high: float | None = Field(None, description="Greatest score.", allow_inf_nan=False)
    dlow: float | None = Field(None, description="Least improvement on the baseline.", allow_inf_nan=False)
    dhigh: float | None = Field(None, description="Greatest improvement on the baseline.", allow_inf_nan=False)
    outcome: str = Field("", description="How a request ended, such as `error`.")
    slice: str = Field("", description="`column=value` of a slice.", pattern=r"^$|=")
    sort: Sort = Field("dataset", description="In which order.")
    lines: Lines = Field(3, description="Height of a cell in lines of text.")
    diff: Diff = Field("none", description="What words are marked against.")
    look: Look = Field("rendered", description="Markdown, JSON and conversations laid out, or every text as it stands.")
    row: tuple[str, ...] = Field(
        ("inputs", "targets"),
        description="What is shown of an example: `inputs`, `targets`, `context` and columns of the dataset.",
    )
    width: Width = Field("fit", description="Width of columns: as many as fit the window side by side, or set.")
    per: Per = Field(25, description="Examples on a page.")
