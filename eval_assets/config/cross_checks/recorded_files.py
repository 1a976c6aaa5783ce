"""Files of recorded predictions, opened as a run opens them."""

from collections.abc import Iterator
from pathlib import Path

from eval_assets.config.model import Model
from eval_assets.config.problems import Problem, line_of
from eval_assets.config.project import Loaded
from eval_assets.errors import ConfigError
from eval_assets.providers.clients.recorded import RecordedClient, recorded_file


def recorded_problems(loaded: Loaded[Model], models_dir: Path) -> Iterator[Problem]:
    """Why the predictions of a `recorded` model can't be read."""
    file = loaded.item.file
    if file.provider != "recorded" or file.file is None:
        return
    try:
        RecordedClient(recorded_file(file.file, models_dir), file.columns)
    except ConfigError as error:
        yield Problem(loaded.file, str(error), line_of(("file",), loaded.lines), "file")
