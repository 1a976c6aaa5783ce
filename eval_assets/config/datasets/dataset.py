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

    example_id: str | None = Field(
        "example_id",
        description="The id of an example, unique in the file. Null: the file has none, and each example is known by "
        "what it asks.",
    )
    inputs: str = Field("inputs", description="What is asked: text, an object, or a list of messages.")
    targets: str = Field("targets", description="What outputs are compared with; several in a list are all acceptable.")
    context: str = Field("context", description="What an answer may be based on: text, or a list of texts.")


class DocumentFile(FileModel):
    """The documents a retriever searches, a row each."""

    file: str = Field(description="Row file of the documents, beside the card.")
    delimiter: Delimiter | None = Field(None, description="As in the card.")
    id: str = Field("doc_id", description="Column with the id of a document, which targets and outputs name.")
    text: str = Field("text", description="Column with the text that is searched.")


class LabelFile(FileModel):
    """Human labels of outputs, one row a label: which example, whose output, which rater, what verdict."""

    file: str = Field(description="Row file of the labels, beside the card.")
    delimiter: Delimiter | None = Field(None, description="As in the card.")
    judge: Slug | None = Field(None, description="The judge these labels are compared with; all judges when absent.")
    example_id: str = Field("example_id", description="Column with the example whose output was labelled.")
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
    rater: str = Field("rater", description="Column that names who labelled.")
    label: str = Field("label", description="Column with a number on the judge's scale or the name of a label of it.")


class DatasetCard(FileModel):
    """What an eval dataset is, where it comes from, and how its columns are called."""

    description: str = Field("", description="What it is, for readers; changes no result.")
    task: TaskType = Field(description="What is asked for; decides the default metrics.")
    source: str = Field("", description="Where the rows come from, for readers.")
    licence: str = Field("", description="Under which licence the rows may be used, for readers.")
    file: str | None = Field(
        None, description="Row file beside the card; `<name>.jsonl`, `.csv`, `.parquet` and the like when absent."
    )
    rows: RowSource | None = Field(
        None, description="Where rows lie that are in no file of the project; in a file beside the card when absent."
    )
    delimiter: Delimiter | None = Field(
        None, description="What separates the values of a CSV file; told from its first lines when absent."
    )
    columns: ColumnMapping = Field(ColumnMapping(), description="How the file calls our columns, where not as we do.")
    json_columns: tuple[str, ...] | None = Field(
        None,
        description="Columns of the file whose texts are JSON, such as lists in a CSV; an empty list says that none "
        "is, whatever it looks like. When absent, a cell that looks like one is refused.",
    )
    documents: DocumentFile | None = Field(None, description="For retrievers: the documents to search.")
    labels: tuple[LabelFile, ...] = Field((), description="People's labels of outputs, which judges are measured by.")
    cluster: str | None = Field(
        None,
        description="Column whose equal values mark rows that depend on each other; none do when absent.",
    )
    slices: tuple[str, ...] = Field((), description="Columns to break aggregates down by.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")

    @model_validator(mode="after")
    def _rows_are_in_one_place(self) -> "DatasetCard":
        if self.rows is not None and self.file is not None:
            raise ValueError("expected one place of the rows, got both 'file' and 'rows'; leave one of them out")
        return self


class Dataset(FileModel):
    """A card with its name."""

    name: Slug = Field(description="Name of the card's file, without its ending.")
    card: DatasetCard = Field(description="What the card says.")
    handed_below: str = Field(
        "", description="Root of the warehouse, in which a Dagster asset leaves rows that it hands over."
    )
