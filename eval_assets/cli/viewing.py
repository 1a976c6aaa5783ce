"""`eval-assets view`."""

import webbrowser
from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from eval_assets.cli.chosen_project import chosen_settings
from eval_assets.cli.saying import say
from eval_assets.config.settings import Settings

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
@click.option(
    "--allow-edit",
    is_flag=True,
    help="Let whoever reaches it label outputs, ask again and try prompts (which sends requests), and save them.",
)
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the pages as files into this folder instead, for a web server or the disk, and end.",
)
@click.pass_context
def view(
    context: click.Context,
    evaluation: str | None,
    host: str,
    port: int | None,
    *,
    opens: bool,
    dagster_url: str | None,
    folder: Path | None,
    allow_edit: bool,
) -> None:
    """Show evaluations in the browser: leaderboards, outputs side by side, and why a score is what it is.

    Reads tables and files, writes nothing but labels and prompts where --allow-edit is given, and follows a
    run while it goes on. There is no password: whoever reaches the address reads every output.
    """
    from eval_assets.config.project_files import load_project
    from eval_assets.config.settings import web_address

    data_dir: Path | None = context.obj
    settings = chosen_settings(data_dir)
    linked = web_address(dagster_url, "--dagster-url") or settings.dagster_url
    if evaluation is not None:
        load_project(settings.data_dir, settings.warehouse_root).evaluation(evaluation)
    if folder is not None:
        if {context.get_parameter_source(name) for name in ("host", "port", "allow_edit")} != {ParameterSource.DEFAULT}:
            raise click.UsageError(
                "--export writes files and listens nowhere: leave --host, --port and --allow-edit out"
            )
        _export(replace(settings, dagster_url=linked), folder, evaluation, opens=opens)
        return
    if host not in LOOPBACK:
        may = "read every output of this project"
        may += ", label it, send requests to its models and edit its prompts" if allow_edit else ""
        say(f"whoever reaches {host} can {may}: the viewer asks for no password", err=True)

    from eval_assets.viewer.serving import serve

    def ready(address: str) -> None:
        page = address if evaluation is None else f"{address}/evaluations/{evaluation}"
        say(f"{page}  (Ctrl-C ends it)")
        if opens:
            webbrowser.open(page)

    serve(settings, host=host, port=port, dagster_url=linked, can_edit=allow_edit, on_ready=ready)


def _export(settings: Settings, folder: Path, evaluation: str | None, *, opens: bool) -> None:
    from eval_assets.storage.warehouse import Warehouse
    from eval_assets.viewer.exported.export import export_pages
    from eval_assets.viewer.viewed_project import ViewedProject

    warehouse = Warehouse(settings.warehouse_root, settings.storage_options)
    project = ViewedProject(settings, warehouse, settings.dagster_url)
    written = export_pages(project, folder, only=evaluation, on_done=lambda name: say(f"{name}: written"))
    first = folder.absolute() / "index.html"
    say(f"{written.n_files:,} files, {written.n_bytes / 1e6:,.1f} MB: {first}")
    if opens:
        webbrowser.open(first.as_uri())
