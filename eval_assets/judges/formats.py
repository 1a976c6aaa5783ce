"""How a judge is told to reply: a JSON schema where the endpoint knows it, else JSON mode, else plain text.

What an endpoint knows is found out once and remembered. Replies are read in `replies`.
"""

import threading
from pathlib import Path
from typing import Any, Literal, get_args

from eval_assets.config.model import Model
from eval_assets.config.scales import Scale
from eval_assets.providers.abilities import takes_reply_formats
from eval_assets.providers.http.statuses import speaks_of_formats
from eval_assets.providers.identity import lane_of_model
from eval_assets.requests.exchange import Reply
from eval_assets.storage.atomic_files import read_json, write_json

ReplyFormat = Literal["json_schema", "json_object", "text"]
FORMATS: tuple[ReplyFormat, ...] = get_args(ReplyFormat)


def reply_instruction(scale: Scale) -> str:
    """The sentence that asks for the reply; the reason stands before the verdict, so that it is written first.

    >>> from eval_assets.config.scales import IntegerScale
    >>> reply_instruction(IntegerScale())
    'Reply with JSON only: {"justification": "one or two sentences", "score": whole number from 1 to 5}'
    """
    return f'Reply with JSON only: {{"justification": "one or two sentences", "{scale.verdict_field}": {scale.asked}}}'


def reply_schema(scale: Scale) -> dict[str, Any]:
    """JSON schema of the reply, in the strict subset that endpoints enforce."""
    return {
        "type": "object",
        "properties": {"justification": {"type": "string"}, scale.verdict_field: scale.value_schema},
        "required": ["justification", scale.verdict_field],
        "additionalProperties": False,
    }


def response_format(scale: Scale, reply_format: ReplyFormat) -> dict[str, Any] | None:
    """The `response_format` of a request; null asks for plain text."""
    match reply_format:
        case "json_schema":
            named = {"name": "verdict", "strict": True, "schema": reply_schema(scale)}
            return {"type": "json_schema", "json_schema": named}
        case "json_object":
            return {"type": "json_object"}
        case "text":
            return None


def refuses_format(reply: Reply) -> bool:
    """Whether the endpoint refused the request because of its response format."""
    return reply.outcome == "error" and speaks_of_formats(reply.error or "")


class FormatMemory:
    """Which reply format each lane is asked in, kept in a file: equal judgements get equal request keys in every run.

    Args:
        path: JSON file in the state directory, created at the first finding; null remembers within the process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._tried: dict[str, ReplyFormat] = {}
        self._settled = self._read()

    def current(self, model: Model) -> ReplyFormat:
        """The format to ask in: what is known of the model's lane, else the strictest not yet refused."""
        lane = lane_of_model(model)
        strictest: ReplyFormat = "json_schema" if takes_reply_formats(model) else "text"
        return self._settled.get(lane) or self._tried.get(lane) or strictest

    def is_settled(self, model: Model) -> bool:
        """Whether the lane's format is known, so that many requests may be sent in it at once."""
        return lane_of_model(model) in self._settled or not takes_reply_formats(model)

    def accepted(self, model: Model, reply_format: ReplyFormat) -> None:
        """Remember that the lane answered a request in this format."""
        if self.is_settled(model):
            return
        with self._lock:
            self._settled = {**self._read(), **self._settled, lane_of_model(model): reply_format}
            if self._path is not None:
                write_json(self._path, self._settled)

    def refused(self, model: Model, reply_format: ReplyFormat) -> bool:
        """Take the next weaker format from now on; false if none is left."""
        if reply_format == FORMATS[-1]:
            return False
        lane = lane_of_model(model)
        with self._lock:
            if self.current(model) == reply_format:
                self._settled = {other: known for other, known in self._settled.items() if other != lane}
                self._tried[lane] = FORMATS[FORMATS.index(reply_format) + 1]
        return True

    def _read(self) -> dict[str, ReplyFormat]:
        return {lane: known for lane, known in read_json(self._path).items() if known in FORMATS}
