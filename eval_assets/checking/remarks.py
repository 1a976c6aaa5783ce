"""What `check` remarks of evaluations that can run: what metrics and judges won't see; and what this machine lacks."""

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from eval_assets.checking.expected_rows import unread_expectations
from eval_assets.checking.file_names import files_used
from eval_assets.checking.parameter_spelling import spelling_remarks
from eval_assets.checking.trial_rendering import prompt_remarks
from eval_assets.cluster.ray_session import RAY_INSTALLATION, is_ray_installed
from eval_assets.config.datasets.rows import read_examples
from eval_assets.config.engine_name import RAY
from eval_assets.config.project import Project
from eval_assets.config.served import AWS_KEY_ID, AWS_SECRET
from eval_assets.errors import ConfigError, EvalAssetsError
from eval_assets.metrics.availability import unavailable
from eval_assets.metrics.overlap.scripts import unseen_notes
from eval_assets.metrics.targets import acceptable
from eval_assets.providers.dialects.found_out import DialectMemory
from eval_assets.providers.local.embedded import bundled_weights
from eval_assets.providers.traits import provider_of
from eval_assets.stages.file_versions import FileVersions


def remarks(project: Project, versions: FileVersions, names: Iterable[str], dialects: DialectMemory) -> Iterator[str]:
    """What to know of these evaluations, which can run; `dialects` is what was found out about endpoints."""
    for name in names:
        yield from unseen_targets(project, versions, name)
        yield from prompt_remarks(project, name)
        yield from unread_expectations(project, versions, name)
        yield from judge_remarks(project, name)
        yield from endpoint_remarks(project, name)
        yield from spelling_remarks(project, name, dialects)


def missing_prerequisites(
    project: Project, versions: FileVersions, name: str, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """One line for each thing that an evaluation uses and this machine lacks, with the remedy."""
    evaluation = project.evaluation(name)
    engines = {evaluation.file.engine}
    for _, model in (used for used in files_used(project, evaluation) if used[0] == "models"):
        file = project.model(model).file
        engines.add(file.engine)
        signing = () if file.aws_region is None else (AWS_KEY_ID, AWS_SECRET)
        named = (file.api_key_env, *signing, *file.headers_env.values(), *file.query_env.values())
        for variable in filter(None, named):
            if not environment.get(variable):
                yield f"evaluation {name}: model {model!r} needs the environment variable {variable}, which is not set"
        package = provider_of(project.model(model)).package
        if package is not None and importlib.util.find_spec(package) is None:
            extra = f"pip install 'eval-assets[{file.provider}]'"
            yield f"evaluation {name}: model {model!r} needs the package {package}, which isn't installed: {extra}"
        if provider_of(project.model(model)).is_bundled:
            try:
                bundled_weights(str(file.model))
            except EvalAssetsError as error:
                yield f"evaluation {name}: model {model!r}: {error}"
    if RAY in engines and not is_ray_installed():
        yield f"evaluation {name}: `engine: ray` needs the package ray, which isn't installed: {RAY_INSTALLATION}"
    for metric in versions.metrics(evaluation):
        remedy = unavailable(metric)
        if remedy:
            yield f"evaluation {name}: metric {metric.label!r} would be skipped: {remedy}"


def endpoint_remarks(project: Project, name: str) -> Iterator[str]:
    """Addresses of an evaluation's models that end where those of most endpoints don't."""
    for _, model in (used for used in files_used(project, project.evaluation(name)) if used[0] == "models"):
        base_url = project.model(model).file.base_url
        if base_url and not urlsplit(base_url).path.strip("/"):
            said = f"the `base_url` of model {model!r} has no path; that of most endpoints ends in `/v1`"
            yield f"evaluation {name}: {said}"


def unseen_targets(project: Project, versions: FileVersions, name: str) -> Iterator[str]:
    """One line for each tokenizer of an evaluation's metrics that sees no words in targets of the dataset.

    None where the rows can't be used, which is a problem and said as one.
    """
    evaluation = project.evaluation(name)
    metrics = [metric for metric in versions.metrics(evaluation) if metric.tokenizer]
    if metrics:
        examples = read_examples(project.dataset(evaluation.file.dataset), project.datasets_dir)
        targets = (text for example in examples for text in acceptable(example.columns.get("targets")).texts)
        try:
            notes = list(unseen_notes(metrics, targets))
        except ConfigError:
            return
        for note in notes:
            yield f"evaluation {name}: {note}"


def judge_remarks(project: Project, name: str) -> Iterator[str]:
    """What a judge of an evaluation is not told."""
    file = project.evaluation(name).file
    for judge in dict.fromkeys([*file.judges, *([file.pairwise.judge] if file.pairwise else [])]):
        loaded = project.judges[judge]
        asked = loaded.item.file
        if asked.kind == "rubric" and not (asked.rubric or asked.guidelines):
            yield f"evaluation {name}: {loaded.file} has no `rubric`: what a score means is left to the judge's model"
        if asked.kind == "template" and not re.search(r"\{[{%][^}]*\boutput\b", asked.prompt or ""):
            yield f"evaluation {name}: the `prompt` of {loaded.file} has no {{{{ output }}}}: it judges unseen"
