"""The one trial that a server runs at a time, beside its pages: begun, watched, stopped."""

from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread
from typing import Any

from eval_assets.api.without_dagster import Sent, compute_evaluation
from eval_assets.errors import EditError, EvalAssetsError
from eval_assets.planning.plan import make_plan
from eval_assets.providers.dispatch.progress import Progress
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.spending import Spending
from eval_assets.viewer.trial import Draft, TrialProject, refuse_costlier, trial_project
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.numbers import count_text, money_text


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial as it stands.

    Args:
        draft: What is tried.
        tried: Under which names; null before that is known.
        sent: What it sent; null until it is done.
        problem: Why it ended early; null if it didn't.
        is_running: Whether it goes on.
    """

    draft: Draft
    tried: TrialProject | None = None
    sent: Sent | None = None
    problem: str | None = None
    is_running: bool = True


@dataclass
class TrialRunner:
    """Runs trials, one at a time, each in a thread of its own; an engine has an event loop that no page waits for."""

    project: ViewedProject
    _lock: Lock = field(default_factory=Lock, init=False)
    _last: Trial | None = field(default=None, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _stop: Event = field(default_factory=Event, init=False)
    _engines: dict[tuple[str, str], Progress] = field(default_factory=dict, init=False)

    def of(self, evaluation: str) -> Trial | None:
        """The last trial, if it is of this evaluation."""
        last = self._last
        return last if last is not None and last.draft.evaluation == evaluation else None

    def begin(self, draft: Draft) -> None:
        """Begin a trial.

        Raises:
            EditError: Another one goes on.
        """
        with self._lock:
            if self._last is not None and self._last.is_running:
                raise EditError(
                    f"a trial of {self._last.draft.evaluation} goes on, and one runs at a time: "
                    f"/evaluations/{self._last.draft.evaluation}/try shows it and stops it"
                )
            self._stop, self._engines = Event(), {}
            self._last = Trial(draft)
            self._thread = Thread(target=self._run, args=(draft,), name="viewer trial")
            self._thread.start()

    def stop(self) -> None:
        """Ask the trial to end: nothing more is sent, and what was answered is kept."""
        self._stop.set()

    def close(self) -> None:
        """End the trial and wait for it: requests under way are answered first."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def progress(self) -> str:
        """How the trial goes, in a line."""
        if self._stop.is_set():
            return "stopping: what is under way is waited for"
        engines = list(self._engines.values())
        if not engines:
            return "planning"
        n_sent, n_reused = sum(one.sent for one in engines), sum(one.reused for one in engines)
        cost = money_text(sum(one.cost_usd for one in engines))
        return f"{count_text(n_sent, 'request')} sent, {count_text(n_reused, 'reply', 'replies')} reused, {cost}"

    def _run(self, draft: Draft) -> None:
        problem = "the trial broke off; the server's log says where"
        try:
            self._compute(draft)
            problem = ""
        except EvalAssetsError as error:
            problem = str(error)
        finally:
            self._change(problem=problem or None, is_running=False)

    def _compute(self, draft: Draft) -> None:
        tried = trial_project(self.project.files(), draft)
        settings, spending = (
            self.project.settings,
            Spending(cache="use", max_cost_usd=draft.max_cost_usd, sending="at_once"),
        )

        def report(where: str, stage: str, progress: Progress) -> None:
            self._engines[where, stage] = progress

        with EngineRoom(
            project=tried.project,
            warehouse=self.project.warehouse,
            state_dir=settings.state_dir,
            on_progress=report,
            stop=self._stop,
            writes_pages=False,
        ) as room:
            plan = make_plan(room, evaluations=[tried.name], spending=spending)
            refuse_costlier(plan, draft)
            sent = compute_evaluation(room, tried.name, spending)
        self._change(tried=tried, sent=sent)

    def _change(self, **changed: Any) -> None:
        with self._lock:
            assert self._last is not None  # noqa: S101  a trial was begun
            self._last = replace(self._last, **changed)
