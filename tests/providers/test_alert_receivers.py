"""Webhooks and commands that take an alert, or don't: what is said of it, and what is never said."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval_assets.alerting.deciding import Delivery
from eval_assets.alerting.delivering import send
from eval_assets.alerting.message import AlertMessage
from eval_assets.config.alert import Alert, AlertFile
from tests.raw_server import RawServer

TOKEN = "T0SECRET0TOKEN"
MESSAGE = AlertMessage("m-1", "team", "shop", (), {}, is_test=True)


def posted(server: RawServer | str, **fields: object) -> Delivery:
    base_url = server if isinstance(server, str) else server.base_url
    declared = {"webhook_env": "HOOK", "timeout_seconds": 5, **fields}
    alert = Alert(name="team", file=AlertFile.model_validate(declared))
    return send(alert, MESSAGE, Path(), {"HOOK": f"{base_url}/services/{TOKEN}"})


def answering(status: str, *headers: str, body: str = "") -> RawServer:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return RawServer(lambda _: [f"{head}\r\n\r\n{body}".encode()])


def test_a_webhook_is_sent_the_alert_with_its_id():
    with answering("200 OK", body="ok") as server:
        assert posted(server) == Delivery(is_taken=True)
    (body,), (head,) = server.bodies, server.heads
    assert json.loads(body)["id"] == "m-1"
    assert "Idempotency-Key: m-1" in head
    assert head.startswith(f"POST /v1/services/{TOKEN} HTTP/1.1")


def test_a_webhook_of_slack_is_sent_what_slack_takes():
    with answering("200 OK", body="ok") as server:
        assert posted(server, shape="slack").is_taken
    assert json.loads(server.bodies[0]) == {"text": MESSAGE.text}


@pytest.mark.parametrize("status", ["429 Slow", "408 Late", "500 Oops", "503 Busy"])
def test_a_receiver_that_is_busy_or_broken_is_tried_again_when_it_says(status):
    with answering(status, "Retry-After: 90") as server:
        delivery = posted(server)
    assert (delivery.is_taken, delivery.is_lasting, delivery.pause.total_seconds()) == (False, False, 90)
    assert delivery.said == f"HTTP {status[:3]}"


@pytest.mark.parametrize("status", ["400 Bad", "403 No", "404 Gone", "410 Gone", "302 Found"])
def test_a_receiver_that_refuses_is_said_without_its_address_and_not_tried_again(status):
    with answering(status, "Location: http://127.0.0.1:9/", body=f"no_service at /v1/services/{TOKEN}") as server:
        delivery = posted(server)
        assert server.requests == 1
    assert (delivery.is_taken, delivery.is_lasting) == (False, True)
    assert delivery.said == f"HTTP {status[:3]}: no_service at ***"


def test_a_receiver_that_is_not_there_is_said_without_its_address():
    delivery = posted("http://127.0.0.1:9/v1")
    assert (delivery.is_lasting, delivery.said) == (False, "can't be reached: Connection refused")


def drip(_: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.05)
        yield b"X: y\r\n"


def test_a_receiver_that_never_ends_costs_no_more_than_the_timeout():
    with RawServer(drip) as server:
        delivery = posted(server, timeout_seconds=0.3)
    assert not delivery.is_taken
    assert not delivery.is_lasting


def test_once_a_status_says_so_an_alert_is_taken_whatever_becomes_of_the_body():
    with RawServer(lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"]) as server:
        assert posted(server).is_taken


@pytest.mark.parametrize("url", ["", "ftp://host/x", "https://", "T0SECRET0TOKEN"])
def test_a_variable_without_a_url_is_named_and_its_value_is_not(url):
    alert = Alert(name="team", file=AlertFile(webhook_env="HOOK"))
    delivery = send(alert, MESSAGE, Path(), {"HOOK": url} if url else {})
    assert "environment variable HOOK" in delivery.said
    assert not delivery.is_lasting  # whoever sets it gets what waited
    assert not url or url not in delivery.said


def ran(code: str, folder: Path, *, environment: dict[str, str] | None = None, **fields: object) -> Delivery:
    declared = {"command": [sys.executable, "-c", code], "timeout_seconds": 20, **fields}
    return send(Alert(name="team", file=AlertFile.model_validate(declared)), MESSAGE, folder, environment or {})


def test_a_command_reads_the_alert_and_finds_its_name_and_id(tmp_path):
    code = (
        "import json, os, sys; text = json.load(sys.stdin)['text']; names = ('', '_ID', '_TEST');"
        "told = [text[:4], *(os.environ['EVAL_ASSETS_ALERT' + name] for name in names)];"
        "open('got', 'w').write(' '.join(told))"
    )
    assert ran(code, tmp_path) == Delivery(is_taken=True)
    assert (tmp_path / "got").read_text() == "TEST team m-1 1"


def test_a_command_that_fails_says_how_without_the_secrets_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PAGER_TOKEN", TOKEN)
    delivery = ran(f"import sys; sys.exit('no pager for {TOKEN}\\x1b[31m')", tmp_path)
    assert delivery == Delivery(is_taken=False, said=f"{sys.executable}: exit code 1: no pager for ***\\u001b[31m")


def test_a_command_that_is_not_there_is_said(tmp_path):
    assert (
        ran("", tmp_path, command=["no-such-program"]).said == "no-such-program can't be run: No such file or directory"
    )


def test_a_command_has_no_shell_unless_one_is_written(tmp_path):
    assert ran("", tmp_path, command=["true", "; touch", "got"]).is_taken
    assert not (tmp_path / "got").exists()
    assert ran("", tmp_path, command=["/bin/sh", "-c", "cat > got"]).is_taken
    assert json.loads((tmp_path / "got").read_text())["id"] == "m-1"


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path):
    code = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "open('pid', 'w').write(str(child.pid)); time.sleep(600)"
    )
    delivery = ran(code, tmp_path, timeout_seconds=2)
    assert delivery.said == f"{sys.executable}: ended after 2 s, its `timeout_seconds`"
    pid = (tmp_path / "pid").read_text()
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child still runs")
