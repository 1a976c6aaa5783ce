"""The columns of every Delta table, and those it is partitioned by: the public surface, together with the asset keys.

A table stands in the module of what it is about, where adding it is one schema and one line.
"""

import polars as pl

from eval_assets.tables.alert_tables import ALERTS
from eval_assets.tables.asking_tables import ASKED_AGAIN
from eval_assets.tables.cell_tables import CELL_TABLES
from eval_assets.tables.change_tables import CHANGE_TABLES
from eval_assets.tables.columns import CELL
from eval_assets.tables.evaluation_tables import EVALUATION_TABLES
from eval_assets.tables.input_tables import DATASET_TABLES, FILE_TABLES
from eval_assets.tables.label_tables import GIVEN_LABELS
from eval_assets.tables.run_tables import RESPONSES, RUNS

SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    **DATASET_TABLES,
    **FILE_TABLES,
    **CELL_TABLES,
    **EVALUATION_TABLES,
    **CHANGE_TABLES,
    "responses": RESPONSES,
    "given_labels": GIVEN_LABELS,
    "asked_again": ASKED_AGAIN,
    "runs": RUNS,
    "alerts": ALERTS,
}

PARTITIONED_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(DATASET_TABLES, ("dataset",)),
    **{table: (next(iter(columns)),) for table, columns in FILE_TABLES.items()},
    **dict.fromkeys(CELL_TABLES, tuple(CELL)),
    **dict.fromkeys([*EVALUATION_TABLES, *CHANGE_TABLES], ("evaluation",)),
    "responses": ("lane",),
    "given_labels": ("dataset",),
    "asked_again": ("evaluation",),
    "runs": (),
    "alerts": ("alert",),
}
