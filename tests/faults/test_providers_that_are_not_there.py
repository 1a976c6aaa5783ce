"""Endpoints that can't be reached, or that say no to everything: the cell stops, and says why; single rows don't."""

import asyncio
import socket
import ssl
import subprocess

import pytest

from eval_assets.config.model import Limits
from eval_assets.errors import ProviderError
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.failures import TransientFailure
from tests.engines import FAST, answered, engine_on, jobs, question
from tests.loopback import Fault, LoopbackProvider
from tests.raw_server import RawServer

N = 400


pytestmark = pytest.mark.usefixtures("short_backoff")


def stopped_at(base_url, tmp_path, **options):
    """What ended an engine at an address."""
    nowhere = LoopbackProvider()
    nowhere.base_url = base_url
    patient = FAST.model_copy(update={"timeout_seconds": 30.0})
    engine = engine_on(nowhere, tmp_path, limits=patient, **options)
    with pytest.raises(ProviderError) as caught:
        list(engine.answers(jobs(N), total=N))
    return str(caught.value), engine.report().progress


@pytest.fixture
def self_signed(tmp_path):
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *files, *subject]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    return context


def test_a_certificate_nobody_trusts_stops_the_cell_at_the_first_request(tmp_path, self_signed):
    with RawServer(lambda _: [b"HTTP/1.1 200 OK\r\n\r\n{}"], tls=self_signed) as server:
        message, progress = stopped_at(server.base_url, tmp_path)
        assert server.requests == 0
    assert f"the certificate of {server.base_url} isn't trusted" in message
    assert "(unreachable)" in message
    assert progress.retries == 0


def test_https_to_a_server_that_speaks_http_stops_the_cell_at_the_first_request(provider, tmp_path):
    message, progress = stopped_at(provider.base_url.replace("http:", "https:"), tmp_path)
    assert "no secure connection to https://127.0.0.1" in message
    assert (progress.retries, provider.requests) == (0, 0)


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("http://no-such-host.invalid/v1", "the host of http://no-such-host.invalid/v1 is unknown"),
        ("http://" + "a" * 70 + ".example/v1", "is no address"),  # a label has 63 letters at most
        ("http://127.0.0.1:9/v1", "can't be reached"),
    ],
)
def test_an_address_that_can_not_be_reached_stops_the_cell(tmp_path, base_url, said):
    message, progress = stopped_at(base_url, tmp_path)
    assert said in message
    assert f"{N:,} are left" in message
    assert progress.done == 0


def test_a_host_that_is_not_found_for_a_moment_costs_a_retry(provider, tmp_path, monkeypatch):
    asked = []
    found = socket.getaddrinfo

    def hiccup(host, *arguments, **options):
        asked.append(host)
        if len(asked) <= 2:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return found(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", hiccup)
    named = provider.base_url.replace("127.0.0.1", "localhost")

    async def ask():
        client = OpenAIClient(model_id="tiny", base_url=named)
        failures = []
        for _ in range(2):
            with pytest.raises(TransientFailure) as caught:
                await client.complete(question("x"))
            failures.append((caught.value.kind, caught.value.lasting))
        reply = await client.complete(question("x"))
        await client.aclose()
        return failures, reply.output

    assert asyncio.run(ask()) == ([("connection", False)] * 2, "echo: x")


class Vanishing(OpenAIClient):
    """Its host can't be found for some of the requests."""

    lost: frozenset[str] = frozenset()

    async def complete(self, request):
        if request.messages[0]["content"] in self.lost:
            raise TransientFailure("the host is unknown", kind="connection", lasting=True)
        return await super().complete(request)


def vanishing_engine(provider, tmp_path, lost, **options):
    engine = engine_on(provider, tmp_path, **options)
    engine.client = Vanishing(model_id="tiny", base_url=provider.base_url)
    engine.client.lost = frozenset(f"question {number}" for number in lost)
    engine.__post_init__()
    return engine


def test_a_host_that_vanishes_for_a_row_amid_others_costs_that_row(provider, tmp_path):
    answers = answered(vanishing_engine(provider, tmp_path, {7}), jobs(30))
    assert answers[7].reply.error_kind == "connection"
    assert sum(answer.reply.outcome == "ok" for answer in answers.values()) == 29


def test_a_host_that_is_gone_for_good_stops_the_cell_after_ten_rows_and_keeps_what_came(provider, tmp_path):
    engine = vanishing_engine(provider, tmp_path, range(50, N), limits=FAST.model_copy(update={"max_concurrency": 2}))
    with pytest.raises(ProviderError, match=r"10 requests in a row failed alike.*\(unreachable\)"):
        list(engine.answers(jobs(N)))
    assert provider.paid == 50
    assert len(answered(vanishing_engine(provider, tmp_path, ()), jobs(N))) == N
    assert provider.paid == N


REFUSED = [
    Fault(400, message="Unsupported parameter: 'max_tokens' is not supported", code="unsupported_parameter"),
    Fault(422, body=b'{"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted"}]}'),
    Fault(403, body=b"<html><title>Access denied</title></html>"),
    Fault(413, body=b"<html>Request Entity Too Large</html>"),
    Fault(418, body=b"no"),
]


@pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: f"{fault.what}")
def test_the_same_no_to_the_first_ten_requests_stops_the_cell(provider, tmp_path, fault):
    provider.faults = lambda _: fault
    engine = engine_on(provider, tmp_path)
    with pytest.raises(ProviderError, match=r"10 requests in a row failed alike, 10 were sent: HTTP 4") as caught:
        list(engine.answers(jobs(N), total=N))
    assert provider.requests == 10  # one at a time as long as nothing was ever answered
    assert "391 are left" in str(caught.value)  # nine were failed rows when the tenth stopped the cell


def test_ids_in_messages_make_no_difference_but_other_words_do(provider, tmp_path):
    numbers = iter(range(10_000))
    provider.faults = lambda _: Fault(400, message=f"bad seed (request req_{next(numbers):012d}ab)")
    with pytest.raises(ProviderError, match="10 requests in a row failed alike"):
        list(engine_on(provider, tmp_path).answers(jobs(N)))
    provider.faults = lambda body: Fault(
        400, message=f"{len(body['messages'][0]['content'])} and {next(numbers)} tokens"
    )
    answers = answered(engine_on(provider, tmp_path), jobs(50))
    assert {answer.reply.outcome for answer in answers.values()} == {"error"}
    assert len(answers) == 50


@pytest.mark.parametrize(
    "fault", [Fault(500), Fault(502, body=b"<html>Bad Gateway</html>"), Fault("reset"), Fault(408), Fault(429)]
)
def test_a_failure_that_ten_rows_could_not_overcome_stops_the_cell(provider, tmp_path, fault):
    provider.faults = lambda _: fault
    with pytest.raises(ProviderError, match=r"10 requests in a row failed alike, \d+ were sent"):
        list(engine_on(provider, tmp_path, limits=FAST.model_copy(update={"max_retries": 1})).answers(jobs(N)))
    # Two attempts for each of ten rows; further rows are attempted while those rest.
    assert provider.requests < 60


def test_a_format_that_is_refused_stops_nothing_since_judges_ask_in_another(provider, tmp_path):
    provider.faults = lambda _: Fault(400, message="response_format json_schema is not supported")
    assert len(answered(engine_on(provider, tmp_path), jobs(50))) == 50


def test_refusals_after_a_reply_cost_their_rows_however_many(provider, tmp_path):
    provider.faults = lambda body: None if body["messages"][0]["content"] == "question 0" else REFUSED[0]
    answers = answered(engine_on(provider, tmp_path), jobs(60))
    assert sorted({answer.reply.outcome for answer in answers.values()}) == ["error", "ok"]
    assert len(answers) == 60


def test_rows_that_fail_again_beside_stored_replies_do_not_stop_the_cell(provider, tmp_path):
    bad = {f"question {number}" for number in range(20)}
    provider.faults = lambda body: REFUSED[0] if body["messages"][0]["content"] in bad else None
    asked = jobs(40)[::-1]
    assert len(answered(engine_on(provider, tmp_path), asked)) == 40
    assert len(answered(engine_on(provider, tmp_path), asked)) == 40  # only the bad ones are sent, and nothing replies
    assert provider.requests == 40 + 20


def test_how_many_is_declared_and_null_never_stops(provider, tmp_path):
    provider.faults = lambda _: REFUSED[0]
    three, never = (FAST.model_copy(update={"give_up_after": number}) for number in (3, None))
    with pytest.raises(ProviderError, match="3 requests in a row failed alike"):
        list(engine_on(provider, tmp_path, limits=three).answers(jobs(N)))
    assert len(answered(engine_on(provider, tmp_path, limits=never), jobs(50))) == 50
    assert Limits().give_up_after == 10


def test_a_page_instead_of_the_api_stops_the_cell_at_the_first_request(provider, tmp_path):
    provider.faults = lambda _: Fault(200, body=b"<html><title>Our chat</title></html>")
    with pytest.raises(ProviderError, match="expected JSON, got the page 'Our chat'"):
        list(engine_on(provider, tmp_path).answers(jobs(N)))
    assert provider.requests == 1
    provider.faults = None
    provider.script(None, Fault(200, body=b"<html>maintenance</html>"))  # after a reply it is attempted again
    assert {answer.reply.outcome for answer in answered(engine_on(provider, tmp_path), jobs(5)).values()} == {"ok"}
    assert provider.requests == 1 + 6


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/v1/chat/completions", "`base_url` ends before `/chat/completions`, which is added to it"),
        ("", "the `base_url` of most endpoints ends in `/v1`"),
        ("/api", "the `base_url` of most endpoints ends in `/v1`"),
        ("/v2", ""),
    ],
)
def test_an_endpoint_that_is_unknown_is_named_with_a_hint(provider, tmp_path, path, hint):
    base_url = provider.base_url.removesuffix("/v1") + path
    message, progress = stopped_at(base_url, tmp_path)
    assert f"is unknown at {base_url}/chat/completions" in message
    assert hint in message
    assert ("`base_url`" in message) == bool(hint)
    assert progress.done == 0


def test_the_parameter_that_was_refused_is_named_even_where_the_message_does_not(provider, tmp_path):
    provider.faults = lambda _: Fault(
        400, body=b'{"error": {"message": "Unsupported value.", "code": "unsupported_value", "param": "temperature"}}'
    )
    (answer,) = answered(engine_on(provider, tmp_path), jobs(1)).values()
    assert answer.reply.error == "HTTP 400: Unsupported value. (parameter 'temperature')"
    assert answer.reply.error_kind == "unsupported_value"


def test_the_first_failure_of_each_kind_is_logged_with_its_message(provider, tmp_path, caplog):
    page = Fault(502, body=b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
    kinds = {"question 3": page, "question 4": page, "question 5": REFUSED[0]}
    provider.faults = lambda body: kinds.get(body["messages"][0]["content"])
    answered(engine_on(provider, tmp_path, limits=FAST.model_copy(update={"max_retries": 0})), jobs(10))
    said = sorted(record.getMessage() for record in caplog.records if record.name == "eval_assets")
    assert [message.partition("; further ones")[0] for message in said] == [
        "a request to tiny failed with http_502: HTTP 502: 502 Bad Gateway nginx",
        f"a request to tiny failed with unsupported_parameter: HTTP 400: {REFUSED[0].message}",
    ]
