"""The dataset card, `data/datasets/<name>.yaml`. Reading the rows beside it is in `rows`."""

from typing import Literal

from pydantic import Field, model_validator

from eval_assets.config.datasets.row_source import RowSource
from eval_assets.config.fields import Delimiter, FileModel, Owner, Slug

TaskType = Literal["question-answering", "text-summarization", "text", "retriever"]
OUR_COLUMNS = ("example_id", "inputs", "targets", "context")


class ColumnMapping(FileModel):
    """Our column → the column of the row file; a dot reaches into nested objects (`inputs.messages`).

    What isn't mapped stays usable under its own name.
    """

    example_id: str = "example_id"
    inputs: str = "inputs"
    targets: str = "targets"
    context: str = "context"


class DocumentFile(FileModel):
    """The documents a retriever searches, a row each."""

    file: str
    delimiter: Delimiter | None = Field(None, description="As in the card.")
    id: str = "doc_id"
    text: str = "text"


class LabelFile(FileModel):
    """Human labels of outputs, one row a label: which example, whose output, which rater, what verdict."""

    file: str
    delimiter: Delimiter | None = Field(None, description="As in the card.")
    judge: Slug | None = Field(None, description="The judge these labels are compared with; all judges when absent.")
    example_id: str = "example_id"
    model: str = Field(
        "model", description="Column that names the model; when a row has none, its label holds for every model."
    )
    prompt: str = Field(
        "prompt", description="Column that names the prompt; when a row has none, its label holds for every prompt."
    )
    output: str = Field(
        "output",
        description="Column with the output that was labelled; a label of another output doesn't count. When a row has "
        "none, its label holds for whatever the model says.",
    )
    rater: str = "rater"
    label: str = Field("label", description="Column with a number on the judge's scale or the name of a label of it.")


class DatasetCard(FileModel):
    """What an eval dataset is, where it comes from, and how its columns are called."""

    description: str = ""
    task: TaskType
    source: str = ""
    licence: str = ""
    file: str | None = Field(None, description="Row file beside the card; default <name>.jsonl, .csv or .parquet.")
    rows: RowSource | None = Field(None, description="Where the rows lie that are in no file beside the card.")
    delimiter: Delimiter | None = Field(
        None, description="What separates the values of a CSV file; told from its first lines when absent."
    )
    columns: ColumnMapping = ColumnMapping()
    json_columns: tuple[str, ...] | None = Field(
        None,
        description="Columns of the file whose texts are JSON, such as lists in a CSV; an empty list says that none "
        "is, whatever it looks like.",
    )
    documents: DocumentFile | None = None
    labels: tuple[LabelFile, ...] = ()
    cluster: str | None = Field(None, description="Column whose equal values mark rows that depend on each other.")
    slices: tuple[str, ...] = Field((), description="Columns to break aggregates down by.")
    owners: tuple[Owner, ...] = ()

    @model_validator(mode="after")
    def _rows_are_in_one_place(self) -> "DatasetCard":
        if self.rows is not None and self.file is not None:
            raise ValueError("expected one place of the rows, got both 'file' and 'rows'; leave one of them out")
        return self


class Dataset(FileModel):
    """A card with its name."""

    name: Slug
    card: DatasetCard
    handed_below: str = Field(
        "", description="Root of the warehouse, in which a Dagster asset leaves rows that it hands over."
    )
