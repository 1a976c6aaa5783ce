"""Which parts of a report are wanted: candidates, slices, one example, all rows, as much as fits a budget of tokens."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from eval_assets.wording.valid_json import valid_json

if TYPE_CHECKING:
    from eval_assets.reports.evaluation_report import EvaluationReport

Command = TypeVar("Command", bound=Callable[..., Any])

FEWEST_TOKENS = 200
FITTING = {
    "--slice": ("table", "md"),
    "--example": ("table", "json"),
    "--rows": ("csv", "xlsx", "parquet"),
    "--max-tokens": ("json",),
    "--brief": ("table",),
}
"""Option → the formats it goes with."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What is wanted of a report; all of it where nothing is said."""

    candidates: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    example: str | None = None
    rows: bool = False
    max_tokens: int | None = None
    brief: bool = False

    def refuse_unfitting(self, style: str) -> None:
        """An option that says nothing of the format is a mistake."""
        said = {
            "--slice": self.slices,
            "--example": self.example is not None,
            "--rows": self.rows,
            "--max-tokens": self.max_tokens is not None,
            "--brief": self.brief,
        }
        for option, styles in FITTING.items():
            if said[option] and style not in styles:
                raise click.UsageError(f"{option} goes with --format {' or '.join(styles)}, got --format {style}")
        if self.example is not None and self.max_tokens is not None:
            raise click.UsageError("expected one of --example, which shows texts whole, and --max-tokens, got both")

    def refuse_unknown(self, loaded: "EvaluationReport") -> None:
        """Name the candidate or the slice that the report doesn't have."""
        _refuse_unknown_candidates(loaded, self.candidates)
        _refuse_unknown_slices(loaded, self.slices)


WHOLE = Parts()


def wished_parts(command: Command) -> Command:
    """Options of a command that shows a report, given to it as `parts`."""

    @functools.wraps(command)
    def wished(
        *arguments: Any,
        candidates: tuple[str, ...],
        slices: tuple[str, ...],
        example: str | None,
        rows: bool,
        max_tokens: int | None,
        brief: bool,
        **options: Any,
    ) -> Any:
        return command(*arguments, parts=Parts(candidates, slices, example, rows, max_tokens, brief), **options)

    decorated: Any = wished
    for decorate in (
        click.option(
            "--brief", is_flag=True, help="Only the answer, gates, notes and what changed since last time. For table."
        ),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=FEWEST_TOKENS),
            help="As much as fits, what tells most first, counted in tokens of cl100k_base. For json.",
        ),
        click.option(
            "--rows", is_flag=True, help="All rows with outputs, scores and reasons. For csv, xlsx and parquet."
        ),
        click.option(
            "--example", metavar="ID", help="Show one example with every answer to it, whole. For table and json."
        ),
        click.option(
            "--slice",
            "slices",
            metavar="COLUMN[=VALUE]",
            multiple=True,
            help="Show these slices in place of those that differ most; repeatable. For table and md.",
        ),
        click.option(
            "--candidate",
            "candidates",
            multiple=True,
            help="Show this candidate, MODEL@PROMPT, however far down it stands; repeatable. For table, md and "
            "--example.",
        ),
    ):
        decorated = decorate(decorated)
    return decorated  # type: ignore[no-any-return]


def json_shown(loaded: "EvaluationReport", parts: Parts) -> str:
    """The report as JSON, whole or within a budget."""
    if parts.max_tokens is None:
        from eval_assets.reports.rendered.json_report import report_json

        return valid_json(report_json(loaded))
    from eval_assets.metrics.text.token_counts import TokenCounts
    from eval_assets.reports.rendered.brief_json import brief_json

    return brief_json(loaded, max_tokens=parts.max_tokens, count=TokenCounts().total)


def example_shown(loaded: "EvaluationReport", style: str, parts: Parts) -> str:
    """One example, for a terminal or as JSON."""
    from eval_assets.config.problems import hint_at
    from eval_assets.reports.rendered.one_example import example_json, example_text, shown_example

    wanted = parts.example or ""
    found = shown_example(loaded, wanted, parts.candidates)
    if found is None:
        known = loaded.predictions["example_id"].unique(maintain_order=True).to_list()
        hint = hint_at(wanted, known)
        such = f", such as {known[0]!r}" if known and not hint else ""
        expected = f"expected the id of one of {len(known):,} examples{such}"
        raise click.UsageError(f"--example: {expected}, got {wanted!r}{hint}")
    if style == "json":
        return valid_json(example_json(loaded, found, parts.candidates))
    return example_text(loaded, found, parts.candidates)


def _refuse_unknown_candidates(loaded: "EvaluationReport", selected: Sequence[str]) -> None:
    from eval_assets.config.problems import nearest

    known = [candidate.name for candidate in loaded.candidates]
    for name in selected:
        if name not in known:
            raise click.UsageError(
                f"--candidate: expected one of {', '.join(known)}, got {name!r}; {nearest(name, known)}"
            )


def _refuse_unknown_slices(loaded: "EvaluationReport", wanted: Sequence[str]) -> None:
    from eval_assets.config.problems import hint_at
    from eval_assets.reports.rendered.ranked_slices import ranked_slices, selected_slices

    found = ranked_slices(loaded)
    columns = list(dict.fromkeys(one.column for one in found))
    try:
        selected_slices(found, wanted)
    except KeyError as unknown:
        (name,) = unknown.args
        hint = hint_at(name, [*columns, *(f"{one.column}={one.value}" for one in found)])
        among = f"among {', '.join(columns)}" if columns else "that the dataset's card lists in `slices`"
        expected = f"expected COLUMN or COLUMN=VALUE with a column {among}"
        raise click.UsageError(f"--slice: {expected}, got {name!r}{hint}") from unknown
