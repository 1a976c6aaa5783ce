"""`eval-assets labels`: what people said of outputs, into the warehouse, out of it, and counted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.output_files import write_text
from eval_assets.cli.saying import say
from eval_assets.wording.numbers import count_text

if TYPE_CHECKING:
    from eval_assets.calibration.labelling import Labelling


@click.group()
def labels() -> None:
    """Import, export and count the labels that people give to outputs."""


@labels.command(name="import")
@click.argument("evaluation")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--rater", help="Who labelled, where the file has no column `rater`.")
@click.pass_obj
def import_file(data_dir: Path | None, evaluation: str, file: Path, rater: str | None) -> None:
    """Add the labels of a CSV file; all of it, or nothing where a row can't be used.

    Needed are the columns example_id, model, prompt and label, and a rater. What was imported before isn't added again.
    """
    from eval_assets.calibration.label_files import import_labels

    done = import_labels(_labelling(data_dir, evaluation), file, rater=rater)
    say(f"{count_text(done.n_added, 'label')} added, {done.n_known:,} known already")
    if done.n_outdated:
        say(f"{done.n_outdated:,} of them are of outputs that no candidate gives now, and count for nothing")
    if done.n_added:
        say(f"`eval-assets run {evaluation}` measures the judges against them; nothing is sent", err=True)


@labels.command(name="export")
@click.argument("evaluation")
@click.option("--used", is_flag=True, help="Leave out labels that their rater replaced or took back.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file.")
@click.pass_obj
def export_file(data_dir: Path | None, evaluation: str, *, used: bool, output: Path | None) -> None:
    """Print the labels of an evaluation's dataset as CSV, which `labels import` takes."""
    from eval_assets.calibration.given_labels import stored_labels
    from eval_assets.calibration.label_files import export_labels

    labelling = _labelling(data_dir, evaluation)
    stored = stored_labels(labelling.warehouse, labelling.dataset).filter(evaluation=evaluation)
    write_text(export_labels(stored, only_used=used), output)


@labels.command(name="list")
@click.argument("evaluation")
@click.pass_obj
def list_labels(data_dir: Path | None, evaluation: str) -> None:
    """Count the labels of an evaluation's dataset, by judge and rater."""
    rows = _labelling(data_dir, evaluation).counts()
    for row in rows.iter_rows(named=True):
        of = f"{row['judge'] or 'every judge'}{', pairs' if row['is_pair'] else ''}"
        replaced = row["n_given"] - row["n_used"]
        said = [
            *([f"{replaced:,} replaced or taken back"] if replaced else []),
            *([f"{row['n_outdated']:,} of outputs that no candidate gives now"] if row["n_outdated"] else []),
        ]
        counted = count_text(row["n_used"], "label")
        say(f"{of}, {row['rater']}: {', '.join([counted, *said])}; last {row['last_given_at']:%Y-%m-%d %H:%M} UTC")
    if rows.is_empty():
        say("nobody has labelled an output yet")


def _labelling(data_dir: Path | None, evaluation: str) -> "Labelling":
    from eval_assets.calibration.labelling import Labelling
    from eval_assets.config.project_files import load_project
    from eval_assets.storage.warehouse import Warehouse

    settings = chosen_settings(data_dir)
    project = load_project(settings.data_dir, settings.warehouse_root)
    project.evaluation(evaluation)
    return Labelling(project, Warehouse(settings.warehouse_root, settings.storage_options), evaluation)
