"""Every field of every file says what it means: editors, `docs/files.md` and the schemas show it."""

import importlib
import pkgutil

import pytest

from eval_assets import config
from eval_assets.config.alert import AlertFile
from eval_assets.config.datasets.dataset import DatasetCard
from eval_assets.config.evaluation import EvaluationFile
from eval_assets.config.fields import FileModel
from eval_assets.config.judge import JudgeFile
from eval_assets.config.model import ModelFile
from eval_assets.config.project_place import SettingsFile
from eval_assets.config.prompt import PromptFrontMatter
from eval_assets.providers.local.transformers_model import GenerationSettings

for module in pkgutil.walk_packages(config.__path__, f"{config.__name__}."):
    importlib.import_module(module.name)

THE_FILES = (
    AlertFile,
    DatasetCard,
    EvaluationFile,
    JudgeFile,
    ModelFile,
    PromptFrontMatter,
    SettingsFile,
    GenerationSettings,
)


def declared_models(above: type[FileModel] = FileModel) -> list[type[FileModel]]:
    """Every kind of file and of part of a file that the package has."""
    found = [model for model in above.__subclasses__() if model.__module__.startswith("eval_assets.")]
    return [each for model in found for each in (model, *declared_models(model))]


def test_the_files_are_among_the_declared_models():
    assert set(THE_FILES) <= set(declared_models())


@pytest.mark.parametrize("model", sorted(set(declared_models()), key=lambda model: model.__qualname__))
def test_every_field_says_in_a_sentence_what_it_means(model):
    said = {name: field.description or "" for name, field in model.model_fields.items()}
    assert [name for name, sentence in said.items() if not (sentence[:1].strip() and sentence.endswith("."))] == []
