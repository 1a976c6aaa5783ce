"""Composition root of the Dagster code location: the project in this folder, under no prefix, in one process."""

from pathlib import Path

import dagster as dg

from eval_assets.definitions import build_definitions

defs: dg.Definitions = dg.Definitions.merge(
    build_definitions(Path(__file__).parent), dg.Definitions(executor=dg.in_process_executor)
)
