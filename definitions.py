"""Composition root of the Dagster code location: the project in whose folder this file lies, all in one process."""

from pathlib import Path

import dagster as dg

from eval_assets.config.settings import settings_from
from eval_assets.definitions import build_definitions

settings = settings_from(start=Path(__file__).parent)

defs: dg.Definitions = dg.Definitions.merge(
    build_definitions(settings.data_dir), dg.Definitions(executor=dg.in_process_executor)
)
