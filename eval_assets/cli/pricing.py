"""`eval-assets prices`: what a packaged table says a model costs, to be put into its file."""

import click

from eval_assets.cli.saying import say


@click.command(epilog="Nothing reads this table but this command: what a run counts stands in the model file.")
@click.argument("model_id", metavar="MODEL")
@click.option(
    "--provider", help="Whose prices: openai, azure, anthropic, aws, google, …; told from the id when absent."
)
def prices(model_id: str, provider: str | None) -> None:
    """Suggest the `prices` of a model file, with their source and date."""
    from eval_assets.providers.suggested_prices import as_yaml, suggested_prices

    say(as_yaml(suggested_prices(model_id, provider)))
