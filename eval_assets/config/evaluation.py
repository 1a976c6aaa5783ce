"""An evaluation file, `data/evaluations/<name>.yaml`: what is compared, how it is scored, when it runs."""

import difflib
import itertools
import math
import zoneinfo
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.fields import FileModel, MetricName, Owner, Slug


class Slice(FileModel):
    """Which examples of the dataset to use: the first n, or those whose columns have the given values, or both."""

    first: int | None = Field(None, ge=1)
    where: dict[str, Any] = Field(default_factory=dict)

    def selects(self, columns: Mapping[str, Any]) -> bool:
        """Whether an example has the wanted value, or one of the wanted values, in each column of `where`."""
        for column, wanted in self.where.items():
            value = columns.get(column)
            if value not in wanted if isinstance(wanted, list) else value != wanted:
                return False
        return True

    def __str__(self) -> str:
        """In words.

        >>> str(Slice(first=3, where={"lang": "en", "topic": ["a", "b"]}))
        "the first 3 with lang 'en' and topic one of 'a', 'b'"
        """
        said = [
            f"{column} one of {', '.join(map(repr, wanted))}" if isinstance(wanted, list) else f"{column} {wanted!r}"
            for column, wanted in self.where.items()
        ]
        those = f" with {' and '.join(said)}" if said else ""
        return (f"the first {self.first}" if self.first else "those") + those


class MetricChoice(FileModel):
    """One metric: a shipped name, or a function of yours."""

    metric: MetricName
    function: str | None = Field(None, description="`module:function` of a custom metric.")
    version: str | None = Field(None, description="Version of a custom metric; shipped ones carry their own.")
    parameters: dict[str, Any] = Field(default_factory=dict)
    greater_is_better: bool | None = None
    label: MetricName | None = Field(None, description="Name under which scores are kept; default the metric's name.")
    range: tuple[float, float] | None = Field(
        None, description="Lowest and highest possible score of a custom metric; shipped ones carry their own."
    )

    @field_validator("range")
    @classmethod
    def _goes_up(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not -math.inf < value[0] < value[1] < math.inf:
            raise ValueError(f"expected [lowest, highest] score such as [0, 1], got {list(value)!r}")
        return value


class Gate(FileModel):
    """A condition a candidate must meet. Thresholds are in score units; `max_drop` compares with the baseline."""

    metric: str
    min: float | None = None
    max: float | None = None
    max_drop: float | None = Field(None, ge=0)
    max_drop_relative: float | None = Field(None, ge=0, le=1)
    non_inferiority_margin: float | None = Field(
        None, ge=0, description="GO only if the interval shows that the candidate is worse by less than this."
    )
    max_failed_share: float = Field(0.1, ge=0, le=1)
    min_scored: int = Field(1, ge=1, description="With fewer scored examples the gate is inconclusive.")
    tier: Literal["critical", "advisory"] = "critical"

    @model_validator(mode="after")
    def _has_a_threshold(self) -> "Gate":
        thresholds = ("min", "max", "max_drop", "max_drop_relative", "non_inferiority_margin")
        if all(getattr(self, name) is None for name in thresholds):
            raise ValueError(f"expected at least one of {', '.join(map(repr, thresholds))}")
        return self


class Pairwise(FileModel):
    """Candidates' outputs shown side by side to a judge, each pair in both orders: two requests a pair."""

    judge: Slug = Field(description="Its definition, rubric, columns and model are used; not a jury.")
    against: Literal["baseline", "all"] = Field(
        "baseline", description="Compare every candidate with the baseline, or every candidate with every other."
    )


class ScheduleSpec(FileModel):
    """When the evaluation reruns by itself, once switched on in the UI."""

    cron: str = Field(description="As Dagster reads it: minute, hour, day, month, weekday, or `@daily` and the like.")
    timezone: str = "UTC"
    max_cost_usd: float | None = Field(None, ge=0)

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            near = difflib.get_close_matches(value, zoneinfo.available_timezones(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"expected a time zone such as 'Europe/Berlin', got {value!r}{hint}")
        return value


class EvaluationFile(FileModel):
    """Contents of an evaluation file."""

    description: str = ""
    owners: tuple[Owner, ...] = ()
    dataset: Slug
    slice: Slice = Slice()
    task: TaskType | None = Field(None, description="Decides the default metrics; default the dataset's task.")
    models: tuple[Slug, ...] = Field(min_length=1)
    prompts: tuple[Slug, ...] = Field(min_length=1)
    skip: tuple[str, ...] = Field((), description="Candidates `model@prompt` left out of models × prompts.")
    metrics: tuple[MetricChoice, ...] = Field((), description="Metrics added to the task's defaults.")
    without_metrics: tuple[str, ...] = Field((), description="Defaults of the task to leave out.")
    judges: tuple[Slug, ...] = ()
    pairwise: Pairwise | None = Field(None, description="Ask a judge which of two outputs is better, as well.")
    baseline: str | None = Field(None, description="`model@prompt`; default the first candidate.")
    samples: int = Field(1, ge=1, description="Replies asked per example and candidate.")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    seed: int = 0
    gates: tuple[Gate, ...] = ()
    schedule: ScheduleSpec | None = None
    max_cost_usd: float | None = Field(None, ge=0)
    cache: Literal["use", "refresh", "replay"] = "use"

    @field_validator("metrics", mode="before")
    @classmethod
    def _a_bare_name_is_a_metric(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [{"metric": item} if isinstance(item, str) else item for item in value]
        return value

    @field_validator("models", "prompts", "judges")
    @classmethod
    def _names_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({name for name in value if value.count(name) > 1})
        if repeated:
            raise ValueError(f"expected each name once, got {repeated} more than once")
        return value


def _is_absent(limit: int | None) -> bool:
    """Whether an evaluation is whole, as all were before there were limits."""
    return limit is None


class Evaluation(FileModel):
    """An evaluation with its name; `limit` says of a trial how many rows it was cut to, which no file says."""

    name: Slug
    file: EvaluationFile
    limit: int | None = Field(None, exclude_if=_is_absent)

    def limited(self, n_rows: int) -> Self:
        """The evaluation on the first rows of its slice: another slice, so that its results never pass for whole ones.

        Args:
            n_rows: How many rows at most; a slice that is no longer stays as it is.
        """
        chosen = self.file.slice
        if chosen.first is not None and chosen.first <= n_rows:
            return self
        cut = self.file.model_copy(update={"slice": chosen.model_copy(update={"first": n_rows})})
        return self.model_copy(update={"file": cut, "limit": n_rows})

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """`model@prompt` of each candidate, in the file's order."""
        pairs = (Candidate.of(model, prompt) for model in self.file.models for prompt in self.file.prompts)
        return tuple(pair for pair in pairs if pair not in self.file.skip)

    @property
    def compared_pairs(self) -> tuple[tuple[Candidate, Candidate], ...]:
        """Pairs of candidates whose outputs a judge sees side by side, as `pairwise` asks; empty without it."""
        if self.file.pairwise is None:
            return ()
        if self.file.pairwise.against == "all":
            return tuple(itertools.combinations(self.candidates, 2))
        return tuple((candidate, self.baseline) for candidate in self.candidates if candidate != self.baseline)

    @property
    def baseline(self) -> Candidate:
        """The candidate others are compared with."""
        return Candidate(self.file.baseline) if self.file.baseline else self.candidates[0]
