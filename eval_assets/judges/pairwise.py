"""Which of two candidates is better, asked in both orders; orders that disagree make a tie. Or as it was recorded.

Win rates with intervals and rankings of many candidates are in `eval_assets.statistics`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eval_assets.config.candidate import Candidate
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.errors import JudgeError
from eval_assets.judges.asking import Conversation, converse, first_request
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.messages import PREFERENCE, comparison_messages, missing_columns
from eval_assets.judges.opinions import Opinion, verdict_on
from eval_assets.judges.recorded import Preference, recorded_preference, side_of
from eval_assets.providers.dispatch.jobs import Asker
from eval_assets.providers.traits import provider_of
from eval_assets.requests.conversations import answer_in
from eval_assets.requests.exchange import Request
from eval_assets.tables.evaluation_tables import PAIRWISE_PREFERENCES

NO_OUTPUT = Opinion("skipped", reason="a prediction of the pair has no output to judge")


@dataclass(frozen=True, slots=True)
class PreferenceCounts:
    """How many pairs of candidates' outputs were judged.

    Args:
        n_total: Pairs.
        n_judged: With a preference.
        flips: In which the two orders disagree.
        flip_rate: Their share of those judged in both orders: how much position decides; null without any.
    """

    n_total: int
    n_judged: int
    flips: int
    flip_rate: float | None


def preferences_between(
    first: pl.DataFrame,
    second: pl.DataFrame,
    judge: Judge,
    askers: Mapping[str, Asker],
    *,
    models: Mapping[str, Model],
    formats: FormatMemory,
    run_id: str,
) -> pl.DataFrame:
    """Ask a judge which candidate's output is better, for every example both have, in both orders.

    Args:
        first: Predictions of candidate `a`, with the columns of `predictions`.
        second: Predictions of candidate `b`.
        judge: Its definition, rubric, columns, model and parameters are used; its scale only for recorded preferences.
        askers: Who answers for the judge's model.
        models: Every model of `data/models` by name.
        formats: What is known about reply formats.
        run_id: Recorded with every row.

    Returns:
        One row per pair, with the columns of `pairwise_preferences`.
    """
    model = _model_of(judge, models)
    pairs = _pairs(first, second)
    given: list[tuple[Opinion, Opinion | None, Preference]]
    if provider_of(model).is_recorded:
        looked_up = [(model, _recorded(judge, a, b)) for a, b in pairs]
        given = [(found.opinion, None, found) for found in converse(looked_up, askers, formats)]
    else:
        talks = conversations_between(first, second, judge, models=models, formats=formats)
        opinions = iter(converse(talks, askers, formats))
        given = [_of_two_orders(next(opinions), next(opinions)) for _ in pairs]
    rows = [{**_row(a, b, *found), "run_id": run_id} for (a, b), found in zip(pairs, given, strict=True)]
    named = {"judge": judge.name, "version": judge.file.version, "judge_model": model.name}
    return pl.DataFrame([{**row, **named} for row in rows], schema=PAIRWISE_PREFERENCES)


def conversations_between(
    first: pl.DataFrame, second: pl.DataFrame, judge: Judge, *, models: Mapping[str, Model], formats: FormatMemory
) -> list[tuple[Model, Conversation[Opinion]]]:
    """The conversations that comparing two candidates takes, two for each pair, one in each order; not if recorded.

    Args:
        first: As in `preferences_between`.
        second: Likewise.
        judge: Likewise.
        models: Likewise.
        formats: Likewise.
    """
    model = _model_of(judge, models)
    orders = ((x, y) for a, b in _pairs(first, second) for x, y in ((a, b), (b, a)))
    return [(model, _asked(judge, model, x, y, formats)) for x, y in orders]


def preference_requests(
    first: pl.DataFrame, second: pl.DataFrame, judge: Judge, *, models: Mapping[str, Model], formats: FormatMemory
) -> list[Request]:
    """What comparing two candidates would send first, for each pair and order, without sending it.

    Args:
        first: As in `preferences_between`.
        second: Likewise.
        judge: Likewise.
        models: Likewise.
        formats: Likewise; until an endpoint's format is known, its strictest is assumed.
    """
    model = _model_of(judge, models)
    if provider_of(model).is_recorded:
        firsts = [first_request(_recorded(judge, a, b)) for a, b in _pairs(first, second)]
    else:
        talks = conversations_between(first, second, judge, models=models, formats=formats)
        firsts = [first_request(talk) for _, talk in talks]
    return [request for request in firsts if request is not None]


def preference_counts(preferences: pl.DataFrame) -> PreferenceCounts:
    """Count pairs and flips in a frame with the columns of `pairwise_preferences`."""
    judged = preferences.filter(pl.col("outcome") == "ok")
    n_in_both_orders, flips = judged["is_flipped"].count(), int(judged["is_flipped"].sum())
    flip_rate = flips / n_in_both_orders if n_in_both_orders else None
    return PreferenceCounts(preferences.height, judged.height, flips, flip_rate)


def _model_of(judge: Judge, models: Mapping[str, Model]) -> Model:
    if judge.file.model is None or judge.file.model not in models:
        raise JudgeError(
            f"judge {judge.name!r}: expected a judge with one model, which a jury has not, to compare outputs"
        )
    return models[judge.file.model]


def _pairs(first: pl.DataFrame, second: pl.DataFrame) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Predictions on the same example and sample, in the order of the first candidate's."""
    theirs = {(row["example_id"], row["sample_index"]): row for row in second.iter_rows(named=True)}
    return [
        (row, theirs[key])
        for row in first.iter_rows(named=True)
        if (key := (row["example_id"], row["sample_index"])) in theirs
    ]


def _recorded(judge: Judge, a: Mapping[str, Any], b: Mapping[str, Any]) -> Conversation[Preference]:
    if a["outcome"] != "ok" or b["outcome"] != "ok":
        return Preference(NO_OUTPUT)
    return (yield from recorded_preference(judge.file, a, b))


def _asked(
    judge: Judge, model: Model, a: Mapping[str, Any], b: Mapping[str, Any], formats: FormatMemory
) -> Conversation[Opinion]:
    if a["outcome"] != "ok" or b["outcome"] != "ok":
        return NO_OUTPUT
    columns = json.loads(a["example"])
    if missing := missing_columns(judge.file, columns, compares=True):
        return Opinion("skipped", reason=f"the example has no {', '.join(missing)}")
    one, other = answer_in(a) or "", answer_in(b) or ""
    messages = comparison_messages(judge.file, columns, one, other)
    shown = {**columns, "output_a": one, "output_b": other}
    return (yield from verdict_on(messages, PREFERENCE, judge.file, model, shown, formats))


def _of_two_orders(in_order: Opinion, in_reverse: Opinion) -> tuple[Opinion, Opinion, Preference]:
    """Opinions of both orders, and what they come to if neither failed."""
    failed = next((given for given in (in_order, in_reverse) if given.outcome != "ok"), in_order)
    reverse = None if in_reverse.score is None else 1 - in_reverse.score
    return in_order, in_reverse, Preference(failed, in_order.score, reverse)


def _row(
    a: Mapping[str, Any], b: Mapping[str, Any], in_order: Opinion, in_reverse: Opinion | None, found: Preference
) -> dict[str, Any]:
    opinions = [given for given in (in_order, in_reverse) if given is not None]
    costs = [cost for given in opinions if (cost := given.spent.cost_usd) is not None]
    times = [at for given in opinions if (at := given.spent.requested_at) is not None]
    is_ok = found.opinion.outcome == "ok"
    preference = found.value if is_ok else None
    forward, backward = (None if side is None else side_of(side) for side in (found.in_order, found.in_reverse))
    in_both_orders = forward is not None and backward is not None
    return {
        "evaluation": a["evaluation"],
        "example_id": a["example_id"],
        "sample_index": a["sample_index"],
        "candidate_a": Candidate.of_row(a),
        "candidate_b": Candidate.of_row(b),
        "preferred": None if preference is None else side_of(preference),
        "preference": preference,
        "preferred_in_order": forward if in_both_orders or not is_ok else None,
        "preferred_in_reverse": backward if in_both_orders or not is_ok else None,
        "is_flipped": forward != backward if in_both_orders and is_ok else None,
        "justification_in_order": in_order.justification,
        "justification_in_reverse": in_reverse.justification if in_reverse is not None else None,
        "outcome": found.opinion.outcome,
        "reason": found.opinion.reason,
        "key_in_order": in_order.judgement_key,
        "key_in_reverse": in_reverse.judgement_key if in_reverse is not None else None,
        "request_keys": json.dumps([key for given in opinions for key in given.request_keys]),
        "requested_at": min(times, default=None),
        "cost_usd": sum(costs) if costs else None,
    }
