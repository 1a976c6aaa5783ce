"""The page of an evaluation: the report, made of the report's own parts, with links to what can be read one by one."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from threading import Lock
from typing import Any

import polars as pl

from eval_assets.config.settings import Settings
from eval_assets.errors import EvalAssetsError
from eval_assets.planning.present_report import present_report
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.reports.rendered.measures import side_by_side
from eval_assets.reports.rendered.page.html import page_parts
from eval_assets.stages.file_changes import source_diff
from eval_assets.storage.warehouse import Warehouse
from eval_assets.viewer.default_view import DefaultViews
from eval_assets.viewer.grid_view import address
from eval_assets.viewer.page_places import SERVED, Places
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.viewed_project import ViewedProject

MOST_PAGES = 20
MANY_SCORES = 500_000
"""From so many score rows on a page is written by a process of its own, whose memory goes with it."""


@dataclass(frozen=True, slots=True)
class PromptVersion:
    """One version of a prompt, with what it changed and how its candidates came out.

    Args:
        version: From 1.
        since: When it was first read, UTC.
        source: The file's text.
        diff: Changed lines against the version before; empty for the first.
        means: Model → mean of the primary metric the last time it was computed with this version.
    """

    version: int
    since: datetime
    source: str
    diff: tuple[str, ...]
    means: tuple[tuple[str, float], ...]


class EvaluationPages:
    """Writes pages of evaluations, and keeps each as long as neither tables nor files have changed."""

    def __init__(self, project: ViewedProject, places: Places = SERVED) -> None:
        self._project = project
        self._places = places
        self._kept: dict[str, tuple[Any, str]] = {}
        self._lock = Lock()

    def page(self, name: str) -> str:
        """The page as tables and files are now.

        Raises:
            ConfigError: There is no such evaluation.
            StorageError: It was never computed.
        """
        with self._lock:
            state = self._project.state()
            kept = self._kept.pop(name, None)
            if kept is None or kept[0] != state:
                kept = (state, self._written(name))
            self._kept[name] = kept
            while len(self._kept) > MOST_PAGES:
                self._kept.pop(next(iter(self._kept)))
            return kept[1]

    def _written(self, name: str) -> str:
        candidates = self._project.summary(name).candidates
        if sum(row["n_total"] for candidate in candidates for row in candidate.metrics.values()) < MANY_SCORES:
            return _page(self._project, name, self._places)
        settings, can_edit = self._project.settings, self._project.can_edit
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            try:
                return apart.submit(
                    _page_of, settings, self._project.dagster_url, name, self._places, can_edit=can_edit
                ).result()
            except BrokenProcessPool as error:
                raise EvalAssetsError(
                    f"{name}: the process that writes its page was ended, as happens where memory is short; "
                    "the grid needs less"
                ) from error


def _page_of(settings: Settings, dagster_url: str | None, name: str, places: Places, *, can_edit: bool) -> str:
    """The page, written in a process of its own."""
    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    return _page(ViewedProject(settings, warehouse, dagster_url, can_edit), name, places)


def _page(project: ViewedProject, name: str, places: Places) -> str:
    version = project.version(name)
    with project.room() as room:
        report = present_report(room, name, texts=False)
    default, _ = DefaultViews(project).of(report)
    counted = replace(default.unfiltered, base=str(report.baseline), metric=report.headline)
    changed = [
        (candidate.name, report.against_baseline(candidate.name, report.headline or "") or {})
        for candidate in side_by_side(report)
        if not candidate.is_baseline
    ]
    links = {
        (candidate, show): address(
            counted, default, columns=_columns(default.columns, candidate), show=show, of=candidate, sort=sort
        )
        for candidate, _ in changed
        for show, sort in (("better", "improvement"), ("worse", "regression"))
    }
    return rendered(
        "evaluation.html.j2",
        places=places,
        **page_parts(report),
        version=version,
        flips=changed if report.headline else [],
        links=links,
        prompts=_prompts(project, report),
        dagster_url=project.dagster_url,
        can_edit=project.can_edit,
    )


def _columns(columns: Sequence[str], candidate: str) -> tuple[str, ...]:
    return tuple(columns) if candidate in columns else (*columns[:-1], candidate)


def _prompts(project: ViewedProject, report: EvaluationReport) -> dict[str, list[PromptVersion]]:
    """Prompt → its versions, the latest first."""
    found = {}
    for name in dict.fromkeys(candidate.prompt for candidate in report.candidates):
        rows = project.warehouse.scan("prompts", {"prompt": name}).sort("version").collect().to_dicts()
        versions = [
            PromptVersion(
                row["version"],
                row["first_seen_at"],
                row["source"],
                tuple(source_diff(former["source"], row["source"])) if former else (),
                _means(report, name, row["version"]),
            )
            for former, row in zip([None, *rows[:-1]], rows, strict=True)
        ]
        if versions:
            found[name] = versions[::-1]
    return found


def _means(report: EvaluationReport, prompt: str, version: int) -> tuple[tuple[str, float], ...]:
    rows = report.history.filter(
        pl.col("prompt") == prompt, pl.col("prompt_version") == version, pl.col("metric") == (report.headline or "")
    )
    last = rows.sort("recorded_at").unique("model", keep="last", maintain_order=True)
    return tuple(last.select("model", "mean").drop_nulls().sort("model").rows())
