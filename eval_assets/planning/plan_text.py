"""A plan as text for the terminal and as Markdown for the Dagster UI."""

from collections.abc import Iterator

from eval_assets.planning.estimates import Estimate
from eval_assets.planning.plan import Plan
from eval_assets.wording.foreign_text import markdown_text
from eval_assets.wording.numbers import count_text, money_text, seconds_text

BY_BATCH = "in batches, within a day"


def plan_text(plan: Plan) -> str:
    """The plan for a terminal: per cell the counts, then the causes, then what it would cost and why we think so."""
    lines = list(_text_lines(plan))
    return "\n".join(lines)


def plan_markdown(plan: Plan) -> str:
    """The plan as a Markdown table, above it what can't run and what nobody wants."""
    return "\n\n".join([*(f"    {line}" for line in _warning_lines(plan)), _markdown_table(plan)])


def _markdown_table(plan: Plan) -> str:
    if plan.is_empty:
        return "Everything is up to date."
    lines = ["| cell | generate | judge | rescore | reuse | why |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for planned in plan.cells:
        work = planned.work
        why = "<br>".join(markdown_text(cause) for cause in planned.staleness.causes) or "up to date"
        lines.append(
            f"| {planned.cell.key} | {work.generate:,} | {work.judge:,} | {work.rescore:,} | {work.reuse:,} | {why} |"
        )
    for side_by_side in plan.pairwise:
        why = "<br>".join(markdown_text(cause) for cause in side_by_side.causes) or "its `pairwise`"
        lines.append(f"| {side_by_side.evaluation}, side by side | 0 | {side_by_side.judge} | 0 | 0 | {why} |")
    return "\n".join(lines)


def _warning_lines(plan: Plan) -> Iterator[str]:
    """Evaluations that can't run, with their problems, and remarks."""
    for refused in plan.refused:
        yield f"not run  evaluation {refused.evaluation}:"
        yield from (f"  {problem}" for problem in refused.problems.splitlines())
    yield from (f"note: {remark}" for remark in plan.remarks)


def _text_lines(plan: Plan) -> Iterator[str]:
    yield from _warning_lines(plan)
    if plan.is_empty and not plan.cells:
        yield "Nothing to run: expected candidates, which the files in data/evaluations declare, got none."
        return
    if plan.is_empty:
        yield "Everything is up to date: no request would be sent."
        yield from (f"{planned.cell.key}: {line}" for planned in plan.cells for line in planned.missing)
        return
    for root in plan.roots:
        yield f"read  {root.table}/{root.name}: {root.cause}"
    width = max((len(planned.cell.key) for planned in plan.cells), default=0)
    yield f"{'cell':<{width}}  {'generate':>8} {'judge':>8} {'rescore':>8} {'reuse':>8}"
    for planned in plan.cells:
        work = planned.work
        state = "" if planned.is_stale else "  up to date"
        counts = f"{work.generate:>8,} {work.judge:>8,} {work.rescore:>8,} {work.reuse:>8,}"
        yield f"{planned.cell.key:<{width}}  {counts}{state}"
        yield from (f"  because {cause}" for cause in planned.staleness.causes)
        yield from (f"  {line}" for line in planned.missing if not planned.is_stale)
        for file, changed in planned.staleness.diffs.items():
            yield f"  {file}"
            yield from (f"    {line}" for line in changed)
    for side_by_side in plan.pairwise:
        requests = count_text(side_by_side.judge, "request")
        yield f"{side_by_side.evaluation} side by side: {requests} to its pairwise judge"
        yield from (f"  because {cause}" for cause in side_by_side.causes)
    yield from _cost_lines(plan.estimates)


def _cost_lines(estimates: tuple[Estimate, ...]) -> Iterator[str]:
    if not estimates:
        yield "No request would be sent."
        return
    for name in dict.fromkeys(estimate.model for estimate in estimates):
        n_under_way = sum(estimate.n_under_way for estimate in estimates if estimate.model == name)
        if n_under_way:
            yield f"{name}: {count_text(n_under_way, 'request')} wait in batches that are under way"
    for name, basis in dict.fromkeys((estimate.model, estimate.basis) for estimate in estimates if estimate.n_requests):
        alike = [estimate for estimate in estimates if (estimate.model, estimate.basis) == (name, basis)]
        cost = None if any(e.cost_usd is None for e in alike) else sum(e.cost_usd or 0 for e in alike)
        in_batches = alike[0].is_in_batches
        when = BY_BATCH if in_batches else seconds_text(sum(e.seconds or 0 for e in alike))
        yield (
            f"{name}: {count_text(sum(e.n_requests for e in alike), 'request')}, "
            f"about {sum(e.prompt_tokens for e in alike):,} + "
            f"{count_text(sum(e.completion_tokens for e in alike), 'token')}, "
            f"{'cost unknown: no price is set' if cost is None else money_text(cost)}, "
            f"{when} ({basis})"
        )
