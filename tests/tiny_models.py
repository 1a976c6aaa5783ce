"""Local models small enough for a test, with one token per letter."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

CONTEXT_TOKENS = 256
LETTERS = "abcdefghijklmnopqrstuvwxyz ?\n"
END = "<end>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'tool' %}{{ raise_exception('no tools') }}{% endif %}"
    "{{ message['content'] }}<end>{% endfor %}"
)


def save_llama(
    folder: Path, *, constant: bool = False, end_token: int | None = None, chat_template: str | None = CHAT_TEMPLATE
) -> None:
    """Save a Llama of a few thousand weights.

    `constant` models score all tokens alike: greedy decoding gives the first token, an `a`, for ever, or the end at
    once if the `a` is the end token; sampling draws evenly.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {letter: index for index, letter in enumerate([*LETTERS, END])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=END))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    fast.chat_template = chat_template
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=CONTEXT_TOKENS,
        bos_token_id=None, eos_token_id=vocabulary[END] if end_token is None else end_token, initializer_range=1.0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    if constant:
        torch.nn.init.zeros_(model.lm_head.weight)
    model.save_pretrained(folder)
