"""A project opened from Python: what its evaluations found, what a run would do, and runs of it."""

import asyncio
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from eval_assets.api.project_choice import chosen_settings, opened_warehouse
from eval_assets.config.project import Project, limited
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError, RunFailedError

if TYPE_CHECKING:
    import polars as pl

    from eval_assets.api.results.planned import PlannedEvaluation
    from eval_assets.api.results.stored_changes import StoredChanges
    from eval_assets.api.results.stored_report import StoredReport
    from eval_assets.api.run_search import Filter, Order
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.up_to_date import RunOutcome

HOME_VARIABLE = "DAGSTER_HOME"


def open_project(path: str | os.PathLike[str] | None = None) -> "OpenedProject":
    """Open a project.

    Args:
        path: Its folder, or the folder of its files; null: the project that `ea.evaluate` works in, found from the
            working directory upwards.

    Raises:
        ConfigError: There is no project in the folder that is named.
    """
    return OpenedProject(chosen_settings(path))


class OpenedProject:
    """A project; its files and tables are read anew at each call, so that edits count.

    Args:
        settings: Where they lie.
    """

    def __init__(self, settings: Settings) -> None:
        """Remember where it lies."""
        self._settings = settings

    def __repr__(self) -> str:
        """Its folder and its evaluations."""
        return f"<project {self.folder}: evaluations {', '.join(self.evaluations) or 'none'}>"

    def __fspath__(self) -> str:
        """Its folder, so that it can be given as `project=` of `ea.evaluate`."""
        return str(self.folder)

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self._settings.project_dir

    @property
    def files(self) -> Project:
        """Everything that its files declare, as they stand."""
        return load_project(self._settings.data_dir, self._settings.warehouse_root)

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Names of its evaluations."""
        return tuple(self.files.names("evaluations"))

    def report(self, evaluation: str) -> "StoredReport":
        """What an evaluation found, as last computed.

        Raises:
            ConfigError: There is no such evaluation.
            StorageError: It was never computed.
        """
        from eval_assets.api.results.stored_report import StoredReport
        from eval_assets.planning.present_report import present_report

        with self._engine_room() as room:
            return StoredReport(present_report(room, evaluation, whole=True))

    def compare(
        self,
        evaluation: str,
        *,
        since: str = "previous",
        until: str | None = None,
        candidates: str | Collection[str] = (),
    ) -> "StoredChanges":
        """Say what changed in each candidate since a former state of it, and what that did. Nothing is sent.

        Args:
            evaluation: Its name.
            since: The earlier state, as `eval-assets compare` takes it: `previous`, `released`, `v3`, a day, a run.
            until: The later one, likewise; null: the present one.
            candidates: Of these alone, `model@prompt`; default all.

        Raises:
            ConfigError: There is no such evaluation, candidate or state.
            StorageError: It was never computed, or maintenance has removed rows of a state.
        """
        from eval_assets.api.results.stored_changes import StoredChanges
        from eval_assets.stages.compared_since import compared_since

        chosen = [candidates] if isinstance(candidates, str) else candidates
        with self._engine_room() as room:
            return StoredChanges(compared_since(room, evaluation, since=since, until=until, candidates=chosen))

    def scores(self, evaluation: str, *, as_pandas: bool = False) -> Any:
        """Every score of an evaluation as last computed: a row per candidate, example, sample and metric.

        Args:
            evaluation: Its name.
            as_pandas: Whether to return a pandas frame.

        Raises:
            ConfigError: There is no such evaluation.
            StorageError: It was never computed.
        """
        return _in_kind(self.report(evaluation).scores, as_pandas=as_pandas)

    def search_runs(
        self,
        filter: "Filter" = None,  # noqa: A002  what searches are told by
        *,
        evaluations: str | Collection[str] | None = None,
        order_by: "Order" = None,
        limit: int | None = None,
        as_pandas: bool = False,
    ) -> Any:
        """Every state that a candidate was computed in, a row each, the one computed last first.

        Args:
            filter: A polars expression over the columns, or several that all have to hold, such as
                `pl.col("metrics.exact_match/v1/mean") > 0.5`.
            evaluations: Of these alone; null: all that were ever computed, those without a file too.
            order_by: Columns or expressions; a name may be followed by `DESC`.
            limit: At most so many rows.
            as_pandas: Whether to return a pandas frame.

        Returns:
            A frame with the columns that docs/python.md lists: what a state was made from, `params.*` of its model,
            `judges.*`, `metrics.*`, outcomes, tokens, cost, runs, times, the report page.

        Raises:
            ConfigError: A filter or an order names no column.
        """
        from eval_assets.api.run_search import searched
        from eval_assets.reports.states.state_frame import state_frame

        chosen = [evaluations] if isinstance(evaluations, str) else evaluations
        with self._engine_room() as room:
            states = state_frame(room.warehouse, room.pages, chosen)
        return _in_kind(searched(states, filter, order_by, limit), as_pandas=as_pandas)

    def plan(
        self,
        *evaluations: str,
        models: Sequence[str] = (),
        prompts: Sequence[str] = (),
        cache: str | None = None,
        limit: int | None = None,
        sending: str | None = None,
    ) -> "PlannedEvaluation":
        """Tell what a run would do, why, and what it would cost. Nothing is sent.

        Args:
            evaluations: Their names; default all.
            models: Only candidates with these models.
            prompts: Only candidates with these prompts.
            cache: As in `run`.
            limit: As in `run`.
            sending: As in `run`.

        Raises:
            ConfigError: A name is unknown, or of each chosen evaluation a file can't be used.
        """
        from eval_assets.api.results.planned import PlannedEvaluation
        from eval_assets.planning.plan import make_plan
        from eval_assets.stages.spending import Spending

        with self._engine_room(evaluations, limit) as room:
            made = make_plan(
                room,
                evaluations=evaluations,
                models=models,
                prompts=prompts,
                spending=Spending(cache=cache, sending=sending),
            )
        return PlannedEvaluation(made)

    def run(  # noqa: PLR0913  what the command line takes, each by name
        self,
        *evaluations: str,
        models: Sequence[str] = (),
        prompts: Sequence[str] = (),
        cache: str | None = None,
        retry: Collection[str] = (),
        max_cost_usd: float | None = None,
        limit: int | None = None,
        sending: str | None = None,
        wait: bool = False,
        check: bool = True,
        on_start: Callable[[str], object] | None = None,
    ) -> "RunOutcome":
        """Bring evaluations up to date as `eval-assets run` does: what is stale, missing or failed runs, nothing else.

        Args:
            evaluations: Their names; default all.
            models: Only candidates with these models.
            prompts: Only candidates with these prompts.
            cache: `use`, `refresh` or `replay`; default what the evaluation says.
            retry: Ask again for replies with these outcomes: refused, empty, truncated, tool_call.
            max_cost_usd: Stop before the request that could exceed this.
            limit: Only the first rows of each evaluation; a run without it reuses them.
            sending: `in_batches` where providers take them, or `at_once`; default what each model's file says.
            wait: For batches; else `summary.waiting` says what waits for them, and the next run collects it.
            check: Whether to raise if something crashed or could not be finished.
            on_start: Told what starts.

        Returns:
            What was planned, what ran, which rows failed and what gates say.

        Raises:
            ConfigError: A name is unknown, or of each chosen evaluation a file can't be used.
            RunFailedError: With `check`; what was answered is kept, and the same call goes on from there.
        """
        from eval_assets.requests.budget import Budget
        from eval_assets.stages.spending import Spending, retry_of
        from eval_assets.up_to_date import Listener, bring_up_to_date

        chosen = {"evaluations": evaluations, "models": models, "prompts": prompts}
        spending = Spending(cache=cache, retry=retry_of(retry), sending=sending)
        with self._engine_room(evaluations, limit) as room, _home_of_this_project():
            room.budget = None if max_cost_usd is None else Budget(max_cost_usd)
            listener = Listener(watch=lambda: QuietWatcher(on_start))
            outcome = _beside_a_running_loop(
                lambda: bring_up_to_date(room, self._settings, chosen, spending, listener, wait=wait), room
            )
        if check and outcome.unfinished:
            raise RunFailedError("\n".join(outcome.unfinished))
        return outcome

    def trace(self, identifier: str) -> dict[str, Any]:
        """Follow the id of a score, prediction or example back to the row, prompt, model and reply behind it.

        Raises:
            TraceError: The id names nothing, or more than one row.
        """
        from eval_assets.storage.tracing.trace import trace

        with self._engine_room() as room:
            return trace(room.warehouse, identifier)

    def _engine_room(self, evaluations: Collection[str] = (), limit: int | None = None) -> "EngineRoom":
        """The project's engine room, evaluations cut to their first rows where that is asked for."""
        from eval_assets.stages.engine_room import EngineRoom

        if limit is not None and limit < 1:
            raise ConfigError(f"limit: expected a number of rows from 1, got {limit!r}")
        files = self.files
        return EngineRoom(
            project=files if limit is None else limited(files, limit, evaluations),
            warehouse=opened_warehouse(self._settings),
            state_dir=self._settings.state_dir,
        )


class QuietWatcher:
    """Passes on what starts, and nothing else.

    Args:
        on_start: Told what starts; null: nobody is.
    """

    def __init__(self, on_start: Callable[[str], object] | None) -> None:
        """Remember whom to tell."""
        self._on_start = on_start

    def __enter__(self) -> Self:
        """Nothing is to be shown."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was shown."""

    def start(self, what: str) -> None:
        """A run starts."""
        if self._on_start is not None:
            self._on_start(what)

    def update(self, where: str, stage: str, progress: object) -> None:
        """A stage went on."""

    def stop(self, said: str) -> None:
        """Somebody asked to stop."""
        if self._on_start is not None:
            self._on_start(said)


def _beside_a_running_loop(run: "Callable[[], RunOutcome]", room: "EngineRoom") -> "RunOutcome":
    """Run in a thread of its own if this one has an event loop running, as in a notebook: Dagster wants none.

    An interrupt ends the run as it does elsewhere: nothing more is sent, what was answered is kept.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    with ThreadPoolExecutor(1, "eval-assets run") as threads:
        running = threads.submit(run)
        try:
            return running.result()
        except KeyboardInterrupt:
            room.stop.set()
            return running.result()


@contextmanager
def _home_of_this_project() -> Iterator[None]:
    """Have each project use its own Dagster instance: opening one names its folder in the environment."""
    before = os.environ.get(HOME_VARIABLE)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(HOME_VARIABLE, None)


def _in_kind(frame: "pl.DataFrame", *, as_pandas: bool) -> Any:
    """The frame as it is, or column by column as pandas has it, which needs no pyarrow."""
    if not as_pandas:
        return frame
    import pandas as pd

    return pd.DataFrame({name: frame[name].to_list() for name in frame.columns}, columns=frame.columns)
