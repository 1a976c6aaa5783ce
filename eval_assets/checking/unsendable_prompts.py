"""Prompts with what a model can't be sent, such as tools or images, for the examples they are for."""

from collections.abc import Iterator, Sequence

from eval_assets.config.datasets.examples import Example
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Problem
from eval_assets.config.project import Loaded, Project
from eval_assets.errors import TemplateError
from eval_assets.prompts.rendering import prompt_tools, render_prompt
from eval_assets.providers.abilities import unable_to_answer


def ability_problems(project: Project, loaded: Loaded[Evaluation], examples: Sequence[Example]) -> Iterator[Problem]:
    """Say of each model what some prompt would send it in vain, with the first example.

    Args:
        project: The loaded files.
        loaded: The evaluation; models and prompts that have no file are left out.
        examples: The first ones of the evaluation.
    """
    for index, name in enumerate(loaded.item.file.models):
        prompts = [pair.prompt for pair in loaded.item.candidates if pair.model == name]
        known = [prompt for prompt in prompts if prompt in project.prompts and name in project.models]
        said = next((said for prompt in known for said in _faults(project, name, prompt, examples)), None)
        if said is not None:
            yield loaded.problem(("models", index), said)


def _faults(project: Project, model: str, prompt: str, examples: Sequence[Example]) -> Iterator[str]:
    for example in examples:
        try:
            messages = render_prompt(project.prompt(prompt), example.columns)
            tools = prompt_tools(project.prompt(prompt), example.columns)
        except TemplateError:  # said of the prompt
            continue
        unable = unable_to_answer(project.model(model), messages, tools, project.prompt(prompt).response_format)
        if unable is not None:
            yield f"{unable} (prompt {prompt!r}, example {example.example_id!r})"
