"""`eval-assets check --connect`: asks each served model once, to find out whether it answers and what it takes."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from eval_assets.checking.parameter_spelling import asked_parameters, dialect_of, renamed
from eval_assets.config.model import Model
from eval_assets.config.project import Project
from eval_assets.errors import EvalAssetsError
from eval_assets.providers.clients.opening import open_client
from eval_assets.providers.clients.surroundings import Surroundings
from eval_assets.providers.dialects.families import not_honoured
from eval_assets.providers.dialects.found_out import DialectMemory, left_out
from eval_assets.providers.failures import AttemptFailure
from eval_assets.providers.identity import lane_of_model
from eval_assets.providers.local.embedded import EmbeddedServers
from eval_assets.requests.exchange import Message, Reply, Request

QUESTION = (Message(role="user", content="Reply with the word OK."),)


@dataclass(frozen=True, slots=True)
class Connection:
    """What came of asking one model with one set of parameters."""

    said: str
    answered: bool


def connections(project: Project, names: Iterable[str], memory: DialectMemory) -> Iterator[Connection]:
    """Ask each served model of these evaluations, once for each set of parameters that it would be asked with.

    What was found out about it before is forgotten, and found out again.

    Args:
        project: The loaded files.
        names: Of evaluations that can run.
        memory: Where findings are kept.
    """
    asked: dict[str, tuple[Model, dict[str, Any]]] = {}
    for name in names:
        for model, _, parameters in asked_parameters(project, name):
            asked.setdefault(json.dumps([model.name, parameters], default=str), (model, dict(parameters)))
    for lane in {lane_of_model(model) for model, _ in asked.values()}:
        memory.forget(lane)
    for model, parameters in asked.values():
        yield _connection(project, model, parameters, memory)


def _connection(project: Project, model: Model, parameters: dict[str, Any], memory: DialectMemory) -> Connection:
    surroundings = Surroundings(project.models_dir, EmbeddedServers(), given=project.given, dialects=memory)
    try:
        reply = asyncio.run(_answer(model, parameters, surroundings))
    except (AttemptFailure, EvalAssetsError) as error:
        return Connection(f"model {model.name!r}: {error}", answered=False)
    except TimeoutError:
        seconds = model.file.limits.timeout_seconds
        return Connection(f"model {model.name!r}: no complete reply within {seconds:g} s", answered=False)
    names = dialect_of(model, memory).names(parameters)
    missing = not_honoured(parameters, names)
    asked = {name: sent_as for name, sent_as in names.items() if name in parameters}
    found = [renamed(asked), left_out(missing) if missing else ""]
    latency = f"answered in {reply.latency_seconds:.2f} s"
    return Connection(f"model {model.name!r}: " + "; ".join(filter(None, [latency, *found])), answered=True)


async def _answer(model: Model, parameters: dict[str, Any], surroundings: Surroundings) -> Reply:
    client = open_client(model, surroundings)
    try:
        async with asyncio.timeout(model.file.limits.timeout_seconds):
            return await client.complete(Request(QUESTION, parameters))
    finally:
        await client.aclose()
