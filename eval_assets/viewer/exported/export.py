"""Writes the viewer's pages into a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eval_assets.config.grid_choice import MOST_COLUMNS
from eval_assets.errors import ExportError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.storage.integrity.damage import damage_explained
from eval_assets.viewer.chosen import Chosen
from eval_assets.viewer.column_rows import ColumnRows
from eval_assets.viewer.default_view import DefaultViews, usual_view
from eval_assets.viewer.evaluation_page import EvaluationPages
from eval_assets.viewer.exported.folder import written_folder
from eval_assets.viewer.exported.number_files import write_numbers, write_slice
from eval_assets.viewer.exported.script_files import Writer, machine_paths
from eval_assets.viewer.exported.shards import A_SHARD, write_shards
from eval_assets.viewer.grid_choices import OUTCOMES, choices
from eval_assets.viewer.grid_heads import column_head
from eval_assets.viewer.grid_rows import CHARACTERS
from eval_assets.viewer.grid_view import GridView
from eval_assets.viewer.index_page import listed
from eval_assets.viewer.page_places import Places
from eval_assets.viewer.page_writing import asset, rendered
from eval_assets.viewer.score_index import IndexShelf
from eval_assets.viewer.text_search import slice_values
from eval_assets.viewer.viewed_project import ViewedProject

SCRIPTS = ("export_files.js", "export_choice.js", "export_rows.js", "export_pages.js")
"""Of the pages that are filled from files, in the order in which they need each other; the viewer's own comes last."""
STATIC = ("viewer.css", "viewer.js", *SCRIPTS)

FIRST = Places("", is_files=True)
REPORT = Places("../../", is_files=True)
FILLED = Places("../../", is_files=True, scripts=(*SCRIPTS, "viewer.js"))

CHOSEN_IN_FILES = (
    "show", "of", "where", "outcome", "slice", "sort", "width", "q", "low", "high", "dlow", "dhigh",
)  # fmt: skip
"""Fields of the grid whose default the evaluation file may set, besides those that every view has."""

Fields = Mapping[str, Sequence[tuple[str, str, bool]]]

NOT_IN_FILES = {"base", "diff", "human", "look", "row"}
"""Fields of the grid that need what only the server can work out."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Args:
        evaluations: Whose pages.
        n_files: How many files.
        n_bytes: Of all of them.
    """

    evaluations: tuple[str, ...]
    n_files: int
    n_bytes: int


def export_pages(
    project: ViewedProject, folder: Path, *, only: str | None = None, on_done: Callable[[str], None]
) -> Exported:
    """Write pages of evaluations as files.

    Args:
        project: What is looked at.
        folder: Where; replaced as a whole if an export wrote it.
        only: The one evaluation; null for all that were computed.
        on_done: Told the name of each evaluation that is written.

    Raises:
        ConfigError: There is no such evaluation.
        ExportError: The folder holds something that no export wrote, or there is nothing to be written.
        StorageError: The evaluation was never computed.
    """
    if only is not None:
        project.summary(only)
    with damage_explained(project.warehouse), written_folder(folder) as begun:
        writer = Writer(begun, machine_paths(project.settings))
        known = [one for one in listed(project) if only in (None, one.name)]
        names = tuple(one.name for one in known if one.read_at)
        if not names:
            raise ExportError("--export: no evaluation has results yet: `eval-assets run` computes them")
        writer.write("index.html", rendered("index.html.j2", places=FIRST, evaluations=known, folder=""))
        for file in STATIC:
            writer.write(f"static/{file}", asset(file))
        pages = EvaluationPages(project, REPORT)
        for name in names:
            _write_evaluation(writer, project, pages, name)
            on_done(name)
    return Exported(names, writer.n_files, writer.n_bytes)


def _write_evaluation(writer: Writer, project: ViewedProject, pages: EvaluationPages, name: str) -> None:
    """An evaluation's page, its grid and the page of an example, with the files that the latter are filled from."""
    version = project.version(name)
    report = project.summary(name)
    candidates = [candidate.name for candidate in report.candidates]
    chosen_by_author, doubt = DefaultViews(project).of(report)
    default = _of_files(chosen_by_author, report)
    index = IndexShelf().index(project.warehouse, [ColumnRows.present(name, each) for each in candidates])
    chosen = Chosen(report, default, default, index, np.arange(index.n_examples))
    wide = replace(chosen, view=replace(default, columns=tuple(candidates)))
    fields = {field: options for field, options in choices(wide).items() if field not in NOT_IN_FILES}
    fields["where"] = [option for option in fields["where"] if option[0] != "messages"]
    writer.write(f"evaluations/{name}/index.html", pages.page(name))
    for page in ("grid", "example"):
        text = rendered(
            f"export_{page}.html.j2",
            places=FILLED,
            name=name,
            version=version,
            can_edit=False,
            report=report,
            view=default,
            default=default,
            doubt=doubt,
            choices=fields,
        )
        writer.write(f"evaluations/{name}/{page}.html", text)
    place = f"evaluations/{name}/files"
    slices = _slice_columns([value for value, _, _ in fields["slice"]])
    writer.hand_over(place, "evaluation", _facts(wide, fields, default, slices))
    write_numbers(writer, place, index, candidates, report.metrics)
    for number, column in enumerate(slices):
        write_slice(writer, place, number, slice_values(project.warehouse, index, column))
    write_shards(writer, place, project.warehouse, chosen, candidates)
    if project.version(name) != version:
        raise ExportError(f"--export: a run wrote results of {name} meanwhile; export again when it has ended")


def _of_files(view: GridView, report: EvaluationReport) -> GridView:
    """A default view as far as files can show it: columns of the evaluation's own candidates."""
    own = [candidate.name for candidate in report.candidates]
    base = view.base if view.base in own else str(report.baseline)
    columns = (base, *(name for name in view.columns if name in own and name != base))
    of = view.of if view.of in own else ""
    usual = usual_view(report)
    return replace(view, columns=columns, base=base, of=of, diff=usual.diff, human=usual.human, row=usual.row)


def _facts(chosen: Chosen, fields: Fields, default: GridView, slices: Sequence[str]) -> dict[str, object]:
    """What the script knows of an evaluation before it loads anything else of it."""
    report, view, index = chosen.report, chosen.view, chosen.index
    heads = [
        [column_head(replace(chosen, view=replace(view, metric=metric)), candidate) for candidate in view.columns]
        for metric in report.metrics
    ]
    return {
        "name": report.evaluation.name,
        "candidates": list(view.columns),
        "computed": [candidate in index.candidates for candidate in view.columns],
        "metrics": list(report.metrics),
        "isDownward": [report.facts(metric)["greater_is_better"] is False for metric in report.metrics],
        "base": view.base,
        "columns": list(default.columns),
        "usual": {name: getattr(default, name) for name in CHOSEN_IN_FILES if getattr(default, name) not in (None, "")},
        "metric": view.metric,
        "scores": list(view.scores),
        "lines": view.lines,
        "per": view.per,
        "nExamples": index.n_examples,
        "aShard": A_SHARD,
        "mostColumns": MOST_COLUMNS,
        "outcomes": list(OUTCOMES),
        "characters": [[lines, most] for lines, most in CHARACTERS.items()],
        "choices": [[field, [value for value, _, _ in options]] for field, options in fields.items()],
        "slices": list(slices),
        "heads": [
            [[head.mean, head.changes and [head.changes.n_better, head.changes.n_worse]] for head in row]
            for row in heads
        ],
    }


def _slice_columns(options: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(option.partition("=")[0] for option in options if option))
