"""`eval-assets schemas`: what editors complete and check the files of `data/` with."""

from pathlib import Path

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say


@click.command(epilog="Run it once, and after an upgrade; commit what it writes with the project.")
@click.pass_obj
def schemas(data_dir: Path | None) -> None:
    """Write the JSON schemas by which editors complete and check files.

    They lie in .eval-assets/schemas beside the data; a YAML file names its own in its first line.
    """
    from eval_assets.schemas.copies import COPIES, FILE_NAMES, schema_line, write_schemas

    settings = chosen_settings(data_dir)
    written = write_schemas(settings.project_dir)
    for path in written:
        say(f"wrote {path.relative_to(settings.project_dir)}")
    if not written:
        say(f"{COPIES} is up to date")
    say("the first line of a file:")
    for kind in FILE_NAMES:
        folder = settings.data_dir / kind
        say(f"  {settings.data_dir.name}/{kind}/*.yaml: {schema_line(kind, folder / 'any.yaml', settings.project_dir)}")
