"""Talking to judges in rounds: everything the judges want to ask next is sent together, then each reads its answer.

What is asked and how replies are understood is in `opinions`; what becomes of a request is up to the engine, which is
held open with `with` over all rounds.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from eval_assets.config.model import Model
from eval_assets.errors import JudgeError
from eval_assets.judges.formats import FormatMemory
from eval_assets.providers.dispatch.jobs import Answer, Asker, Job
from eval_assets.requests.exchange import Request

Said = TypeVar("Said")

Conversation = Generator[Request, Answer[int], Said]
"""Yields one request at a time, is sent its answer, and returns what it came to."""


def converse(
    conversations: Sequence[tuple[Model, Conversation[Said]]], askers: Mapping[str, Asker], formats: FormatMemory
) -> list[Said]:
    """Hold all conversations and return what each came to, in their order.

    As long as a model's reply format isn't settled, one conversation goes first, so that a format the endpoint doesn't
    know is refused once and not once per prediction.

    Args:
        conversations: Each with the model it is held with; not started yet.
        askers: Who answers for a model, by the model's name; hold engines open with `with` over all rounds.
        formats: What is known about reply formats.
    """
    said: dict[int, Said] = {}
    talks = {place: talk for place, (_, talk) in enumerate(conversations)}
    first: dict[str, int] = {}
    for place, (model, _) in enumerate(conversations):
        if not formats.is_settled(model):
            first.setdefault(model.name, place)
    models = [model for model, _ in conversations]
    for group in (tuple(first.values()), tuple(set(talks) - set(first.values()))):
        asked = dict(_advanced(((place, talks[place], None) for place in sorted(group)), said))
        while asked:
            answers = _round(asked, models, askers)
            asked = dict(_advanced(((place, talks[place], answers[place]) for place in sorted(asked)), said))
    return [said[place] for place in sorted(said)]


class Talks:
    """Holds conversations at the same time, each going on as soon as its answer came. Of one event loop.

    As in `converse`, one conversation with a model goes first as long as the model's reply format isn't settled.

    Args:
        formats: What is known about reply formats.
    """

    def __init__(self, formats: FormatMemory) -> None:
        self._formats = formats
        self._first: dict[str, asyncio.Event] = {}

    async def hold(
        self, model: Model, conversation: Conversation[Said], ask: Callable[[Request], Awaitable[Answer[Any]]]
    ) -> Said:
        """Hold a conversation and return what it came to.

        Args:
            model: With whom.
            conversation: Not started yet.
            ask: Answers a request.
        """
        with contextlib.closing(conversation):
            if model.name in self._first or self._formats.is_settled(model):
                if (first := self._first.get(model.name)) is not None:
                    await first.wait()
                return await _held(conversation, ask)
            first = self._first[model.name] = asyncio.Event()
            try:
                return await _held(conversation, ask)
            finally:
                first.set()


async def _held(conversation: Conversation[Said], ask: Callable[[Request], Awaitable[Answer[Any]]]) -> Said:
    answer: Answer[Any] | None = None
    try:
        while True:
            answer = await ask(next(conversation) if answer is None else conversation.send(answer))
    except StopIteration as over:
        said: Said = over.value
        return said


def first_request(conversation: Conversation[Said]) -> Request | None:
    """What a conversation asks first, or null if it asks nothing; nothing is sent and the conversation ends."""
    with contextlib.closing(conversation):
        return next(conversation, None)


def asker_of(model: Model, askers: Mapping[str, Asker]) -> Asker:
    """Who answers for a model."""
    if model.name not in askers:
        raise JudgeError(f"expected someone to ask for model {model.name!r}, got only {sorted(askers)}")
    return askers[model.name]


def _advanced(
    turns: Iterable[tuple[int, Conversation[Said], Answer[int] | None]], said: dict[int, Said]
) -> Iterator[tuple[int, Request]]:
    """Hand each conversation its answer; what it asks next, unless it is over."""
    for place, talk, answer in turns:
        try:
            yield place, (next(talk) if answer is None else talk.send(answer))
        except StopIteration as over:
            said[place] = over.value


def _round(
    asked: Mapping[int, Request], models: Sequence[Model], askers: Mapping[str, Asker]
) -> dict[int, Answer[int]]:
    """Answer one request of each conversation; the models work at the same time."""
    by_model: dict[str, list[Job[int]]] = {}
    for place, request in asked.items():
        by_model.setdefault(models[place].name, []).append(Job(request, place))
    named = {model.name: model for model in models}
    answers: dict[int, Answer[int]] = {}
    with contextlib.ExitStack() as stack:
        flows = [
            _closing(stack, asker_of(named[name], askers).answers(jobs, len(jobs))) for name, jobs in by_model.items()
        ]
        while flows:
            flows = [flow for flow in flows if _took_one(flow, answers)]
    return answers


def _closing(stack: contextlib.ExitStack, flow: Iterator[Answer[int]]) -> Iterator[Answer[int]]:
    if isinstance(flow, Generator):
        stack.callback(flow.close)
    return flow


def _took_one(flow: Iterator[Answer[int]], answers: dict[int, Answer[int]]) -> bool:
    answer = next(flow, None)
    if answer is not None:
        answers[answer.job.tag] = answer
    return answer is not None
