"""Where in a file of predictions, verdicts or preferences you already have each thing stands."""

from pydantic import Field

from eval_assets.config.fields import Delimiter, FileModel, is_empty, is_null


class RecordedColumns(FileModel):
    """Columns of a file of predictions, verdicts or preferences you already have; a dot reaches into nested objects.

    A file whose `candidate` is named holds verdicts on outputs, for a judge.
    """

    example_id: str | None = Field(
        "example_id", description="Whose row it is; null matches rows to examples by their position."
    )
    output: str = Field(
        "output",
        description="What was answered: text, or a whole conversation as a list of messages; for verdicts the verdict, "
        "for preferences who won.",
    )
    latency_seconds: str | None = Field(None, description="How many seconds the reply took; unknown when absent.")
    prompt_tokens: str | None = Field(None, description="Tokens of the prompt; unknown when absent.")
    completion_tokens: str | None = Field(None, description="Tokens of the reply; unknown when absent.")
    sample_index: str | None = Field(
        None,
        description="Which of an example's several replies it is, counted from 0; a file holds one each when absent.",
        exclude_if=is_null,
    )
    extra: tuple[str, ...] = Field(
        (),
        description="Columns that are kept beside the output, which metrics and judges can name: what was retrieved, "
        "steps.",
        exclude_if=is_empty,
    )
    candidate: str | None = Field(
        None,
        description="Whose output a verdict is on: `model@prompt`, or the model alone for all its prompts; absent for "
        "predictions.",
        exclude_if=is_null,
    )
    opponent: str | None = Field(
        None,
        description="For preferences: the other candidate; null where all rows are about the baseline.",
        exclude_if=is_null,
    )
    justification: str | None = Field(
        None, description="The reason of a verdict; none when absent.", exclude_if=is_null
    )
    delimiter: Delimiter | None = Field(
        None,
        description="What separates the values of a CSV file; told from its first lines when absent.",
        exclude_if=is_null,
    )
