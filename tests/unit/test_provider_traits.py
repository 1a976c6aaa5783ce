"""The table of providers: complete, and the only place that knows their names."""

import ast
from pathlib import Path
from typing import get_args

import eval_assets
from eval_assets.config.model import NEEDED_FIELD, ModelFile, ProviderName, has_dialects
from eval_assets.providers.traits import PROVIDERS


def test_every_provider_has_a_line_and_a_field_that_it_needs():
    assert set(PROVIDERS) == set(NEEDED_FIELD) == set(get_args(ProviderName))
    assert set(NEEDED_FIELD.values()) <= set(ModelFile.model_fields)


def test_the_traits_are_as_written_by_hand():
    def with_trait(trait: str, *values: object) -> set[str]:
        return {name for name, provider in PROVIDERS.items() if getattr(provider, trait) in (values or (True,))}

    assert with_trait("is_shown_the_example") == {"callable", "mlflow", "recorded"}
    assert with_trait("is_shown", "place") == {"recorded"}
    assert with_trait("sees_documents") == {"callable"}
    assert with_trait("runs_user_code") == {"callable", "mlflow"}
    language_models = {"openai", "anthropic", "any-llm", "embedded", "transformers"}
    assert with_trait("has_sampling_parameters") == with_trait("has_tokens") == language_models
    assert with_trait("takes_reply_formats") == language_models - {"transformers"}
    taking = {"openai", "anthropic", "any-llm", "callable", "mlflow", "recorded"}
    assert with_trait("takes_tools") == with_trait("takes_images") == taking
    assert {name for name in PROVIDERS if has_dialects(name)} == {"openai", "anthropic"}
    having_accounts = {name for name, provider in PROVIDERS.items() if provider.account is not None}
    assert having_accounts == {"openai", "anthropic", "any-llm"}
    in_batches = {name for name, provider in PROVIDERS.items() if provider.open_batches is not None}
    assert in_batches == {"openai", "anthropic"}
    assert {name: provider.package for name, provider in PROVIDERS.items() if provider.package is not None} == {
        "mlflow": "mlflow",
        "any-llm": "any_llm",
    }
    assert with_trait("is_recorded") == {"recorded"}
    assert with_trait("is_bundled") == {"embedded"}
    versioned = {name for name, provider in PROVIDERS.items() if provider.version is not None}
    assert versioned == {"callable", "mlflow", "recorded"}


def test_nothing_depends_on_the_name_of_a_provider():
    folder = Path(eval_assets.__file__).parent
    asking = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.Match)
        for part in ([node.left, *node.comparators] if isinstance(node, ast.Compare) else [node.subject])
        if isinstance(part, ast.Attribute) and part.attr == "provider"
    ]
    assert asking == []
