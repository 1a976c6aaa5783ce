"""Everything a stage needs to do its work: project, warehouse, reply store, servers, engines. Holds no results."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Literal, Self

import polars as pl

from eval_assets.config.evaluation import Evaluation
from eval_assets.config.model import Model
from eval_assets.config.project import Project, load_project
from eval_assets.config.settings import Settings
from eval_assets.judges.formats import FormatMemory
from eval_assets.providers.clients.clients import open_client
from eval_assets.providers.clients.on_demand import OnDemandClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.providers.identity import identity_of
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.providers.replies.reading import reading_of
from eval_assets.reports.computed.scores import MetricFacts
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.page.html import report_html
from eval_assets.requests.budget import Budget
from eval_assets.requests.keys import ModelIdentity
from eval_assets.stages import (
    aggregate_reports,
    comparison,
    heuristic_metrics,
    judge_agreement,
    judge_scores,
    pairwise_preferences,
    predictions,
)
from eval_assets.stages.cell_inputs import (
    StoredModel,
    count_examples,
    evaluation_of,
    read_cell_inputs,
    read_judge,
    stored_documents,
    stored_examples,
)
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.evaluation_inputs import EvaluationInputs, stored_inputs
from eval_assets.stages.file_versions import MODEL_FIELDS_WITHOUT_EFFECT, SECRET_NAME_FIELDS, FileVersions
from eval_assets.stages.graph import Cell, cells_of, inputs_of_evaluation
from eval_assets.stages.metric_facts import facts_of
from eval_assets.stages.report_reading import read_report
from eval_assets.stages.spending import Budgets, Spending
from eval_assets.storage.integrity.damage import damage_behind
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.versions import current_version
from eval_assets.storage.warehouse import Warehouse
from eval_assets.storage.writing import Written
from eval_assets.tables.schemas import RUNS

Stage = Literal["predictions", "judge_scores", "pairwise_preferences"]


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
    """

    project: Project
    warehouse: Warehouse
    state_dir: Path
    on_progress: Callable[[str, Stage, Progress], None] | None = None
    stop: Event = field(default_factory=Event)
    budget: Budget | None = None

    def __post_init__(self) -> None:
        self.versions = FileVersions(self.project)
        self.store = ResponseStore(self.warehouse, self.state_dir)
        self.scratch = self.state_dir / "frames"
        self.pages = (Path(self.warehouse.root) if self.warehouse.is_local else self.state_dir) / "reports"
        self.formats = FormatMemory(self.state_dir / "reply_formats.json")
        self.embedded = EmbeddedServers()
        self._budgets = Budgets(self.state_dir / "budgets")

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Load the project and open its warehouse."""
        return cls(
            project=load_project(settings.data_dir),
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
        """Stop every server that was started."""
        self.embedded.close()

    def predict(self, cell: Cell, spending: Spending, *, run_id: str) -> Written:
        """Answer the cell's examples."""
        inputs = read_cell_inputs(self.warehouse, cell)
        with self.engine(inputs.model, inputs.evaluation, cell, "predictions", spending, run_id=run_id) as engine:
            return predictions.write_predictions(
                inputs,
                stored_examples(inputs.rows, inputs.evaluation),
                engine,
                warehouse=self.warehouse,
                scratch=self.scratch,
                run_id=run_id,
                n_examples=count_examples(inputs.rows, inputs.evaluation),
            )

    def score(self, cell: Cell, *, run_id: str) -> Written:
        """Compute the cell's heuristic metrics."""
        stored = current_version(self.warehouse, "evaluations", cell.evaluation)
        metrics = self.versions.metrics(evaluation_of(stored))
        return heuristic_metrics.write_scores(
            cell, metrics, warehouse=self.warehouse, scratch=self.scratch, run_id=run_id, stored=stored
        )

    def judge(self, cell: Cell, spending: Spending, *, run_id: str) -> Written:
        """Ask the judges of the cell's evaluation."""

        def open_engine(model: StoredModel, evaluation: Evaluation) -> AbstractContextManager[Engine]:
            return self.engine(model, evaluation, cell, "judge_scores", spending, run_id=run_id)

        return judge_scores.write_verdicts(
            cell, open_engine, formats=self.formats, warehouse=self.warehouse, scratch=self.scratch, run_id=run_id
        )

    def aggregate(self, cell: Cell, *, run_id: str) -> Written:
        """Describe the cell's scores."""
        stored = current_version(self.warehouse, "evaluations", cell.evaluation)
        evaluation = evaluation_of(stored)
        return aggregate_reports.write_aggregates(
            cell, evaluation, self.metric_facts(evaluation), warehouse=self.warehouse, run_id=run_id, stored=stored
        )

    def prefer(self, name: str, spending: Spending, *, run_id: str) -> Written:
        """Ask a judge which of two candidates' outputs is better, if the evaluation wants that."""
        stored = current_version(self.warehouse, "evaluations", name)
        evaluation = evaluation_of(stored)

        def open_engine(model: StoredModel) -> AbstractContextManager[Engine]:
            return self.engine(model, evaluation, None, "pairwise_preferences", spending, run_id=run_id)

        return pairwise_preferences.write_preferences(
            evaluation,
            open_engine,
            inputs=self._inputs_of("pairwise_preferences", name),
            stored=stored,
            formats=self.formats,
            warehouse=self.warehouse,
            run_id=run_id,
        )

    def measure_judges(self, name: str, *, run_id: str) -> Written:
        """Measure how far the judges of an evaluation agree with people."""
        stored = current_version(self.warehouse, "evaluations", name)
        return judge_agreement.write_agreement(
            evaluation_of(stored),
            inputs=self._inputs_of("judge_agreement", name),
            stored=stored,
            warehouse=self.warehouse,
            run_id=run_id,
        )

    def compare(self, name: str, *, run_id: str) -> Written:
        """Compare the candidates of an evaluation and write its report page."""
        stored = current_version(self.warehouse, "evaluations", name)
        evaluation = evaluation_of(stored)
        inputs = self._inputs_of("comparison", name).versions
        written = comparison.write_comparison(
            evaluation,
            cells_of(self.project, name),
            self.metric_facts(evaluation),
            judged={place: inputs[place] for place in inputs if place.startswith(("judge_agreement/", "pairwise_"))},
            warehouse=self.warehouse,
            run_id=run_id,
            stored=stored,
        )
        page = comparison.write_page(report_html(self.report(name)), self.pages, name)
        return replace(written, facts={**written.facts, "page": page.absolute().as_uri()})

    def report(self, name: str, *, whole: bool = False) -> EvaluationReport:
        """Everything that was computed for an evaluation, ready to be rendered; `whole` as in `load_report`.

        Raises:
            StorageError: The evaluation was never materialized.
        """
        stored = current_version(self.warehouse, "evaluations", name)
        return read_report(stored, self.project, self.versions, self.warehouse, whole=whole)

    def stored_evaluation(self, name: str) -> Evaluation:
        """An evaluation as it was last materialized."""
        return evaluation_of(current_version(self.warehouse, "evaluations", name))

    def metric_facts(self, evaluation: Evaluation) -> dict[str, MetricFacts]:
        """Direction and range of an evaluation's metrics and judges."""
        judges = [read_judge(self.warehouse, judge).judge for judge in evaluation.file.judges]
        return facts_of(self.versions.metrics(evaluation), judges)

    def _inputs_of(self, table: str, name: str) -> EvaluationInputs:
        """What a stage of a whole evaluation is made from, as it lies in the warehouse."""
        return stored_inputs(self.warehouse, inputs_of_evaluation(self.project, table, name))

    def identity(
        self, model: StoredModel, documents: Sequence[Mapping[str, str]]
    ) -> tuple[ModelIdentity, Mapping[str, Any]]:
        """Who answers, and the columns all its requests share: a callable is shown the documents of the dataset."""
        if model.model.file.provider != "callable" or not documents:
            return identity_of(model.model, model.implementation), {}
        implementation = content_sha256([model.implementation, documents])
        return identity_of(model.model, implementation), {"documents": documents}

    @contextmanager
    def engine(
        self,
        model: StoredModel,
        evaluation: Evaluation,
        cell: Cell | None,
        stage: Stage,
        spending: Spending,
        *,
        run_id: str,
    ) -> Iterator[Engine]:
        """An engine for one model in one stage of a cell, or of a whole evaluation if there is no cell.

        What it did becomes a row of `runs`, however it ends.
        """
        place = evaluation.name if cell is None else cell.key
        operated = self._as_operated_now(model.model)
        identity, shared = self.identity(model, stored_documents(self.warehouse, evaluation.file.dataset))

        def report(progress: Progress) -> None:
            if self.on_progress is not None:
                self.on_progress(place, stage, progress)

        engine = Engine(
            identity=identity,
            client=OnDemandClient(
                lambda: open_client(
                    operated,
                    models_dir=self.project.models_dir,
                    embedded=self.embedded,
                    implementation=model.implementation,
                ),
                shared,
            ),
            store=self.store,
            run_id=run_id,
            limits=operated.file.limits,
            prices=operated.file.prices,
            policy=spending.policy(evaluation),
            reading=reading_of(operated),
            retry=spending.retry,
            budget=self._budgets.of(evaluation, spending, also=self.budget),
            stop=self.stop,
            scope=f"{place}/{stage}",
            on_progress=report,
        )
        try:
            with engine:
                yield engine
        finally:
            partition = {"evaluation": evaluation.name} if cell is None else cell.partition
            row = engine.report().as_run_row(partition, stage)
            self.warehouse.append("runs", pl.DataFrame([row], schema=RUNS), {"run_id": run_id})

    def _as_operated_now(self, model: Model) -> Model:
        """The stored model with the file's present keys, limits and prices: changing those makes nothing stale."""
        if model.name not in self.project.models:
            return model
        now = self.project.model(model.name).file
        fields = MODEL_FIELDS_WITHOUT_EFFECT | SECRET_NAME_FIELDS
        return model.model_copy(
            update={"file": model.file.model_copy(update={field: getattr(now, field) for field in fields})}
        )
