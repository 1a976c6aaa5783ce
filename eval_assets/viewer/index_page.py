"""The first page: every evaluation of the project, and how it stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from eval_assets.errors import EvalAssetsError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.answer_table import tested_measures
from eval_assets.reports.rendered.measures import mean_text, standings
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.viewed_project import ViewedProject


@dataclass(frozen=True, slots=True)
class ListedEvaluation:
    """One evaluation in the list.

    Args:
        name: Its name.
        description: From the file, or of what is wrong with it.
        dataset: Its name; null where nothing was computed.
        n_candidates: Of the last run.
        read_at: When a run read its file last, UTC; null where none did.
        metric: The primary one.
        best: Who stands first by it.
        mean: That candidate's mean and interval, as the report writes them.
        problem: Why it can't be shown.
    """

    name: str
    description: str = ""
    dataset: str | None = None
    n_candidates: int = 0
    read_at: datetime | None = None
    metric: str | None = None
    best: str | None = None
    mean: str | None = None
    problem: str | None = None


def index_page(project: ViewedProject) -> str:
    """Write the page."""
    return rendered("index.html.j2", evaluations=list(listed(project)), folder=str(project.settings.project_dir))


def listed(project: ViewedProject) -> Iterator[ListedEvaluation]:
    """Those that were computed, the latest first; then those that only have a file."""
    computed = project.computed()
    files = project.files()
    for name in reversed(computed):
        try:
            report = project.summary(name)
        except EvalAssetsError as error:
            yield ListedEvaluation(name, problem=str(error))
        else:
            yield _of_report(report, computed[name])
    for name in files.names("evaluations"):
        if name not in computed:
            yield _of_file(project, name)


def _of_report(report: EvaluationReport, read_at: datetime) -> ListedEvaluation:
    file = report.evaluation.file
    measure = next(iter(tested_measures(report)), None)
    best = standings(report)[0].name if measure and report.candidates else None
    return ListedEvaluation(
        report.evaluation.name,
        file.description,
        file.dataset,
        len(report.candidates),
        read_at,
        measure.metric if measure else None,
        best,
        mean_text(measure, best) if measure and best else None,
    )


def _of_file(project: ViewedProject, name: str) -> ListedEvaluation:
    try:
        file = project.files().evaluation(name).file
    except EvalAssetsError as error:
        return ListedEvaluation(name, problem=str(error))
    return ListedEvaluation(name, file.description, file.dataset)
