"""`eval-assets instance`: make the Dagster instance ready before anything else opens it."""

import click

from eval_assets.cli.saying import say


@click.command()
def instance() -> None:
    """Make the Dagster instance (DAGSTER_HOME) ready, and print its folder.

    Run it before Dagster's own commands, as `make ui` does: several that open a new instance at once would break it.
    """
    from eval_assets.automation.instance import open_instance

    with open_instance() as opened:
        say(opened.root_directory)
