"""What people write as a model: classes, batches, generators, and what these return beside their answer."""

import asyncio
import json
import sys
import textwrap
from dataclasses import dataclass
from datetime import date

import pytest

from eval_assets.errors import ConfigError
from eval_assets.providers.clients.callable_client import CallableClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.replies.reading import Reading, understood
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity
from tests.engines import store_in

MESSAGES = ({"role": "user", "content": "Two?"},)


def client_of(found, folder=None, **options) -> CallableClient:
    return CallableClient("given", project_dir=folder, handed_over=found, **options)


def reply_of(found, *, parameters=None, options=None, **columns) -> Reply:
    request = Request(MESSAGES, parameters=parameters or {}, columns=columns)
    return asyncio.run(client_of(found, **(options or {})).complete(request))


def replies_of(found, inputs, **options) -> list[Reply | BaseException]:
    """What comes of requests that are under way at the same time."""
    client = client_of(found, **options)

    async def all_at_once():
        asked = [client.complete(Request(MESSAGES, columns={"inputs": each})) for each in inputs]
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(all_at_once())


# Classes


class Counting:
    made = 0

    def __init__(self, suffix="!"):
        Counting.made += 1
        self.suffix = suffix

    def predict(self, inputs):
        return inputs + self.suffix


def test_a_class_is_made_once_in_a_process_for_the_same_arguments():
    Counting.made = 0
    assert reply_of(Counting, inputs="a", options={"arguments": {"suffix": "?"}}).output == "a?"
    assert reply_of(Counting, inputs="b", options={"arguments": {"suffix": "?"}}).output == "b?"
    assert Counting.made == 1
    assert reply_of(Counting, inputs="b").output == "b!"
    assert Counting.made == 2


def test_a_class_in_a_file_is_made_with_what_the_model_file_says(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "bots_here.py").write_text(
        textwrap.dedent("""
        class Bot:
            def __init__(self, *, tone):
                self.tone = tone

            async def __call__(self, inputs):
                return f"{self.tone} {inputs}"
        """)
    )
    client = CallableClient("bots_here:Bot", project_dir=tmp_path, arguments={"tone": "dry"})
    assert asyncio.run(client.complete(Request((), columns={"inputs": "q"}))).output == "dry q"
    with pytest.raises(ConfigError, match=r"`arguments` of the model file don't fit: missing a required .*'tone'"):
        CallableClient("bots_here:Bot", project_dir=tmp_path)
    with pytest.raises(ConfigError, match="don't fit: got an unexpected keyword argument 'tine'"):
        CallableClient("bots_here:Bot", project_dir=tmp_path, arguments={"tone": "dry", "tine": 1})


def test_a_class_that_cannot_be_made_is_refused_and_arguments_need_a_class():
    class Broken:
        def __init__(self):
            raise OSError("no index at /srv")

        def invoke(self, messages): ...

    with pytest.raises(ConfigError, match="making it failed: OSError: no index at /srv"):
        client_of(Broken)
    with pytest.raises(ConfigError, match="`arguments` are what a class is made with, and this is a function"):
        client_of(lambda inputs: inputs, arguments={"k": 1})


def test_predict_is_given_what_it_names_and_a_frame_where_it_names_none_of_it():
    class Named:
        def predict(self, question, k=2):
            return f"{question} {k}"

    class Framed:
        def predict(self, model_input):
            return [f"{row} of {len(model_input)}" for row in model_input["question"]]

    class Native:  # MLflow's own: not loaded as pyfunc
        def predict(self, context, model_input, params=None):
            return [f"{context} {model_input['question'][0]} {params}"]

    assert reply_of(Named, question="q", parameters={"k": 3}).output == "q 3"
    assert reply_of(Framed, question="q").output == "q of 1"
    assert reply_of(Native, question="q", parameters={"k": 3}).output == "None q {'k': 3}"


def test_frames_hold_many_rows_where_a_batch_size_is_stated():
    sizes = []

    class Framed:
        def predict(self, data):
            sizes.append(len(data))
            return data["inputs"].str.upper()

    assert [reply.output for reply in replies_of(Framed, "abcde", batch_size=3)] == list("ABCDE")
    assert sorted(sizes) == [2, 3]  # threads end in any order


# Arguments


def test_the_only_argument_is_given_the_inputs_whatever_it_is_called():
    assert reply_of(lambda question: question.upper(), inputs="q", topic="t").output == "Q"
    assert reply_of(str.upper, inputs="q").output == "Q"
    assert reply_of(lambda question, lang: question + lang, inputs={"question": "q", "lang": "de"}).output == "qde"
    with pytest.raises(RequestFailed, match="wants 'contexts', which the example doesn't have; did you mean 'context'"):
        reply_of(lambda contexts: contexts, inputs="q", context="c")
    with pytest.raises(RequestFailed, match="wants 'targets'"):
        reply_of(lambda targets: targets, inputs="q")


# Batches


def upper(rows):
    return [row["inputs"].upper() for row in rows]


async def async_upper(rows):
    await asyncio.sleep(0)
    return upper(rows)


def yielding(rows):
    yield from upper(rows)


async def async_yielding(rows):
    for reply in upper(rows):
        yield reply


@pytest.mark.parametrize("function", [upper, async_upper, yielding, async_yielding])
def test_a_function_that_takes_rows_is_given_many_at_once(function):
    assert [reply.output for reply in replies_of(function, "abc")] == ["A", "B", "C"]


def test_in_a_batch_an_exception_fails_its_own_row():
    def half(rows):
        return [ValueError("no b") if row["inputs"] == "b" else {"output": row["inputs"], "steps": 1} for row in rows]

    a, b, c = replies_of(half, "abc")
    assert (a.output, c.output, a.extra) == ("a", "c", '{"steps":1}')
    assert isinstance(b, RequestFailed)
    assert "raised ValueError: no b" in str(b)


def test_a_batch_of_another_length_fails_its_rows():
    for failure in replies_of(lambda rows: ["one"], "abc"):
        assert "expected given to return 3 replies, one a row, got 1" in str(failure)


def test_a_column_called_rows_is_a_column():
    assert reply_of(lambda rows: rows, rows="seven").output == "seven"


# Streams


def pieces(inputs):
    yield ""
    yield from inputs
    yield {"usage": {"prompt_tokens": 3, "completion_tokens": 2}, "steps": ["read"]}


async def async_pieces(inputs):
    for piece in pieces(inputs):
        yield piece


def returned(inputs):
    return pieces(inputs)


async def awaited(inputs):
    return async_pieces(inputs)


@pytest.mark.parametrize("function", [pieces, async_pieces, returned, awaited])
def test_what_is_yielded_is_put_together_and_the_first_piece_is_timed(function):
    reply = reply_of(function, inputs="Paris")
    assert (reply.output, reply.prompt_tokens, reply.completion_tokens) == ("Paris", 3, 2)
    assert json.loads(reply.extra) == {"steps": ["read"]}
    assert 0 <= reply.first_token_seconds <= reply.latency_seconds


def test_what_comes_at_once_has_no_first_token():
    assert reply_of(lambda inputs: inputs, inputs="a").first_token_seconds is None


def test_a_stream_that_breaks_or_yields_nonsense_is_a_failed_row():
    def breaking(inputs):
        yield "Par"
        raise ConnectionError("reset")

    with pytest.raises(RequestFailed, match="raised ConnectionError: reset"):
        reply_of(breaking, inputs="a")
    with pytest.raises(RequestFailed, match="expected pieces of text, or mappings, got 7"):
        reply_of(lambda inputs: iter([7]), inputs="a")
    assert reply_of(lambda inputs: iter([]), inputs="a").outcome == "empty"


# What comes back


@dataclass
class Document:
    doc_id: str
    content: str


def test_what_is_returned_beside_the_output_is_kept_as_columns():
    found = {
        "output": "Paris",
        "retrieved_context": [Document("fr", "Paris is a city.")],
        "steps": ({"tool": "search"},),
        "seen": {"b", "a"},
        "on": date(2026, 11, 1),
    }
    assert json.loads(reply_of(lambda inputs: found, inputs="q").extra) == {
        "retrieved_context": [{"doc_id": "fr", "content": "Paris is a city."}],
        "steps": [{"tool": "search"}],
        "seen": ["a", "b"],
        "on": "2026-11-01",
    }


@pytest.mark.parametrize("name", ["answer", "response", "result"])
def test_an_answer_has_the_names_that_frameworks_give_it(name):
    reply = reply_of(lambda inputs: {name: "Paris", "context": ["c"]}, inputs="q")
    assert (reply.output, reply.extra) == ("Paris", '{"context":["c"]}')


def test_usage_and_cost_that_code_tells_count_as_such():
    usage = {
        "input_tokens": 100, "output_tokens": 20, "total_tokens": 120,
        "input_token_details": {"cache_read": 64, "audio": 2}, "output_token_details": {"reasoning": 12},
    }  # fmt: skip
    reply = reply_of(lambda inputs: {"output": "x", "usage": usage, "cost_usd": 0.5}, inputs="q")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cost_usd) == (100, 20, 0.5)
    assert (reply.cached_tokens, reply.reasoning_tokens, reply.audio_prompt_tokens) == (64, 12, 2)
    assert json.loads(reply.usage) == usage


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"output": "x", "targets": "x"}, "returned the field 'targets', which is a column of the row already"),
        ({"output": "x", "inputs": "x"}, "returned the field 'inputs', which is a column"),
        ({"output": "x", "outputs": "x"}, "returned the field 'outputs'; did you mean 'output'"),
        ({"output": "x", "cost_usd": "cheap"}, "expected dollars for 'cost_usd', got 'cheap'"),
        ({"output": "x", "steps": [object()]}, "expected a reply with a JSON form"),
        ({"steps": [1]}, "a mapping with 'output', got {'steps'"),
    ],
)
def test_what_cannot_be_kept_is_a_failed_row_that_says_why(result, message):
    with pytest.raises(RequestFailed, match=message):
        reply_of(lambda inputs: result, inputs="q")


TALK = [
    {"role": "user", "content": "Where?"},
    {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search", "arguments": "{}"}}]},
    {"role": "tool", "content": "Paris"},
    {"role": "assistant", "content": "In Paris."},
]


@pytest.mark.parametrize("result", [TALK, {"messages": TALK}])
def test_messages_answer_by_the_last_of_them_and_the_talk_is_kept(result):
    reply = reply_of(lambda inputs: result, inputs="q")
    assert (understood(reply, Reading()).outcome, reply.output, reply.extra) == ("ok", "In Paris.", None)
    assert json.loads(reply.tool_calls) == TALK[1]["tool_calls"]
    assert json.loads(reply.trajectory) == TALK


def test_a_single_message_and_a_completion_answer_too():
    assert reply_of(lambda inputs: {"role": "assistant", "content": "Yes."}, inputs="q").output == "Yes."
    completion = {
        "choices": [{"message": {"role": "assistant", "content": "Yes."}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    reply = reply_of(lambda inputs: completion, inputs="q")
    assert (reply.outcome, reply.output, reply.prompt_tokens) == ("truncated", "Yes.", 3)


def test_a_response_of_items_answers_by_its_messages():
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Oslo."}]}
    call = {"type": "function_call", "name": "where", "arguments": "{}", "call_id": "c1"}
    told = {"type": "function_call_output", "call_id": "c1", "output": "59 N"}
    reply = reply_of(lambda inputs: {"output": [call, told, message], "usage": {"input_tokens": 3}}, inputs="q")
    assert (understood(reply, Reading()).outcome, reply.output, reply.prompt_tokens) == ("ok", "Oslo.", 3)
    assert [each["role"] for each in json.loads(reply.trajectory)] == ["assistant", "tool", "assistant"]
    function = {"name": "where", "arguments": "{}"}
    assert json.loads(reply.tool_calls) == [{"id": "c1", "type": "function", "function": function}]
    calling = reply_of(lambda inputs: {"output": [call]}, inputs="q")
    assert (calling.outcome, calling.output, calling.trajectory) == ("tool_call", None, None)
    assert reply_of(lambda inputs: {"output": [message]}, inputs="q").trajectory is None


def test_what_comes_back_as_it_was_given_is_passed_over():
    reply = reply_of(lambda inputs: {"inputs": inputs, "answer": "A", "topic": "t"}, inputs="a", topic="t")
    assert (reply.output, reply.extra) == ("A", '{"topic":"t"}')


def test_a_completion_of_the_openai_client_is_read_as_it_is():
    from openai.types.chat import ChatCompletion

    completion = ChatCompletion.model_validate(
        {
            "id": "c", "created": 0, "model": "m", "object": "chat.completion",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        }
    )  # fmt: skip
    reply = reply_of(lambda inputs: completion, inputs="q")
    assert (reply.outcome, reply.output, reply.prompt_tokens) == ("ok", "Yes.", 3)


def test_columns_beside_the_output_are_stored_with_the_reply_and_reused(tmp_path):
    asked = []

    def app(inputs):
        asked.append(inputs)
        return {"output": inputs, "steps": [inputs]}

    identity = ModelIdentity("callable", "local", "app", "1", is_shown_the_example=True)
    for run in ("run-1", "run-2"):
        engine = Engine(identity=identity, client=client_of(app), store=store_in(tmp_path / "state"), run_id=run)
        (answer,) = engine.answers([Job(Request(MESSAGES, columns={"inputs": "a"}), 0)])
        assert (answer.reply.output, answer.reply.extra) == ("a", '{"steps":["a"]}')
    assert asked == ["a"]
