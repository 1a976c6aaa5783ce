"""Composition root of the Dagster code location: the project in whose folder this file lies."""

from pathlib import Path

import dagster as dg

from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from eval_assets.definitions import build_definitions
from eval_assets.resources.shared_room import engine_room_for

settings = settings_from(start=Path(__file__).parent)

defs: dg.Definitions = build_definitions(load_project(settings.data_dir), engine_room_for(settings), settings)
