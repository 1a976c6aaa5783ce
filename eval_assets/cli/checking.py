"""`eval-assets check`: every file of `data/`, validated and cross-checked; nothing runs."""

import sys
from pathlib import Path

import click


@click.command(epilog="Exit code 0: all files can be used; 1: there are problems, one per line on standard output.")
@click.pass_obj
def check(data_dir: Path | None) -> None:
    """Validate datasets, prompts, models, judges and evaluations."""
    from eval_assets.cells.fingerprints import FileVersions
    from eval_assets.config.project import load_project
    from eval_assets.config.references import project_problems
    from eval_assets.config.settings import settings_from
    from eval_assets.planning.availability import missing_prerequisites, unseen_targets

    project = load_project(settings_from(data_dir=data_dir).data_dir)
    versions = FileVersions(project)
    problems = project_problems(project, versions.metrics)
    for problem in problems:
        click.echo(problem)
    if problems:
        click.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}", err=True)
        sys.exit(1)
    kinds = ("datasets", "prompts", "models", "judges", "evaluations")
    for remark in (*missing_prerequisites(project, versions), *unseen_targets(project, versions)):
        click.echo(f"note: {remark}")
    click.echo("ok: " + ", ".join(f"{len(project.names(kind))} {kind}" for kind in kinds))
