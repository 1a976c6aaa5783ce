"""`eval-assets instance` and `eval-assets reload`: what concerns Dagster itself, not an evaluation."""

from pathlib import Path

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say


@click.command()
@click.pass_obj
def instance(data_dir: Path | None) -> None:
    """Make the project's Dagster instance (DAGSTER_HOME, else .dagster/) ready, and print its folder.

    Run it before Dagster's own commands, as `make ui` does: several that open a new instance at once would break it.
    """
    from eval_assets.automation.instance import open_instance

    with open_instance(chosen_settings(data_dir).home) as opened:
        say(opened.root_directory)


@click.command()
@click.option("--url", default="http://127.0.0.1:3000", show_default=True, help="Address of the Dagster webserver.")
@click.option("--location", default="eval_assets", show_default=True, help="Name of the code location.")
def reload(url: str, location: str) -> None:
    """Reload the code location of a running Dagster, as the button in its UI does."""
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError, ReloadRepositoryLocationStatus

    host = url.removeprefix("http://").removeprefix("https://").rstrip("/")
    try:
        client = DagsterGraphQLClient(host, use_https=url.startswith("https://"))
        answer = client.reload_repository_location(location)
    except DagsterGraphQLClientError as error:
        raise click.ClickException(
            f"no Dagster answers at {url} ({type(error.__cause__).__name__}); start it with `make ui`"
        ) from error
    if answer.status != ReloadRepositoryLocationStatus.SUCCESS:
        raise click.ClickException(f"Dagster could not reload {location}: {answer.message}")
    say(f"reloaded {location} at {url}")
