"""Prompts rendered with the rows they are for, before anything is sent: which fail, and which say the same to all."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from eval_assets.config.datasets.examples import Example
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.problems import Problem
from eval_assets.config.project import Loaded, Project
from eval_assets.config.prompt import Prompt
from eval_assets.errors import ConfigError, TemplateError
from eval_assets.prompts.rendering import render_prompt, render_text
from eval_assets.providers.traits import provider_of

TRIED = 200
"""Examples of an evaluation that its prompts are tried with."""

PLACEHOLDER = re.compile(r"(?<![{$])\{ *(\w+)[\w.]* *\}(?!\})|\$\{? *(\w+) *\}?|%\((\w+)\)s|<(\w+)>|\[(\w+)\]")
"""A variable as other template languages write it."""
ONE_BRACE = re.compile(r"(?<![{$])\{ *(\w+)[\w.]* *\}(?!\})")


def tried_examples(project: Project, evaluation: Evaluation) -> list[Example]:
    """The first examples that an evaluation would use.

    Raises:
        ConfigError: The rows can't be used.
    """
    chosen = evaluation.file.slice
    examples = read_examples(project.dataset(evaluation.file.dataset), project.datasets_dir)
    selected = (example for example in examples if chosen.selects(example.example_id, example.columns))
    return list(islice(selected, min(TRIED, chosen.first or TRIED)))


def rendering_problems(loaded: Loaded[Prompt], examples: Sequence[Example], dataset: str) -> Iterator[Problem]:
    """Say that a prompt can be rendered with no example at all."""
    failed = _failures(loaded.item, examples)
    if examples and len(failed) == len(examples):
        example = examples[0]
        said = (
            f"rendering fails for {_so_many(len(examples))} of dataset {dataset!r}, {example.example_id!r} first: "
            f"{failed[example.example_id]}"
        )
        yield Problem(loaded.file, said, _failing_line(loaded, example.shown))


def prompt_remarks(project: Project, name: str) -> Iterator[str]:
    """What would be sent and nobody wants: prompts that fail on some examples, or say the same to all.

    Args:
        project: The loaded files.
        name: An evaluation that can run.
    """
    evaluation = project.evaluation(name)
    try:
        examples = tried_examples(project, evaluation)
    except ConfigError:
        return
    dataset = evaluation.file.dataset
    for prompt in evaluation.file.prompts:
        loaded = project.prompts[prompt]
        failed = _failures(loaded.item, examples)
        if failed and len(failed) < len(examples):
            first, reason = next(iter(failed.items()))
            yield (
                f"evaluation {name}: rendering {loaded.called} fails for {len(failed)} of {_so_many(len(examples))} of "
                f"dataset {dataset!r}, which would become failed rows; {first!r} first: {reason}"
            )
        models = {candidate.model for candidate in evaluation.candidates if candidate.prompt == prompt}
        # Who is shown the example itself may be sent the same prompt each time.
        if not all(provider_of(project.model(model)).is_shown_the_example for model in models):
            said = _same_for_all(loaded, examples)
            if said:
                yield f"evaluation {name}: {loaded.called} {said}"


def _failures(prompt: Prompt, examples: Sequence[Example]) -> dict[str, str]:
    """Example id → why the prompt can't be rendered with it."""
    failed: dict[str, str] = {}
    for example in examples:
        try:
            render_prompt(prompt, example.shown)
        except TemplateError as error:
            failed[example.example_id] = str(error).removeprefix(f"prompt {prompt.name!r}: ")
    return failed


def _same_for_all(loaded: Loaded[Prompt], examples: Sequence[Example]) -> str | None:
    """Say that a prompt is the same text for all examples, or holds a variable in one brace; null if not."""
    columns = {column for example in examples for column in example.shown}
    lines = list(enumerate(loaded.source.splitlines(), loaded.first_line))
    try:
        texts = {str(render_prompt(loaded.item, example.shown)) for example in examples}
    except TemplateError:
        return None
    differ = len({str(example.shown) for example in examples}) > 1
    if differ and len(texts) == 1:
        hint = _meant(lines, PLACEHOLDER, columns)
        said = f"sends the same text {len(examples)} times, to {_so_many(len(examples))}"
        return f"{said}; {hint or 'name a column in it, as in {{ inputs }}'}"
    return _meant(lines, ONE_BRACE, columns)


def _meant(lines: Sequence[tuple[int, str]], pattern: re.Pattern[str], columns: set[str]) -> str | None:
    """Where a column is named in another template language."""
    for number, line in lines:
        for found in pattern.finditer(line):
            name = next(filter(None, found.groups()), "")
            if name in columns:
                return f"line {number} has {found[0]!r}, which is sent as it stands; did you mean {{{{ {name} }}}}?"
    return None


def _so_many(n: int) -> str:
    return f"the first {n} examples" if n == TRIED else f"all {n} examples" if n > 1 else "the one example"


def _failing_line(loaded: Loaded[Prompt], columns: Mapping[str, Any]) -> int | None:
    """Line of the file at which rendering fails."""
    for message in loaded.item.messages:
        try:
            render_text(message.template, columns, where="prompt")
        except TemplateError as error:
            trace = error.__cause__.__traceback__ if error.__cause__ else None
            number = None
            while trace is not None:
                number = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<template>" else number
                trace = trace.tb_next
            source = loaded.source.replace("\r\n", "\n")
            begins = source.find(message.template)
            if number is None or begins < 0:
                return None
            return loaded.first_line - 1 + source[:begins].count("\n") + number
    return None
