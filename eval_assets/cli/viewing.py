"""`eval-assets view`."""

import webbrowser
from pathlib import Path

import click

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.argument("evaluation", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen at. [default: 3141, or the next free one]")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--dagster-url",
    help="Address of the Dagster UI, to which runs are linked. [default: $EVAL_ASSETS_DAGSTER_URL, else no links]",
)
@click.option("--allow-edit", is_flag=True, help="Let whoever reaches it label outputs: the page Review.")
@click.pass_obj
def view(
    data_dir: Path | None,
    evaluation: str | None,
    host: str,
    port: int | None,
    *,
    opens: bool,
    dagster_url: str | None,
    allow_edit: bool,
) -> None:
    """Show evaluations in the browser: leaderboards, outputs side by side, and why a score is what it is.

    Reads tables and files, writes nothing but labels where --allow-edit is given, and follows a run while it goes on.
    There is no password: whoever reaches the address reads every output.
    """
    from eval_assets.config.project_files import load_project
    from eval_assets.config.settings import web_address
    from eval_assets.viewer.serving import serve

    settings = chosen_settings(data_dir)
    linked = web_address(dagster_url, "--dagster-url") or settings.dagster_url
    if evaluation is not None:
        load_project(settings.data_dir, settings.warehouse_root).evaluation(evaluation)
    if host not in LOOPBACK:
        may = "read every output of this project, and label it" if allow_edit else "read every output of this project"
        say(f"whoever reaches {host} can {may}: the viewer asks for no password", err=True)

    def ready(address: str) -> None:
        page = address if evaluation is None else f"{address}/evaluations/{evaluation}"
        say(f"{page}  (Ctrl-C ends it)")
        if opens:
            webbrowser.open(page)

    serve(settings, host=host, port=port, dagster_url=linked, can_edit=allow_edit, on_ready=ready)
