"""Sending an alert: a request to a webhook, or a program that reads it. What an attempt means is in `deciding`.

The URL of a webhook is a secret: nothing that is said holds it, or a part of it.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from eval_assets.alerting.deciding import Delivery
from eval_assets.alerting.message import AlertMessage
from eval_assets.config.alert import Alert
from eval_assets.providers.http.headers import retry_after_seconds
from eval_assets.providers.redaction import redacted
from eval_assets.wording.foreign_text import shortened, visible_text
from eval_assets.wording.numbers import seconds_text

ALERT_VARIABLE = "EVAL_ASSETS_ALERT"
ID_VARIABLE = "EVAL_ASSETS_ALERT_ID"
TEST_VARIABLE = "EVAL_ASSETS_ALERT_TEST"
"""What a command finds in its environment: the alert's name, the message's id, and 1 where it is only a test."""

TAKEN = range(200, 300)
TRIED_AGAIN = (408, 425, 429)
"""Statuses below 500 that say nothing against another attempt."""

SERVER_ERRORS = 500
BODY_BYTES = 2_000
SAID_CHARACTERS = 300


def send(alert: Alert, message: AlertMessage, folder: Path, environment: Mapping[str, str] = os.environ) -> Delivery:
    """Try once to send an alert; never raises for what a receiver does.

    Args:
        alert: To whom, and how long they may take.
        message: What is sent.
        folder: The project's folder, in which a command runs.
        environment: Holds the URL of a webhook, and is a command's, with a few variables more.
    """
    if alert.file.webhook_env is None:
        return _run(alert, message, folder, environment)
    url = environment.get(alert.file.webhook_env, "").strip()
    parts = urlsplit(url)
    if not url:
        return Delivery(is_taken=False, said=f"the environment variable {alert.file.webhook_env} is not set")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        said = f"expected an http or https URL in the environment variable {alert.file.webhook_env}, got something else"
        return Delivery(is_taken=False, said=said)
    body = message.as_slack() if alert.file.shape == "slack" else message.as_json()
    return asyncio.run(_post(url, body, message.message_id, alert.file.timeout_seconds))


async def _post(url: str, body: str, message_id: str, timeout_seconds: float) -> Delivery:
    """Post to a webhook; a redirection isn't followed, since the message would go to who knows whom."""
    import aiohttp

    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": message_id}
    limit = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=True) as session,
            session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response,
        ):
            # Whoever sent the status has the message, whatever becomes of the body.
            said = b""
            with suppress(aiohttp.ClientError, TimeoutError):
                said = await response.content.read(BODY_BYTES)
            return _answered(response.status, response.headers, said.decode(errors="replace"), _secrets_of(url))
    except TimeoutError:
        return Delivery(is_taken=False, said=f"no answer within {seconds_text(timeout_seconds)}")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno and error.errno > 0 else ""
        return Delivery(is_taken=False, said=f"can't be reached: {reason or type(error).__name__}")


def _answered(status: int, headers: Mapping[str, str], body: str, secrets: list[str]) -> Delivery:
    if status in TAKEN:
        return Delivery(is_taken=True)
    answer = shortened(visible_text(redacted(body, secrets)), SAID_CHARACTERS)
    said = f"HTTP {status}{f': {answer}' if answer else ''}"
    if status in TRIED_AGAIN or status >= SERVER_ERRORS:
        asked = retry_after_seconds({name.lower(): value for name, value in headers.items()})
        return Delivery(is_taken=False, said=said, pause=timedelta(seconds=min(asked or 0.0, 86_400.0)))
    return Delivery(is_taken=False, said=said, is_lasting=True)


def _secrets_of(url: str) -> list[str]:
    """A webhook's URL, and those parts of it by which a receiver may repeat it."""
    parts = urlsplit(url)
    return [url, parts.path, parts.query, *parts.path.split("/")]


def _run(alert: Alert, message: AlertMessage, folder: Path, environment: Mapping[str, str]) -> Delivery:
    """Run a command that reads the alert from standard input; if it fails, the end of its standard error is said."""
    told = {
        ALERT_VARIABLE: alert.name,
        ID_VARIABLE: message.message_id,
        TEST_VARIABLE: "1" if message.is_test else "",
    }
    # Files, not pipes: what the command leaves running may hold a pipe open for ever.
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write(message.as_json().encode(errors="replace"))
        given.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603  what the project's own file says
                alert.file.command,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=folder,
                env={**environment, **told},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return Delivery(is_taken=False, said=f"{alert.file.command[0]} can't be run: {reason}")
        try:
            code = process.wait(alert.file.timeout_seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            ended = f"ended after {seconds_text(alert.file.timeout_seconds)}, its `timeout_seconds`"
            return Delivery(is_taken=False, said=_command_said(alert, ended, errors))
        if code == 0:
            return Delivery(is_taken=True)
        ended = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
        return Delivery(is_taken=False, said=_command_said(alert, ended, errors))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a command and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _command_said(alert: Alert, ended: str, errors: IO[bytes]) -> str:
    """How a command ended, and the end of what it printed on standard error."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - BODY_BYTES))
    printed = errors.read().decode(errors="replace").strip().splitlines()
    last = shortened(visible_text(redacted(" ".join(printed[-3:]))), SAID_CHARACTERS)
    return f"{alert.file.command[0]}: {ended}{f': {last}' if last else ''}"
