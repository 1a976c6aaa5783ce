"""What lives as long as the process: the open warehouse and reply store, servers, limiters, budgets, and their engines.

What is computed with them is in the modules of the stages.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, Self

import polars as pl

from eval_assets.cluster.ray_session import RaySession
from eval_assets.config.engine_name import EngineName
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.model import Model
from eval_assets.config.project import Project
from eval_assets.config.project_files import load_project
from eval_assets.config.settings import Settings
from eval_assets.judges.formats import FormatMemory
from eval_assets.providers.batches.gathering import Wanted
from eval_assets.providers.batches.service import BatchService
from eval_assets.providers.clients.opening import OnDemandClient, batches_of, open_client
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.found_out import DIALECTS_FILE, DialectMemory
from eval_assets.providers.dispatch.ahead import Together
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.in_batches import LaneBatches
from eval_assets.providers.dispatch.limiter import Limiters
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.providers.identity import account_of, identity_of, lane_of_model
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.providers.replies.reading import reading_of
from eval_assets.providers.traits import provider_of
from eval_assets.requests.budget import Budget
from eval_assets.requests.exchange import Client, Request
from eval_assets.requests.keys import ModelIdentity, lane_of
from eval_assets.stages.cell_inputs import StoredModel, stored_documents
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.file_versions import MODEL_FIELDS_WITHOUT_EFFECT, SECRET_NAME_FIELDS, FileVersions
from eval_assets.stages.spending import Budgets, Spending
from eval_assets.stages.stored_inputs import partition_of
from eval_assets.storage.integrity.damage import damage_behind
from eval_assets.storage.replies.batch_ledger import Entry
from eval_assets.storage.replies.model_changes import last_change
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.report_pages import ReportPages
from eval_assets.storage.warehouse import Warehouse
from eval_assets.tables.run_tables import RUNS

ACCOUNTED_AFTER_SECONDS = 5.0
"""How long what a run did may wait to become a row; a process killed meanwhile loses the row, and no reply."""


@dataclass(frozen=True, slots=True)
class PartitionRun:
    """A run that computes one partition of a stage, and what it may spend, which doesn't tell runs apart."""

    table: str
    key: str
    spending: Spending = field(compare=False)
    run_id: str


@dataclass(kw_only=True)
class EngineRoom:
    """The project with its storage and providers; `close` it when the process is done.

    Args:
        project: The files in `data/`.
        warehouse: The Delta tables.
        state_dir: Local folder for journals, locks and frames on their way.
        on_progress: Told about twice a second how a stage of a cell, or of a whole evaluation, goes.
        stop: Set it to end cleanly.
        budget: Shared by everything this process runs, besides the budgets of single evaluations.
        writes_pages: Whether comparisons are written as pages, too.
        n_sent: Requests that this process sent, of all that is over.
    """

    project: Project
    warehouse: Warehouse
    state_dir: Path
    on_progress: Callable[[str, str, Progress], None] | None = None
    stop: Event = field(default_factory=Event)
    budget: Budget | None = None
    writes_pages: bool = True
    n_sent: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.versions = FileVersions(self.project)
        self.store = ResponseStore(self.warehouse, self.state_dir)
        self.scratch = self.state_dir / "frames"
        self.pages = ReportPages(self.warehouse) if self.writes_pages else None
        self.formats = FormatMemory(self.state_dir / "reply_formats.json")
        self.dialects = DialectMemory(self.state_dir / DIALECTS_FILE)
        self.embedded = EmbeddedServers()
        tables = [Path(self.warehouse.root)] if self.warehouse.is_local else []
        self.cluster = RaySession(self.project.data_dir.parent, [*tables, self.state_dir])
        self.limiters = Limiters(self.state_dir / "concurrency.json")
        self._budgets = Budgets(self.state_dir / "budgets", self.warehouse)
        self._asked_ahead: dict[tuple[PartitionRun, str], Engine] = {}
        self._accounts: list[dict[str, Any]] = []
        self._accounted_at = time.monotonic()
        self._handed_out: defaultdict[str, set[str]] = defaultdict(set)

    @classmethod
    def from_settings(cls, settings: Settings, project: Project | None = None) -> Self:
        """Load the project, unless one is given that differs from its files, and open its warehouse."""
        return cls(
            project=project or load_project(settings.data_dir, settings.warehouse_root),
            warehouse=Warehouse(settings.warehouse_root, settings.storage_options),
            state_dir=settings.state_dir,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        self.close()
        if error is not None and (found := damage_behind(error, self.warehouse)):
            raise found from error

    def close(self) -> None:
        """Write what runs did that isn't written yet, stop what was started, give back what was set aside."""
        with ExitStack() as stack:
            stack.callback(self._budgets.close)
            stack.callback(self.cluster.close)
            stack.callback(self.embedded.close)
            stack.callback(self._write_accounts)

    def identity(
        self, model: StoredModel, documents: Sequence[Mapping[str, str]]
    ) -> tuple[ModelIdentity, Mapping[str, Any]]:
        """Who answers, and the columns all its requests share: a callable is shown the documents of the dataset."""
        if not (documents and provider_of(model.model).sees_documents):
            return identity_of(model.model, model.implementation), {}
        implementation = content_sha256([model.implementation, documents])
        return identity_of(model.model, implementation), {"documents": documents}

    def engine_of(self, evaluation: Evaluation) -> EngineName:
        """Who computes the metrics of a stored evaluation, by its file as it stands now: that makes nothing stale."""
        now = self.project.evaluations.get(evaluation.name)
        return (evaluation if now is None else now.item).file.engine

    def not_before(self, model: Model) -> datetime | None:
        """When the provider put another model behind a model's name, if its file follows such changes."""
        change = last_change(self.warehouse, lane_of_model(model)) if model.file.follow_changes else None
        return None if change is None else change.changed_at

    @contextmanager
    def engine(self, model: StoredModel, evaluation: Evaluation, run: PartitionRun) -> Iterator[Engine]:
        """An engine for one model in one partition of a stage: the one that was asked ahead, if there is one.

        What it did becomes a row of `runs`, however it ends.
        """
        with ExitStack() as stack:
            engine = self._asked_ahead.pop((run, model.model.name), None)
            if engine is None:
                engine = self._new_engine(model, evaluation, run).__enter__()
            if engine.ahead is None:
                stack.callback(self._forget_handed_out)
            stack.callback(self._record, engine, run)
            stack.push(engine)
            yield engine

    @contextmanager
    def engine_aside(
        self, model: StoredModel, evaluation: Evaluation, run: PartitionRun, scope: str
    ) -> Iterator[Engine]:
        """An engine whose replies count nowhere until somebody keeps them; what it did becomes a row of `runs`.

        Args:
            model: Who is asked.
            evaluation: Whose row is asked for.
            run: The cell, and what may be spent.
            scope: What is asked for anew: broken off, it goes on with the reply that came.
        """
        with ExitStack() as stack:
            engine = self._new_engine(model, evaluation, run, aside=scope)
            stack.callback(self._record, engine, run)
            yield stack.enter_context(engine)

    def engine_ahead(
        self, model: StoredModel, evaluation: Evaluation, run: PartitionRun, *, rank: int, together: Together
    ) -> Engine:
        """An open engine that is asked ahead; the run takes it over, or `close_ahead` closes it."""
        engine = self._new_engine(model, evaluation, run, rank=rank, together=together).__enter__()
        self._asked_ahead[run, model.model.name] = engine
        return engine

    def close_ahead(self) -> None:
        """Close the engines that no run took over; what they sent is recorded."""
        waiting = {run.key for (run, _), engine in self._asked_ahead.items() if engine.ahead and engine.ahead.n_waiting}
        while self._asked_ahead:
            (run, _), engine = self._asked_ahead.popitem()
            try:
                waits, stopped = f"{run.key} waits for a batch", "the run was stopped before its turn came"
                engine.abandon(waits if run.key in waiting else stopped)
            finally:
                if engine.progress().sent:
                    self._record(engine, run)
                self._write_accounts()
        self._write_accounts()
        self._forget_handed_out()
        self._handed_out.clear()

    def open_batches(self, model: Model) -> BatchService:
        """The batches of a model; raises as `batches_of` does."""
        return batches_of(model, self._surroundings)

    @property
    def _surroundings(self) -> Surroundings:
        return Surroundings(
            self.project.models_dir,
            self.embedded,
            given=self.project.given,
            dialects=self.dialects,
            cluster=self.cluster,
        )

    def _forget_handed_out(self) -> None:
        """What batches brought, as far as runs have shown it and accounted for it."""
        for lane, keys in self._handed_out.items():
            self.store.batches.forget(lane, keys)

    def _new_engine(
        self,
        model: StoredModel,
        evaluation: Evaluation,
        run: PartitionRun,
        *,
        rank: int = 0,
        together: Together | None = None,
        aside: str = "",
    ) -> Engine:
        operated = self._as_operated_now(model.model)
        dataset = evaluation.file.dataset
        identity, shared = self.identity(model, stored_documents(self.warehouse, dataset))
        client: Client = OnDemandClient(
            lambda: open_client(
                operated,
                self._surroundings,
                implementation=model.implementation,
            ),
            shared,
            is_at_hand=provider_of(operated).is_recorded,
            images=self.project.datasets_dir,
        )
        if together is not None:
            client = together.clients.setdefault(f"{operated.model_dump_json()} {identity} {dataset}", client)

        def report(progress: Progress) -> None:
            if self.on_progress is not None:
                self.on_progress(run.key, run.table, progress)

        return Engine(
            identity=identity,
            client=client,
            store=self.store,
            run_id=run.run_id,
            limits=operated.file.limits,
            limiter=self.limiters.of(account_of(operated), identity.model_id, operated.file.limits),
            prices=operated.file.prices,
            policy=run.spending.policy(evaluation),
            reading=reading_of(operated),
            retry=run.spending.retry,
            not_before=self.not_before(operated),
            budget=self._budgets.of(evaluation, run.spending, also=self.budget),
            stop=self.stop,
            scope=aside or f"{run.key}/{run.table}",
            on_progress=report,
            rank=rank,
            together=together,
            batches=None if aside else self._batches_for(operated, identity, evaluation, run, together),
            is_aside=bool(aside),
        )

    def _batches_for(
        self,
        model: Model,
        identity: ModelIdentity,
        evaluation: Evaluation,
        run: PartitionRun,
        together: Together | None,
    ) -> LaneBatches:
        """What of a model's requests goes into batches; only who runs a plan submits them."""
        lane, gathering = lane_of(identity), None if together is None else together.gathering
        budget = self._budgets.of(evaluation, run.spending, also=self.budget)

        def gather(entry: Entry, request: Request, usd: float) -> None:
            assert gathering is not None  # noqa: S101  it is passed on only then
            gathering.add(Wanted(lane, model, evaluation.name, entry, request, usd, budget, run.spending.sending))

        return LaneBatches(
            self.store,
            lane,
            is_meant=run.spending.is_in_batches(model),
            is_asked_at_once=run.spending.sending == "at_once",
            gather=None if gathering is None else gather,
            handed_out=self._handed_out[lane],
        )

    def _record(self, engine: Engine, run: PartitionRun) -> None:
        self.limiters.remember()
        row = engine.report().as_run_row(partition_of(run.table, run.key), run.table)
        self.n_sent += row["n_sent"]
        self._accounts.append(row)
        # Runs that were asked ahead follow within a fraction of a second: a commit for several of them.
        if engine.ahead is None or time.monotonic() - self._accounted_at > ACCOUNTED_AFTER_SECONDS:
            self._write_accounts()

    def _write_accounts(self) -> None:
        """Keep what runs did as rows of `runs`."""
        if self._accounts:
            written, self._accounts = self._accounts, []
            self.warehouse.append("runs", pl.DataFrame(written, schema=RUNS), {"run_id": written[-1]["run_id"]})
        self._accounted_at = time.monotonic()

    def _as_operated_now(self, model: Model) -> Model:
        """The stored model with the file's present keys, limits and prices: changing those makes nothing stale."""
        if model.name not in self.project.models:
            return model
        now = self.project.model(model.name).file
        fields = MODEL_FIELDS_WITHOUT_EFFECT | SECRET_NAME_FIELDS
        return model.model_copy(
            update={"file": model.file.model_copy(update={field: getattr(now, field) for field in fields})}
        )
