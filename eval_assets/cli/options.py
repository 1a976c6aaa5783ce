"""What commands are given: ages, tolerated failures, formats, and the cells that `plan` and `run` are about."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from eval_assets.config.settings import Settings
    from eval_assets.planning.failed_rows import FailedRows
    from eval_assets.stages.engine_room import EngineRoom
    from eval_assets.stages.spending import Spending

Command = TypeVar("Command", bound=Callable[..., Any])

LENGTHS = {"d": 86_400, "h": 3_600, "m": 60}
"""Unit of an age → its seconds."""
LONGEST = timedelta(days=36_500)


class Age(click.ParamType):  # type: ignore[type-arg]
    """An age such as 30d, 12h or 45m."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read the age, or fail with what was expected."""
        found = re.fullmatch(r"([0-9]{1,4000})([dhm])", value)
        if found is None:
            self.fail(f"expected an age such as 30d, 12h or 45m, got {value!r}", param, ctx)
        age = int(found.group(1)) * LENGTHS[found.group(2)]
        if age > LONGEST.total_seconds():
            self.fail(f"expected an age of at most {LONGEST.days}d, got {value!r:.80}", param, ctx)
        return timedelta(seconds=age)


class Allowance(click.ParamType):  # type: ignore[type-arg]
    """How many rows may fail: a share of each candidate's rows such as 2%, or a count of all rows such as 3."""

    name = "count or share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "Allowed":
        """Read it, or fail with what was expected."""
        if isinstance(value, Allowed):
            return value
        found = re.fullmatch(r"(\d+)|(\d+(?:\.\d+)?) ?%", str(value))
        if found is None or (found.group(2) is not None and float(found.group(2)) > 100):  # noqa: PLR2004 - percent
            self.fail(f"expected a count of rows such as 3 or a share such as 2%, got {value!r}", param, ctx)
        count, percent = found.groups()
        return Allowed(int(count)) if count is not None else Allowed(share=float(percent) / 100)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What `--allow-failed` says: a count of rows in all, or the share that each kind of row at each place may have."""

    count: int = 0
    share: float | None = None

    def covers(self, failed: "Sequence[FailedRows]") -> bool:
        """Whether so many failed rows are tolerated."""
        if self.share is not None:
            return all(rows.share <= self.share for rows in failed)
        return sum(rows.n_failed for rows in failed) <= self.count


@dataclass(frozen=True, slots=True)
class Choice:
    """What plan and run are about: evaluations, with all or some candidates and rows, and which replies to reuse."""

    evaluations: tuple[str, ...]
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    cache: str | None
    retry: str | None
    limit: int | None
    sending: str | None = None

    @property
    def spending(self) -> "Spending":
        """What may be reused, and which outcomes are asked for again."""
        from eval_assets.stages.spending import Spending, retry_of

        outcomes = [outcome for part in (self.retry or "").split(",") if (outcome := part.strip())]
        return Spending(cache=self.cache, retry=retry_of(outcomes), sending=self.sending)

    def engine_room(self, settings: "Settings") -> "EngineRoom":
        """The project's engine room, its evaluations cut to the rows that are chosen."""
        from eval_assets.config.project import limited
        from eval_assets.config.project_files import load_project
        from eval_assets.stages.engine_room import EngineRoom

        project = load_project(settings.data_dir, settings.warehouse_root)
        if self.limit is not None:
            project = limited(project, self.limit, self.evaluations)
        return EngineRoom.from_settings(settings, project)

    @property
    def of_plan(self) -> dict[str, Any]:
        """The choice as `make_plan` takes it."""
        return {"evaluations": self.evaluations, "models": self.models, "prompts": self.prompts}


def chosen_cells(command: Command) -> Command:
    """Arguments of a command that plans or runs cells, given to it as one `choice`."""

    @functools.wraps(command)
    def chosen(
        *arguments: Any,
        evaluations: tuple[str, ...],
        models: tuple[str, ...],
        prompts: tuple[str, ...],
        cache: str | None,
        retry: str | None,
        limit: int | None,
        sending: str | None,
        **options: Any,
    ) -> Any:
        choice = Choice(evaluations, models, prompts, cache, retry, limit, sending)
        return command(*arguments, choice=choice, **options)

    decorated: Any = chosen
    for decorate in (
        click.option("--prompt", "prompts", multiple=True, help="Only candidates with this prompt; repeatable."),
        click.option("--model", "models", multiple=True, help="Only candidates with this model; repeatable."),
        click.option(
            "--cache",
            type=click.Choice(["use", "refresh", "replay"]),
            help="use: reuse stored replies. refresh: ask again. replay: send nothing. [default: the evaluation's]",
        ),
        click.option(
            "--retry",
            metavar="OUTCOMES",
            help="Ask again for replies that came without a whole answer: refused,empty,truncated,tool_call.",
        ),
        click.option(
            "--limit",
            type=click.IntRange(min=1),
            help="Only the first so many rows, to try things out; a whole run afterwards reuses their replies.",
        ),
        click.option(
            "--batch",
            "sending",
            flag_value="in_batches",
            help="Collect requests into files that providers answer within a day, for less, wherever they take them.",
        ),
        click.option(
            "--now", "sending", flag_value="at_once", help="Send everything at once, also for models in `mode: batch`."
        ),
        click.argument("evaluations", nargs=-1, metavar="[EVALUATION]..."),
    ):
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]
