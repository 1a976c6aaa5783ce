"""The field `engine` of models and evaluations: where what they compute is computed. It decides no result."""

from typing import Literal

EngineName = Literal["local", "ray"]
LOCAL: EngineName = "local"
RAY: EngineName = "ray"


def is_local(value: object) -> bool:
    """Whether an engine is the one that files of old, which name none, stand for."""
    return value == LOCAL
