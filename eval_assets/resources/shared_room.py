"""The engine room as a Dagster resource: opened once per run, its model servers stopped with it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg

from eval_assets.config.settings import Settings, storage_options_from
from eval_assets.names import Names
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.stages.engine_room import EngineRoom

ENGINE_ROOM = "engine_room"
SECONDS_BETWEEN_LINES = 10.0


@dg.resource(
    description="Project files, Delta tables, stored replies and model servers.",
    config_schema={
        "data_dir": dg.Field(str, description="Folder with datasets, prompts, models, judges and evaluations."),
        "warehouse_root": dg.Field(str, description="Root of the Delta tables: a folder, s3://, gs:// or abfss://."),
        "state_dir": dg.Field(str, description="Local folder for reply journals and locks."),
    },
)
def engine_room_resource(context: dg.InitResourceContext) -> Iterator[EngineRoom]:
    """Open the engine room for one run.

    A process that runs several cells passes one `EngineRoom` of its own instead, so that they share servers and budget.
    """
    chosen = context.resource_config
    # Storage options hold credentials: they come from the environment, never from run configuration.
    settings = Settings(
        Path(chosen["data_dir"]), chosen["warehouse_root"], Path(chosen["state_dir"]), storage_options_from()
    )
    say = context.log.info if context.log else print
    with EngineRoom.from_settings(settings) as engine_room:
        engine_room.on_progress = ProgressLines(say)
        yield engine_room


class ProgressLines:
    """Progress as lines of the run's log: each is a row of Dagster's database, so few of them."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._said: dict[tuple[str, str], float] = {}

    def __call__(self, where: str, stage: str, progress: Progress) -> None:
        """Say it, unless something was said of the stage of this place a moment ago."""
        now = time.monotonic()
        if now - self._said.get((where, stage), float("-inf")) >= SECONDS_BETWEEN_LINES:
            self._said[where, stage] = now
            self._say(f"{where} {stage}: {progress}")


def engine_room_for(settings: Settings) -> dg.ResourceDefinition:
    """The resource with these settings."""
    return engine_room_resource.configured(
        {
            "data_dir": str(settings.data_dir),
            "warehouse_root": settings.warehouse_root,
            "state_dir": str(settings.state_dir),
        }
    )


def needed_room(names: Names) -> set[str]:
    """The keys of the resources that an op of ours needs."""
    return {names.of(ENGINE_ROOM)}


def room_of(
    context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext, names: Names
) -> EngineRoom:
    """The engine room of the run that a context belongs to."""
    room: EngineRoom = getattr(context.resources, names.of(ENGINE_ROOM))
    return room
