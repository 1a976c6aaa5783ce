"""What a reply says, however its provider writes it: answer, thoughts, calls, ending, counts."""

import json
import math
import time
from dataclasses import astuple
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.clients.openai_replies import reply_of
from eval_assets.providers.failures import AttemptFailure, TransientFailure
from eval_assets.providers.replies.reading import Reading, reading_of, understood
from eval_assets.providers.replies.thoughts import split_thoughts
from eval_assets.providers.replies.token_usage import usage_of
from eval_assets.requests.exchange import Reply
from eval_assets.requests.foreign_values import whole_number

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
USED = {"prompt_tokens": 5, "completion_tokens": 3}
WEATHER = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
SURROGATES = st.text(st.characters(codec=None), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SURROGATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def body(content="Paris", finish_reason="stop", usage=USED, **message):
    message = {"role": "assistant", "content": content, **message}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], "usage": usage}


def reply_to(answer, reading=None):
    return understood(reply_of(answer, latency_seconds=0.1, requested_at=NOON), reading or Reading())


def came(output, finish_reason="stop", **fields):
    return Reply("ok", output, finish_reason, 0.1, NOON, **fields)


@pytest.mark.parametrize(
    "text",
    [
        "<think>London? No.</think>Paris",
        "<think>\nLondon? No.\n</think>\n\nParis",
        "\n <THINKING>London? No.</thinking> Paris",
        "<thought>London? No.</thought>\nParis",
        "<reasoning>London? No.</reasoning>Paris",
        "<seed:think>London? No.</seed:think>Paris",
        "◁think▷London? No.◁/think▷Paris",
        "[THINK]London? No.[/THINK]Paris",
        "<|begin_of_thought|>London? No.<|end_of_thought|>\n\nParis",
        "<|START_THINKING|>London? No.<|END_THINKING|>Paris",
        "<|channel|>analysis<|message|>London? No.<|end|><|start|>assistant<|channel|>final<|message|>Paris",
    ],
)
def test_thoughts_at_the_start_of_a_reply_are_kept_apart_from_its_answer(text):
    reply = understood(came(text), Reading())
    assert (reply.outcome, reply.output, reply.reasoning) == ("ok", "Paris", "London? No.")
    assert reply.raw_output == text


@pytest.mark.parametrize(
    "text",
    [
        '<think type="deep">London? No.</think>Paris',
        "<think id=1>\nLondon? No.\n</think >\n\nParis",
        "<THINK>London? No.</Think>Paris",
        "\ufeff<think>London? No.</think>Paris",
        "<think>London? No.</thinking>Paris",
        "<scratchpad>London? No.</scratchpad>Paris",
        "London? No.\n</think>\n\nParis",
        "London? No.</think>\nParis",
        "London? No.\n</reasoning> Paris",
    ],
)
def test_tags_in_odd_dress_and_a_lone_closing_one_part_thoughts_from_the_answer(text):
    reply = understood(came(text), Reading())
    assert (reply.outcome, reply.output.strip(), reply.reasoning, reply.raw_output) == (
        "ok",
        "Paris",
        "London? No.",
        text,
    )


@pytest.mark.parametrize(
    "text",
    [
        "The tag </think> ends a thought.",
        "End it with\n```\n</think>\n```\nand go on.",
        "A thought begins with <think>\nand ends with </think>\nin most templates.",
        "a</think>\nb</think>\nc",
        "\n</think>\nParis",
        '<think about="x"/>Paris',
    ],
)
def test_a_closing_tag_that_is_told_of_ends_no_thought(text):
    assert split_thoughts(text) == (None, text)


@pytest.mark.parametrize(
    "text",
    ["Use <think>x</think> to think.", "Paris</think>", "<b>Paris</b>", "think: Paris", "<thinker>x</thinker>Paris"],
)
def test_a_tag_that_is_merely_mentioned_is_text(text):
    reply = understood(came(text), Reading())
    assert (reply.output, reply.reasoning, reply.raw_output) == (text, None, None)


@pytest.mark.parametrize(
    ("finish_reason", "outcome"), [("length", "truncated"), ("MAX_TOKENS", "truncated"), ("stop", "empty")]
)
def test_thoughts_that_never_end_leave_no_answer(finish_reason, outcome):
    reply = understood(came("<think>London, or", finish_reason), Reading())
    assert (reply.outcome, reply.output, reply.reasoning) == (outcome, None, "London, or")
    assert "thoughts" in reply.error


def test_several_thoughts_and_those_within_a_thought_are_all_thought():
    text = "<think>a <think>b</think> c</think>\n<think>d</think>Paris"
    assert split_thoughts(text) == ("a <think>b</think> c\n\nd", "Paris")
    # An opening tag that is only mentioned in a thought has no closing one of its own.
    assert split_thoughts("<think>The tag <think> opens.</think>Paris") == ("The tag <think> opens.", "Paris")


def test_no_thoughts_between_tags_leave_the_answer_alone():
    reply = understood(came("<think>\n\n</think>\n\nParis"), Reading())
    assert (reply.output, reply.reasoning) == ("Paris", None)


def test_an_answer_keeps_its_indentation():
    assert split_thoughts("<think>x</think>\n\n    return 1\n").answer == "    return 1\n"


@pytest.mark.parametrize(
    ("tags", "text", "thoughts", "answer"),
    [
        ("opened_by_template", "London? No.</think>\nParis", "London? No.", "Paris"),
        ("opened_by_template", "<think>London? No.</think>Paris", "London? No.", "Paris"),
        ("opened_by_template", "London, or", "London, or", ""),
        (
            "anywhere",
            "So: <think>London? No.</think>Paris <think>Yes.</think>it is",
            "London? No.\n\nYes.",
            "So: Paris it is",
        ),
        ("anywhere", "Paris", None, "Paris"),
        ("ignored", "<think>x</think>Paris", None, "<think>x</think>Paris"),
    ],
)
def test_the_model_file_says_where_tags_count(tags, text, thoughts, answer):
    model = Model(name="m", file=ModelFile(provider="openai", model="m", reasoning_tags=tags))
    assert split_thoughts(text, reading_of(model).reasoning_tags) == (thoughts, answer)


PIECES = st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "x", " ", "\n", "<", "think"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_splitting_loses_nothing_but_tags_and_space(text):
    for tags in ("at_start", "opened_by_template", "anywhere"):
        thoughts, answer = split_thoughts(text, tags)
        assert (thoughts or "").count("x") + answer.count("x") == text.count("x")


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "London? No."},
        {"reasoning": "London? No."},
        {"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "London? No."}]},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "London? No."}]},
                {"type": "text", "text": "Paris"},
            ]
        },
        {
            "content": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "London? No."}]},
                {"type": "text", "text": "Pa"},
                {"type": "text", "text": "ris"},
            ]
        },
        {"content": "<think>London? No.</think>Paris", "reasoning_content": ""},
    ],
)
def test_thoughts_in_fields_and_parts_of_their_own_are_reasoning(message):
    reply = reply_to(body(**message))
    assert (reply.outcome, reply.output, reply.reasoning) == ("ok", "Paris", "London? No.")


CUT = (
    "length max_tokens MAX_TOKENS max_output_tokens model_length model_context_window_exceeded token_limit incomplete "
    "maxTokens max-tokens FinishReason.MAX_TOKENS FINISH_REASON_MAX_TOKENS Length max_new_tokens "
    "max_length_reached output_limit ERROR_LIMIT time_limit timeout cancelled USER_CANCEL abort pause_turn error "
    "num_predict_limit MaxGeneratedTokens token_budget_exhausted interrupted"
)


@pytest.mark.parametrize("word", CUT.split())
def test_every_word_for_cut_is_truncated(word):
    assert reply_to(body("Pari", word)).outcome == "truncated"
    assert understood(came("Pari", word), Reading()).outcome == "truncated"  # a reply stored before the word was known


@pytest.mark.parametrize(
    "word",
    [
        "content_filter",
        "SAFETY",
        "safety",
        "RECITATION",
        "blocklist",
        "PROHIBITED_CONTENT",
        "refusal",
        "guardrail_intervened",
    ],
)
def test_every_word_for_filtered_is_a_refusal(word):
    reply = reply_to(body("Pari", word))
    assert (reply.outcome, reply.error_kind) == ("refused", "content_filter")
    stored = understood(came("Pari", word), Reading())
    assert (stored.outcome, stored.error_kind) == ("refused", "content_filter")


@pytest.mark.parametrize(
    "word", [None, "stop", "STOP", "eos", "end_turn", "COMPLETE", "stop_sequence", "", 7, ["length"]]
)
def test_other_words_mean_that_the_answer_is_whole(word):
    assert reply_to(body("Paris", word)).outcome == "ok"


def test_a_finish_reason_may_stand_in_details():
    answer = body("Pari", None)
    answer["choices"][0]["finish_details"] = {"type": "max_tokens"}
    assert reply_to(answer).outcome == "truncated"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (body(None, "tool_calls", tool_calls=[WEATHER]), "tool_call"),
        (body("Let me look.", "stop", tool_calls=[WEATHER]), "tool_call"),
        (body(None, "function_call", function_call=WEATHER["function"]), "tool_call"),
        (body([{"type": "tool_use", "name": "get_weather", "input": {"city": "Oslo"}}], "tool_use"), "tool_call"),
        (body(None, "length", tool_calls=[WEATHER]), "truncated"),
        (body("Paris", tool_calls=[]), "ok"),
        (body(None), "empty"),
        (body(""), "empty"),
        (body(" \n"), "empty"),
        (body([]), "empty"),
        (body("", "length"), "truncated"),
        (body(None, usage=None), "empty"),
        ({"choices": [], "usage": USED}, "empty"),
        ({"choices": [{"message": None, "finish_reason": "stop"}], "usage": None}, "empty"),
        (body(None, refusal="I can't help with that."), "refused"),
        (body([{"type": "refusal", "refusal": "I can't."}]), "refused"),
    ],
)
def test_a_billed_reply_is_a_reply_with_its_own_outcome(answer, outcome):
    reply = reply_to(answer)
    assert reply.outcome == outcome
    assert reply.outcome == "ok" or reply.error


@pytest.mark.parametrize(
    "answer", [{}, {"choices": []}, {"choices": None}, {"choices": [{}]}, {"choices": [], "usage": {}}]
)
def test_a_body_without_message_and_bill_is_no_reply(answer):
    with pytest.raises(TransientFailure, match="expected one choice"):
        reply_of(answer, latency_seconds=0.1, requested_at=NOON)


def test_calls_are_kept_and_are_the_answer_where_the_model_file_says_so():
    answer = body("Let me look.", "tool_calls", tool_calls=[WEATHER])
    apart = reply_to(answer)
    assert (apart.outcome, apart.output, json.loads(apart.tool_calls)) == ("tool_call", "Let me look.", [WEATHER])
    assert apart.error == "the reply calls get_weather instead of answering"
    model = Model(name="m", file=ModelFile(provider="openai", model="m", tool_calls="as_output"))
    given_as = reply_to(answer, reading_of(model))
    assert (given_as.outcome, given_as.raw_output) == ("ok", "Let me look.")
    assert json.loads(given_as.output) == [{"name": "get_weather", "arguments": {"city": "Oslo"}}]


def test_understanding_twice_changes_nothing():
    once = understood(came("<think>a</think><think>b</think>Paris"), Reading())
    assert understood(once, Reading("anywhere")) == once


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (10, 10), (10.0, 10), ("12", 12), (" 12.0 ", 12), (Decimal(7), 7), (np.int64(3), 3), (np.float32(4), 4),
        (2**63 - 1, 2**63 - 1), (0, 0), (-0.0, 0),
        (2.25, None), (math.nan, None), (math.inf, None), ("NaN", None), (2**63, None), (1e300, None), (-1, None),
        ("-1", None), ("five", None), ("", None), (True, None), (None, None), ([5], None), ({"total": 5}, None),
        ("9" * 5000, None), (Decimal("NaN"), None),
    ],
)  # fmt: skip
def test_a_count_is_a_whole_number_or_null(value, count):
    assert whole_number(value) == count
    assert type(whole_number(value)) in (int, type(None))


@given(JSON)
def test_any_usage_is_read_to_counts_and_json(usage):
    read = usage_of(usage)
    for count in astuple(read.counts):
        assert count is None or (type(count) is int and 0 <= count < 2**63)
    assert read.detail is None or json.loads(read.detail, parse_constant=pytest.fail) is not None


def test_all_that_the_provider_says_of_its_usage_is_kept():
    usage = {**USED, "completion_tokens_details": {"reasoning_tokens": 2}, "cost": math.nan}
    assert json.loads(reply_to(body(usage=usage)).usage) == {**usage, "cost": None}


@given(
    choices=st.fixed_dictionaries(
        {},
        optional={
            "message": st.fixed_dictionaries(
                {},
                optional=dict.fromkeys(
                    ("content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content"), JSON
                ),
            )
            | JSON,
            "finish_reason": JSON,
            "logprobs": JSON,
            "finish_details": JSON,
        },
    )
    | JSON,
    usage=JSON,
)
def test_any_body_is_a_reply_or_a_named_failure(choices, usage):
    try:
        reply = reply_of({"choices": [choices], "usage": usage}, latency_seconds=0.1, requested_at=NOON)
    except AttemptFailure:
        return
    for reading in (Reading(), Reading("anywhere", calls_are_answers=True)):
        read = understood(reply, reading)
        assert read.outcome in ("ok", "tool_call", "empty", "truncated", "refused")
        assert (read.outcome == "ok") <= bool(read.output and read.output.strip())


@pytest.mark.parametrize(
    "arguments", ["[" * 100_000, "[" * 500 + "]" * 500, "9" * 5_000, "NaN", "", '{"city": ', None, 5]
)
def test_odd_arguments_of_a_call_cost_nothing_but_their_reading(arguments):
    call = {"function": {"name": "f", "arguments": arguments}}
    reply = reply_to(body(None, tool_calls=[call]), Reading(calls_are_answers=True))
    (called,) = json.loads(reply.output)
    assert (reply.outcome, called["name"]) == ("ok", "f")
    assert called["arguments"] == (None if arguments == "NaN" else arguments)


def test_many_tags_cost_computing_in_proportion_to_their_number():
    for tag in ("<think>", "<think></think>", "[/THINK]", "< "):
        began = time.process_time()
        for tags in ("at_start", "opened_by_template", "anywhere"):
            split_thoughts(tag * 40_000, tags)
        assert time.process_time() - began < 5  # it takes a tenth of a second; what grows with the square, minutes
