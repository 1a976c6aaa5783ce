"""The child process of `embedded`: serves one GGUF file until its standard input ends. Run as a script.

It imports nothing of this project, so that it starts fast. Its standard input is a pipe that nobody writes to: the
operating system closes it when the parent dies, however that happens.
"""

import json
import os
import signal
import sys
from typing import NamedTuple

ERRORS_ONLY = 1


class ServerSettings(NamedTuple):
    """How a model is served.

    Args:
        gguf: Path of the weights.
        threads: Compute threads.
        n_parallel: Requests answered at once.
        n_context: Tokens of all requests at once; each may use an equal share.
    """

    gguf: str
    threads: int
    n_parallel: int
    n_context: int


def serve(settings: ServerSettings) -> None:
    """Serve on a free loopback port, write the address to standard output, end when standard input ends."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.gguf
    parameters.n_ctx = settings.n_context
    parameters.n_parallel = settings.n_parallel
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.threads
    parameters.warmup = False
    parameters.ui = False
    parameters.verbosity = ERRORS_ONLY
    # The default keeps the state of old prompts, 23 kB a token here, until it fills 8 GB.
    parameters.cache_ram_mib = 0
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)  # noqa: T201  how the parent learns the port
    sys.stdin.buffer.read()
    # Destroying a server that is answering a request never returns.
    os._exit(0)


if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal; the parent decides when the server ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(ServerSettings(*json.loads(sys.argv[1])))
