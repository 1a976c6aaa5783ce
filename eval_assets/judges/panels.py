"""From predictions to rows of `judge_scores`: who judges what, what is skipped, how a jury votes.

Statistics are elsewhere.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from eval_assets.config.judge import Judge
from eval_assets.config.model import Model
from eval_assets.config.scales import Scale
from eval_assets.errors import JudgeError
from eval_assets.judges.asking import Conversation, converse, first_request
from eval_assets.judges.formats import FormatMemory
from eval_assets.judges.opinions import Opinion, opinion
from eval_assets.judges.recorded import recorded_opinion
from eval_assets.providers.dispatch.jobs import Asker
from eval_assets.providers.traits import provider_of
from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.conversations import answer_in
from eval_assets.requests.exchange import Outcome, Request
from eval_assets.requests.extra_columns import with_extra_columns
from eval_assets.tables.cell_tables import JUDGE_SCORES

OF_THE_PREDICTION = ("evaluation", "model", "prompt", "prediction_id", "example_id", "position", "sample_index")


def judge_predictions(
    predictions: Iterable[pl.DataFrame],
    judges: Sequence[Judge],
    askers: Mapping[str, Asker],
    *,
    models: Mapping[str, Model],
    formats: FormatMemory,
    run_id: str,
    jurors: Mapping[str, Judge] | None = None,
    judge_versions: Mapping[str, int] | None = None,
) -> Iterator[pl.DataFrame]:
    """Judge predictions, one chunk after the other.

    Nothing is sent for a prediction without an output or for an example that lacks a column the judge is to see: such
    rows are `skipped`. What was ever asked is not asked again; that is the askers' business. A jury has a row for each
    juror and one, without juror, for the vote.

    Args:
        predictions: Frames with the columns of `predictions`; each is judged in full before the next is read.
        judges: The judges of the evaluation.
        askers: Who answers for each model that the judges name; held open by the caller.
        models: Every model of `data/models` by name.
        formats: What is known about reply formats.
        run_id: Recorded with every row.
        jurors: Judges by name in which juries find their jurors.
        judge_versions: Version of each judge in the `judges` table.

    Yields:
        Frames with exactly the columns of `judge_scores`, one per frame of predictions.

    Raises:
        JudgeError: A judge names a model or juror that doesn't exist, or the jurors' scales differ.
        TemplateError: A judge's template fails on an example.
    """
    panels = [_panel_of(judge, models, jurors or {}) for judge in judges]
    versions = judge_versions or {}
    for chunk in predictions:
        ballots = [ballot for row in chunk.iter_rows(named=True) for panel in panels for ballot in _ballots(row, panel)]
        talks = [(seat.model, ballot.conversation(seat, formats)) for ballot in ballots for seat in ballot.panel.seats]
        opinions = iter(converse(talks, askers, formats))
        rows = [row for ballot in ballots for row in _rows(ballot, [next(opinions) for _ in ballot.panel.seats])]
        recorded = [{**row, "judge_version": versions.get(row["judge"]), "run_id": run_id} for row in rows]
        yield pl.DataFrame(recorded, schema=JUDGE_SCORES)


def conversations_on(
    prediction: Mapping[str, Any],
    judge: Judge,
    *,
    models: Mapping[str, Model],
    formats: FormatMemory,
    jurors: Mapping[str, Judge] | None = None,
) -> list[tuple[Model, Conversation[Opinion]]]:
    """The conversations that judging one prediction takes, one for each draw and juror, each with its model.

    Args:
        prediction: A row with the columns of `predictions`; `example`, `output` and `outcome` are read.
        judge: The judge.
        models: Every model of `data/models` by name.
        formats: What is known about reply formats; until an endpoint's is known, its strictest is assumed.
        jurors: Judges by name in which a jury finds its jurors.
    """
    panel = _panel_of(judge, models, jurors or {})
    return [
        (seat.model, ballot.conversation(seat, formats))
        for ballot in _ballots(prediction, panel)
        for seat in panel.seats
    ]


def requests_for(
    prediction: Mapping[str, Any],
    judge: Judge,
    *,
    models: Mapping[str, Model],
    formats: FormatMemory,
    jurors: Mapping[str, Judge] | None = None,
) -> list[tuple[str, Request]]:
    """What judging one prediction would send first, without sending it; arguments as in `conversations_on`.

    Each request comes with the name of its model. A repair or a tree's next question depends on the reply and isn't
    among them.
    """
    talks = conversations_on(prediction, judge, models=models, formats=formats, jurors=jurors)
    firsts = ((model.name, first_request(talk)) for model, talk in talks)
    return [(model, request) for model, request in firsts if request is not None]


def _vote(opinions: Mapping[str, Opinion], rule: Literal["majority", "mean"], scale: Scale) -> Opinion:
    """The verdict of a jury on one output.

    More than half of all jurors have to give a score, under either rule; more than half have to give the same one for
    a majority. What the jurors cost stands in their own rows.

    Args:
        opinions: The opinion of each juror, by the juror's name.
        rule: `majority` of equal scores, or the `mean` of those given.
        scale: The scale of all jurors.

    >>> ballot = {"a": Opinion("ok", 4.0), "b": Opinion("ok", 4.0), "c": Opinion("ok", 1.0)}
    >>> from eval_assets.config.scales import IntegerScale
    >>> _vote(ballot, "majority", IntegerScale()).score, _vote(ballot, "mean", IntegerScale()).score
    (4.0, 3.0)
    """
    scores = {juror: given.score for juror, given in opinions.items() if given.score is not None}
    said = "; ".join(f"{juror}: {given.label or _shown(given)}" for juror, given in opinions.items())
    keys = [given.judgement_key for given in opinions.values() if given.judgement_key is not None]
    score: float | None = None
    outcome: Outcome = "ok"
    reason: str | None = None
    if 2 * len(scores) <= len(opinions):
        failures = Counter(given.outcome for given in opinions.values() if given.score is None)
        outcome = failures.most_common(1)[0][0]
        reason = f"{len(scores)} of {len(opinions)} jurors gave a score, more than half are needed"
    elif rule == "mean":
        score = sum(scores.values()) / len(scores)
    else:
        favourite, count = Counter(scores.values()).most_common(1)[0]
        if 2 * count > len(opinions):
            score = favourite
        else:
            outcome, reason = "unparsed", "no score has the majority of the jurors"
    return Opinion(
        outcome,
        score,
        label=scale.label_of(score) if score is not None and rule == "majority" else None,
        justification=said,
        reason=reason,
        method="vote",
        judgement_key=hashlib.sha256("\0".join(keys).encode()).hexdigest() if keys else None,
        request_keys=tuple(key for given in opinions.values() for key in given.request_keys),
        reused=all(given.reused for given in opinions.values()) if keys else None,
    )


@dataclass(frozen=True, slots=True)
class _Seat:
    """A judge that asks a model, for itself or as a juror."""

    judge: Judge
    model: Model


@dataclass(frozen=True, slots=True)
class _Panel:
    """A judge of the evaluation and the seats whose opinions make its verdict: its own, or its jurors'."""

    judge: Judge
    seats: tuple[_Seat, ...]


@dataclass(frozen=True, slots=True)
class _Ballot:
    """One verdict to form: of one panel, on one prediction, in one draw."""

    panel: _Panel
    prediction: Mapping[str, Any]
    columns: Mapping[str, Any]
    draw: int

    def conversation(self, seat: _Seat, formats: FormatMemory) -> Conversation[Opinion]:
        output = answer_in(self.prediction) if self.prediction["outcome"] == "ok" else None
        if output is not None and provider_of(seat.model).is_recorded:
            return recorded_opinion(seat.judge.file, self.prediction, draw=self.draw)
        return opinion(seat.judge.file, seat.model, self.columns, output, draw=self.draw, formats=formats)


def _panel_of(judge: Judge, models: Mapping[str, Model], jurors: Mapping[str, Judge]) -> _Panel:
    """Look up everyone a judge needs."""
    if judge.file.kind != "jury":
        return _Panel(judge, (_Seat(judge, _model_of(judge, models)),))
    seated: list[Judge] = []
    for name in judge.file.jurors:
        if name not in jurors or jurors[name].file.kind == "jury":
            raise JudgeError(f"jury {judge.name!r}: expected jurors that are judges with a model, got {name!r}")
        seated.append(jurors[name])
    if len({juror.file.scale.model_dump_json() for juror in seated}) > 1:
        scales = {juror.name: juror.file.scale.type for juror in seated}
        raise JudgeError(f"jury {judge.name!r}: expected jurors that share one scale, got {scales}")
    return _Panel(judge, tuple(_Seat(juror, _model_of(juror, models)) for juror in seated))


def _model_of(judge: Judge, models: Mapping[str, Model]) -> Model:
    name = judge.file.model or ""
    if name not in models:
        raise JudgeError(
            f"judge {judge.name!r}: expected a model of data/models, got {name!r}; there are {sorted(models)}"
        )
    return models[name]


def _ballots(prediction: Mapping[str, Any], panel: _Panel) -> Iterator[_Ballot]:
    columns = with_extra_columns(json.loads(prediction["example"]), prediction.get("extra"))
    for draw in range(panel.judge.file.samples):
        yield _Ballot(panel, prediction, columns, draw)


def _rows(ballot: _Ballot, opinions: Sequence[Opinion]) -> Iterator[dict[str, Any]]:
    """Rows of a ballot without run and version: the judge's opinion, or each juror's and the vote."""
    panel = ballot.panel
    if panel.judge.file.kind != "jury":
        yield _row(ballot, opinions[0], panel.seats[0], juror=None)
        return
    by_juror = {seat.judge.name: given for seat, given in zip(panel.seats, opinions, strict=True)}
    for seat in panel.seats:
        yield _row(ballot, by_juror[seat.judge.name], seat, juror=seat.judge.name)
    yield _row(ballot, _vote(by_juror, panel.judge.file.vote, panel.seats[0].judge.file.scale), None, juror=None)


def _row(ballot: _Ballot, given: Opinion, seat: _Seat | None, *, juror: str | None) -> dict[str, Any]:
    judge = ballot.panel.judge
    prediction_id = ballot.prediction["prediction_id"]
    identity = (prediction_id, given.judgement_key or "", judge.name, judge.file.version, str(ballot.draw), juror or "")
    return {
        **{column: ballot.prediction[column] for column in OF_THE_PREDICTION},
        "score_id": f"s-{hashlib.sha256(chr(0).join(identity).encode()).hexdigest()[:24]}",
        "judge": judge.name,
        "version": judge.file.version,
        "judge_model": seat.model.name if seat is not None else None,
        "draw": ballot.draw,
        "juror": juror,
        "score": given.score,
        "label": given.label,
        "justification": given.justification,
        "method": given.method,
        "outcome": given.outcome,
        "reason": given.reason,
        "messages": json_text(given.messages) if given.messages else None,
        "raw_reply": given.raw_reply,
        "reasoning": given.reasoning,
        **asdict(given.spent),
        **given.answerer,
        "judgement_key": given.judgement_key,
        "response_id": given.response_id,
        "request_keys": json.dumps(given.request_keys),
        "reused": given.reused,
    }


def _shown(given: Opinion) -> str:
    return given.outcome if given.score is None else f"{given.score:g}"
