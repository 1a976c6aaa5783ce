"""An evaluation file, `data/evaluations/<name>.yaml`: what is compared, how it is scored, when it runs."""

import difflib
import itertools
import math
import zoneinfo
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.engine_name import LOCAL, EngineName, is_local
from eval_assets.config.fields import FieldPath, FileModel, MetricName, Owner, Slug, is_empty, is_null
from eval_assets.config.grid_choice import GridChoice

Correction = Literal["holm", "benjamini-hochberg"]
HOLM: Correction = "holm"


def _is_holm(value: object) -> bool:
    """Whether a correction is the one that files of old, which name none, stand for."""
    return value == HOLM


class Slice(FileModel):
    """Which examples of the dataset to use: the first n, those with given ids, those whose columns have given values;
    of several, what all of them choose.
    """

    first: int | None = Field(None, ge=1, description="How many examples, in the file's order; all when absent.")
    where: dict[str, Any] = Field(
        default_factory=dict, description="Column → the value an example has to have, or a list of such values."
    )
    ids: tuple[str, ...] = Field((), description="Ids of the examples to use; any when absent.", exclude_if=is_empty)

    @property
    def narrows(self) -> bool:
        """Whether examples are chosen by what they are, and not only by their number."""
        return bool(self.where or self.ids)

    def selects(self, example_id: str, columns: Mapping[str, Any]) -> bool:
        """Whether an example is one of `ids`, and has a wanted value in each column of `where`."""
        if self.ids and example_id not in self.ids:
            return False
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
        said = [*([f"an id of {', '.join(map(repr, self.ids))}"] if self.ids else []), *said]
        those = f" with {' and '.join(said)}" if said else ""
        return (f"the first {self.first}" if self.first else "those") + those


class MetricChoice(FileModel):
    """One metric: a shipped name, or a function of yours."""

    metric: MetricName = Field(description="A shipped name, or with `function` a name of your choice.")
    function: str | None = Field(None, description="Of a custom metric: `module:function` of a module beside `data/`.")
    version: str | None = Field(None, description="Version of a custom metric; shipped ones carry their own.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the metric by name; `aggregates` lists further aggregates."
    )
    greater_is_better: bool | None = Field(
        None, description="Direction; a shipped metric's own and true for a custom one when absent."
    )
    label: MetricName | None = Field(None, description="Name under which scores are kept; default the metric's name.")
    field: FieldPath | None = Field(
        None,
        description="Of answers in JSON: the field that is scored in place of the whole output; a dot reaches into "
        "nested objects.",
        exclude_if=is_null,
    )
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

    OF_SCORES: ClassVar[tuple[str, ...]] = (
        "min", "max", "max_drop", "max_drop_relative", "non_inferiority_margin", "worst_slice_min",
    )  # fmt: skip
    DROPS: ClassVar[tuple[str, ...]] = ("max_drop", "max_drop_relative", "non_inferiority_margin")
    OF_COST: ClassVar[tuple[str, ...]] = ("max_cost_usd_per_1000", "max_latency_p90_seconds")

    metric: str = Field(
        "",
        description="Name of a metric or judge of the evaluation; none for a gate on cost or latency.",
        exclude_if=is_empty,
    )
    metrics: tuple[str, ...] = Field(
        (), description="In place of `metric`: several, each of which has to meet the gate.", exclude_if=is_empty
    )
    candidates: tuple[str, ...] = Field(
        (),
        description="Who has to pass, `model@prompt` or a model for all its prompts; when absent all but the baseline "
        "and models that are a `reference`.",
        exclude_if=is_empty,
    )
    min: float | None = Field(None, description="GO only if the whole interval of the mean is at least this.")
    max: float | None = Field(None, description="GO only if the whole interval of the mean is at most this.")
    max_drop: float | None = Field(
        None, ge=0, description="GO only if the interval shows a mean worse than the baseline's by no more than this."
    )
    max_drop_relative: float | None = Field(
        None, ge=0, le=1, description="As `max_drop`, as a share of the baseline's mean: 0.05 is five percent."
    )
    non_inferiority_margin: float | None = Field(
        None, ge=0, description="GO only if the interval shows that the candidate is worse by less than this."
    )
    against: Literal["baseline", "previous", "released"] = Field(
        "baseline",
        exclude_if=lambda value: value == "baseline",
        description="What drops and margins are measured from: the `baseline`, the candidate's own `previous` state, "
        "or the state of it that `eval-assets release` marked last.",
    )
    worst_slice_min: float | None = Field(
        None,
        description="GO only if the whole interval of the mean is at least this in every slice of the dataset's card; "
        "intervals are widened for the number of slices.",
        exclude_if=is_null,
    )
    max_cost_usd_per_1000: float | None = Field(
        None,
        ge=0,
        description="GO only if 1,000 answers cost at most this many dollars; inconclusive where no price is known.",
        exclude_if=is_null,
    )
    max_latency_p90_seconds: float | None = Field(
        None, gt=0, description="GO only if 90 % of the replies came within so many seconds.", exclude_if=is_null
    )
    max_failed_share: float = Field(
        0.1, ge=0, le=1, description="With a larger share of examples without a score the gate is inconclusive."
    )
    min_scored: int = Field(1, ge=1, description="With fewer scored examples the gate is inconclusive.")
    tier: Literal["critical", "advisory"] = Field(
        "critical", description="`critical` makes `run`, `gate` and the asset check fail, `advisory` warns."
    )

    @model_validator(mode="after")
    def _has_a_threshold(self) -> "Gate":
        asks_scores, asks_cost = (
            any(getattr(self, name) is not None for name in names) for names in (self.OF_SCORES, self.OF_COST)
        )
        if not asks_scores and not asks_cost:
            raise ValueError(f"expected at least one of {', '.join(map(repr, (*self.OF_SCORES, *self.OF_COST)))}")
        if asks_scores and bool(self.metric) == bool(self.metrics):
            got = "both" if self.metric else "neither"
            raise ValueError(f"expected either 'metric' or 'metrics', whose scores are asked about, got {got}")
        if not asks_scores and (self.metric or self.metrics):
            raise ValueError("expected no metric with a gate that asks about cost and latency alone")
        if self.against != "baseline" and not any(getattr(self, name) is not None for name in self.DROPS):
            raise ValueError(
                f"`against: {self.against}` is about drops: expected one of {', '.join(map(repr, self.DROPS))}"
            )
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
    timezone: str = Field("UTC", description="Time zone that `cron` is meant in, such as `Europe/Berlin`.")
    max_cost_usd: float | None = Field(
        None, ge=0, description="Budget of each scheduled run, in dollars; the evaluation's when absent."
    )

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

    description: str = Field("", description="What it is, for readers; changes no result.")
    owners: tuple[Owner, ...] = Field((), description="Who answers for it: `team:name` or an e-mail address each.")
    dataset: Slug = Field(description="Name of a file of data/datasets.")
    slice: Slice = Field(Slice(), description="Which examples to use; all when absent.")
    task: TaskType | None = Field(None, description="Decides the default metrics; the dataset's task when absent.")
    models: tuple[Slug, ...] = Field(min_length=1, description="Names of files of data/models.")
    prompts: tuple[Slug, ...] = Field(
        min_length=1, description="Names of files of data/prompts; each model with each prompt is a candidate."
    )
    skip: tuple[str, ...] = Field((), description="Candidates `model@prompt` left out of models × prompts.")
    metrics: tuple[MetricChoice, ...] = Field((), description="Metrics added to the task's defaults.")
    without_metrics: tuple[str, ...] = Field((), description="Defaults of the task to leave out.")
    judges: tuple[Slug, ...] = Field((), description="Names of files of data/judges that score every output.")
    primary: MetricName | None = Field(
        None,
        description="The metric or judge that decides ranking, verdict and the confirmatory test; the first of "
        "`metrics`, else of `judges`, when absent.",
        exclude_if=is_null,
    )
    correction: Correction = Field(
        HOLM,
        description="How p-values of the other metrics and judges that are named are corrected for their number: "
        "`holm` bounds the chance of any false difference, `benjamini-hochberg` the share of false ones.",
        exclude_if=_is_holm,
    )
    pairwise: Pairwise | None = Field(None, description="Ask a judge which of two outputs is better, as well.")
    baseline: str | None = Field(
        None, description="The candidate others are compared with, `model@prompt`; the first when absent."
    )
    samples: int = Field(1, ge=1, description="Replies asked per example and candidate.")
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="Coverage of intervals, and one minus the level of tests."
    )
    seed: int = Field(0, description="Seed of resampling: one table and one seed give one interval.")
    gates: tuple[Gate, ...] = Field((), description="Conditions that candidates must meet.")
    schedule: ScheduleSpec | None = Field(None, description="When it runs by itself; never when absent.")
    max_cost_usd: float | None = Field(
        None, ge=0, description="Budget of a run in dollars, stopped before it is exceeded; no bound when absent."
    )
    view: GridChoice | None = Field(
        None,
        description="What `eval-assets view` shows in the grid before a reader chooses; changes no result.",
        exclude_if=is_null,
    )
    cache: Literal["use", "refresh", "replay"] = Field(
        "use",
        description="`use` takes stored replies, `refresh` asks anew, `replay` sends nothing: a miss is an error.",
    )
    engine: EngineName = Field(
        LOCAL,
        description="Who computes metrics: processes of this machine, or with `ray` the workers of a Ray cluster. "
        "Changes no result.",
        exclude_if=is_local,
    )

    @property
    def named(self) -> tuple[str, ...]:
        """Metrics and judges that the file names, in the order that decides which of them is primary."""
        labels = (choice.label or choice.metric for choice in self.metrics)
        return tuple(dict.fromkeys([*labels, *self.judges, *(gate.metric for gate in self.asked if gate.metric)]))

    @property
    def asked(self) -> tuple[Gate, ...]:
        """The gates with one metric each: those that name several once for each of them."""
        no_cost = dict.fromkeys(Gate.OF_COST)
        return tuple(
            gate.model_copy(update={"metric": metric, "metrics": (), **(no_cost if place else {})})
            for gate in self.gates
            for place, metric in enumerate(gate.metrics or (gate.metric,))
        )

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


class Evaluation(FileModel):
    """An evaluation with its name; `limit` says of a trial how many rows it was cut to, which no file says."""

    name: Slug = Field(description="Name of the file, without its ending.")
    file: EvaluationFile = Field(description="What the file says.")
    limit: int | None = Field(None, exclude_if=is_null, description="Rows that a trial was cut to; null: no trial.")

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
