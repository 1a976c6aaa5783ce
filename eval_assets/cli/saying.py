"""How the command line prints: nothing of a file, a model or a provider can speak to the terminal."""

import logging

import click

from eval_assets.wording.foreign_text import visible_text


def say(text: str, *, err: bool = False, dim: bool = False) -> None:
    """Print text in which control characters are shown, not sent; dim where a terminal can show that."""
    shown = visible_text(text)
    click.echo(click.style(shown, dim=True) if dim else shown, err=err)


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage(), err=True)


def say_warnings() -> None:
    """From now on print what the project logs as warnings in the same way."""
    log = logging.getLogger("eval_assets")
    if not any(isinstance(handler, _Saying) for handler in log.handlers):
        log.addHandler(_Saying(logging.WARNING))
