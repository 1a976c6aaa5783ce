"""How the command line prints: nothing of a file, a model or a provider can speak to the terminal."""

import click

from eval_assets.wording.foreign_text import visible_text


def say(text: str, *, err: bool = False) -> None:
    """Print text in which control characters are shown, not sent."""
    click.echo(visible_text(text), err=err)
