"""Data versions of the files in `data/`: a hash of what shapes results, and the content that is kept as a version.

Descriptions, owners, prices, limits, views and schedules are content, yet not part of the hash: they rerun nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval_assets.config.datasets.human_labels import HumanLabel, read_labels
from eval_assets.config.datasets.image_files import image_paths
from eval_assets.config.datasets.row_places import rows_place
from eval_assets.config.datasets.rows import read_documents, read_examples
from eval_assets.config.evaluation import Evaluation
from eval_assets.config.files.file_states import are_settled, states_of
from eval_assets.config.judge import Judge
from eval_assets.config.model import Model, ModelFile
from eval_assets.config.project import Loaded, Project
from eval_assets.judges.fingerprint import judge_fingerprint
from eval_assets.metrics.definition import ResolvedMetric
from eval_assets.metrics.registry import metric_fingerprint, resolve_metrics
from eval_assets.providers.identity import implementation_of
from eval_assets.stages.content_hash import HASH_LENGTH, content_sha256
from eval_assets.stages.evaluation_parts import declared_ranges
from eval_assets.stages.graph import judge_models_of, jurors_of

MODEL_FIELDS_WITHOUT_EFFECT = {
    "description", "owners", "prices", "limits", "device", "batch_size", "threads", "family", "dialect",
    "follow_changes", "mode", "reference", "stream", "engine", "replicas",
}  # fmt: skip
SECRET_NAME_FIELDS = {"api_key_env", "headers_env", "query_env", "token_command", "token_function", "aws_region"}
LATER_MODEL_FIELDS = ("reasoning_tags", "tool_calls")
"""Fields that model files of the first release didn't have: at their default they leave a file its data version."""

FILES_OF = {
    "eval_datasets": "datasets",
    "prompts": "prompts",
    "models": "models",
    "judges": "judges",
    "evaluations": "evaluations",
}
"""Table → the folder of `data/` whose files it holds."""

EVALUATION_FIELDS_WITHOUT_EFFECT = {
    "description",
    "owners",
    "schedule",
    "max_cost_usd",
    "cache",
    "view",
    "metrics",
    "without_metrics",
    "engine",
}

_SETTLED: dict[str, tuple[tuple[Any, ...], str]] = {}
"""Dataset → state of its files and data version, for the life of the process: a sensor looks every few seconds."""


_IMAGES: dict[str, list[Path]] = {}
"""Dataset → the files of its images, as it was last read: their state belongs to the dataset's."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One file as it stands now.

    Args:
        sha256: Its data version.
        content: Its canonical content, kept in the table's history; whoever reads it back gets the same object.
        source: The text as written.
        description: Its description.
    """

    sha256: str
    content: dict[str, Any]
    source: str
    description: str


class FileVersions:
    """Current versions of a project's files. Dataset rows are read once per state of their files, in this process."""

    def __init__(self, project: Project) -> None:
        """Remember the project; nothing is read yet."""
        self._project = project
        self._datasets: dict[tuple[Any, ...], str] = {}

    def sha256(self, kind: str, name: str) -> str:
        """Data version of a file, dataset rows included.

        Raises:
            ConfigError: The file, or what it refers to, can't be used.
        """
        if kind == "datasets":
            return self._dataset_sha256(name)
        return self.version(kind, name).sha256

    def version(self, kind: str, name: str) -> FileVersion:
        """A prompt, model, judge or evaluation as it stands now; raises ConfigError if it can't be used."""
        match kind:
            case "prompts":
                return self._prompt(name)
            case "models":
                return self._model(name)
            case "judges":
                return self._judge(name)
            case "evaluations":
                return self._evaluation(name)
            case _:
                raise ValueError(f"expected prompts, models, judges or evaluations, got {kind!r}")

    def metrics(self, evaluation: Evaluation) -> tuple[ResolvedMetric, ...]:
        """The heuristic metrics of an evaluation, in dependency order."""
        file = evaluation.file
        task = file.task or self._project.dataset(file.dataset).card.task
        project = self._project
        prompts = [project.prompts[name].item for name in file.prompts if name in project.prompts]
        further = ("valid_output",) if any(prompt.response_format is not None for prompt in prompts) else ()
        return resolve_metrics(
            task, file.metrics, file.without_metrics, project.data_dir.parent, project.given, further
        )

    def _prompt(self, name: str) -> FileVersion:
        prompt = self._project.prompt(name)
        messages = [message.model_dump() for message in prompt.messages]
        shaping: Any = messages if prompt.tools is None else [messages, prompt.tools]
        if prompt.response_format is not None:
            shaping = [messages, prompt.tools, {"response_format": prompt.response_format}]
        return FileVersion(
            content_sha256(shaping),
            prompt.model_dump(mode="json"),
            self._project.prompts[name].source,
            prompt.description,
        )

    def _model(self, name: str) -> FileVersion:
        model = self._project.model(name)
        implementation = self.implementation(model)
        shaping = model.file.model_dump(mode="json", exclude=MODEL_FIELDS_WITHOUT_EFFECT | SECRET_NAME_FIELDS)
        for field in LATER_MODEL_FIELDS:
            if shaping[field] == ModelFile.model_fields[field].default:
                del shaping[field]
        content = {**model.model_dump(mode="json"), "implementation": implementation}
        return FileVersion(
            content_sha256([shaping, implementation]),
            content,
            self._project.models[name].source,
            model.file.description,
        )

    def implementation(self, model: Model) -> str | None:
        """Hash of the code or recorded file behind a model; null for models that are served."""
        return implementation_of(model, self._project.models_dir, self._project.given)

    def _judge(self, name: str) -> FileVersion:
        judge = self._project.judge(name)
        members = [self._project.judge(member) for member in jurors_of(self._project, name)]
        models = judge_models_of(self._project, name)
        shaping = [judge_fingerprint(member) for member in members]
        by_model = [self._model(model).sha256 for model in models]
        content = {
            **judge.model_dump(mode="json"),
            "jurors": [member.model_dump(mode="json") for member in members[1:]],
            "models": [self._model(model).content for model in models],
        }
        return FileVersion(
            content_sha256([shaping, by_model]),
            content,
            self._source(self._project.judges, name),
            judge.file.description,
        )

    def _evaluation(self, name: str) -> FileVersion:
        evaluation = self._project.evaluation(name)
        card = self._project.dataset(evaluation.file.dataset).card
        shaping = evaluation.file.model_dump(mode="json", exclude=EVALUATION_FIELDS_WITHOUT_EFFECT)
        metrics = {metric.label: metric_fingerprint(metric) for metric in self.metrics(evaluation)}
        content = {
            **evaluation.model_dump(mode="json"),
            "task": evaluation.file.task or card.task,
            "metric_fingerprints": metrics,
            "cluster": card.cluster,
            "slices": list(card.slices),
            "references": [model for model in evaluation.file.models if self._is_reference(model)],
        }
        facts = [shaping, metrics, content["task"], card.cluster, list(card.slices)]
        facts += [ranges] if (ranges := declared_ranges(evaluation)) else []
        facts.append([list(evaluation.file.named), content["references"]])
        return FileVersion(
            content_sha256(facts), content, self._source(self._project.evaluations, name), evaluation.file.description
        )

    def _is_reference(self, model: str) -> bool:
        """Whether a model is kept for comparison only; one without a usable file is refused elsewhere."""
        loaded = self._project.models.get(model)
        return loaded is not None and loaded.item.file.reference

    @staticmethod
    def _source(loaded: "dict[str, Loaded[Judge]] | dict[str, Loaded[Evaluation]] | Any", name: str) -> str:
        return str(loaded[name].source)

    def _dataset_sha256(self, name: str) -> str:
        dataset = self._project.dataset(name)
        folder = self._project.datasets_dir
        rows, files = rows_place(dataset, folder), []
        if dataset.card.documents:
            files.append(folder / dataset.card.documents.file)
        files += [folder / labels.file for labels in dataset.card.labels]
        if rows.file is not None:
            files.insert(0, rows.file)
        rows_now, place = rows.state(), str(folder / name)
        files += _IMAGES.get(place, [])
        files_now = states_of(files)
        state = (place, dataset.card.model_dump_json(), rows_now, *files_now)
        known = self._datasets.get(state)
        if known is None and place in _SETTLED and _SETTLED[place][0] == state:
            known = _SETTLED[place][1]
        if known is None:
            is_settled = rows_now is not None and are_settled(files_now)
            hashes: dict[str, str] = {}
            images: dict[Path, None] = {}
            for example in read_examples(dataset, folder):
                hashes[example.example_id] = example.sha256[:HASH_LENGTH]
                images |= dict.fromkeys(image_paths(example.columns, folder))
            labels = read_labels(dataset, folder, example_ids=hashes)
            known = dataset_sha256(list(hashes.values()), read_documents(dataset, folder), labels)
            if list(images) != _IMAGES.get(place, []):  # the state of these wasn't seen
                _IMAGES[place] = list(images)
            elif is_settled and states_of(files) == files_now and rows.state() == rows_now:
                _SETTLED[place] = (state, known)
        self._datasets[state] = known
        return known


def dataset_sha256(
    example_hashes: list[str], documents: list[dict[str, str]], labels: Sequence[HumanLabel] = ()
) -> str:
    """Data version of a dataset: its rows in their order, the documents a retriever searches, people's labels."""
    content = [example_hashes, documents]
    return content_sha256([*content, [_label_content(label) for label in labels]] if labels else content)


def _label_content(label: HumanLabel) -> dict[str, Any]:
    """What a label says; one for every prompt is written as before labels could name one, which keeps its hash."""
    content = asdict(label)
    if label.prompt is None:
        del content["prompt"]
    return content
