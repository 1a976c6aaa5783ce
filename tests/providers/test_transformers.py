"""Local models, on two tiny ones that the tests build and save themselves."""

import asyncio
import json
import sys
import time

import numpy as np
import pytest

from eval_assets.config.model import Limits, ModelFile
from eval_assets.errors import ProviderError
from eval_assets.providers.failures import PartitionFailure, RequestFailed
from eval_assets.providers.local.transformers_client import TransformersClient
from eval_assets.providers.local.transformers_jobs import LocalJob, batches
from eval_assets.providers.local.transformers_model import GenerationSettings, LocalModel
from eval_assets.requests.exchange import Reply, Request
from tests.tiny_models import CHAT_TEMPLATE, CONTEXT_TOKENS, END, LETTERS, save_llama


@pytest.fixture(scope="module")
def save_model(tmp_path_factory):
    """Save a tiny model in a folder of its own."""

    def save(*, constant: bool, end_token: int | None = None, chat_template: str | None = CHAT_TEMPLATE) -> str:
        folder = tmp_path_factory.mktemp("model")
        save_llama(folder, constant=constant, end_token=end_token, chat_template=chat_template)
        return str(folder)

    return save


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory):
    """A constant model of one layer as GGUF, with byte-level tokens in the style of GPT-2."""
    from gguf import GGUFWriter

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tokens = [*LETTERS.replace("\n", "Ċ").replace(" ", "Ġ"), "ab", END]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(16)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(tokens.index(END))
    writer.add_bos_token_id(tokens.index(END))
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    shapes = {
        "token_embd": (len(tokens), 32), "output": (len(tokens), 32), "output_norm": (32,),
        "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,), "blk.0.attn_q": (32, 32), "blk.0.attn_k": (16, 32),
        "blk.0.attn_v": (16, 32), "blk.0.attn_output": (32, 32), "blk.0.ffn_gate": (32, 32),
        "blk.0.ffn_up": (32, 32), "blk.0.ffn_down": (32, 32),
    }  # fmt: skip
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def constant_model(save_model):
    return save_model(constant=True)


@pytest.fixture(scope="module")
def random_model(save_model):
    return save_model(constant=False)


def question(text: str, *, sample_index: int = 0, **parameters) -> Request:
    parameters = {"temperature": 0, "max_tokens": 6} | parameters
    return Request(({"role": "user", "content": text},), parameters=parameters, sample_index=sample_index)


def answers(model: str, *requests: Request, **options) -> list[Reply | BaseException]:
    async def ask() -> list[Reply | BaseException]:
        client = TransformersClient(model, **options)
        try:
            return await asyncio.gather(*map(client.complete, requests), return_exceptions=True)
        finally:
            await client.aclose()

    return asyncio.run(ask())


def test_a_reply_cut_by_the_limit_is_truncated_and_its_tokens_are_counted(constant_model):
    (reply,) = answers(constant_model, question("why?"))
    assert (reply.outcome, reply.finish_reason, reply.output) == ("truncated", "length", "aaaaaa")
    # w, h, y, ? and the template's end token
    assert (reply.prompt_tokens, reply.completion_tokens) == (5, 6)


def test_a_reply_that_ends_by_itself_is_ok(save_model):
    (reply,) = answers(save_model(constant=True, end_token=0), question("why?"))
    assert (reply.outcome, reply.finish_reason, reply.completion_tokens) == ("ok", "stop", 1)


def test_a_stop_text_ends_the_reply_and_is_cut_off(constant_model):
    stopped, listed = answers(constant_model, question("why?", stop="aaa"), question("why?", stop=["x", "aa"]))
    assert (stopped.outcome, stopped.finish_reason, stopped.output) == ("ok", "stop", "")
    assert (stopped.completion_tokens, listed.completion_tokens) == (3, 2)


def test_a_reply_that_stops_early_is_not_padded_by_the_rest_of_its_batch(random_model):
    prompts = [question(text, max_tokens=12) for text in ("why?", "how long is a rope?", "when", "where is it")]
    whole = [reply.output for reply in answers(random_model, *prompts)]
    # the second letter of the first reply ends it; where it ends other replies follows from their whole text
    stop = whole[0][1]
    stopped = answers(random_model, *(question(p.messages[0]["content"], max_tokens=12, stop=stop) for p in prompts))
    assert [reply.output for reply in stopped] == [text.partition(stop)[0] for text in whole]
    assert [reply.completion_tokens for reply in stopped] == [
        len(text.partition(stop)[0]) + 1 if stop in text else 12 for text in whole
    ]


def test_requests_at_once_share_batches_and_answer_as_they_do_alone(random_model):
    requests = [question(text) for text in ("why?", "how long is a rope?", "when", "where is it", "who?")]
    together = answers(random_model, *requests, batch_size=3)
    alone = [answers(random_model, request)[0] for request in requests]
    assert [reply.output for reply in together] == [reply.output for reply in alone]
    assert [reply.prompt_tokens for reply in together] == [reply.prompt_tokens for reply in alone]
    assert len({reply.output for reply in alone}) > 1
    # 5 requests in batches of 3 and 2, each with one start
    starts = [reply.requested_at for reply in together]
    assert [starts.count(start) for start in sorted(set(starts))] == [3, 2]


def test_a_batch_holds_requests_of_like_length(random_model):
    long, short = "how long is a piece of rope, and of what is it made?", "why?"
    replies = answers(random_model, *(question(text) for text in (short, long, short, long)), batch_size=4)
    assert len({reply.requested_at for reply in replies}) == 1
    jobs = [LocalJob(question("x"), GenerationSettings(), tokens=[0] * n) for n in (3, 50, 4, 60, 5)]
    # the longest first, and as many as memory holds of the longest: 120 tokens at once
    made = batches(jobs, lambda tokens: 120 // (tokens - GenerationSettings().max_tokens))
    assert [[len(job.tokens) for job in batch] for batch in made] == [[60, 50], [5, 4, 3]]


def test_a_batch_that_memory_cannot_hold_is_cut_in_two(random_model, monkeypatch):
    import torch

    generate, sizes = LocalModel.generate, []

    def with_little_memory(model, prompts, settings, stopping):
        sizes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("no room for the keys")
        return generate(model, prompts, settings, stopping)

    requests = [question(text) for text in ("why?", "how long is a rope?", "when", "where is it", "who?")]
    alone = [answers(random_model, request)[0].output for request in requests]
    monkeypatch.setattr(LocalModel, "generate", with_little_memory)
    replies = answers(random_model, *requests)
    assert [reply.output for reply in replies] == alone
    assert sizes == [5, 2, 3, 1, 2]


def test_on_an_accelerator_many_requests_are_under_way_unless_the_file_says_otherwise():
    def limits(**fields) -> Limits:
        return ModelFile(provider="transformers", model="m", **fields).limits

    # two batches of 8 on a CPU, which start at once
    assert limits() == Limits(max_concurrency=16, start_concurrency=16)
    assert limits(batch_size=64).max_concurrency == 128
    assert (limits(device="cuda").max_concurrency, limits(device="cuda").timeout_seconds) == (512, 3600)
    stated = limits(device="cuda", limits={"max_concurrency": 4, "max_retries": 1})
    assert (stated.max_concurrency, stated.max_retries) == (4, 1)


def test_requests_with_other_parameters_get_their_own_batch(constant_model):
    short, long = answers(constant_model, question("why?", max_tokens=2), question("why?", max_tokens=4))
    assert (short.output, long.output) == ("aa", "aaaa")


def test_a_seed_decides_the_reply_whatever_else_is_asked_at_the_same_time(constant_model):
    seeded = question("why?", temperature=1, seed=7, max_tokens=20)
    further = question("why?", temperature=1, seed=7, max_tokens=20, sample_index=1)
    (alone,) = answers(constant_model, seeded)
    among, next_sample, _ = answers(constant_model, seeded, further, question("how?", temperature=1, max_tokens=20))
    assert among.output == alone.output
    # 20 even draws among 30 tokens: equal by chance once in 30**20
    assert next_sample.output != alone.output


def test_a_repetition_penalty_does_not_depend_on_the_other_requests(random_model):
    penalised = question("why?", repetition_penalty=5.0)
    longer = question("how long is a piece of rope?", repetition_penalty=5.0)
    assert answers(random_model, penalised, longer)[0].output == answers(random_model, penalised)[0].output
    # with such a penalty no letter comes twice
    assert len(set(answers(random_model, penalised)[0].output)) == 6


def test_top_k_of_one_is_greedy(random_model):
    sampled, greedy = answers(random_model, question("why?", temperature=1, top_k=1), question("why?"))
    assert sampled.output == greedy.output


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_token": 5}, "parameter 'max_token' of a transformers model: did you mean 'max_tokens'"),
        ({"top_p": 2}, "parameter 'top_p' .*less than or equal to 1, got 2"),
        ({"logprobs": True}, "parameter 'logprobs' .*valid names: max_tokens"),
    ],
)
def test_an_unsupported_parameter_is_refused(constant_model, parameters, message):
    refused, other = answers(constant_model, question("why?", **parameters), question("why?"))
    with pytest.raises(RequestFailed, match=message):
        raise refused
    assert refused.kind == "unsupported_parameter"
    assert other.output == "aaaaaa"


def test_a_response_format_is_refused(constant_model):
    (refused,) = answers(constant_model, Request((), response_format={"type": "json_object"}))
    assert isinstance(refused, RequestFailed)
    assert refused.kind == "unsupported_parameter"


def test_a_prompt_that_fills_the_context_costs_its_row_only(constant_model):
    too_long, other = answers(constant_model, question("a" * CONTEXT_TOKENS), question("why?"))
    assert isinstance(too_long, RequestFailed)
    assert too_long.kind == "context_length_exceeded"
    assert other.output == "aaaaaa"


def test_a_reply_ends_with_the_context(constant_model):
    # 253 letters and the template's end token leave room for 2
    (reply,) = answers(constant_model, question("b" * (CONTEXT_TOKENS - 3), max_tokens=10))
    assert (reply.outcome, reply.output) == ("truncated", "aa")


def test_a_chat_template_that_refuses_the_messages_costs_its_row_only(constant_model):
    refused, other = answers(constant_model, Request(({"role": "tool", "content": "x"},)), question("why?"))
    assert isinstance(refused, RequestFailed)
    assert "no tools" in str(refused)
    assert other.output == "aaaaaa"


def test_without_a_chat_template_the_contents_are_the_prompt(save_model):
    messages = ({"role": "system", "content": "be"}, {"role": "user", "content": "why?"})
    (reply,) = answers(save_model(constant=True, chat_template=None), Request(messages, parameters={"max_tokens": 1}))
    # 2 letters, 2 line ends, 4 letters
    assert reply.prompt_tokens == 8


def test_a_gguf_file_answers_with_its_own_tokenizer_and_chat_template(gguf_file):
    (by_path,) = answers(str(gguf_file), question("why?"))
    (in_folder,) = answers(str(gguf_file.parent), question("abba"), gguf_file=gguf_file.name)
    assert (by_path.output, by_path.prompt_tokens) == ("aaaaaa", 4)
    # the merge makes one token of a and b: ab, b, a
    assert (in_folder.output, in_folder.prompt_tokens) == ("aaaaaa", 3)


def test_the_event_loop_goes_on_while_the_model_works(constant_model):
    async def beats_during_request() -> int:
        client = TransformersClient(constant_model)
        request = asyncio.create_task(client.complete(question("why?", max_tokens=200)))
        beats = 0
        while not request.done():
            await asyncio.sleep(0.01)
            beats += 1
        await client.aclose()
        return beats

    assert asyncio.run(beats_during_request()) > 10


def test_closing_ends_a_generation_under_way(constant_model):
    async def close_during_request() -> tuple[float, BaseException]:
        client = TransformersClient(constant_model)
        await client.complete(question("why?"))
        request = asyncio.create_task(client.complete(question("why?", max_tokens=240)))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await client.aclose()
        seconds = time.monotonic() - began
        (failure,) = await asyncio.gather(request, return_exceptions=True)
        return seconds, failure

    seconds, failure = asyncio.run(close_during_request())
    assert seconds < 0.3
    assert isinstance(failure, PartitionFailure)


def test_a_model_that_cannot_be_loaded_ends_the_partition(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-type"}))
    first, second = answers(str(tmp_path), question("why?"), question("how?"))
    assert isinstance(first, PartitionFailure)
    assert str(tmp_path) in str(second)


def test_without_torch_the_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ProviderError, match=r"'torch', which is absent; .*pip install 'eval-assets\[transformers\]'"):
        TransformersClient("any/model")


def test_a_gguf_file_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ProviderError, match="'gguf', which is absent"):
        TransformersClient("weights.gguf")
