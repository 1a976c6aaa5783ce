"""A local model of the transformers library: loading it, and generating one batch.

Forming batches is in `transformers_client`.
"""

import importlib.util
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from eval_assets.config.fields import FileModel
from eval_assets.config.problems import nearest
from eval_assets.errors import ProviderError
from eval_assets.providers.failures import RequestFailed
from eval_assets.requests.conversations import content_text, message_text
from eval_assets.requests.exchange import Message

GGUF_SUFFIX = ".gguf"
MOST_IN_A_BATCH = 256
BATCH_WITHOUT_KNOWN_MEMORY = 32


class GenerationSettings(FileModel):
    """Parameters of a local model. What is null follows the model's own generation defaults."""

    max_tokens: int = Field(256, ge=1, description="Most tokens of a reply; a longer one is `truncated`.")
    temperature: float | None = Field(None, ge=0, description="0 always takes the likeliest token.")
    top_p: float | None = Field(None, gt=0, le=1, description="Draw from the likeliest tokens that hold this share.")
    top_k: int | None = Field(None, ge=1, description="Draw from this many of the likeliest tokens.")
    repetition_penalty: float | None = Field(
        None, gt=0, description="Above 1, tokens that occurred become less likely."
    )
    stop: tuple[str, ...] = Field((), description="Texts before which a reply ends.")
    seed: int | None = Field(None, ge=0, description="Seed of drawing; null draws anew each time.")

    @property
    def needs_own_batch(self) -> bool:
        """Whether others in a batch would change the reply: they draw from the same seed, and padding is penalised."""
        return self.repetition_penalty is not None or (self.seed is not None and self.temperature != 0)


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model wrote; `completion_tokens` counts the end token too."""

    text: str
    finish_reason: Literal["stop", "length"]
    completion_tokens: int


def generation_settings(parameters: Mapping[str, Any]) -> GenerationSettings:
    """Read a request's parameters; `stop` may be one text.

    Raises:
        RequestFailed: A parameter is unknown or out of range.

    >>> generation_settings({"temperature": 0, "stop": "Q:"}).stop
    ('Q:',)
    """
    stop = parameters.get("stop")
    values = {name: value for name, value in parameters.items() if value is not None}
    try:
        return GenerationSettings.model_validate({**values, "stop": [stop]} if isinstance(stop, str) else values)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = str(problem["loc"][0])
        known = name in GenerationSettings.model_fields
        hint = (
            f"{problem['msg']}, got {problem['input']!r}" if known else nearest(name, GenerationSettings.model_fields)
        )
        raise RequestFailed(f"parameter {name!r} of a transformers model: {hint}", "unsupported_parameter") from error


def require_packages(model_id: str, gguf_file: str | None) -> None:
    """Make sure that what a local model needs is installed, without importing it.

    Raises:
        ProviderError: A package is absent; says how to install it.
    """
    for package in ("torch", "gguf") if gguf_file or model_id.endswith(GGUF_SUFFIX) else ("torch",):
        if importlib.util.find_spec(package) is None:
            raise ProviderError(
                f"provider 'transformers' needs the package {package!r}, which is absent; install it with: "
                "pip install 'eval-assets[transformers]' (in a checkout: pip install -e '.[transformers]')"
            )


class LocalModel:
    """A causal language model with its tokenizer.

    Args:
        model_id: Hub id, folder, or path of a GGUF file.
        gguf_file: GGUF file inside the folder or hub repository.
        device: As torch names it. On `cpu` weights are held in 32 bit, elsewhere as they are stored.
        threads: Compute threads of torch, for the whole process.
    """

    def __init__(self, model_id: str, *, gguf_file: str | None, device: str, threads: int) -> None:
        import torch
        import transformers

        if gguf_file is None and model_id.endswith(GGUF_SUFFIX):
            model_id, gguf_file = str(Path(model_id).parent), Path(model_id).name
        torch.set_num_threads(threads)
        transformers.utils.logging.disable_progress_bar()
        files = {} if gguf_file is None else {"gguf_file": gguf_file}
        dtype = torch.float32 if device == "cpu" else "auto"
        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(model_id, **files)
        self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(model_id, dtype=dtype, **files).to(device)
        self._model.eval()
        end = self._model.generation_config.eos_token_id
        self._end_tokens = frozenset(end if isinstance(end, list) else [] if end is None else [end])
        self._pad_token = next(token for token in range(len(self._end_tokens) + 1) if token not in self._end_tokens)
        self.context_tokens: int | None = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)

    def batch_size_for(self, tokens: int) -> int:
        """How many sequences of this many tokens are generated at once in half of the memory that is free.

        The other half is for activations, and for what other processes of the machine take meanwhile.
        """
        import torch

        if self._model.device.type != "cuda":
            return BATCH_WITHOUT_KNOWN_MEMORY
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self._model.device)
        return max(
            1, min(MOST_IN_A_BATCH, int(free / 2 / (tokens * self._bytes_per_token() + self._bytes_of_scores())))
        )

    def _bytes_per_token(self) -> int:
        """Keys and values of one token in all layers."""
        config = self._model.config.get_text_config()
        heads = config.num_attention_heads
        head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
        kept_heads = getattr(config, "num_key_value_heads", None) or heads
        return int(2 * config.num_hidden_layers * kept_heads * head_size * self._model.dtype.itemsize)

    def _bytes_of_scores(self) -> int:
        """Scores of one next token: in 32 bit, and copied by each step of sampling."""
        return int(self._model.config.get_text_config().vocab_size * 4 * 4)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a prompt, by the chat template; without a template the contents, a blank line between them."""
        if self._tokenizer.chat_template is None:
            text = "\n\n".join(map(message_text, messages))
            return list(self._tokenizer(text)["input_ids"])
        texts = [{**message, "content": content_text(message["content"])} for message in messages]
        text = self._tokenizer.apply_chat_template(texts, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def generate(
        self, prompts: Sequence[Sequence[int]], settings: GenerationSettings, stopping: threading.Event
    ) -> list[Generated]:
        """Continue each prompt.

        Args:
            prompts: Tokens of each.
            settings: The same for all.
            stopping: Set from another thread, it ends the batch early.
        """
        import torch
        import transformers

        longest = max(len(prompt) for prompt in prompts)
        padding = [longest - len(prompt) for prompt in prompts]
        tokens = [[self._pad_token] * n + list(prompt) for n, prompt in zip(padding, prompts, strict=True)]
        mask = [[0] * n + [1] * (longest - n) for n in padding]
        if settings.seed is not None:
            torch.manual_seed(settings.seed)

        def has_ended(sequences: Any, _scores: Any) -> Any:
            if stopping.is_set() or not settings.stop:
                return torch.full((len(sequences),), stopping.is_set(), device=sequences.device)
            said = [self._says(sequence[longest:], settings.stop) for sequence in sequences]
            return torch.tensor(said, device=sequences.device)

        sequences = self._model.generate(
            input_ids=torch.tensor(tokens, device=self._model.device),
            attention_mask=torch.tensor(mask, device=self._model.device),
            pad_token_id=self._pad_token,
            stopping_criteria=transformers.StoppingCriteriaList([has_ended]),
            **_generate_arguments(settings),
        )
        return [self._generated(sequence[longest:].tolist(), settings.stop) for sequence in sequences]

    def _generated(self, tokens: list[int], stop: Sequence[str]) -> Generated:
        """Cut one reply at its end token or stop text; what follows in the batch is padding."""
        ends = [index for index, token in enumerate(tokens) if token in self._end_tokens]
        tokens = tokens[: ends[0] + 1] if ends else tokens
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        cuts = [text.index(word) for word in stop if word in text]
        if cuts:
            tokens = next(tokens[:n] for n in range(1, len(tokens) + 1) if self._says(tokens[:n], stop))
        return Generated(text[: min(cuts, default=None)], "stop" if ends or cuts else "length", len(tokens))

    def _says(self, tokens: Any, stop: Sequence[str]) -> bool:
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return any(word in text for word in stop)


def _generate_arguments(settings: GenerationSettings) -> dict[str, Any]:
    """The parameters under the names of `generate`."""
    given: dict[str, Any] = {"max_new_tokens": settings.max_tokens}
    if settings.repetition_penalty is not None:
        given["repetition_penalty"] = settings.repetition_penalty
    sampling = {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": settings.top_k}
    if settings.temperature == 0:
        return {**given, "do_sample": False, **dict.fromkeys(sampling)}
    if any(value is not None for value in sampling.values()):
        given["do_sample"] = True
    return {**given, **{name: value for name, value in sampling.items() if value is not None}}
