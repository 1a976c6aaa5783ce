"""A prompt that is tried before it is a file: an evaluation in memory of it and the current one, on a few rows.

It is computed like any other, into tables under a name of its own. Requests are keyed by what they say, so that the
saved prompt, and the evaluation it belongs to, find the replies.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from eval_assets.api.arguments.declaring import slug, yaml_text
from eval_assets.checking.references import refusals
from eval_assets.config.candidate import Candidate
from eval_assets.config.evaluation import Evaluation, Slice
from eval_assets.config.files.places import project_root
from eval_assets.config.files.reply_formats import SchemaFiles
from eval_assets.config.problems import raise_problems
from eval_assets.config.project import Loaded, Project
from eval_assets.config.prompt import Prompt, parse_prompt
from eval_assets.errors import BudgetExceededError
from eval_assets.planning.plan import Plan
from eval_assets.stages.file_versions import FileVersions
from eval_assets.viewer.trial_models import edited_model, is_edited
from eval_assets.wording.numbers import count_text, money_text

FIRST_ROWS = 5
MOST_ROWS = 100
TRIED = "try"
"""How the names of trials begin, in tables and addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be tried.

    Args:
        evaluation: Whose dataset, metrics and judges.
        prompt: The prompt that is edited.
        model: Who answers.
        text: Of the whole prompt file, as edited.
        parameters: The block `parameters:` of the model's file, as edited; empty: as it stands.
        opened: Fingerprint of the file's text when it was opened.
        ids: Examples; without any, the first ones.
        first: How many of the first ones.
        max_requests: Most requests that a plan may have; null: no bound. A judge's repairs are not in the plan.
        max_cost_usd: Most dollars that may be spent; null: no bound but that of the evaluation.
    """

    evaluation: str
    prompt: str
    model: str
    text: str
    opened: str
    parameters: str = ""
    ids: tuple[str, ...] = ()
    first: int = FIRST_ROWS
    max_requests: int | None = None
    max_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class TrialProject:
    """The project with a trial in it: the trial's name, and its candidates, of which the current one comes first."""

    project: Project
    name: str
    current: Candidate
    edited: Candidate


def editable_prompts(project: Project, evaluation: str) -> list[str]:
    """Prompts of an evaluation that are usable files; those written in the evaluation itself are edited there."""
    names = project.evaluation(evaluation).file.prompts
    return [name for name in names if name in project.prompts and project.prompts[name].defined_at is None]


def edited_prompt(project: Project, name: str, text: str, *, called: str | None = None) -> Loaded[Prompt]:
    """A prompt as its file would be read with another text.

    Args:
        project: The files as they stand.
        name: The prompt.
        text: What its file would hold.
        called: Another name for it; null keeps its own.

    Raises:
        ConfigError: There is no such file, or the text is no prompt, with its line.
    """
    project.prompt(name)
    file = project.prompts[name].file
    schemas = SchemaFiles(project.data_dir / "prompts", project_root(project.data_dir))
    return Loaded(parse_prompt(called or name, text, file=file, schemas=schemas), file, text)


def trial_project(project: Project, draft: Draft) -> TrialProject:
    """The project with an evaluation, on the chosen rows, of the current and the edited prompt, or model, or both.

    Raises:
        ConfigError: A name is unknown, or the text is no prompt, or the parameters can't be used.
    """
    file = project.evaluation(draft.evaluation).file
    current = Candidate.of(project.model(draft.model).name, draft.prompt)
    models, prompts = dict(project.models), dict(project.prompts)
    model, prompt = draft.model, draft.prompt
    if draft.parameters and is_edited(project, model, draft.parameters):
        model = _free(f"{model}.edited", models)
        models[model] = edited_model(project, draft.model, draft.parameters, called=model)
    edit = edited_prompt(project, prompt, draft.text, called=_free(f"{prompt}.edited", prompts))
    if model == draft.model or draft.text != as_typed(prompts[prompt].source):
        prompt = edit.item.name
        prompts[prompt] = edit
    rows = file.slice
    tried = file.model_copy(
        update={
            "description": f"Trial of an edit of {draft.prompt}, from the viewer; of {draft.evaluation}.",
            "slice": Slice(where=rows.where, ids=draft.ids) if draft.ids else _first(rows, draft.first),
            "models": tuple(dict.fromkeys((draft.model, model))),
            "prompts": tuple(dict.fromkeys((draft.prompt, prompt))),
            "skip": _others(draft, model, prompt),
            "baseline": str(current),
            "gates": (),
            "pairwise": None,
            "schedule": None,
        }
    )
    name = trial_name(project, draft.evaluation)
    source = yaml_text(tried.model_dump(mode="json", exclude_defaults=True))
    evaluation = Loaded(Evaluation(name=name, file=tried), project.evaluations[draft.evaluation].file, source)
    evaluations = {**project.evaluations, name: evaluation}
    together = replace(project, models=models, prompts=prompts, evaluations=evaluations)
    return TrialProject(together, name, current, Candidate.of(model, prompt))


def as_typed(text: str) -> str:
    """A text as a field of a form holds it, whatever ends its lines."""
    return text.replace("\r\n", "\n")


def _others(draft: Draft, model: str, prompt: str) -> tuple[str, ...]:
    """Candidates that nobody asked for: one part as it was, the other one edited."""
    if model == draft.model or prompt == draft.prompt:
        return ()
    return (str(Candidate.of(draft.model, prompt)), str(Candidate.of(model, draft.prompt)))


def trial_name(project: Project, evaluation: str) -> str:
    """Under which tables hold the trials of an evaluation; each replaces the one before."""
    return _free(f"{TRIED}.{evaluation}", project.evaluations)


def is_trial(evaluation: str) -> bool:
    """Whether the name is that of a trial, which has no file.

    >>> is_trial("try.quickstart"), is_trial("quickstart")
    (True, False)
    """
    return evaluation.startswith(f"{TRIED}.")


def refuse_costlier(plan: Plan, draft: Draft) -> None:
    """Refuse a trial that would exceed what may be spent.

    Raises:
        BudgetExceededError: With both numbers, or with the models whose price nobody stated.
    """
    n_requests = sum(planned.work.generate + planned.work.judge for planned in plan.cells)
    most = draft.max_requests
    if most is not None and n_requests > most:
        raise BudgetExceededError(
            f"nothing was sent: this takes {count_text(n_requests, 'request')}, at most {most:,} may be sent; "
            "choose fewer rows, or allow more"
        )
    if draft.max_cost_usd is None:
        return
    unpriced = sorted({estimate.model for estimate in plan.estimates if estimate.cost_usd is None})
    if unpriced and most is None:
        raise BudgetExceededError(
            f"nothing was sent: no price is stated for {', '.join(unpriced)}, so that dollars bound nothing; "
            "bound the requests, or state `prices` in the model's file"
        )
    cost = sum(estimate.cost_usd or 0.0 for estimate in plan.estimates)
    if cost > draft.max_cost_usd:
        raise BudgetExceededError(
            f"nothing was sent: this costs about {money_text(cost)}, at most {money_text(draft.max_cost_usd)} may be "
            "spent; choose fewer rows, or allow more"
        )


def refuse_broken_prompt(project: Project, prompt: str, text: str) -> None:
    """Refuse a text that would break an evaluation which uses the prompt, as `check` says.

    Raises:
        ConfigError: The text is no prompt, or names what an evaluation's rows don't have.
    """
    after = replace(project, prompts={**project.prompts, prompt: edited_prompt(project, prompt, text)})
    found: list[str] = []
    for name, loaded in project.evaluations.items():
        if prompt in loaded.item.file.prompts:
            before = refusals(project, name, FileVersions(project).metrics)
            found += [said for said in refusals(after, name, FileVersions(after).metrics) if said not in before]
    raise_problems(list(dict.fromkeys(found)))


def _first(rows: Slice, n_rows: int) -> Slice:
    return rows.model_copy(update={"first": n_rows if rows.first is None else min(rows.first, n_rows)})


def _free(wanted: str, taken: Collection[str]) -> str:
    """A name that no file has."""
    name = slug(wanted)
    while name in taken:
        name = f"{name}-x"
    return name
