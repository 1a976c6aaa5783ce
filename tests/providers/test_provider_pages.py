"""The pages of `docs/providers`: every model file on them loads, and sends one request to where its page says."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import yaml

from eval_assets.config.files.endpoints import endpoint_problems
from eval_assets.config.files.parameters import parameter_problems
from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.failures import AttemptFailure, PartitionFailure, RateLimited, RequestFailed
from tests.engines import question, surroundings
from tests.loopback import Fault, LoopbackProvider
from tests.providers.test_openai_client import ask

PAGES = Path(__file__).parents[2] / "docs" / "providers"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECRET = "hush-hush-hush"
AWS_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
BEARER, KEY, NONE = ("Authorization", f"Bearer {SECRET}"), ("x-api-key", SECRET), ("Authorization", None)
SIGNED = ("x-amz-security-token", SECRET)
AZURE = "/openai/deployments/our-gpt-4o/chat/completions?api-version=2024-10-21"
VERTEX = "/v1/projects/my-project/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"

BY_PACKAGES = ("any-llm",)  # asked by somebody else's client: `test_any_llm`

# Page → where each of its model files sends to, and by what it is let in.
SENDS_TO = {
    "openai": [("/v1/chat/completions", BEARER), ("/v1/responses", BEARER)],
    "anthropic": [
        ("/v1/messages", KEY),
        ("/v1/messages", KEY),
        ("/anthropic/v1/messages", KEY),
        ("/anthropic/v1/messages", SIGNED),
        ("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke", SIGNED),
        (VERTEX, BEARER),
        ("/v1/messages", KEY),
    ],
    "azure": [
        (AZURE, ("api-key", SECRET)),
        (AZURE, BEARER),
        ("/openai/v1/chat/completions", BEARER),
        ("/openai/v1/chat/completions", ("api-key", SECRET)),
    ],
    "databricks": [
        ("/serving-endpoints/chat/completions", BEARER),
        ("/serving-endpoints/chat/completions", BEARER),
        ("/ai-gateway/mlflow/v1/chat/completions", BEARER),
    ],
    "vllm": [("/v1/chat/completions", NONE), ("/v1/completions", NONE)],
    "sglang": [("/v1/chat/completions", NONE)],
    "ollama": [("/v1/chat/completions", NONE)],
    "litellm": [("/v1/chat/completions", BEARER)],
    "openrouter": [("/api/v1/chat/completions", BEARER)],
    "mlflow-gateway": [
        ("/gateway/mlflow/v1/chat/completions", NONE),
        ("/gateway/mlflow/v1/chat/completions", ("Authorization", SECRET)),
    ],
}


def model_files(page: str) -> list[str]:
    blocks = BLOCK.findall((PAGES / f"{page}.md").read_text("utf-8"))
    return [block for block in blocks if "provider:" in block]


@pytest.fixture
def anywhere():
    with LoopbackProvider(is_anywhere=True) as provider:
        yield provider


def client_of_page(page: str, number: int, provider: LoopbackProvider):
    """The client of a model file as the page has it, sent to the loopback provider in place of the host it names."""
    file = ModelFile.model_validate(yaml.safe_load(model_files(page)[number]))
    if file.token_command or file.token_function:
        printing = f'"{sys.executable}" -c "print({SECRET!r})"'
        file = file.model_copy(update={"token_command": printing, "token_function": None})
    names = [*AWS_VARIABLES, file.api_key_env, *file.headers_env.values(), *file.query_env.values()]
    client = open_client(Model(name="m", file=file), surroundings({name: SECRET for name in names if name}))
    here = urlsplit(provider.base_url)
    client._base_url = urlunsplit((here.scheme, here.netloc, *urlsplit(client._base_url)[2:]))
    return client


def test_every_page_is_listed():
    assert {page.stem for page in PAGES.glob("*.md")} == {*SENDS_TO, *BY_PACKAGES}
    assert {page: len(model_files(page)) for page in SENDS_TO} == {page: len(sent) for page, sent in SENDS_TO.items()}


@pytest.mark.parametrize(
    ("page", "number"), [(page, number) for page, sent in SENDS_TO.items() for number in range(len(sent))]
)
def test_a_model_file_of_a_page_sends_to_where_it_says(anywhere, page, number):
    text = model_files(page)[number]
    assert len(text.splitlines()) <= 6
    file = ModelFile.model_validate(yaml.safe_load(text))
    assert [
        *endpoint_problems(file, file="f", lines={}),
        *parameter_problems(file.parameters, file="f", lines={}),
    ] == []
    path, (header, value) = SENDS_TO[page][number]
    assert ask(client_of_page(page, number, anywhere)).output == "echo: Hello there"
    assert anywhere.paths == [path]
    assert anywhere.request_headers[0].get(header) == value


@dataclass(frozen=True)
class Said:
    """What an endpoint sends, in the shape that its documentation has, and how it is read."""

    page: str
    status: int
    body: dict
    is_read_as: tuple


def chat(message, **fields):
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": "stop",
        **fields.pop("choice", {}),
    }
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], **fields}


REPLIES = [
    Said(
        "vllm",
        200,
        chat(
            {"content": "Paris", "refusal": None, "tool_calls": [], "reasoning": "Hm."},
            choice={"stop_reason": None, "token_ids": None},
            usage={"prompt_tokens": 9, "total_tokens": 14, "completion_tokens": 5, "prompt_tokens_details": None},
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
        ("Paris", "Hm.", 9, 5, None),
    ),
    Said(
        "sglang",
        200,
        chat(
            {"content": "Paris", "reasoning_content": "Hm.", "tool_calls": None},
            choice={"matched_stop": 151645},
            usage={
                "prompt_tokens": 9,
                "total_tokens": 14,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "reasoning_tokens": 2,
            },
        ),
        ("Paris", "Hm.", 9, 5, 4),
    ),
    Said(
        "ollama",
        200,
        chat(
            {"content": "Paris", "reasoning": "Hm."},
            system_fingerprint="fp_ollama",
            usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        ),
        ("Paris", "Hm.", 9, 5, None),
    ),
    Said(
        "databricks",
        200,
        chat(
            {
                "content": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm.", "signature": "s"}]},
                    {"type": "text", "text": "Paris"},
                ]
            },
            usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "cache_read_input_tokens": 0},
        ),
        ("Paris", "Hm.", 9, 5, 0),
    ),
    Said(
        "litellm",
        200,
        chat(
            {
                "content": "Paris",
                "reasoning_content": "Hm.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
                "provider_specific_fields": None,
            },
            usage={
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": None},
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 4,
            },
        ),
        ("Paris", "Hm.", 9, 5, 4),
    ),
    Said(
        "openrouter",
        200,
        chat(
            {
                "content": "Paris",
                "reasoning": "Hm.",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "format": "anthropic-claude-v1"}],
            },
            choice={"native_finish_reason": "end_turn"},
            provider="Anthropic",
            usage={
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "total_tokens": 14,
                "cost": 0.0001,
                "is_byok": False,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                "cost_details": {"upstream_inference_cost": None},
                "completion_tokens_details": {"reasoning_tokens": 2, "image_tokens": 0},
            },
        ),
        ("Paris", "Hm.", 9, 5, 4),
    ),
    Said(
        "mlflow-gateway",
        200,
        chat(
            {"content": "Paris", "tool_calls": None, "refusal": None},
            usage={"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        ),
        ("Paris", None, 9, 5, None),
    ),
]


@pytest.mark.parametrize("said", REPLIES, ids=lambda said: said.page)
def test_a_reply_in_an_endpoints_own_shape_is_read(anywhere, said):
    anywhere.script(Fault(said.status, body=json.dumps(said.body).encode()))
    reply = ask(client_of_page(said.page, 0, anywhere))
    assert (reply.outcome, reply.tokens_estimated) == ("ok", None)
    told = reply.output, reply.reasoning, reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens
    assert told == said.is_read_as


def error(message, **fields):
    return {"error": {"message": message, "type": None, "param": None, **fields}}


TOO_LONG = "This model's maximum context length is 8192 tokens. However, you requested 9000."
ERRORS = [
    Said("vllm", 400, error(TOO_LONG, type="BadRequestError", code=400), (RequestFailed, "http_400")),
    Said("vllm", 404, error("The model `m` does not exist.", code=404), (PartitionFailure, "unknown_model")),
    Said(
        "sglang",
        400,
        {"object": "error", "message": TOO_LONG, "type": "BadRequestError", "param": None, "code": 400},
        (RequestFailed, "http_400"),
    ),
    Said("ollama", 404, error('model "m" not found, try pulling it first'), (PartitionFailure, "unknown_model")),
    Said("databricks", 400, {"error_code": "BAD_REQUEST", "message": TOO_LONG}, (RequestFailed, "bad_request")),
    Said(
        "databricks",
        429,
        {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Exceeded."},
        (RateLimited, "rate_limited"),
    ),
    Said("databricks", 403, {"error_code": 403, "message": "Invalid token."}, (PartitionFailure, "permission")),
    Said(
        "litellm",
        400,
        error(f"litellm.ContextWindowExceededError: {TOO_LONG}", code="400"),
        (RequestFailed, "http_400"),
    ),
    Said(
        "litellm",
        400,
        error("Budget has been exceeded! Current cost: 1, Max budget: 0.5", type="budget_exceeded", code="400"),
        (PartitionFailure, "insufficient_quota"),
    ),
    Said("openrouter", 402, error("Insufficient credits", code=402), (PartitionFailure, "permission")),
    Said("openrouter", 200, error("Provider returned error", code=429), (RateLimited, "rate_limited")),
    Said("mlflow-gateway", 404, {"detail": "Endpoint 'm' not found"}, (PartitionFailure, "unknown_model")),
    Said("mlflow-gateway", 422, {"detail": [{"loc": ["body"], "msg": "x"}]}, (RequestFailed, "http_422")),
]


@pytest.mark.parametrize("said", ERRORS, ids=lambda said: f"{said.page}-{said.status}")
def test_an_error_in_an_endpoints_own_shape_is_read(anywhere, said):
    anywhere.script(Fault(said.status, body=json.dumps(said.body).encode()))
    with pytest.raises(AttemptFailure) as caught:
        ask(client_of_page(said.page, 0, anywhere))
    assert (type(caught.value), caught.value.kind) == said.is_read_as


def test_what_openrouter_flags_is_a_refusal(anywhere):
    flagged = error("Input was flagged", code=403, metadata={"reasons": ["hate"], "flagged_input": "…"})
    anywhere.script(Fault(403, body=json.dumps(flagged).encode()))
    assert ask(client_of_page("openrouter", 0, anywhere), question("Hi")).outcome == "refused"
