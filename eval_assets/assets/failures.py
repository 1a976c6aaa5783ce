"""Expected failures as Dagster shows them: the message that says what to do, without a stack trace of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from eval_assets.errors import EvalAssetsError


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turn an error of ours into a step failure that carries its message; retrying alone would not help."""
    try:
        yield
    except EvalAssetsError as error:
        raise dg.Failure(description=f"{type(error).__name__}: {error}", allow_retries=False) from error
