"""Chat completions, the API that most endpoints speak; replies are read in `clients.openai_replies`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eval_assets.providers.apis.api_form import ApiForm, drawn, nested
from eval_assets.providers.apis.streams import STREAM_WITH_USAGE, completion_of
from eval_assets.providers.clients.openai_replies import reply_of
from eval_assets.requests.exchange import Reply, Request


def chat_body(model_id: str, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a chat completion."""
    return drawn({**nested(sent), "model": model_id, "messages": request.messages}, request.sample_index)


def chat_reply(body: Any, _request: Request, *, latency_seconds: float, requested_at: datetime) -> Reply:
    """The reply in a chat completion."""
    return reply_of(body, latency_seconds=latency_seconds, requested_at=requested_at)


CHAT = ApiForm(
    path="/chat/completions", body=chat_body, reply=chat_reply, whole=completion_of, streaming=STREAM_WITH_USAGE
)
