"""Providers that send requests elsewhere, or more than anyone can hold: nothing leaks, memory stays bounded."""

import functools
import gzip
import itertools
import json
import subprocess
import sys
import textwrap
import time
import zlib
from pathlib import Path

import pytest

from eval_assets.config.model import Limits
from eval_assets.errors import ProviderError
from tests.engines import FAST, answered, engine_on, jobs
from tests.loopback import Fault, LoopbackProvider
from tests.raw_server import RawServer

KEY = "sk-1234567890abcdef"
MIB = 2**20


pytestmark = pytest.mark.usefixtures("short_backoff")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_names_where_it_leads(provider, tmp_path, status):
    with LoopbackProvider() as other:
        location = f"{other.base_url.replace('//', '//me:pa55word@')}/chat/completions?sig=s3cr3t#there"
        provider.faults = lambda _: Fault(status, headers={"Location": location})
        with pytest.raises(ProviderError, match="redirects to") as caught:
            list(engine_on(provider, tmp_path, api_key=KEY).answers(jobs(100)))
    assert f"{provider.base_url}/chat/completions redirects to {other.base_url}, which isn't followed" in str(
        caught.value
    )
    assert f"HTTP {status}" in str(caught.value)
    assert "(redirected)" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("pa55word", "s3cr3t", KEY))
    assert (provider.requests, other.requests) == (1, 0)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://127.0.0.1:1/v1/chat/completions", "https://127.0.0.1:1/v1"),  # the same host, another scheme
        ("//example.invalid/v1", "http://example.invalid/v1"),
        ("/v2/chat/completions", "/v2,"),  # the same host and scheme: the prompts still go where nobody asked for
        ("http://[broken", "an address that can't be read"),
        (None, "no address"),
    ],
)
def test_a_redirect_to_the_same_host_another_scheme_or_nowhere_is_not_followed_either(
    provider, tmp_path, location, target
):
    provider.faults = lambda _: Fault(308, headers={} if location is None else {"Location": location})
    with pytest.raises(ProviderError, match="isn't followed") as caught:
        list(engine_on(provider, tmp_path).answers(jobs(100)))
    assert target in str(caught.value)
    assert provider.requests == 1


def completion(text: str) -> bytes:
    reply = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    return json.dumps(reply | {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()


def compressed(plain: bytes, encoding: str) -> bytes:
    match encoding:
        case "gzip":
            return gzip.compress(plain)
        case "deflate":
            return zlib.compress(plain)
        case "gzip, gzip":
            return gzip.compress(gzip.compress(plain))
    return plain


def said_of(encoding: str) -> dict[str, str]:
    return {"Content-Encoding": encoding} if encoding else {}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip", "identity", ""])
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_body_beyond_the_limit_fails_its_row_and_no_other(provider, tmp_path, encoding, status):
    bomb = Fault(status, body=compressed(completion("x" * 3 * MIB), encoding), headers=said_of(encoding))
    provider.faults = lambda body: bomb if body["messages"][0]["content"] == "question 7" else None
    limits = FAST.model_copy(update={"max_reply_mib": 2.0})
    engine = engine_on(provider, tmp_path, limits=limits)
    engine.client._max_body_bytes = 2 * MIB
    answers = answered(engine, jobs(10))
    assert (answers[7].reply.outcome, answers[7].reply.error_kind) == ("error", "reply_too_large")
    assert f"HTTP {status}: expected a body of at most 2 MiB, decompressed" in answers[7].reply.error
    assert "limits.max_reply_mib" in answers[7].reply.error
    assert sum(answer.reply.outcome == "ok" for answer in answers.values()) == 9
    assert provider.requests == 10  # the same again would be as large


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", ""])
def test_a_compressed_body_within_the_limit_is_read_as_ever(provider, tmp_path, encoding):
    body = compressed(completion("x" * MIB), encoding)
    provider.faults = lambda _: Fault(200, body=body, headers=said_of(encoding))
    (answer,) = answered(engine_on(provider, tmp_path), jobs(1)).values()
    assert answer.reply.output == "x" * MIB


def test_a_body_that_is_not_compressed_as_it_says_is_attempted_again(provider, tmp_path):
    provider.script(Fault(200, body=b"no gzip", headers={"Content-Encoding": "gzip"}))
    (answer,) = answered(engine_on(provider, tmp_path), jobs(1)).values()
    assert answer.reply.output == "echo: question 0"


def endless_chunks(_: int):
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    yield from itertools.repeat(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def endless_empty_blocks(_: int):
    """Compressed blocks that decompress to nothing."""
    squeeze = zlib.compressobj(wbits=31)
    yield (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + squeeze.compress(b"x") + squeeze.flush(zlib.Z_SYNC_FLUSH)
    )
    yield from itertools.repeat(b"\x00\x00\x00\xff\xff" * 10_000)


@functools.cache
def half_a_gigabyte() -> bytes:
    squeeze = zlib.compressobj(wbits=31)
    block = bytes(MIB)
    return b"".join(squeeze.compress(block) for _ in range(512)) + squeeze.flush()


def bomb(_: int):
    body = half_a_gigabyte()
    yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def endless_headers(_: int):
    yield b"HTTP/1.1 200 OK\r\n"
    yield from (b"X-%d: %s\r\n" % (number, b"y" * 1_000) for number in itertools.count())


def endless_header(_: int):
    yield b"HTTP/1.1 200 OK\r\nX: "
    yield from itertools.repeat(b"y" * 65_536)


MEASURED = """
import asyncio, resource, sys
from eval_assets.providers.clients.openai_client import OpenAIClient
from tests.engines import question

async def ask():
    client = OpenAIClient(model_id="tiny", base_url=sys.argv[1])
    kinds = [getattr(end, "kind", repr(end)) for end in await asyncio.gather(
        *(client.complete(question("x")) for _ in range(4)), return_exceptions=True)]
    await client.aclose()
    return kinds

async def warm():
    client = OpenAIClient(model_id="tiny", base_url="http://127.0.0.1:9/v1")
    await asyncio.gather(client.complete(question("x")), return_exceptions=True)
    await client.aclose()

asyncio.run(warm())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kinds = asyncio.run(ask())
print(*sorted(set(kinds)), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize(
    ("answering", "kind"),
    [
        (endless_chunks, "reply_too_large"),
        (endless_empty_blocks, "reply_too_large"),
        (bomb, "reply_too_large"),
        (endless_headers, "invalid_http"),
        (endless_header, "invalid_http"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_never_ends_ends_soon_and_takes_little_memory(answering, kind):
    half_a_gigabyte()
    with RawServer(answering) as server:
        finished = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(MEASURED), server.base_url],
            capture_output=True, text=True, timeout=50, check=False, cwd=Path(__file__).parents[2],
        )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    found, megabytes = finished.stdout.split()
    assert found == kind
    # Four at once, each at most 16 MiB and a piece, of which joining makes no copy since the limit comes first.
    assert int(megabytes) < 200


def test_a_body_that_drips_ends_at_the_deadline(tmp_path):
    dripped = []

    def dripping(_: int):
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for number in range(100):
            time.sleep(0.05)
            dripped.append(number)
            yield b"1\r\nx\r\n"

    with RawServer(dripping) as server:
        (answer,) = answered(
            engine_on(server, tmp_path, limits=Limits(timeout_seconds=0.5, max_retries=0)), jobs(1)
        ).values()
    assert answer.reply.error_kind == "timeout"
    assert len(dripped) < 100  # of five seconds' worth, half a second's or little more
