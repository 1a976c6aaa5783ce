"""The viewer as an ASGI application: which address is answered by what, and what is said where nothing can be shown."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from eval_assets.config.candidate import Candidate
from eval_assets.errors import (
    ConfigError,
    EditError,
    EvalAssetsError,
    LabelError,
    RowsGoneError,
    StorageError,
    TraceError,
    ViewError,
)
from eval_assets.storage.integrity.damage import damage_explained
from eval_assets.storage.tracing.trace import trace
from eval_assets.viewer.asking_page import AskingDesk
from eval_assets.viewer.edits import MOST_BYTES, MOST_BYTES_OF_A_PROMPT, Edits
from eval_assets.viewer.evaluation_page import EvaluationPages
from eval_assets.viewer.example_page import ExamplePages, place_of
from eval_assets.viewer.grid_page import GridPages
from eval_assets.viewer.guard import Guard, refusal
from eval_assets.viewer.index_page import index_page
from eval_assets.viewer.page_writing import asset
from eval_assets.viewer.review_page import ReviewPages
from eval_assets.viewer.try_page import TryPages
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.valid_json import valid_json

READERS = 4
"""Requests that read tables at once; each keeps the tables open, and polars uses all cores for one of them."""

OWN_FIELDS = ("id", "trace", "part")
"""Of the address of an example, what isn't the view of the grid it was opened from."""

STATIC = {"viewer.css": "text/css", "viewer.js": "text/javascript"}

STATUS = {
    (ViewError, TraceError, ConfigError): 404,
    (RowsGoneError,): 410,
    (StorageError,): 503,
    (LabelError,): 400,
    (EditError,): 403,
}


def viewer_app(project: ViewedProject, hosts: Collection[str]) -> Starlette:
    """The application.

    Args:
        project: What is looked at.
        hosts: Names that it answers to.
    """
    guard = Middleware(Guard, hosts=hosts, can_edit=project.can_edit)
    viewer = _Viewer(project)
    return Starlette(routes=viewer.routes(), middleware=[guard], lifespan=viewer.lifespan)


class _Viewer:
    """What answers each address, with what is kept between requests."""

    def __init__(self, project: ViewedProject) -> None:
        self._project = project
        self._evaluations = EvaluationPages(project)
        self._grids = GridPages(project)
        self._edits = Edits()
        self._asking = AskingDesk(project, self._edits.token)
        self._examples = ExamplePages(project, self._asking)
        self._reviews = ReviewPages(project, self._edits.token)
        self._tries = TryPages(project, self._grids, self._edits.token)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="viewer")
        self._askers = ThreadPoolExecutor(1, thread_name_prefix="viewer asking")

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """A trial ends with the server."""
        yield
        await asyncio.to_thread(self._tries.runner.close)

    def routes(self) -> list[Route]:
        """Addresses; the names of evaluations hold no slash."""
        return [
            Route("/", self._page(lambda _: index_page(self._project))),
            Route("/static/{file}", _static),
            Route("/trace", self._answer(self._found)),
            Route("/evaluations/{name}", self._page(lambda request: self._evaluations.page(_name(request)))),
            Route("/evaluations/{name}/grid", self._page(self._grid)),
            Route("/evaluations/{name}/columns", self._page(self._columns)),
            Route("/evaluations/{name}/grid.csv", self._answer(self._table)),
            Route("/evaluations/{name}/example", self._answer(self._example)),
            Route("/evaluations/{name}/again", self._asked_again, methods=["POST"]),
            Route("/evaluations/{name}/trace.json", self._answer(self._traced)),
            Route("/evaluations/{name}/version", self._answer(self._version)),
            Route("/evaluations/{name}/review", self._answer(self._review)),
            Route("/evaluations/{name}/review", self._labelled, methods=["POST"]),
            Route("/evaluations/{name}/agreement", self._page(self._agreement)),
            Route("/evaluations/{name}/labels.csv", self._answer(self._labels)),
            Route("/evaluations/{name}/try", self._answer(self._try)),
            Route("/evaluations/{name}/try", self._tried, methods=["POST"]),
            Route("/evaluations/{name}/try/progress", self._answer(self._progress)),
            Route("/{rest:path}", self._page(_nothing_there)),
        ]

    def _grid(self, request: Request) -> str:
        return self._grids.page(_name(request), request.query_params.multi_items())

    def _columns(self, request: Request) -> str:
        asked = [pair for pair in request.query_params.multi_items() if pair[0] != "part"]
        return self._grids.more_columns(_name(request), asked, is_part=request.query_params.get("part") == "1")

    def _table(self, request: Request) -> Response:
        text = self._grids.table(_name(request), request.query_params.multi_items())
        return _csv(text, f"{_name(request)}.csv")

    def _example(self, request: Request) -> Response:
        asked = [pair for pair in request.query_params.multi_items() if pair[0] not in OWN_FIELDS]
        example_id, is_part = request.query_params.get("id", ""), request.query_params.get("part") == "1"
        chosen = self._grids.chosen(_name(request), asked)
        before, after = chosen.neighbours(example_id)
        page = self._examples.page(
            chosen,
            example_id,
            traced=request.query_params.get("trace", ""),
            base=chosen.view.base,
            is_part=is_part,
            before=before,
            after=after,
            query=urlencode(asked),
            link=lambda **fields: urlencode([*fields.items(), *asked]),
        )
        answer = HTMLResponse(page)
        return self._edits.marked(answer) if self._project.can_edit else answer

    async def _asked_again(self, request: Request) -> Response:
        """Ask for a row anew, or decide on the reply; a model that takes its time keeps no page waiting."""
        return await self._taken(self._asking.take, request, readers=self._askers)

    def _traced(self, request: Request) -> Response:
        found = trace(self._project.warehouse, request.query_params.get("id", ""))
        return Response(valid_json(found), media_type="application/json")

    def _version(self, request: Request) -> Response:
        """What an open page asks for now and then, to say that a run has written since."""
        return PlainTextResponse(self._project.version(_name(request)))

    def _found(self, request: Request) -> Response:
        """From the id of a score or prediction to the page of its example."""
        name, candidate, example_id, prediction_id = place_of(
            self._project.warehouse, request.query_params.get("id", "")
        )
        shown = urlencode({"id": example_id, "trace": prediction_id, "c": str(Candidate(candidate))})
        return RedirectResponse(f"/evaluations/{name}/example?{shown}", 303)

    def _review(self, request: Request) -> Response:
        return self._edits.marked(HTMLResponse(self._reviews.page(_name(request), request.query_params)))

    def _agreement(self, request: Request) -> str:
        return self._reviews.agreement(_name(request), request.query_params)

    def _labels(self, request: Request) -> Response:
        return _csv(self._reviews.table(_name(request)), f"{_name(request)}-labels.csv")

    async def _labelled(self, request: Request) -> Response:
        """Keep a label, then on to the next output."""
        return await self._taken(self._reviews.give, request)

    def _try(self, request: Request) -> Response:
        page = self._tries.page(_name(request), request.query_params.multi_items())
        return self._edits.marked(HTMLResponse(page))

    async def _tried(self, request: Request) -> Response:
        """Begin or stop a trial, or save its prompt."""
        return await self._taken(self._tries.take, request, MOST_BYTES_OF_A_PROMPT)

    def _progress(self, request: Request) -> Response:
        return PlainTextResponse(self._tries.progress(_name(request)))

    async def _taken(
        self,
        take: Callable[[str, Mapping[str, str]], str],
        request: Request,
        most_bytes: int = MOST_BYTES,
        *,
        readers: ThreadPoolExecutor | None = None,
    ) -> Response:
        """Take a form, then on to the address that shows what became of it."""
        try:
            fields = await self._edits.fields(request, most_bytes)
        except EvalAssetsError as error:
            return _problem(error)
        return await self._answered(lambda _: RedirectResponse(take(_name(request), fields), 303), request, readers)

    def _page(self, write: Callable[[Request], str]) -> Callable[[Request], Any]:
        return self._answer(lambda request: HTMLResponse(write(request)))

    def _answer(self, make: Callable[[Request], Response]) -> Callable[[Request], Any]:
        """Answer in a thread that reads tables; what can't be shown is said on a page."""
        return partial(self._answered, make)

    async def _answered(
        self, make: Callable[[Request], Response], request: Request, readers: ThreadPoolExecutor | None = None
    ) -> Response:
        said = partial(self._said, make, request)
        return await asyncio.get_running_loop().run_in_executor(readers or self._readers, said)

    def _said(self, make: Callable[[Request], Response], request: Request) -> Response:
        try:
            with damage_explained(self._project.warehouse):
                return make(request)
        except EvalAssetsError as error:
            return _problem(error)


def _problem(error: EvalAssetsError) -> Response:
    """A page that says why something can't be shown or taken."""
    status = next((status for kinds, status in STATUS.items() if isinstance(error, kinds)), 500)
    return refusal(str(error), status)


def _csv(text: str, name: str) -> Response:
    named = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=named)


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _nothing_there(request: Request) -> str:
    raise ViewError(f"there is no page {request.url.path!r:.120}")


async def _static(request: Request) -> Response:
    file = request.path_params["file"]
    if file not in STATIC:
        return refusal(f"there is no file {file!r:.80}", 404)
    return Response(asset(file), media_type=f"{STATIC[file]}; charset=utf-8")
