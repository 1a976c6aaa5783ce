"""Live progress of a run: bars in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from eval_assets.cli.saying import say
from eval_assets.providers.dispatch import progress as engine
from eval_assets.wording.foreign_text import visible_text
from eval_assets.wording.numbers import money_text, seconds_text, speed_text

SECONDS_BETWEEN_LINES = 5.0


class ProgressView:
    """Shows what runs, and how each stage that asks a model goes."""

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream."""
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stop(self, said: str) -> None:
        """Somebody asked to stop."""
        say(f"{said} (Ctrl-C again to break off)", err=True)

    def start(self, what: str) -> None:
        """A run starts."""
        self._console.print(visible_text(what), markup=False)

    def update(self, where: str, stage: str, progress: "engine.Progress") -> None:
        """A stage of a cell, or of a whole evaluation, went on."""
        place = (where, stage)
        if self._console.is_terminal:
            if place not in self._tasks:
                self._tasks[place] = self._bars.add_task(f"  {where} {stage}", total=None, figures="")
            self._bars.update(
                self._tasks[place], total=progress.total, completed=progress.done, figures=figures(progress)
            )
            return
        said_at, done = self._said.get(place, (float("-inf"), -1))
        is_complete = progress.done == progress.total
        now = time.monotonic()
        if progress.done not in (0, done) and (is_complete or now - said_at >= SECONDS_BETWEEN_LINES):
            self._said[place] = (now, progress.done)
            self._console.print(f"  {stage}: {figures(progress)}", markup=False)


def figures(progress: "engine.Progress") -> str:
    """Done of total, failures, speed and remaining time in one line."""
    total = "" if progress.total is None else f"/{progress.total:,}"
    parts = [f"{progress.done:,}{total}", f"{progress.reused:,} reused"]
    n_failed = sum(progress.failed.values())
    if n_failed:
        kinds = ", ".join(f"{visible_text(kind)} {count:,}" for kind, count in progress.failed.items())
        parts.append(f"{n_failed:,} failed ({kinds})")
    if progress.completion_tokens:
        parts.append(f"{speed_text(progress.tokens_per_second)} output tokens/s over all requests")
    if progress.cost_usd:
        parts.append(money_text(progress.cost_usd))
    if progress.eta_seconds is not None and progress.done != progress.total:
        parts.append(f"about {seconds_text(max(1.0, progress.eta_seconds))} left")
    return ", ".join(parts)
