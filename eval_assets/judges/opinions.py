"""One judge's opinion of one output: ask, understand, repair once, walk the tree. Who asks whom is in `panels`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from eval_assets.config.judge import JudgeFile, TreeNode
from eval_assets.config.model import Model
from eval_assets.config.scales import Scale
from eval_assets.judges.asking import Conversation
from eval_assets.judges.fencing import shown_text
from eval_assets.judges.formats import FormatMemory, ReplyFormat, refuses_format, response_format
from eval_assets.judges.messages import YES_NO, judge_messages, missing_columns, question_messages, repair_messages
from eval_assets.judges.replies.expectation import SCORE_PARAMETERS, expected_score
from eval_assets.judges.replies.verdicts import THOUGHT_BEGINS, parse_verdict
from eval_assets.judges.reply_room import is_cut_while_thinking, with_room_to_think, with_twice_the_room
from eval_assets.providers.dispatch.jobs import Answer
from eval_assets.requests.answerer import ANSWERER, answerer_of
from eval_assets.requests.exchange import Message, Outcome, Reply, Request
from eval_assets.requests.used_tokens import PARTS

CUT_OFF = "it was cut off at the token limit, write one short sentence"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the requests behind one opinion cost, summed; null where no provider said."""

    latency_seconds: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_prompt_tokens: int | None = None
    image_prompt_tokens: int | None = None
    audio_completion_tokens: int | None = None
    tokens_estimated: bool | None = None
    cost_usd: float | None = None
    requested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge thinks of one output, and the exchange that decided it.

    Args:
        score: On the judge's scale; null unless `outcome` is `ok`.
        label: The scale's name for the score, if it has one.
        justification: The judge's reason; of a tree, the answers on its path.
        outcome: How it ended; `skipped` if nothing was asked.
        reason: Why there is no score.
        method: How the verdict was read: `json_schema`, `json_object`, `text`, `expected_value` or `vote`.
        messages: The last messages sent; after a repair they hold the first reply.
        raw_reply: The last reply, as it came.
        reasoning: What the judge's model thought before it replied, apart from the reply that is read.
        judgement_key: Request key of the last messages.
        response_id: The last reply's row in `responses`.
        request_keys: Of all its requests: questions of a tree, the first reply before a repair.
        reused: Nothing was paid for this opinion.
        spent: Summed over all its requests.
        answerer: Who gave the last reply, as its provider reports it.
    """

    outcome: Outcome
    score: float | None = None
    label: str | None = None
    justification: str | None = None
    reason: str | None = None
    method: str | None = None
    messages: tuple[Message, ...] | None = None
    raw_reply: str | None = None
    reasoning: str | None = None
    judgement_key: str | None = None
    response_id: str | None = None
    request_keys: tuple[str, ...] = ()
    reused: bool | None = None
    spent: Spent = field(default_factory=Spent)
    answerer: Mapping[str, str | None] = field(default_factory=lambda: dict.fromkeys(ANSWERER))


def opinion(
    judge: JudgeFile, model: Model, columns: Mapping[str, Any], output: str | None, *, draw: int, formats: FormatMemory
) -> Conversation[Opinion]:
    """Form an opinion: a conversation that yields requests and returns the opinion.

    Args:
        judge: A judge that asks a model; not a jury.
        model: The judge's model.
        columns: The example's columns.
        output: The text to judge; null if there is none, then nothing is asked.
        draw: Which of several opinions on the same output this is, from 0.
        formats: What is known about reply formats.
    """
    if output is None:
        return Opinion("skipped", reason="the prediction has no output to judge")
    if missing := missing_columns(judge, columns):
        return Opinion("skipped", reason=f"the example has no {', '.join(missing)}")
    inquiry = _Inquiry(judge, model, {**columns, "output": output}, draw, formats)
    if judge.tree is not None and judge.kind == "tree":
        return (yield from _walked(judge.tree, inquiry, columns, output))
    return (yield from inquiry.verdict(judge_messages(judge, columns, output), judge.scale))


def verdict_on(
    messages: tuple[Message, ...],
    scale: Scale,
    judge: JudgeFile,
    model: Model,
    columns: Mapping[str, Any],
    formats: FormatMemory,
) -> Conversation[Opinion]:
    """Ask a judge with messages of one's own; `columns` are the untrusted texts in them."""
    return (yield from _Inquiry(judge, model, columns, 0, formats).verdict(messages, scale))


def asking_parameters(judge: JudgeFile, model: Model) -> dict[str, Any]:
    """Sampling parameters of a judge's requests: the model's, overridden by the judge's; null takes one away.

    A model that thinks has room for its thoughts, whatever limit fits a verdict.
    """
    wanted = {**model.file.parameters, **judge.parameters, **(SCORE_PARAMETERS if judge.expected_value else {})}
    return with_room_to_think({name: value for name, value in wanted.items() if value is not None}, model)


def _walked(node: TreeNode, inquiry: "_Inquiry", columns: Mapping[str, Any], output: str) -> Conversation[Opinion]:
    """Follow a decision tree from its root to a score; a question without an answer ends it without one."""
    path: list[str] = []
    while True:
        messages = question_messages(inquiry.judge, node.question, columns, output)
        answer = yield from inquiry.verdict(messages, YES_NO)
        if answer.outcome != "ok":
            return replace(answer, reason=f"question {node.question!r}: {answer.reason}")
        path.append(f"{node.question} {answer.label}: {answer.justification or 'no reason given'}")
        branch = node.yes if answer.label == "yes" else node.no
        if not isinstance(branch, TreeNode):
            label = inquiry.judge.scale.label_of(branch)
            return replace(answer, score=float(branch), label=label, justification="\n".join(path))
        node = branch


@dataclass(slots=True)
class _Inquiry:
    """The requests behind one opinion, with what they cost so far."""

    judge: JudgeFile
    model: Model
    columns: Mapping[str, Any]
    draw: int
    formats: FormatMemory
    answers: list[Answer[int]] = field(default_factory=list)

    def verdict(self, messages: tuple[Message, ...], scale: Scale) -> Conversation[Opinion]:
        """Ask for a verdict, and once more if none can be read: of one that was cut, with twice the room."""
        asked = asking_parameters(self.judge, self.model)
        given = yield from self._asked(messages, scale, asked)
        if given.outcome == "truncated":
            return (yield from self._asked_with_more_room(messages, scale, asked, given))
        if given.outcome == "unparsed" and given.raw_reply and given.method != "expected_value":
            again = repair_messages(messages, given.raw_reply, str(given.reason), scale)
            given = yield from self._asked(again, scale, asked)
        return given

    def _asked_with_more_room(
        self, messages: tuple[Message, ...], scale: Scale, asked: Mapping[str, Any], cut: Opinion
    ) -> Conversation[Opinion]:
        """Ask again after a cut; what is cut once more, or may not be longer, stays `truncated`."""
        reply = self.answers[-1].reply
        roomier = with_twice_the_room(asked, reply)
        if not is_cut_while_thinking(reply):
            messages = repair_messages(messages, cut.raw_reply or "", CUT_OFF, scale)
        elif roomier == asked:
            return cut
        given = yield from self._asked(messages, scale, roomier)
        if given.outcome == "error" and "token" in (given.reason or "").lower():
            return replace(given, outcome="truncated", reason=f"{cut.reason}; asked for more, {given.reason}")
        return given

    def _asked(
        self, messages: tuple[Message, ...], scale: Scale, parameters: Mapping[str, Any]
    ) -> Conversation[Opinion]:
        """Ask in the strictest format that the endpoint takes."""
        while True:
            reply_format = self.formats.current(self.model)
            answer = yield Request(
                messages=messages,
                parameters=parameters,
                response_format=response_format(scale, reply_format),
                sample_index=self.draw,
                columns=self.columns,
            )
            if not (refuses_format(answer.reply) and self.formats.refused(self.model, reply_format)):
                break
        if answer.reply.outcome != "error":
            self.formats.accepted(self.model, reply_format)
        self.answers.append(answer)
        return with_exchange(self._read(answer.reply, reply_format, scale), self.answers, messages)

    def _read(self, reply: Reply, reply_format: ReplyFormat, scale: Scale) -> Opinion:
        unfinished = reply.outcome == "empty" and (_as_it_came(reply) or "").strip()
        if reply.outcome != "ok" and not unfinished:
            return no_opinion(reply)
        untrusted = (shown_text(value) for value in self.columns.values() if value is not None)
        verdict = parse_verdict(_said(reply), scale, untrusted=untrusted)
        method = reply_format if verdict.method == "json" else verdict.method
        opinion_read = Opinion(
            verdict.outcome, verdict.score, verdict.label, verdict.justification, verdict.reason, method
        )
        if not (self.judge.expected_value and scale.is_of_digits) or verdict.outcome != "ok":
            return opinion_read
        try:
            return replace(opinion_read, score=expected_score(reply.logprobs, scale), method="expected_value")
        except ValueError as error:
            return replace(
                opinion_read, outcome="unparsed", score=None, label=None, reason=str(error), method="expected_value"
            )


def no_opinion(reply: Reply) -> Opinion:
    """What a reply without a verdict comes to."""
    cut = "the reply was cut off at the token limit" if reply.outcome == "truncated" else None
    said = ": ".join(part for part in (reply.error_kind, reply.error) if part)
    return Opinion(reply.outcome, reason=said or cut or f"the provider replied with outcome {reply.outcome!r}")


def with_exchange(read: Opinion, answers: Sequence[Answer[int]], messages: tuple[Message, ...]) -> Opinion:
    """An opinion with the requests that brought it; the last of them decided."""
    last = answers[-1]
    return replace(
        read,
        messages=messages,
        raw_reply=_as_it_came(last.reply),
        reasoning=last.reply.reasoning,
        judgement_key=last.request_key or None,
        response_id=last.response_id,
        request_keys=tuple(answer.request_key for answer in answers if answer.request_key),
        reused=all(answer.reused for answer in answers),
        spent=_summed([answer.reply for answer in answers]),
        answerer=answerer_of(last.reply),
    )


def _as_it_came(reply: Reply) -> str | None:
    return reply.output if reply.raw_output is None else reply.raw_output


def _said(reply: Reply) -> str:
    """What the verdict is read from: the answer, or all that came where judges have a stricter rule for thoughts."""
    whole = _as_it_came(reply) or ""
    return whole if THOUGHT_BEGINS.match(whole) else reply.output or ""


def _summed(replies: list[Reply]) -> Spent:
    def total(values: list[Any]) -> Any:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    return Spent(
        latency_seconds=total([reply.latency_seconds for reply in replies]),
        prompt_tokens=total([reply.prompt_tokens for reply in replies]),
        completion_tokens=total([reply.completion_tokens for reply in replies]),
        **{name: total([getattr(reply, name) for reply in replies]) for name in PARTS},
        tokens_estimated=any(reply.tokens_estimated for reply in replies) or None,
        cost_usd=total([reply.cost_usd for reply in replies]),
        requested_at=replies[0].requested_at,
    )
