"""Metric functions that Python code hands over: what they take, read from the function itself."""

import inspect
from collections.abc import Mapping
from typing import Any

from eval_assets.config.given import GivenFunction
from eval_assets.errors import MetricError
from eval_assets.metrics.custom.annotations import annotation_of, is_column, is_pass_or_fail
from eval_assets.metrics.definition import CustomFunction, texts_of

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def read_given_function(path: str, given: GivenFunction, parameters: Mapping[str, Any]) -> CustomFunction:
    """What the metrics of an evaluation need to know of a function.

    Args:
        path: What stands for it.
        given: The function.
        parameters: Values given by name, which rows needn't fill.

    Raises:
        MetricError: It can't be called by name, or doesn't take these parameters.
    """
    name = path.partition(":")[2]
    try:
        signature = inspect.signature(given.function)
    except (TypeError, ValueError) as error:
        raise MetricError(f"metric {name!r}: its arguments can't be read; wrap it in a function of yours") from error
    if any(argument.kind not in BY_NAME for argument in signature.parameters.values()):
        raise MetricError(
            f"metric {name!r}: expected arguments by name such as (output, targets), without `*args`, `**kwargs` or "
            f"`/`, got {signature}"
        )
    unknown = set(parameters) - set(signature.parameters)
    if unknown:
        raise MetricError(
            f"metric {name!r}: expected parameters that it takes, got {texts_of(unknown)}; "
            f"its arguments are {texts_of(signature.parameters)}"
        )
    from_rows = [argument for argument in signature.parameters.values() if argument.name not in parameters]
    return CustomFunction(
        path=path,
        code_sha256=given.version,
        arguments=tuple(argument.name for argument in from_rows),
        optional=frozenset(argument.name for argument in from_rows if argument.default is not inspect.Parameter.empty),
        vectorized=any(is_column(annotation_of(argument.annotation)) for argument in from_rows),
        returns_boolean=is_pass_or_fail(annotation_of(signature.return_annotation)),
        function=given.function,
    )
