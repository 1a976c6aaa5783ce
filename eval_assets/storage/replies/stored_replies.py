"""One stored reply: its row in `responses`, and the hashes that prove row, request and key belong together."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from eval_assets.requests.answerer import ANSWERER, answerer_in, answerer_of
from eval_assets.requests.canonical_json import json_sha256
from eval_assets.requests.exchange import Reply
from eval_assets.requests.foreign_values import finite_number, whole_characters, whole_number
from eval_assets.requests.keys import key_of
from eval_assets.requests.used_tokens import PARTS, parts_in, parts_of

REUSABLE = ("ok", "tool_call", "empty", "truncated", "refused")
"""Outcomes of a reply that came, which may have been billed: it is final until it is asked for again. Errors aren't
kept.
"""

COUNTS = ("prompt_tokens", "completion_tokens")

ID_BYTES = 16

APART = ("reasoning", "tool_calls", "trajectory", "extra")
"""Columns that replies stored by earlier releases don't have; they count in the hash where they hold something."""


@dataclass(frozen=True, slots=True)
class StoredReply:
    """A reply with the ids it is known by; `run_id` is the run that paid for it."""

    response_id: str
    request_key: str
    run_id: str
    reply: Reply


def storable(reply: Reply) -> Reply:
    """The reply as a row can hold it: text that UTF-8 can encode (a model may cut an emoji in half), whole numbers."""
    if _told_beside(reply) == _NOTHING and (reply.output is None or reply.output.isascii()):
        return reply
    held: dict[str, Any] = {
        "output": _encodable(reply.output),
        "error": _encodable(reply.error),
        "finish_reason": _encodable(reply.finish_reason),
        "reasoning": _encodable(reply.reasoning),
        "extra": _encodable(reply.extra),
        **{name: _encodable(told) for name, told in answerer_of(reply).items()},
        "prompt_tokens": whole_number(reply.prompt_tokens),
        "completion_tokens": whole_number(reply.completion_tokens),
        **{name: whole_number(getattr(reply, name)) for name in PARTS},
        "cost_usd": finite_number(reply.cost_usd),
        "latency_seconds": finite_number(reply.latency_seconds),
        "first_token_seconds": finite_number(reply.first_token_seconds),
    }
    changed = {name: value for name, value in held.items() if value is not getattr(reply, name)}
    return replace(reply, **changed) if changed else reply


_told_beside = attrgetter(
    "error", "finish_reason", "reasoning", "extra", "prompt_tokens", "completion_tokens", "cost_usd",
    "latency_seconds", "first_token_seconds", *PARTS, *ANSWERER,
)  # fmt: skip
_NOTHING = (None,) * (9 + len(PARTS) + len(ANSWERER))


def new_response_ids(n: int) -> list[str]:
    """Draw n response ids with one call of the system."""
    drawn = os.urandom(n * ID_BYTES)
    return [drawn[at : at + ID_BYTES].hex() for at in range(0, len(drawn), ID_BYTES)]


def row_of(
    reply: Reply, *, lane: str, request_key: str, request: str, key_schema: str, run_id: str, response_id: str = ""
) -> dict[str, Any]:
    """The row of `responses` for a new reply, under a new response id unless one is given."""
    row = {
        "lane": lane,
        "response_id": response_id or uuid.uuid4().hex,
        "request_key": request_key,
        "key_schema": key_schema,
        "request": request,
        "outcome": reply.outcome,
        "output": reply.output,
        "reasoning": reply.reasoning,
        "tool_calls": reply.tool_calls,
        "trajectory": reply.trajectory,
        "extra": reply.extra,
        "finish_reason": reply.finish_reason,
        "error_kind": reply.error_kind,
        "error": reply.error,
        "logprobs": None if reply.logprobs is None else json.dumps(reply.logprobs),
        "latency_seconds": reply.latency_seconds,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        **parts_of(reply),
        "tokens_estimated": reply.tokens_estimated,
        "cost_usd": reply.cost_usd,
        "requested_at": reply.requested_at,
        "first_token_seconds": reply.first_token_seconds,
        **answerer_of(reply),
        "usage": reply.usage,
        "run_id": run_id,
    }
    row["reply_sha256"] = reply_sha256(row)
    return row


def reply_sha256(row: Mapping[str, Any]) -> str:
    """Hash of what was answered to which request; a reply moved under another key no longer matches."""
    said = [
        row["response_id"],
        row["request_key"],
        row["outcome"],
        row["output"],
        row["finish_reason"],
        row["logprobs"],
    ]
    spent = [row["prompt_tokens"], row["completion_tokens"]]
    apart = {name: row[name] for name in APART if row.get(name) is not None}
    return json_sha256([*said, *([apart] if apart else []), *spent])


def is_intact(row: Mapping[str, Any]) -> bool:
    """Whether request, key and reply of a row still belong together."""
    request = row["request"]
    if request is None or key_of(request) != row["request_key"]:
        return False
    return any(row["reply_sha256"] == reply_sha256({**row, **counts}) for counts in _spellings(row))


def _spellings(row: Mapping[str, Any]) -> Iterator[dict[str, float | None]]:
    """The row's counts, then as the decimals that earlier releases hashed where a provider had sent such ones."""
    for decimals in ((), COUNTS, COUNTS[:1], COUNTS[1:]):
        yield {name: float(row[name]) for name in decimals if row[name] is not None}


def repaired(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of a journal as the table can hold it: with counts that are whole numbers or null.

    Earlier releases journalled counts as providers sent them. The record proves itself by its checksum in the journal,
    and its hash is taken anew where a count changed.
    """
    row = dict(record)
    row |= {name: whole_number(record[name]) for name in COUNTS}
    if any(type(row[name]) is not type(record[name]) or row[name] != record[name] for name in COUNTS) and is_intact(
        record
    ):
        row["reply_sha256"] = reply_sha256(row)
    return row


def stored_reply_of(row: Mapping[str, Any]) -> StoredReply:
    """The reply a row holds, from the table or from a journal."""
    requested_at = row["requested_at"]
    reply = Reply(
        outcome=row["outcome"],
        output=row["output"],
        finish_reason=row["finish_reason"],
        latency_seconds=row["latency_seconds"],
        requested_at=datetime.fromisoformat(requested_at) if isinstance(requested_at, str) else requested_at,
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cost_usd=row["cost_usd"],
        error=row["error"],
        error_kind=row["error_kind"],
        logprobs=None if row["logprobs"] is None else json.loads(row["logprobs"]),
        reasoning=row.get("reasoning"),
        tool_calls=row.get("tool_calls"),
        trajectory=row.get("trajectory"),
        usage=row.get("usage"),
        tokens_estimated=row.get("tokens_estimated"),
        extra=row.get("extra"),
        first_token_seconds=row.get("first_token_seconds"),
        **answerer_in(row),
        **parts_in(row),  # type: ignore[arg-type]  # counts, by name
    )
    return StoredReply(row["response_id"], row["request_key"], row["run_id"], reply)


def _encodable(text: str | None) -> str | None:
    return None if text is None else whole_characters(text)
