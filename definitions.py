"""Composition root of the Dagster code location: reads the files declared in `data/` and assembles the definitions."""

import dagster as dg

from eval_assets.config.project_files import load_project
from eval_assets.config.settings import settings_from
from eval_assets.definitions import build_definitions
from eval_assets.resources.shared_room import engine_room_for

settings = settings_from()

defs: dg.Definitions = build_definitions(load_project(settings.data_dir), engine_room_for(settings), settings)
