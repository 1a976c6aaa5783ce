"""The table of labels that people give while they review outputs; those of files are in `labels`."""

import polars as pl

from eval_assets.tables.columns import TIME

GIVEN_LABELS = {
    "dataset": pl.String(),  # the partition
    "label_id": pl.String(),
    "given_at": TIME,
    "rater": pl.String(),
    "evaluation": pl.String(),  # where the output was seen; the label holds for it wherever it is said of the example
    "example_id": pl.String(),
    "sample_index": pl.Int64(),
    "model": pl.String(),
    "prompt": pl.String(),
    "output": pl.String(),  # what was labelled
    "output_sha256": pl.String(),
    "other_model": pl.String(),  # of a pair, the candidate it was shown beside; null: an output by itself
    "other_prompt": pl.String(),
    "other_output": pl.String(),
    "other_output_sha256": pl.String(),
    "judge": pl.String(),  # null: the label is compared with every judge
    "label": pl.String(),  # as given, of a pair a (model), b (other_model) or tie; null: the rater takes her label back
    "score": pl.Float64(),  # null where the label is a name
    "note": pl.String(),
    "is_chosen": pl.Boolean(),  # not of the random part: it can't correct a mean
}
"""Rows are only ever added: of two labels by one rater at one place the later one counts."""
