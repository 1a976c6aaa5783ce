"""What a metric is: its name, version, columns, parameters and scorer. Which metrics exist is in `registry`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_assets.metrics.prediction_rows import Rows

LARGEST: Final = 1e75
"""Size of the largest score: its fourth power, which variances are made of, is still a number."""

ScoreOutcome = Literal["ok", "error", "skipped"]


class Score(NamedTuple):
    """What a scorer says about one prediction; `score` is null unless `outcome` is ok."""

    score: float | None
    label: str | None = None
    outcome: ScoreOutcome = "ok"
    reason: str | None = None


Scores = Sequence[float | Score] | NDArray[np.float64]
"""One score a row, in their order; a bare number is a score with outcome ok."""

Scorer = Callable[[Rows, Mapping[str, Any]], Scores]
"""Rows and parameters → their scores."""

REQUIRED: Final = "<required>"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a metric.

    Args:
        default: Value when the evaluation names none; `REQUIRED` when it has to.
        types: Python types a value may have.
        choices: The only values allowed; any value when empty.
        minimum: Lowest number allowed.
        decides_score: False for one like `device` that changes how, not what is computed.
        came_later: Scores were kept before it existed: at its default it leaves their ids as they are.
        libraries: Further distributions whose code decides the score when it is not at its default.
    """

    default: Any
    types: tuple[type, ...]
    choices: tuple[Any, ...] = ()
    minimum: float | None = None
    decides_score: bool = True
    came_later: bool = False
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as it is shipped, or as a function of the user declares it.

    Args:
        name: MLflow's name where MLflow has the metric.
        scorer: Computes the scores of a batch.
        needs: Columns it reads. A prediction where `output` or one of the others is null is skipped.
        reads: Columns besides, which may be null. A metric that reads them scores replies that call tools, too.
        version: Changes whenever a score could; empty for MLflow's unversioned metrics.
        tokenizer: How it finds words, where no parameter `tokenizer` says so; empty where it looks for none.
        tokenizer_versions: Tokenizer → version of the metric with it, where that is another one.
        greater_is_better: Direction; None for a metric that describes and ranks nothing.
        range: Lowest and highest possible score; None where there is no bound.
        is_binary: Every score is 0 or 1.
        aggregates: Beyond mean, variance and p90, see `aggregations`.
        parameters: Its parameters by name.
        libraries: Distributions whose code decides the score.
        modules: What must be importable for it.
        extra: The extra of this project that installs them; empty when they are installed with it.
        default_model: Hub id of the model used when its parameter `model` is null.
        check: Refuses parameters that fit their types and still can't be used, with a MetricError.
        takes_any_targets: It reads the targets as the dataset has them, an empty list included, which may be an answer
            (nothing is relevant). Else a row without an acceptable text is skipped.
        takes_values: Objects and lists in a list may be targets. Else such a row is skipped.
        expands: The parameter whose list of values gives one metric each, such as `k`.
    """

    name: str
    scorer: Scorer
    needs: tuple[str, ...] = ("output", "targets")
    reads: tuple[str, ...] = ()
    version: str = "v1"
    tokenizer: str = ""
    tokenizer_versions: Mapping[str, str] = field(default_factory=dict)
    greater_is_better: bool | None = True
    range: tuple[float | None, float | None] = (0.0, 1.0)
    is_binary: bool = False
    aggregates: tuple[str, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    extra: str = ""
    default_model: str | None = None
    check: Callable[[Mapping[str, Any]], object] | None = None
    takes_any_targets: bool = False
    takes_values: bool = False
    expands: str | None = None

    def signature(self, parameters: Mapping[str, Any]) -> str:
        """Name the implementation and the version of each library behind it.

        >>> Metric("length", len, libraries=("polars",)).signature({})  # doctest: +ELLIPSIS
        'builtins:len (polars ...)'
        """
        scorer = self.scorer.keywords["measure"] if isinstance(self.scorer, partial) else self.scorer
        code = f"{scorer.__module__.removeprefix('eval_assets.metrics.')}:{scorer.__qualname__}"
        chosen = [name for name, value in parameters.items() if value != self.parameters[name].default]
        further = [library for name in chosen for library in self.parameters[name].libraries]
        libraries = ", ".join(map(_library, dict.fromkeys([*self.libraries, *further])))
        return f"{code} ({libraries})" if libraries else code


@dataclass(frozen=True, slots=True)
class CustomFunction:
    """A metric function of the user, known from its source alone.

    Args:
        path: `module:function`.
        code_sha256: Hash of the function and of the code of its module that it uses.
        arguments: Names of the arguments that are filled from a row, in order; parameters are not among them.
        optional: Those of them that have a default, used when the row has no value.
        vectorized: It takes whole columns as `pl.Series`.
        returns_boolean: Its return annotation says that every score is true or false.
        project_dir: The folder of the project whose modules it may be of; null where there is none.
        function: The function itself where Python code handed it over, which can't be loaded by its path.
    """

    path: str
    code_sha256: str
    arguments: tuple[str, ...]
    optional: frozenset[str]
    vectorized: bool
    returns_boolean: bool = False
    project_dir: Path | None = None
    function: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class ResolvedMetric:
    """A metric as one evaluation uses it.

    Args:
        definition: The metric.
        parameters: Every parameter with its value.
        label: Name under which its scores are kept, unique in the evaluation.
        version: Version of the metric with these parameters.
        parameters_sha256: Hash of the parameters that decide the score.
        greater_is_better: Direction in this evaluation.
        aggregates: Aggregates beyond mean, variance and p90.
        function: The user's function; None for a shipped metric.
        depends_on: Argument of the user's function → label of the metric whose score it gets.
        signature: Implementation and library versions.
        of_field: Of answers in JSON, the field that is scored in place of the whole output.
        named_at: Its place among the metrics that the file names; None for a default of the task.
    """

    definition: Metric
    parameters: Mapping[str, Any]
    label: str
    version: str
    parameters_sha256: str
    greater_is_better: bool | None
    aggregates: tuple[str, ...]
    signature: str
    function: CustomFunction | None = None
    depends_on: Mapping[str, str] = field(default_factory=dict)
    of_field: str | None = None
    named_at: int | None = None

    @property
    def tokenizer(self) -> str:
        """How it finds words; empty for a metric that looks for none, and for the user's functions."""
        chosen = (
            self.definition.tokenizer if self.function else self.parameters.get("tokenizer", self.definition.tokenizer)
        )
        return str(chosen)

    @property
    def code_sha256(self) -> str:
        """Hash of the user's code; empty for a shipped metric, whose version stands for its code."""
        return self.function.code_sha256 if self.function else ""


def texts_of(names: Iterable[str]) -> str:
    """Write names for a message: quoted, sorted, separated by commas."""
    return ", ".join(repr(name) for name in sorted(names))


@cache
def _library(name: str) -> str:
    try:
        return f"{name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return f"{name} absent"
