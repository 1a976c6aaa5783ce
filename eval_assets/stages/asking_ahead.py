"""Asking for everything that a plan needs at once, while the runs of its cells follow one after the other.

The cells of a plan are asked in its order, those of different models at the same time, and judges follow each reply as
it comes. The run of a cell begins when all of the cell was asked: it finds every reply in the store, and takes over the
engines with what they did. What is asked is in `place_asking`.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from eval_assets.errors import StoppedError
from eval_assets.judges.asking import Talks
from eval_assets.providers.batches.gathering import Gathering
from eval_assets.providers.dispatch.ahead import Lookups, Together
from eval_assets.providers.dispatch.event_loop import LoopThread
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.graph import Cell, Place
from eval_assets.stages.place_asking import Asked, Step, Work, work_of
from eval_assets.stages.spending import Spending

LOG = logging.getLogger("eval_assets")

OPEN_PER_SLOT = 2
"""Steps under way for each request that may be: while some wait for a judge, others are asked for."""

CHUNK = 200
"""Steps read at a time."""

AHEAD_AT_MOST = 100_000
"""Answers that may wait for the runs of their places before no further place is begun."""

STOP_SECONDS = 3.0
"""How long requests under way may take once a run is stopped."""

FIRST_ANSWER_SECONDS = 1.5
"""How long the first answer has the processor to itself: clients are imported for it."""

WATCH_SECONDS = 0.1
TELL_SECONDS = 0.5
EVERYTHING = "everything planned"


@dataclass(slots=True, eq=False)
class _Course:
    """How far one place is."""

    asked: Asked
    work: Work = field(default_factory=Work)
    n_open: int = 0
    is_fed: bool = False
    is_done: bool = False
    is_taken: bool = False
    reached: list[Progress] = field(default_factory=list)
    n_waiting: int = 0
    refused: BaseException | None = None

    @property
    def progress(self) -> list[Progress]:
        """Of its engines, before its run took them over."""
        return self.reached if self.is_done else [engine.progress() for engine in self.work.engines]

    @property
    def is_ending(self) -> bool:
        """Whether one of its engines can't go on: its run says why."""
        return any(engine.ahead is not None and engine.ahead.ending is not None for engine in self.work.engines)


@asynccontextmanager
async def _given_back(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    """Let another step begin meanwhile."""
    slots.release()
    try:
        yield
    finally:
        await slots.acquire()


class AskingAhead:
    """Asks for what a plan needs, in a thread of its own; `close` it when the runs have ended.

    Args:
        room: The engines, and the tables that files were read into before.
        spending: What may be spent.
        gathering: Takes what goes into batches; null: whatever would is left to the runs, which refuse.
    """

    def __init__(self, room: EngineRoom, spending: Spending, gathering: Gathering | None = None) -> None:
        self._room, self._spending = room, spending
        self._loop_thread = LoopThread("asking ahead")
        self._together = Together(self._loop_thread, Lookups(room.store), gathering=gathering)
        self._talks = Talks(room.formats)
        self._changed = threading.Condition()
        self._courses: dict[str, _Course] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = time.monotonic()
        self._watching = self._loop_thread.start(self._watch)

    def begin(self, places: Sequence[Asked]) -> None:
        """Ask for these places, in this order; those of different models at the same time."""
        lines: defaultdict[str, list[_Course]] = defaultdict(list)
        for asked in places:
            course = self._courses[asked.place.key] = _Course(asked)
            lines[asked.place.model if isinstance(asked.place, Cell) else asked.place.key].append(course)
        for line in lines.values():
            self._loop_thread.start(partial(self._ask, line))

    def let_first_through(self) -> None:
        """Wait for the first answer, but not long: whatever is computed meanwhile delays the first request."""
        until = time.monotonic() + FIRST_ANSWER_SECONDS
        while time.monotonic() < until and not self._room.stop.is_set():
            courses = list(self._courses.values())
            if any(course.is_done or any(part.done for part in course.progress) for course in courses):
                return
            time.sleep(WATCH_SECONDS / 10)

    def first_done(self, places: Sequence[Place]) -> Place:
        """Wait until one of these was asked, or can't be: the first of them.

        Args:
            places: In the order of the plan. One that isn't asked ahead waits for the cells before it: it may need the
                replies to requests that are theirs, too.
        """
        with self._changed:
            while (found := self._first_done(places)) is None:
                self._changed.wait(1.0)
            if found.key in self._courses:
                self._courses[found.key].is_taken = True
            return found

    def was_asked(self, place: Place) -> bool:
        """Whether a place is among those that were begun."""
        return place.key in self._courses

    def n_waiting(self, place: Place) -> int:
        """Requests of a place that was asked, which wait in a batch or for one: it can't be computed yet."""
        return self._courses[place.key].n_waiting if place.key in self._courses else 0

    def refused(self, place: Place) -> BaseException | None:
        """Why a place could not be asked to the end, so that it would not even be if its batches were over."""
        return self._courses[place.key].refused if place.key in self._courses else None

    def close(self) -> None:
        """Break off what is under way, and close the engines that no run took over."""
        self._watching.cancel()
        self._loop_thread.run(self._stop)
        try:
            self._room.close_ahead()
        finally:
            self._loop_thread.run(self._together.aclose)
            self._loop_thread.close()

    def _first_done(self, places: Sequence[Place]) -> Place | None:
        is_cell_under_way = False
        for place in places:
            course = self._courses.get(place.key)
            if course.is_done if course is not None else not is_cell_under_way:
                return place
            is_cell_under_way |= course is not None and isinstance(place, Cell)
        return None

    async def _ask(self, line: Sequence[_Course]) -> None:
        for course in line:
            try:
                await self._ask_one(course)
            except Exception:
                LOG.debug("%s can't be asked ahead", course.asked.place.key, exc_info=True)
            finally:
                course.is_fed = True
                self._note(course)

    async def _ask_one(self, course: _Course) -> None:
        while self._n_ahead > AHEAD_AT_MOST and not self._room.stop.is_set():  # noqa: ASYNC110  set by other threads
            await asyncio.sleep(WATCH_SECONDS)
        if self._room.stop.is_set():
            return
        opening = partial(work_of, self._room, course.asked, self._spending, self._together, self._talks)
        work = course.work = await asyncio.to_thread(opening)
        slots = asyncio.Semaphore(OPEN_PER_SLOT * work.n_at_once)
        for engine in work.engines:
            if engine.ahead is not None:
                engine.ahead.parking = partial(_given_back, slots)
        while steps := await asyncio.to_thread(lambda: list(itertools.islice(work.steps, CHUNK))):
            for step in steps:
                await slots.acquire()
                if course.is_ending or self._room.stop.is_set():
                    return
                course.n_open += 1
                task = asyncio.get_running_loop().create_task(self._take(step, course, slots))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _take(self, step: Step, course: _Course, slots: asyncio.Semaphore) -> None:
        try:
            await step()
        except Exception:
            LOG.debug("a step of %s was broken off", course.asked.place.key, exc_info=True)
        finally:
            course.n_open -= 1
            slots.release()
            self._note(course)

    @property
    def _n_ahead(self) -> int:
        """Answers that wait for the runs of their places."""
        waiting = [course for course in self._courses.values() if course.is_done and not course.is_taken]
        return sum(part.done for course in waiting for part in course.reached)

    def _note(self, course: _Course) -> None:
        if course.is_fed and not course.n_open:
            course.reached = [engine.progress() for engine in course.work.engines]
            aheads = [engine.ahead for engine in course.work.engines if engine.ahead is not None]
            course.n_waiting = sum(ahead.n_waiting for ahead in aheads)
            course.refused = next((ahead.refused for ahead in aheads if ahead.refused is not None), None)
            course.work = Work()
            with self._changed:
                course.is_done = True
                self._changed.notify_all()

    async def _watch(self) -> None:
        """Tell how it goes, and stop when that is asked for."""
        for n_watched in itertools.count():
            await asyncio.sleep(WATCH_SECONDS)
            if self._room.stop.is_set():
                break
            if n_watched % round(TELL_SECONDS / WATCH_SECONDS) == 0:
                with suppress(Exception):  # a run is not lost because nobody can be told how it goes
                    self._tell()
        await self._stop()

    def _tell(self) -> None:
        courses = list(self._courses.values())
        if self._room.on_progress is not None and not all(course.is_done for course in courses):
            parts = [part for course in courses for part in course.progress]
            self._room.on_progress(EVERYTHING, "asking", Progress.of_all(parts, time.monotonic() - self._began))

    async def _stop(self) -> None:
        reason = StoppedError("the run was asked to stop")
        engines = [engine for course in self._courses.values() if not course.is_done for engine in course.work.engines]
        await asyncio.gather(*(engine.ahead.stop(reason, STOP_SECONDS) for engine in engines if engine.ahead))
