"""Local models: tokens per second of our `transformers` provider beside the library's own two ways, in one run.

    python benchmarks/local_models.py [--tiny] [--only NAME ...] [--requests 512]

A Llama of 1.1 billion random weights in 16 bit (a toy with `--tiny`, on a CPU) answers prompts of 32 to 512 tokens
with replies of 8 to 248 tokens, 128 on average. The model is made here, and what ends a reply is its limit, so that
all ways write the same tokens: no network is needed. Prints tokens per second, and ours against the best of the two.

Needs torch (CUDA), transformers and accelerate, and of this package's own needs polars, deltalake, pydantic:
`local_models.requirements.txt` beside this script lists them with a shell line.
"""

import argparse
import gc
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

Work = Sequence[tuple[list[int], int]]
"""Tokens of a prompt, and how many are written."""

ALIKE = {"batch 8": 16, "batch 64": 64, "ours": 512, "generate alike": 512, "generate_batch alike": 512}
"""Ways in which each limit of a reply has batches of its own: so many requests, all with replies of the mean length."""

LENGTHS = (8, 32, 48, 104, 152, 208, 224, 248)
"""Tokens of replies, 128 on average."""


def made_model(folder: Path, *, tiny: bool) -> None:
    """Save a random Llama and a tokenizer with one token per word."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    n_words = 500 if tiny else 32_000
    words = Tokenizer(WordLevel({f"w{n}": n for n in range(n_words)}, unk_token="w0"))  # noqa: S106  no password
    words.pre_tokenizer = WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(folder)
    sizes = (
        {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
        if tiny
        else {"hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32}
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=n_words, num_key_value_heads=4, max_position_embeddings=2048, bos_token_id=None, eos_token_id=None,
        dtype=torch.float32 if tiny else torch.bfloat16, **sizes,
    )  # fmt: skip
    with torch.device("cpu" if tiny else "cuda"):
        model = LlamaForCausalLM(config).to(config.dtype)
    model.save_pretrained(folder)
    print(f"a model of {model.num_parameters() / 1e9:.2f} billion parameters")
    del model
    gc.collect()


def made_work(n: int, *, tiny: bool) -> Work:
    """Prompts and the lengths of their replies, shuffled."""
    draw = random.Random(7)
    shortest, longest, n_words, shrink = (4, 24, 500, 8) if tiny else (32, 512, 32_000, 1)
    return [
        (
            [draw.randrange(1, n_words) for _ in range(draw.randint(shortest, longest))],
            LENGTHS[i % len(LENGTHS)] // shrink,
        )
        for i in draw.sample(range(n), n)
    ]


def ours(folder: Path, device: str, work: Work, **fields: Any) -> tuple[int, float]:
    """The whole engine as a run has it, from requests to stored replies; a first request loads the model."""
    from eval_assets.config.model import ModelFile
    from eval_assets.providers.dispatch.engine import Engine
    from eval_assets.providers.dispatch.jobs import Job
    from eval_assets.providers.local.transformers_client import TransformersClient
    from eval_assets.requests.exchange import Request
    from eval_assets.requests.keys import ModelIdentity
    from eval_assets.storage.replies.responses import ResponseStore
    from eval_assets.storage.warehouse import Warehouse

    file = ModelFile(provider="transformers", model=str(folder), device=device, **fields)

    def job(tokens: list[int], n_new: int, number: int) -> Job[int]:
        prompt = " ".join(f"w{token}" for token in tokens)
        return Job(Request(({"role": "user", "content": prompt},), {"temperature": 0, "max_tokens": n_new}), number)

    with tempfile.TemporaryDirectory() as warehouse:
        client = TransformersClient(str(folder), device=device, batch_size=file.batch_size)
        engine = Engine(
            identity=ModelIdentity("transformers", "local", "random"),
            client=client,
            store=ResponseStore(Warehouse(warehouse)),
            run_id="benchmark",
            limits=file.limits,
        )
        with engine:
            list(engine.answers([job(list(range(1, 20)), 4, -1)]))
            began = time.perf_counter()
            replies = [answer.reply for answer in engine.answers(job(*each, i) for i, each in enumerate(work))]
            seconds = time.perf_counter() - began
    failed = [reply.error for reply in replies if reply.outcome == "error"]
    assert not failed, failed[:3]
    return sum(reply.completion_tokens or 0 for reply in replies), seconds


def loaded(folder: Path, device: str) -> Any:
    """The model as the library loads it."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto").to(torch.device(device)).eval()


def generate(folder: Path, device: str, work: Work, size: int = 256) -> tuple[int, float]:
    """`generate` sorted by length. Each batch writes on to its longest reply; what is over isn't counted."""
    import torch

    model = loaded(folder, device)
    model.generate(input_ids=torch.ones((1, 8), dtype=torch.long, device=device), max_new_tokens=4, pad_token_id=0)
    began, n_tokens = time.perf_counter(), 0
    # As a caller who knows the lengths of prompts, and a limit for all replies.
    ordered = sorted(work, key=lambda each: len(each[0]), reverse=True)
    for start in range(0, len(ordered), size):
        batch = ordered[start : start + size]
        longest, most = max(len(prompt) for prompt, _ in batch), max(n for _, n in batch)
        padded = [[0] * (longest - len(prompt)) + prompt for prompt, _ in batch]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt, _ in batch]
        model.generate(
            input_ids=torch.tensor(padded, device=device), attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=most, do_sample=False, pad_token_id=0,
        ).tolist()  # fmt: skip
        n_tokens += sum(n for _, n in batch)
    return n_tokens, time.perf_counter() - began


def generate_batch(folder: Path, device: str, work: Work, **options: Any) -> tuple[int, float]:
    """The library's continuous batching, all requests handed over at once, each with its own limit."""
    from transformers import ContinuousBatchingConfig, GenerationConfig

    model = loaded(folder, device)
    if device == "cpu":
        options = {"num_blocks": 64, "max_batch_tokens": 512} | options
    config = GenerationConfig(do_sample=False, max_new_tokens=max(n for _, n in work), eos_token_id=-1)
    with model.continuous_batching_context_manager(
        generation_config=config, continuous_batching_config=ContinuousBatchingConfig(**options), warmup=device != "cpu"
    ) as manager:
        manager.add_request([1, 2, 3], max_new_tokens=4)
        while manager.get_result(timeout=1) is None:
            pass
        began, n_tokens, n_left = time.perf_counter(), 0, len(work)
        for prompt, n_new in work:
            manager.add_request(prompt, max_new_tokens=n_new)
        while n_left:
            result = manager.get_result(timeout=1)
            if result is not None and result.is_finished():
                assert result.error is None, result.error
                n_tokens, n_left = n_tokens + len(result.generated_tokens), n_left - 1
            assert result is not None or manager.is_running(), "continuous batching ended by itself"
        return n_tokens, time.perf_counter() - began


WAYS: dict[str, Callable[[Path, str, Work], tuple[int, float]]] = {
    "ours": ours,
    "generate alike": generate,
    "generate_batch alike": generate_batch,
    "generate 256": generate,
    "generate_batch": generate_batch,
    "batch 64": lambda folder, device, work: ours(folder, device, work, batch_size=64),
    "batch 8": lambda folder, device, work: ours(folder, device, work, batch_size=8),
}
FURTHER: dict[str, Callable[[Path, str, Work], tuple[int, float]]] = {
    "cb 256": lambda folder, device, work: generate_batch(folder, device, work, max_requests_per_batch=256),
    "cb graphs": lambda folder, device, work: generate_batch(folder, device, work, use_cuda_graph=True),
    "generate 512": lambda folder, device, work: generate(folder, device, work, 512),
}
"""Not measured unless named: what to look at when ours isn't near the best."""


def main() -> None:
    """Measure the ways that are named, each with the model loaded anew."""
    import torch

    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--tiny", action="store_true", help="a toy on the CPU, to see that all works")
    told.add_argument("--requests", type=int, help="512, or 48 with --tiny")
    told.add_argument("--only", nargs="+", choices=[*WAYS, *FURTHER], default=list(WAYS))
    options = told.parse_args()
    device = "cpu" if options.tiny else "cuda"
    torch.set_num_threads(1)
    work = made_work(options.requests or (48 if options.tiny else 512), tiny=options.tiny)
    print("CPU" if options.tiny else torch.cuda.get_device_name(), "torch", torch.__version__)
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made_model(folder, tiny=options.tiny)
        for way in options.only:
            mean = round(sum(LENGTHS) / len(LENGTHS)) // (8 if options.tiny else 1)
            part = [(prompt, mean) for prompt, _ in work[: ALIKE[way]]] if way in ALIKE else work
            try:
                n_tokens, seconds = (WAYS | FURTHER)[way](folder, device, part)
            except Exception as error:  # noqa: BLE001  the other ways are still worth knowing
                print(f"{way:16} failed: {type(error).__name__}: {error}", flush=True)
                continue
            rates[way] = n_tokens / seconds
            print(f"{way:16} {rates[way]:8,.0f} tokens/s   {n_tokens:,} tokens, {seconds:.1f} s", flush=True)
            gc.collect()
            if not options.tiny:
                torch.cuda.empty_cache()
    best = max((rates[way] for way in ("generate alike", "generate_batch alike") if way in rates), default=None)
    if best and "ours" in rates:
        print(f"ours / the best of the two: {rates['ours'] / best:.2f}   (goal: at least 0.9)")


if __name__ == "__main__":
    main()
