"""Files and batches of the loopback provider, as OpenAI documents them; what is sent is built of the SDK's own types.

provider.batches.looks_until_over = 2                      # a batch is over at the second look
provider.batches.ends = lambda n: "expired" if n == 1 else "completed"
provider.batches.on_call = lambda when, call: ...          # "before" or "after", "POST /files"
provider.batches.is_azure = True                           # files are read before they may be used, among more
"""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from openai.types import Batch, BatchError, BatchRequestCounts, FileObject  # noqa: TID253  its types are the reference
from openai.types.batch import Errors  # noqa: TID253

Answering = Callable[[Mapping[str, Any]], tuple[int, dict[str, Any]]]
REPLIED = 200


class LoopbackBatches:
    """The endpoints `/files` and `/batches` of one provider.

    Args:
        answer: Status and body of the response to a line's body.
    """

    def __init__(self, answer: Answering) -> None:
        self._answer = answer
        self.looks_until_over = 1
        self.ends: Callable[[int], str] = lambda _: "completed"
        self.share_before_end = 0.5
        self.shuffles = False
        self.drops: Callable[[str], bool] = lambda _: False
        self.forgets = False
        self.refuses: tuple[int, str] | None = None
        self.most_requests = 50_000
        self.is_azure = False
        self.file_ends = "processed"
        self.on_call: Callable[[str, str], None] = lambda _when, _call: None
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Batch] = {}
        self.calls: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.lines: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self._looks: Counter[str] = Counter()
        self._ids = itertools.count(1)

    @property
    def created(self) -> list[Batch]:
        """Every batch, the oldest first."""
        return list(self.batches.values())

    def add_routes(self, app: web.Application) -> None:
        """Serve the endpoints."""
        for method, path, handler in (
            ("POST", "/files", self._upload),
            ("GET", "/files/{id}", self._file_read),
            ("GET", "/files/{id}/content", self._content),
            ("POST", "/batches", self._create),
            ("GET", "/batches", self._list),
            ("GET", "/batches/{id}", self._look),
            ("POST", "/batches/{id}/cancel", self._cancel),
        ):
            for before in ("/v1", "/openai", "/openai/v1"):
                app.router.add_route(method, f"{before}{path}", self._noted(f"{method} {path}", handler))

    def _noted(self, call: str, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            self.calls[call] += 1
            self.headers.append(request.headers)
            self.paths.append(request.path_qs)
            self.on_call("before", call)
            if self.refuses is not None:
                status, code = self.refuses
                return web.json_response({"error": {"message": "scripted", "code": code}}, status=status)
            response: web.Response = await handler(request)
            self.on_call("after", call)
            return response

        return handle

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField)
        assert form["purpose"] == "batch"
        content = sent.file.read()
        return web.json_response(self._state_of(self._file(content, "batch", sent.filename), "pending"))

    async def _file_read(self, request: web.Request) -> web.Response:
        file_id = request.match_info["id"]
        if file_id not in self.files or self.forgets:
            return _unknown("file")
        self._looks[file_id] += 1
        file = self._described(file_id, len(self.files[file_id]), "batch", "read.jsonl")
        return web.json_response(self._state_of(file, self.file_ends if self._looks[file_id] > 1 else "pending"))

    def _state_of(self, file: FileObject, on_azure: str) -> dict[str, Any]:
        """A file as it is told of: Azure has states that OpenAI hasn't."""
        return file.model_dump(mode="json") | ({"status": on_azure} if self.is_azure else {})

    def _file(self, content: bytes, purpose: Any, filename: str) -> FileObject:
        file_id = f"file-{next(self._ids)}"
        self.files[file_id] = content
        return self._described(file_id, len(content), purpose, filename)

    def _described(self, file_id: str, n_bytes: int, purpose: Any, filename: str) -> FileObject:
        return FileObject(
            id=file_id,
            bytes=n_bytes,
            created_at=int(time.time()),
            filename=filename,
            object="file",
            purpose=purpose,
            status="processed",
        )

    async def _content(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        return _unknown("file") if found is None or self.forgets else web.Response(body=found)

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert asked["completion_window"] == "24h"
        if self.is_azure and self._looks[asked["input_file_id"]] < 2:
            said = f"The input file '{asked['input_file_id']}' is in 'pending' state."
            return web.json_response({"error": {"code": "invalidPayload", "message": said}}, status=400)
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        assert len({line["custom_id"] for line in lines}) == len(lines)
        assert all((line["method"], line["url"]) == ("POST", asked["endpoint"]) for line in lines)
        self.lines += lines
        now = int(time.time())
        batch = Batch(
            id=f"batch_{next(self._ids)}",
            completion_window="24h",
            created_at=now,
            endpoint=asked["endpoint"],
            input_file_id=asked["input_file_id"],
            object="batch",
            status="validating",
            expires_at=now + 86_400,
            metadata=asked.get("metadata"),
            request_counts=BatchRequestCounts(completed=0, failed=0, total=len(lines)),
        )
        self.batches[batch.id] = batch
        return _json(batch)

    async def _list(self, request: web.Request) -> web.Response:
        newest = [] if self.forgets else [*reversed(self.created)]
        after = request.query.get("after")
        at = 0 if after is None else [batch.id for batch in newest].index(after) + 1
        page = newest[at : at + int(request.query["limit"])]
        return web.json_response(
            {
                "object": "list",
                "data": [batch.model_dump(mode="json") for batch in page],
                "has_more": at + len(page) < len(newest),
            }
        )

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None or self.forgets:
            return _unknown("batch")
        self._looks[batch.id] += 1
        if self._looks[batch.id] >= self.looks_until_over and batch.output_file_id is None and batch.failed_at is None:
            batch = self._end(batch)
        return _json(batch)

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None or self.forgets:
            return _unknown("batch")
        self.batches[batch.id] = batch = batch.model_copy(update={"status": "cancelling"})
        self.ends = lambda _: "cancelled"
        return _json(batch)

    def _end(self, batch: Batch) -> Batch:
        """Answer the lines of a batch, or some of them."""
        lines = [json.loads(line) for line in self.files[batch.input_file_id].splitlines()]
        status = self.ends(self.created.index(batch) + 1)
        now = int(time.time())
        if status == "failed":
            fault = BatchError(code="token_limit_exceeded", message="Enqueued token limit reached", line=None)
            ended = {"status": status, "failed_at": now, "errors": Errors(data=[fault], object="list")}
            return self._kept(batch, ended)
        n_answered = len(lines) if status == "completed" else round(len(lines) * self.share_before_end)
        came, failed = [], []
        for place, line in enumerate(lines):
            if place >= n_answered:
                code = f"batch_{status}"
                message = "This request could not be executed before the completion window expired."
                failed.append(self._result(line, None, {"code": code, "message": message}))
                continue
            code, body = self._answer(line["body"])
            (came if code == REPLIED else failed).append(self._result(line, (code, body), None))
            self.paid[line["custom_id"]] += code == REPLIED
        if self.shuffles:
            random.Random(1).shuffle(came)
        files = {
            name: self._file("".join(f"{json.dumps(each)}\n" for each in results).encode(), "batch_output", name).id
            for name, held in (("output_file_id", came), ("error_file_id", failed))
            if (results := [each for each in held if not self.drops(each["custom_id"])]) or self.is_azure
        }
        counts = BatchRequestCounts(completed=len(came), failed=len(failed), total=len(lines))
        return self._kept(batch, {"status": status, "request_counts": counts, f"{status}_at": now, **files})

    def _kept(self, batch: Batch, changes: dict[str, Any]) -> Batch:
        self.batches[batch.id] = Batch.model_validate({**batch.model_dump(), **changes})
        self._looks[batch.id] = -1_000_000  # it has ended
        return self.batches[batch.id]

    def _result(self, line: Mapping[str, Any], response: tuple[int, Any] | None, error: Any) -> dict[str, Any]:
        number = next(self._ids)
        answered = response and {"status_code": response[0], "request_id": f"req_{number}", "body": response[1]}
        return {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "response": answered, "error": error}


def _json(batch: Batch) -> web.Response:
    return web.json_response(batch.model_dump(mode="json"))


def _unknown(what: str) -> web.Response:
    error = {"message": f"No {what} found with that id", "type": "invalid_request_error", "param": None, "code": None}
    return web.json_response({"error": error}, status=404)
