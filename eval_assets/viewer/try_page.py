"""The page on which a prompt is edited and tried on a few rows, beside the current one, before it is saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from eval_assets.config.problems import nearest
from eval_assets.config.project import Project
from eval_assets.errors import EditError, EvalAssetsError, ViewError
from eval_assets.stages.file_changes import source_diff
from eval_assets.viewer.form_numbers import number_in_form
from eval_assets.viewer.grid_page import GridPages, ShownGrid
from eval_assets.viewer.page_writing import rendered
from eval_assets.viewer.prompt_saving import save_prompt, stands_as
from eval_assets.viewer.trial import FIRST_ROWS, MOST_ROWS, Draft, as_typed, editable_prompts
from eval_assets.viewer.trial_models import is_edited, parameters_text, save_model
from eval_assets.viewer.trial_running import Trial, TrialRunner
from eval_assets.viewer.viewed_project import ViewedProject
from eval_assets.wording.numbers import count_text, money_text

MOST_REQUESTS = 50
"""That a trial may send unless told otherwise."""
SHOWN = [("diff", "baseline"), ("lines", "6"), ("per", "100")]
ASKED = ("prompt", "model", "id", "anew")


@dataclass
class TryPages:
    """Writes the page of each evaluation and takes its forms; an edit is kept here until the server ends."""

    project: ViewedProject
    grids: GridPages
    token: str
    runner: TrialRunner = field(init=False)
    _drafts: dict[str, Draft] = field(default_factory=dict, init=False)
    _said: dict[str, tuple[str, bool]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.runner = TrialRunner(self.project)

    def page(self, name: str, asked: Sequence[tuple[str, str]]) -> str:
        """The page: a prompt to be edited, and what the last trial of the evaluation found.

        Raises:
            EditError: The viewer takes no edits.
            ConfigError: There is no such evaluation.
            ViewError: The address asks for something that there is not.
        """
        files = self._files(name)
        draft = self._draft(files, name, asked)
        self._drafts[name] = draft
        trial = self.runner.of(name)
        grid = self._grid(trial)
        said, is_problem = self._said.pop(name, ("", False))
        return rendered(
            "try.html.j2",
            can_edit=True,
            name=name,
            token=self.token,
            draft=draft,
            file=files.prompts[draft.prompt].file,
            is_edited=draft.text != as_typed(files.prompts[draft.prompt].source),
            prompts=editable_prompts(files, name),
            models=sorted(files.models),
            trial=trial,
            is_of_draft=trial is not None and trial.draft == draft,
            progress=self.runner.progress() if trial is not None and trial.is_running else "",
            spent=_spent(trial),
            grid=grid,
            unknown=_unknown(trial, grid),
            said=said,
            is_problem=is_problem,
            changed=_changed_parameters(trial),
            most_rows=MOST_ROWS,
        )

    def take(self, name: str, fields: Mapping[str, str]) -> str:
        """Do what a form says; returns the address that shows it. What can't be done is said there, the edit kept.

        Raises:
            EditError: The viewer takes no edits.
            ConfigError: There is no such evaluation.
            ViewError: It is no form of the page.
        """
        files = self._files(name)
        do = fields.get("do", "")
        if do == "stop":
            self.runner.stop()
            return f"/evaluations/{name}/try"
        if do not in ("run", "save", "save_model"):
            raise ViewError(f"do: expected run, save, save_model or stop, got {do!r:.80}")
        if (prompt := fields.get("prompt", "")) not in editable_prompts(files, name):
            raise ViewError(f"prompt: expected a prompt file of {name}, got {prompt!r:.80}")
        shown = self._draft(files, name, [("prompt", prompt)])
        typed = replace(
            shown,
            text=as_typed(fields.get("text", "")),
            opened=fields.get("opened", ""),
            parameters=as_typed(fields.get("parameters", "")),
        )
        self._drafts[name] = typed
        try:
            self._drafts[name] = draft = _sent(files, typed, fields)
            if do == "run":
                self.runner.begin(draft)
            elif do == "save":
                self._said[name] = (self._saved(files, draft), False)
            else:
                self._said[name] = (_model_saved(files, draft, fields.get("save_as", "")), False)
        except EvalAssetsError as error:
            self._said[name] = (str(error), True)
        return f"/evaluations/{name}/try"

    def progress(self, name: str) -> str:
        """How the trial of an evaluation goes, for the open page; empty once it is over."""
        self._files(name)
        trial = self.runner.of(name)
        return self.runner.progress() if trial is not None and trial.is_running else ""

    def _files(self, name: str) -> Project:
        if not self.project.can_edit:
            raise EditError(f"this viewer only reads: `eval-assets view {name:.80} --allow-edit` lets you try prompts")
        files = self.project.files()
        files.evaluation(name)
        return files

    def _draft(self, files: Project, name: str, asked: Sequence[tuple[str, str]]) -> Draft:
        """What is on the page: the edit that is kept, unless the address asks for another prompt or to begin anew."""
        for key, _ in asked:
            if key not in ASKED:
                raise ViewError(f"expected one of {', '.join(ASKED)}, got {key!r:.80}")
        given = dict(asked)
        ids = tuple(value for key, value in asked if key == "id")[:MOST_ROWS]
        prompts = editable_prompts(files, name)
        if not prompts:
            raise ViewError(f"{name} has no prompt in a file of data/prompts that can be used")
        kept = self._drafts.get(name)
        prompt = given.get("prompt") or (kept.prompt if kept and kept.prompt in prompts else prompts[0])
        if prompt not in prompts:
            raise ViewError(f"prompt: expected one of {name}, got {prompt!r:.80}; {nearest(prompt, prompts)}")
        model = given.get("model") or (kept.model if kept else files.evaluation(name).file.models[0])
        if kept is None or kept.prompt != prompt or "anew" in given:
            text = files.prompts[prompt].source
            kept = Draft(
                evaluation=name,
                prompt=prompt,
                model=model,
                text=as_typed(text),
                opened=stands_as(text),
                max_requests=MOST_REQUESTS,
            )
        return replace(_asking(files, kept, model), ids=ids or kept.ids)

    def _saved(self, files: Project, draft: Draft) -> str:
        save_prompt(files, draft)
        del self._drafts[draft.evaluation]
        file = files.prompts[draft.prompt].file
        return f"{file} is saved; `eval-assets plan {draft.evaluation}` says what a run would ask now"

    def _grid(self, trial: Trial | None) -> ShownGrid | None:
        if trial is None or trial.tried is None or trial.sent is None:
            return None
        return self.grids.shown(trial.tried.name, SHOWN)


def _asking(files: Project, draft: Draft, model: str) -> Draft:
    """A draft for a model: its parameters come along, unless others were typed, which are tried on this model too."""
    if model not in files.models or (draft.model == model and draft.parameters):
        return replace(draft, model=model)
    own = files.models.get(draft.model) and parameters_text(files, draft.model)
    is_typed = draft.parameters.strip() not in ("", (own or "").strip())
    return replace(draft, model=model, parameters=draft.parameters if is_typed else parameters_text(files, model))


def _model_saved(files: Project, draft: Draft, called: str) -> str:
    if not is_edited(files, draft.model, draft.parameters):
        raise EditError(f"{draft.model} has these parameters already: nothing was written")
    called = called.strip()
    file, listed = save_model(files, draft.model, draft.parameters, called), files.evaluations[draft.evaluation].file
    return f"{file} is saved; with {called} among `models` of {listed} a run asks it, and takes the trial's replies"


def _sent(files: Project, typed: Draft, fields: Mapping[str, str]) -> Draft:
    """What a form says besides prompt and text.

    Raises:
        ViewError: A field can't be used.
    """
    model = fields.get("model", "")
    if model not in files.models:
        raise ViewError(f"model: expected a file of data/models, got {model!r:.80}; {nearest(model, files.models)}")
    ids = tuple(dict.fromkeys(line.strip() for line in fields.get("ids", "").splitlines() if line.strip()))
    first = number_in_form(fields, "first")
    n_first = FIRST_ROWS if first is None else int(first)
    n_rows = len(ids) or n_first
    if not 1 <= n_rows <= MOST_ROWS:
        raise ViewError(f"rows: expected 1 to {MOST_ROWS}, got {n_rows:,}")
    requests = number_in_form(fields, "max_requests")
    dollars = number_in_form(fields, "max_cost_usd", whole=False)
    if requests is None and dollars is None:
        raise ViewError("expected a budget, in requests or dollars, got none")
    return replace(
        _asking(files, typed, model),
        ids=ids,
        first=n_first,
        max_requests=None if requests is None else int(requests),
        max_cost_usd=dollars,
    )


def _spent(trial: Trial | None) -> str:
    if trial is None or trial.sent is None:
        return ""
    sent = trial.sent
    reused = count_text(sent.n_reused, "reply", "replies")
    return f"{count_text(sent.n_sent, 'request')} sent, {reused} reused, {money_text(sent.cost_usd)}"


def _changed_parameters(trial: Trial | None) -> list[str]:
    """Lines of the parameters that the trial's model has otherwise; none where it was asked as its file stands."""
    if trial is None or trial.tried is None or trial.tried.edited.model == trial.tried.current.model:
        return []
    return source_diff(
        *(parameters_text(trial.tried.project, one.model) for one in (trial.tried.current, trial.tried.edited))
    )


def _unknown(trial: Trial | None, grid: ShownGrid | None) -> list[str]:
    """Ids that were chosen and that no example has."""
    if trial is None or grid is None:
        return []
    known = {row.example.example_id for row in grid.rows}
    return [example_id for example_id in trial.draft.ids if example_id not in known]
