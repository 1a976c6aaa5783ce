"""Where a command's text goes: to standard output, or to a file that may be asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from eval_assets.cli.saying import say


def write_text(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file."""
    if output is None:
        say(text)
        return
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    say(f"wrote {output}", err=True)


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Turn what the file system says against an output into a sentence."""
    try:
        yield
    except OSError as error:
        raise click.UsageError(f"--output {str(output)!r} can't be written: {error.strerror or error}") from error
