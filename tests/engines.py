"""Engines on a loopback provider, for tests of the engine and of everything that asks it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.model import Limits
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.clients.served_endpoints import endpoint_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.jobs import Answer, Job
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Request
from eval_assets.requests.keys import ModelIdentity
from eval_assets.storage.replies.responses import ResponseStore
from eval_assets.storage.warehouse import Warehouse
from tests.loopback import LoopbackProvider

FAST = Limits(max_concurrency=8, timeout_seconds=2.0, max_retries=3)


def identity_at(base_url: str) -> ModelIdentity:
    return ModelIdentity("openai", endpoint_of(base_url), "tiny")


def surroundings(environment: Mapping[str, str]) -> Surroundings:
    """What a client is opened with that needs variables of the environment alone."""
    return Surroundings(Path("models"), EmbeddedServers(), environment)


def store_in(folder: Path, **options: Any) -> ResponseStore:
    return ResponseStore(Warehouse(str(folder / "warehouse")), **options)


def engine_on(provider: LoopbackProvider, folder: Path, **options: Any) -> Engine:
    """An engine with its own store over `folder`, as a new process would have."""
    client = OpenAIClient(model_id="tiny", base_url=provider.base_url, api_key=options.pop("api_key", None))
    asked = {"identity": identity_at(provider.base_url), "client": client}
    defaults = {"run_id": "run-1", "limits": FAST, "store": store_in(folder)}
    return Engine(**(asked | defaults | options))


def question(text: str, **fields: Any) -> Request:
    return Request(messages=({"role": "user", "content": text},), **fields)


def jobs(n: int, start: int = 0) -> list[Job[int]]:
    return [Job(question(f"question {index}"), index) for index in range(start, start + n)]


def answered(engine: Engine, asked: Iterable[Job[int]]) -> dict[int, Answer[int]]:
    """Answers by tag."""
    return {answer.job.tag: answer for answer in engine.answers(asked)}
