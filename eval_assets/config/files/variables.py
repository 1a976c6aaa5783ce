"""Environment variables in paths and addresses that a file names: `${LAKE}/tickets`."""

import os
import re
from collections.abc import Mapping

from eval_assets.errors import ConfigError

VARIABLE = re.compile(r"\$\{(\w+)\}")


def with_variables(text: str, *, what: str, environment: Mapping[str, str] = os.environ) -> str:
    """A text with the values of the variables it names.

    Args:
        text: `${NAME}` stands for an environment variable.
        what: What names them, for the error.
        environment: The variables.

    Raises:
        ConfigError: A variable isn't set.

    >>> with_variables("${LAKE}/tickets", what="a card", environment={"LAKE": "/lake"})
    '/lake/tickets'
    """
    for name in VARIABLE.findall(text):
        if name not in environment:
            raise ConfigError(f"expected the environment variable {name!r} to be set, {what} names it")
    return VARIABLE.sub(lambda match: environment[match[1]], text)
