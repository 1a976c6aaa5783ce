"""An evaluation of Python code as files of `data/`: what `eval-assets run` and the assets go on from."""

import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from eval_assets.api.arguments.declaring import AS_THEY_ARE, slug, yaml_text
from eval_assets.api.arguments.given_candidates import GivenCandidate
from eval_assets.api.assembly import Assembled
from eval_assets.api.project_choice import is_scratch
from eval_assets.api.results.carrying import carry_replies
from eval_assets.config.candidate import Candidate
from eval_assets.config.given import GivenFunction, is_given
from eval_assets.config.project import SUFFIXES, Loaded
from eval_assets.config.settings import Settings
from eval_assets.errors import ConfigError
from eval_assets.reports.evaluation_report import EvaluationReport
from eval_assets.requests.canonical_json import json_text
from eval_assets.tables.columns import CANDIDATE
from eval_assets.user_code.extracting import importable_name, module_text

LOG = logging.getLogger("eval_assets")


@dataclass(slots=True)
class _Files:
    """Files to write, and what things are called in them."""

    data_dir: Path
    texts: dict[Path, str] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    carried: list[GivenCandidate] = field(default_factory=list)

    def add(self, kind: str, name: str, text: str, suffix: str | None = None) -> None:
        self.texts[self.data_dir / kind / f"{name}{suffix or SUFFIXES[kind]}"] = text

    def write(self, *, overwrite: bool) -> list[Path]:
        """Write those that aren't there as they are to be.

        Raises:
            ConfigError: A file of another content is there, and may not be overwritten.
        """
        other = [path for path, text in self.texts.items() if path.exists() and path.read_text("utf-8") != text]
        if other and not overwrite:
            names = ", ".join(str(path.relative_to(self.data_dir.parent)) for path in other)
            raise ConfigError(
                f"save: {names} already there with other content; choose another name, or pass overwrite=True"
            )
        for path, text in self.texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(self.texts)


def save_evaluation(
    together: Assembled, report: EvaluationReport, settings: Settings, name: str, *, overwrite: bool
) -> list[Path]:
    """Write an evaluation's files; arguments as in `EvaluationResult.save`.

    Raises:
        ConfigError: A file of another content is there, or something has no form as a file.
    """
    if slug(name) != name:
        raise ConfigError(f"save: expected a name such as {slug(name)!r}, got {name!r}")
    if is_scratch(settings):
        raise ConfigError(
            "save: this evaluation belongs to no project; start one (`eval-assets init`, or a folder with "
            "data/evaluations/), evaluate there or with `project=`, and save that"
        )
    files = _Files(settings.data_dir)
    for candidate in together.candidates:
        _add_prompt(files, candidate, name)
        _add_model(files, candidate, report, together, name)
    judges = [_add_judge(files, judge, together) for judge in together.declared["judges"]]
    fields = {
        **together.declared,
        "dataset": _add_dataset(files, name, together),
        "models": [files.models[model] for model in together.declared["models"]],
        "prompts": [files.prompts[prompt] for prompt in together.declared["prompts"]],
        "metrics": _metrics(files, name, together),
        "judges": judges,
    }
    for named in ("skip", "baseline"):
        if named in fields:
            value = fields[named]
            fields[named] = _renamed(value, files) if isinstance(value, str) else [_renamed(v, files) for v in value]
    said = {field: value for field, value in fields.items() if value not in ([], None)}
    files.add("evaluations", name, yaml_text(said))
    written = files.write(overwrite=overwrite)
    carried = {
        Candidate(_renamed(str(candidate.name), files)): report.predictions.filter(str(candidate.name) == CANDIDATE)
        for candidate in files.carried
    }
    carry_replies(settings, name, carried)
    return written


def _is_of_a_file(loaded: Loaded[Any]) -> bool:
    """Whether something stands in a file of the project, not only in memory."""
    return loaded.file.endswith((".md", ".yaml"))


def _has_file(named: dict[str, str], loaded: Loaded[Any]) -> bool:
    """Whether something has a file, the project's or one to be written; under what name is noted.

    Args:
        named: Own name → name of its file.
        loaded: What is looked for.
    """
    own = loaded.item.name
    if own not in named and _is_of_a_file(loaded):
        named[own] = own
    return own in named


def _add_dataset(files: _Files, name: str, together: Assembled) -> str:
    """Name of the dataset; its rows and card are written where no file has them."""
    declared = str(together.declared["dataset"])
    loaded = together.project.datasets[declared]
    if _is_of_a_file(loaded):
        return declared
    card = loaded.item.card
    rows = Path(str(card.file)).read_text("utf-8")
    values = card.model_dump(mode="json", exclude_defaults=True, exclude={"file"})
    files.add("datasets", name, yaml_text(values))
    files.add("datasets", name, rows, ".jsonl")
    return name


def _add_prompt(files: _Files, candidate: GivenCandidate, name: str) -> None:
    prompt = candidate.prompt
    own = prompt.item.name
    if _has_file(files.prompts, prompt):
        return
    plain = "inputs" if prompt.source == AS_THEY_ARE else name
    taken = set(files.prompts.values())
    files.prompts[own] = plain if plain not in taken else f"{plain}-{slug(candidate.label)}"
    files.add("prompts", files.prompts[own], prompt.source)


def _add_model(
    files: _Files, candidate: GivenCandidate, report: EvaluationReport, together: Assembled, evaluation: str
) -> None:
    model = candidate.model
    own = model.item.name
    if _has_file(files.models, model):
        return
    taken = set(files.models.values())
    name = files.models[own] = slug(candidate.label) if slug(candidate.label) not in taken else own
    if candidate.given is not None:
        said = _add_function(files, candidate, candidate.given, name, evaluation)
        if said is None:
            return
        LOG.warning(
            "%s is saved by its outputs, so that the pipeline can't ask it about further rows: %s; put it into a "
            "module of the project and pass it from there",
            candidate.label,
            said,
        )
    elif candidate.column is None:
        files.add("models", name, model.source)
        return
    _add_outputs(files, candidate, report, together, name)


def _add_function(
    files: _Files, candidate: GivenCandidate, given: GivenFunction, name: str, evaluation: str
) -> str | None:
    """Write a function to a module of its own, which its model file names; or why that can't be done."""
    module = importable_name(f"{evaluation}_{name}")
    function = given.function
    try:
        text = module_text({function.__name__: function}) if inspect.isfunction(function) else None
    except ConfigError as error:
        return str(error)
    if text is None:
        return f"{candidate.label!r} is no function whose code can be written to a file"
    files.texts[files.data_dir.parent / f"{module}.py"] = text
    fields = yaml.safe_load(candidate.model.source)
    files.add("models", name, yaml_text({**fields, "callable": f"{module}:{function.__name__}"}))
    files.carried.append(candidate)
    return None


def _add_outputs(
    files: _Files, candidate: GivenCandidate, report: EvaluationReport, together: Assembled, name: str
) -> None:
    """Write the outputs of a candidate as recorded predictions."""
    if together.declared["samples"] > 1:
        raise ConfigError(
            f"save: only the outputs of {candidate.label!r} can be saved, and a file of them holds one a row; put the "
            "function into a module of the project and pass it from there to save an evaluation with samples"
        )
    described = f"Outputs of {candidate.label} from Python" if candidate.given else f"Column {candidate.column}"
    rows = report.predictions.filter(str(candidate.name) == CANDIDATE).sort("position")
    returned = [json.loads(cell or "{}") for cell in rows["extra"]]
    beside = list(dict.fromkeys(name for extra in returned for name in extra))
    columns: dict[str, Any] = {"latency_seconds": "latency_seconds"} if candidate.given else {}
    if beside:
        columns["extra"] = beside
    fields = {"description": described, "provider": "recorded", "file": f"{name}.jsonl", "columns": columns}
    files.add("models", name, yaml_text({field: value for field, value in fields.items() if value}))
    kept = ("example_id", "output", *(["latency_seconds"] if candidate.given else []))
    lines = [
        {**row, **extra}
        for row, extra in zip(rows.select(kept).to_dicts(), returned, strict=True)
        if row["output"] is not None
    ]
    files.add("models", name, "".join(f"{json_text(line)}\n" for line in lines), ".jsonl")


def _add_judge(files: _Files, judge: str, together: Assembled) -> str:
    loaded = together.project.judges[judge]
    if _is_of_a_file(loaded):
        return judge
    asked = str(loaded.item.file.model)
    model = together.project.models[asked]
    values: dict[str, Any] = {**loaded.item.file.model_dump(mode="json", exclude_defaults=True)}
    if not _is_of_a_file(model):
        values["model"] = files.models.setdefault(asked, slug(asked.rpartition(".")[0]))
        files.add("models", values["model"], model.source)
    files.add("judges", judge, yaml_text(values))
    return judge


def _metrics(files: _Files, name: str, together: Assembled) -> list[Any]:
    """The metrics as the file names them; functions of this process are written to a module beside `data/`."""
    module = importable_name(f"{name}_metrics")
    own: dict[str, Callable[..., Any]] = {}
    choices: list[Any] = []
    for choice in together.declared["metrics"]:
        target = choice.get("function")
        if is_given(target):
            function = together.project.given[target].function
            own[function.__name__] = function
            choices.append({**choice, "function": f"{module}:{function.__name__}"})
        else:
            choices.append(choice["metric"] if set(choice) == {"metric"} else dict(choice))
    if own:
        try:
            files.texts[files.data_dir.parent / f"{module}.py"] = module_text(own)
        except ConfigError as error:
            raise ConfigError(
                f"save: a metric of this process can't be written to a module: {error}; put it into a module of the "
                "project and pass it from there"
            ) from error
    return choices


def _renamed(candidate: str, files: _Files) -> str:
    """`model@prompt` as the files call it."""
    named = Candidate(candidate)
    return str(Candidate.of(files.models[named.model], files.prompts[named.prompt]))
