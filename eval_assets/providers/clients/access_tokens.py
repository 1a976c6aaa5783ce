"""Access tokens that expire: obtained by a command or a function, renewed before they end, never shown.

How they are sent is in `openai_client`.
"""

import asyncio
import base64
import binascii
import json
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from eval_assets.config.model import Model, ModelFile
from eval_assets.providers.clients.callable_target import described, load_target
from eval_assets.providers.clients.callable_version import project_dir_of
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.failures import PartitionFailure
from eval_assets.providers.redaction import redacted
from eval_assets.requests.foreign_values import finite_number

RENEWED_BEFORE_SECONDS = 180.0
LEAST_SECONDS = 30.0
"""Between two renewals, whatever is said of when a token ends."""

ASSUMED_SECONDS = 600.0
"""How long a token is used that doesn't say when it ends."""

COMMAND_SECONDS = 60.0
NAMES = ("accessToken", "access_token", "token", "id_token")
ENDS = ("expires_on", "expiresOn", "expires_at", "expiry")
LONGEST_SAID = 300


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """What is sent as bearer, and when it ends, in seconds since 1970; null where nobody says."""

    value: str
    ends_at: float | None


class Tokens:
    """The token to send now.

    Args:
        obtain: Gets a new one; may take long, and raises `PartitionFailure` where it can't.
        clock: Seconds since 1970.
    """

    def __init__(self, obtain: Callable[[], Token], *, clock: Callable[[], float] = time.time) -> None:
        self._obtain, self._clock = obtain, clock
        self._token: Token | None = None
        self._renew_at = 0.0
        self._turn = threading.Lock()

    async def current(self, refused: str | None = None) -> str:
        """A token that won't end within minutes, and isn't the one that was refused.

        Raises:
            PartitionFailure: There is none to be had.
        """
        token = self._token
        if token is None or not self._holds(token, refused):
            token = await asyncio.to_thread(self._renewed, refused)
        return token.value

    def _holds(self, token: Token, refused: str | None) -> bool:
        return self._clock() < self._renew_at and token.value != refused

    def _renewed(self, refused: str | None) -> Token:
        """A new token, unless another request got one meanwhile."""
        with self._turn:
            if self._token is not None and self._holds(self._token, refused):
                return self._token
            self._token = token = self._obtain()
            now = self._clock()
            ends_at = now + ASSUMED_SECONDS if token.ends_at is None else token.ends_at
            self._renew_at = max(ends_at - RENEWED_BEFORE_SECONDS, now + LEAST_SECONDS)
            return token


def has_tokens(file: ModelFile) -> bool:
    """Whether a model is asked with tokens, and so without a key."""
    return file.token_command is not None or file.token_function is not None


def key_name_of(file: ModelFile, url: str, variable: str) -> str | None:
    """The variable that holds a model's key; null if none is sent.

    Args:
        file: A model file.
        url: The provider's own address, which wants a key; where a file says another, it may want none.
        variable: What holds the key, unless the file says another.
    """
    is_own = urlsplit(file.base_url or url).hostname == urlsplit(url).hostname
    return file.api_key_env or (variable if is_own and not has_tokens(file) else None)


def tokens_of(model: Model, surroundings: Surroundings) -> Tokens | None:
    """The tokens of a model file; null where it uses none. Nothing is obtained yet.

    Raises:
        ConfigError: The function that the file names can't be imported.
    """
    file = model.file
    if file.token_command is not None:
        command = file.token_command
        return Tokens(lambda: token_by_command(command, model.name))
    if file.token_function is not None:
        target = file.token_function
        found = load_target(target, project_dir_of(surroundings.models_dir))
        return Tokens(lambda: _token_by_function(found, target, model.name))
    return None


def token_by_command(command: str, model_name: str) -> Token:
    """What a command prints; it is run as it stands, by no shell.

    Raises:
        PartitionFailure: It isn't found, fails, takes more than a minute, or prints no token.
    """

    def failed(said: str) -> PartitionFailure:
        told = f"model {model_name!r}: `token_command` {command!r} {said}; nothing was sent"
        return PartitionFailure(redacted(told), "authentication")

    try:
        ran = subprocess.run(  # noqa: S603  the author of the file says what is run, and no shell reads it
            shlex.split(command), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError) as error:
        raise failed(f"can't be run: {error}") from None
    except subprocess.TimeoutExpired:
        raise failed(f"took more than {COMMAND_SECONDS:g} s") from None
    if ran.returncode:
        lines = ran.stderr.split("\n")
        told = next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
        raise failed(f"ended with {ran.returncode}: {told[:LONGEST_SAID]}")
    token = read_token(ran.stdout)
    if token is None:
        raise failed("printed no token: neither one word nor JSON with `accessToken`, `access_token` or `token`")
    return token


def read_token(given: Any) -> Token | None:
    """A token as commands print it and functions return it: a text, JSON, or an object with `token` and `expires_on`.

    >>> read_token('{"accessToken": "abc", "expires_on": 1700000000}').ends_at
    1700000000.0
    >>> read_token("two words"), read_token(None)
    (None, None)
    """
    if isinstance(given, str):
        text = given.strip()
        if not text.startswith("{"):
            return Token(text, _end_in(text)) if text and len(text.split()) == 1 else None
        try:
            given = json.loads(text)
        except ValueError:
            return None
    fields = given if isinstance(given, Mapping) else {name: getattr(given, name, None) for name in (*NAMES, *ENDS)}
    values = [str(fields[name]).strip() for name in NAMES if isinstance(fields.get(name), str)]
    if not values or not values[0]:
        return None
    ends = (_moment(fields[name]) for name in ENDS if fields.get(name) is not None)
    return Token(values[0], next((end for end in ends if end is not None), None) or _end_in(values[0]))


def _token_by_function(found: Callable[[], Any], target: str, model_name: str) -> Token:
    try:
        token = read_token(found())
    except Exception as error:  # noqa: BLE001  code of the user may raise anything
        said = f"model {model_name!r}: `token_function` {target!r} failed: {described(error)}; nothing was sent"
        raise PartitionFailure(said, "authentication") from None
    if token is None:
        said = f"model {model_name!r}: `token_function` {target!r} returned no token; nothing was sent"
        raise PartitionFailure(said, "authentication")
    return token


def _moment(given: Any) -> float | None:
    """Seconds since 1970 of a number of them, or of a date: in local time where it names no zone, as Azure's are."""
    if (number := finite_number(given)) is not None:
        return number
    try:
        return given.timestamp() if isinstance(given, datetime) else datetime.fromisoformat(str(given)).timestamp()
    except (ValueError, OverflowError):
        return None


def _end_in(value: str) -> float | None:
    """When a token ends, if it is one that says so itself (a JWT)."""
    parts = value.split(".")
    if len(parts) != 3:  # noqa: PLR2004  header, claims, signature
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return finite_number(claims.get("exp")) if isinstance(claims, dict) else None
