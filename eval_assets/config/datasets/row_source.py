"""`rows` of a dataset card: where the rows lie that are in no file of the project. Reading them is in `row_places`."""

from typing import Literal

from pydantic import Field, model_validator

from eval_assets.config.fields import FileModel, VariableName


class SqlRows(FileModel):
    """The rows that a query returns."""

    url_env: VariableName = Field(
        description="Name of the environment variable that holds the database's URL, as SQLAlchemy takes it."
    )
    query: str = Field(description="Statement that returns the rows; let it say an order, since `first` goes by it.")


class RowSource(FileModel):
    """Where the rows lie, one of these."""

    delta: str | None = Field(
        None,
        description="Delta table: a folder, seen from the card's, or a URL; `${NAME}` stands for an environment "
        "variable. Its rows are taken in the order of their `example_id`.",
    )
    parquet: str | None = Field(
        None, description="Parquet file, seen from the card's folder; `${NAME}` stands for an environment variable."
    )
    sql: SqlRows | None = Field(None, description="Query of a database.")
    asset: Literal[True] | None = Field(
        None,
        description="The Dagster asset that the code location names for this dataset in `upstream` hands its rows "
        "over, as its IO manager loads them.",
    )

    @model_validator(mode="after")
    def _is_one_place(self) -> "RowSource":
        named = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"expected one of {', '.join(type(self).model_fields)}, got {', '.join(named) or 'none'}")
        return self
