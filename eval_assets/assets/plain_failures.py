"""Expected failures as Dagster shows them: the message that says what to do, without a stack trace of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from eval_assets.errors import EvalAssetsError
from eval_assets.storage.integrity.damage import damage_explained
from eval_assets.storage.warehouse import Warehouse
from eval_assets.wording.foreign_text import visible_text


@contextmanager
def said_plainly(warehouse: Warehouse) -> Iterator[None]:
    """Turn an error of ours, or damage of a table, into a step failure that carries its message.

    Retrying alone would not help.
    """
    try:
        with damage_explained(warehouse):
            yield
    except EvalAssetsError as error:
        raise dg.Failure(description=visible_text(f"{type(error).__name__}: {error}"), allow_retries=False) from error
