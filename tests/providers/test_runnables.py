"""LangChain's runnables: the real package where it is installed, and always a stand-in that behaves as documented."""

import asyncio
import json

import pytest

from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_client import CallableClient
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.exchange import Request

MESSAGES = ({"role": "system", "content": "Be short."}, {"role": "user", "content": "Where is Oslo?"})


def replies_of(found, inputs=("Oslo",), **options):
    client = CallableClient("chain", project_dir=None, handed_over=found, **options)

    async def all_at_once():
        asked = [client.complete(Request(MESSAGES, columns={"inputs": each, "question": each})) for each in inputs]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(all_at_once())


class Chunk:
    """A message chunk: chunks add up, usage comes with the last."""

    usage_metadata = None
    type = "AIMessageChunk"

    def __init__(self, content, usage_metadata=None):
        self.content, self.usage_metadata = content, usage_metadata

    def __add__(self, other):
        return Chunk(self.content + other.content, other.usage_metadata or self.usage_metadata)


class Runnable:
    """A chain that begins with a prompt template: its input schema names the variables."""

    def __init__(self, schema):
        self.schema, self.seen, self.batches = schema, [], []

    def get_input_jsonschema(self):
        return self.schema

    async def ainvoke(self, given):
        self.seen.append(given)
        return Chunk("Norway", {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6})

    async def abatch(self, given, *, return_exceptions=False):
        assert return_exceptions
        self.batches.append(len(given))
        return [ValueError("no b") if each["question"] == "b" else Chunk(each["question"]) for each in given]

    async def astream(self, given):
        for piece in ("", "Nor", "way"):
            yield Chunk(piece)
        yield Chunk("", {"input_tokens": 5, "output_tokens": 1, "total_tokens": 6})


ASKS_FOR_A_QUESTION = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}


@pytest.mark.parametrize(
    ("schema", "given"),
    [
        (ASKS_FOR_A_QUESTION, {"question": "Oslo"}),
        ({"type": "object", "properties": {"topic": {}}, "required": ["topic"]}, {"topic": "Oslo"}),
        ({**ASKS_FOR_A_QUESTION, "required": ["root", "question"]}, {"question": "Oslo"}),
        ({"type": "object", "additionalProperties": True}, {"inputs": "Oslo", "question": "Oslo"}),
        ({"type": "string"}, "Where is Oslo?"),
        ({"anyOf": [{"type": "string"}, {"type": "array"}]}, [dict(message) for message in MESSAGES]),
        ({"type": "object", "properties": {"messages": {"type": "array"}}}, {"messages": [*map(dict, MESSAGES)]}),
    ],
)
def test_a_runnable_is_given_what_its_input_schema_names(schema, given):
    runnable = Runnable(schema)
    (reply,) = replies_of(runnable)
    assert runnable.seen == [given]
    assert (reply.output, reply.prompt_tokens, reply.completion_tokens) == ("Norway", 5, 1)


def test_a_variable_that_the_example_lacks_is_a_failed_row():
    (failure,) = replies_of(Runnable({**ASKS_FOR_A_QUESTION, "required": ["questoin", "topic"]}))
    assert "chain wants 'questoin', which the example doesn't have; did you mean 'question'" in str(failure)


def test_runnables_take_batches_where_a_size_is_stated_and_fail_row_by_row():
    runnable = Runnable(ASKS_FOR_A_QUESTION)
    a, b, c = replies_of(runnable, "abc", batch_size=3)
    assert (runnable.batches, a.output, c.output) == ([3], "a", "c")
    assert isinstance(b, RequestFailed)
    assert "ValueError: no b" in str(b)


def test_a_runnable_streams_where_the_model_file_says_so():
    (reply,) = replies_of(Runnable(ASKS_FOR_A_QUESTION), streams=True)
    assert (reply.output, reply.completion_tokens) == ("Norway", 1)
    assert 0 <= reply.first_token_seconds <= reply.latency_seconds
    with pytest.raises(ConfigError, match="a function streams by yielding"):
        replies_of(lambda inputs: inputs, streams=True)


# The package itself


@pytest.fixture
def langchain():
    """The package, or a reason why not."""
    return pytest.importorskip("langchain_core", reason="the extra `langchain` isn't installed")


@pytest.fixture
def chain(langchain):
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.prompts import ChatPromptTemplate

    usage = {
        "input_tokens": 9, "output_tokens": 4, "total_tokens": 13, "input_token_details": {"cache_read": 8},
        "output_token_details": {"reasoning": 3},
    }  # fmt: skip
    said = iter([AIMessage("In Norway.", usage_metadata=usage, response_metadata={"finish_reason": "stop"})] * 20)
    return ChatPromptTemplate.from_messages([("system", "short"), ("user", "{question}")]) | GenericFakeChatModel(
        messages=said
    )


def test_a_chain_answers_with_usage_in_full(chain):
    (reply,) = replies_of(chain)
    assert (reply.output, reply.finish_reason) == ("In Norway.", "stop")
    assert (reply.prompt_tokens, reply.cached_tokens, reply.reasoning_tokens) == (9, 8, 3)


def test_a_chain_takes_batches(chain):
    assert [reply.output for reply in replies_of(chain, "abcde", batch_size=2)] == ["In Norway."] * 5


def test_a_chain_streams(chain):
    (reply,) = replies_of(chain, streams=True)
    assert reply.output == "In Norway."
    assert reply.first_token_seconds > 0


def test_a_chain_that_passes_its_inputs_on_answers_beside_them(chain):
    from langchain_core.documents import Document
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.runnables import RunnablePassthrough

    documents = [Document("Norway is a country.", metadata={"source": "no"})]
    found = RunnablePassthrough.assign(context=lambda _: documents, answer=chain | StrOutputParser())
    for options in ({}, {"streams": True}):
        (reply,) = replies_of(found, **options)
        extra = json.loads(reply.extra)
        assert (reply.output, extra["question"]) == ("In Norway.", "Oslo")
        assert (extra["context"][0]["page_content"], extra["context"][0]["metadata"]) == (
            "Norway is a country.", {"source": "no"},
        )  # fmt: skip


def test_a_function_as_a_runnable_and_a_chat_model_alone(langchain):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel
    from langchain_core.runnables import RunnableLambda

    (reply,) = replies_of(RunnableLambda(lambda messages: messages[-1]["content"].upper()))
    assert reply.output == "WHERE IS OSLO?"
    (reply,) = replies_of(FakeListChatModel(responses=["Hi."]))
    assert (reply.output, reply.prompt_tokens) == ("Hi.", None)
