"""Batches of messages of the loopback provider, as Anthropic documents them.

Each request is answered as the Messages API would; a batch is over at the look with number `looks_until_over`.
`tests/faults/test_message_batches.py` holds the shapes against the official SDK's types, where that is installed.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

Answering = Callable[[Mapping[str, Any]], tuple[int, dict[str, Any]]]
Ending = Callable[[int], str]
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
REPLIED = 200


class LoopbackMessageBatches:
    """The endpoints `/messages/batches` of one provider.

    Args:
        answer: Status and body of the response to the `params` of a request.
    """

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.looks_until_over = 1
        self.ends: Ending = lambda _: "ended"
        self.share_before_end = 0.5
        self.forgets = False
        self.on_call: Callable[[str, str], None] = lambda _when, _call: None
        self.batches: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self.results: dict[str, list[dict[str, Any]]] = {}
        self.headers: list[Mapping[str, str]] = []
        self.calls: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self._looks: Counter[str] = Counter()
        self._ids = itertools.count(1)

    @property
    def created(self) -> list[dict[str, Any]]:
        """Every batch, the oldest first."""
        return list(self.batches.values())

    def add_routes(self, app: web.Application) -> None:
        """Serve the endpoints."""
        for method, path, handler in (
            ("POST", "", self._create),
            ("GET", "", self._list),
            ("GET", "/{id}", self._look),
            ("GET", "/{id}/results", self._results),
            ("POST", "/{id}/cancel", self._cancel),
        ):
            app.router.add_route(
                method, f"/v1/messages/batches{path}", self._noted(f"{method} {path}".strip(), handler)
            )

    def _noted(self, call: str, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            self.calls[call] += 1
            self.headers.append(request.headers)
            self.on_call("before", call)
            if "id" in request.match_info and (self.forgets or request.match_info["id"] not in self.batches):
                error = {"type": "not_found_error", "message": "Batch not found"}
                return web.json_response({"type": "error", "error": error, "request_id": "req_1"}, status=404)
            response: web.Response = await handler(request)
            self.on_call("after", call)
            return response

        return handle

    async def _create(self, request: web.Request) -> web.Response:
        asked = (await request.json())["requests"]
        assert all(set(each) == {"custom_id", "params"} and CUSTOM_ID.fullmatch(each["custom_id"]) for each in asked)
        assert len({each["custom_id"] for each in asked}) == len(asked)
        now = datetime.now(UTC)
        batch = {
            "id": f"msgbatch_{next(self._ids)}",
            "type": "message_batch",
            "processing_status": "in_progress",
            "request_counts": {"processing": len(asked), "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
            "created_at": now.isoformat(),
            "expires_at": (now + timedelta(days=1)).isoformat(),
            "ended_at": None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": None,
        }
        self.batches[str(batch["id"])] = batch
        self.requests[str(batch["id"])] = asked
        return web.json_response(batch)

    async def _list(self, request: web.Request) -> web.Response:
        newest = [*reversed(self.created)]
        after = request.query.get("after_id")
        at = 0 if after is None else [batch["id"] for batch in newest].index(after) + 1
        page = newest[at : at + int(request.query["limit"])]
        first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
        more = at + len(page) < len(newest)
        return web.json_response({"data": page, "has_more": more, "first_id": first, "last_id": last})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        self._looks[batch["id"]] += 1
        if self._looks[batch["id"]] >= self.looks_until_over and batch["processing_status"] != "ended":
            self.end(batch["id"])
        return web.json_response(self.batches[batch["id"]])

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches[request.match_info["id"]]
        batch |= {"processing_status": "canceling", "cancel_initiated_at": datetime.now(UTC).isoformat()}
        self.ends = lambda _: "canceled"
        return web.json_response(batch)

    async def _results(self, request: web.Request) -> web.Response:
        lines = "".join(f"{json.dumps(each)}\n" for each in self.results[request.match_info["id"]])
        return web.Response(text=lines, content_type="application/x-jsonl")

    def end(self, batch_id: str) -> None:
        """Answer the requests of a batch, or some of them, the last first."""
        batch, asked = self.batches[batch_id], self.requests[batch_id]
        ending = self.ends(self.created.index(batch) + 1)
        n_answered = len(asked) if ending == "ended" else round(len(asked) * self.share_before_end)
        results = []
        for place, each in enumerate(asked):
            result: dict[str, Any] = {"type": ending}
            if place < n_answered:
                status, body = self._answer(each["params"])
                is_reply = status == REPLIED
                result = {"type": "succeeded", "message": body} if is_reply else {"type": "errored", "error": body}
                self.paid[each["custom_id"].partition("_")[2]] += is_reply
            results.append({"custom_id": each["custom_id"], "result": result})
        self.results[batch_id] = results[::-1]
        counts = Counter(each["result"]["type"] for each in results)
        batch |= {
            "processing_status": "ended",
            "ended_at": datetime.now(UTC).isoformat(),
            "results_url": f"https://api.anthropic.com/v1/messages/batches/{batch_id}/results",
            "request_counts": {name: counts[name] for name in batch["request_counts"]},
        }
