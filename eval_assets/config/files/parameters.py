"""Parameters of model and judge files that can't be sent, or would send something else than the file says."""

from collections.abc import Iterator, Mapping
from typing import Any

from eval_assets.config.files.parameter_names import (
    BY_PROJECT,
    HARMLESS,
    KNOWN_PARAMETERS,
    TOKEN_LIMITS,
    meant_parameter,
)
from eval_assets.config.files.secrets import written_secrets
from eval_assets.config.problems import Location, Problem, field_path, line_of

OF_A_JUDGE = ("response_format", "tools", "tool_choice", "functions")
"""What judging sets itself, to be able to read the verdict."""


def parameter_problems(
    parameters: Mapping[str, Any], *, file: str, lines: Mapping[Location, int], of_judge: bool = False
) -> Iterator[Problem]:
    """What is wrong with sampling parameters: names, values, and two limits at once.

    Args:
        parameters: As the file gives them.
        file: How messages name it.
        lines: Lines of its fields.
        of_judge: Whether they are a judge's.
    """
    for name, value in parameters.items():
        said = _fault(name, value, of_judge=of_judge)
        if said is not None:
            place = ("parameters", name)
            yield Problem(file, said, line_of(place, lines), field_path(place))
    limits = [name for name in TOKEN_LIMITS if parameters.get(name) is not None]
    if len(limits) > 1:
        said = f"expected one limit of tokens, got {' and '.join(limits)}; servers differ in which of them counts"
        yield Problem(file, said, line_of(("parameters", limits[1]), lines), f"parameters.{limits[1]}")


def secret_problems(values: Mapping[str, Any], *, file: str, lines: Mapping[Location, int]) -> Iterator[Problem]:
    """Secrets that a file writes out where every table and report shows them. None is repeated.

    Args:
        values: The fields of the file that are kept as they stand.
        file: How messages name it.
        lines: Lines of its fields.
    """
    for place in written_secrets(dict(values)):
        said = (
            "this is stored and shown, and holds a secret; `api_key_env`, `headers_env` and `query_env` name variables "
            "that hold secrets of requests, code of yours reads them from the environment"
        )
        yield Problem(file, said, line_of(place, lines), field_path(place))


def _fault(name: str, value: Any, *, of_judge: bool) -> str | None:
    if name in BY_PROJECT:
        is_harmless = value is None or (
            name in HARMLESS and value == HARMLESS[name] and type(value) is type(HARMLESS[name])
        )
        return None if is_harmless else f"{name!r} can't be a sampling parameter: {BY_PROJECT[name]}"
    if of_judge and name in OF_A_JUDGE and value is not None:
        return f"{name!r} can't be a parameter of a judge: judging sets it, to be able to read the verdict"
    if name in KNOWN_PARAMETERS:
        return None if value is None else KNOWN_PARAMETERS[name].fault(value)
    meant = meant_parameter(name)
    return meant and f"expected a sampling parameter, got {name!r}; did you mean {meant!r}?"
