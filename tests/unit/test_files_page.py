"""The page about files says of every field what its model says.

After a change of a model: python -m tests.unit.test_files_page
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from eval_assets.config import settings
from eval_assets.config.alert import AlertFile
from eval_assets.config.datasets.dataset import DatasetCard
from eval_assets.config.evaluation import EvaluationFile
from eval_assets.config.fields import SLUG_PATTERN
from eval_assets.config.files.parameter_names import BY_PROJECT, KNOWN_PARAMETERS, Numbers
from eval_assets.config.inline import InlinePrompt
from eval_assets.config.judge import JudgeFile
from eval_assets.config.model import ModelFile
from eval_assets.config.project_place import SettingsFile
from eval_assets.config.prompt import PromptFrontMatter
from eval_assets.providers.local.transformers_model import GenerationSettings
from tests.derived_parts import with_parts

PAGE = Path(__file__).parents[2] / "docs" / "files.md"
MODELS: Mapping[str, type[BaseModel]] = {
    "fields of evaluations": EvaluationFile,
    "fields of datasets": DatasetCard,
    "fields of prompts": PromptFrontMatter,
    "fields of prompts in evaluations": InlinePrompt,
    "fields of models": ModelFile,
    "fields of judges": JudgeFile,
    "fields of alerts": AlertFile,
    "fields of the project": SettingsFile,
}
HEAD = "| Field | What it takes | Default | What it means |\n| --- | --- | --- | --- |"
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}

Node = Mapping[str, Any]


def fields_of(model: type[BaseModel]) -> str:
    """A table for a file, and one for each part of it that has fields of its own."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    tables = [table(schema)]
    for place, part in parts_of(schema, definitions, "", set()):
        tables.append(f"In {place}:\n\n{table(part)}")
    return "\n\n".join(tables)


def parts_of(schema: Node, definitions: Node, within: str, seen: set[str]) -> Iterator[tuple[str, Node]]:
    """Where parts with fields of their own stand, in the order of the fields; each part once."""
    for name, node in schema["properties"].items():
        for part, is_listed in named_in(node):
            if part not in seen:
                seen.add(part)
                place = f"{within}{name}{'[]' if is_listed else ''}"
                kind = definitions[part]["properties"].get("type", {}).get("const")
                yield f"`{place}`" if kind is None else f"`{place}` of type `{kind}`", definitions[part]
                yield from parts_of(definitions[part], definitions, f"{place}.", seen)


def named_in(node: Node, *, is_listed: bool = False) -> Iterator[tuple[str, bool]]:
    """Names of the parts that a field may hold, and whether it holds a list of them."""
    if "$ref" in node:
        yield node["$ref"].rpartition("/")[2], is_listed
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from named_in(each, is_listed=is_listed)
    if "items" in node:
        yield from named_in(node["items"], is_listed=True)


def table(schema: Node) -> str:
    """A line for each field."""
    required = schema.get("required", ())
    lines = []
    for name, node in schema["properties"].items():
        default = "required" if name in required else default_of(node)
        cells = (f"`{name}`", taken(node), default, node.get("description", ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([HEAD, *lines])


def default_of(node: Node) -> str:
    default = node.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    if isinstance(default, list):
        return f"`[{', '.join(map(str, default))}]`"
    if isinstance(default, bool) or not isinstance(default, int | float):
        return f"`{default if isinstance(default, str) else json.dumps(default)}`"
    return f"`{default:g}`"


def taken(node: Node) -> str:  # noqa: PLR0911  one line per kind of value
    """What a field takes, in words."""
    if "oneOf" in node:
        return "one of those below"
    if "anyOf" in node:
        choices = [taken(each) for each in node["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(choices))
    if "$ref" in node:
        return "fields below"
    if "enum" in node or "const" in node:
        values = node.get("enum", [node.get("const")])
        return ", ".join(f"`{value if isinstance(value, str) else json.dumps(value)}`" for value in values)
    if node.get("pattern") == SLUG_PATTERN:
        return "name"
    if node["type"] == "array":
        return array(node)
    values = node.get("additionalProperties")
    if node["type"] == "object" and isinstance(values, dict) and "type" in values:
        return f"mapping to {taken(values)}"
    if node.get("maxLength") == 1:
        return "one character"
    return f"{TYPES[node['type']]} {bounds_in(node)}".strip()


def array(node: Node) -> str:
    if "prefixItems" in node:
        return "list of two " + taken(node["prefixItems"][0]) + "s"
    items = taken(node["items"])
    plural = {"text": "texts", "name": "names", "fields below": "fields below"}
    return f"list of {plural.get(items, items)}"


def bounds_in(node: Node) -> str:
    if "exclusiveMinimum" in node:
        words = {"exclusiveMinimum": "above {:g}", "maximum": "at most {:g}", "exclusiveMaximum": "below {:g}"}
        return ", ".join(said.format(node[bound]) for bound, said in words.items() if bound in node)
    words = {"minimum": "from {:g}", "maximum": "to {:g}"}
    return " ".join(said.format(node[bound]) for bound, said in words.items() if bound in node)


def sampling_parameters() -> str:
    """The parameters that endpoints agree on, and what they take."""
    lines = ["| Parameter | What it takes |", "| --- | --- |"]
    for name, known in KNOWN_PARAMETERS.items():
        lines.append(f"| `{name}` | {numbers(known) if isinstance(known, Numbers) else known.said} |")
    return "\n".join(lines)


def numbers(known: Numbers) -> str:
    bounds = {"minimum": known.low, "maximum": known.high}
    told = {name: bound for name, bound in bounds.items() if abs(bound) < 2**53}
    return f"{'whole number' if known.whole else 'number'} {bounds_in(told)}".strip()


def refused_parameters() -> str:
    """Parameters that can't be sent, and what to do instead."""
    lines = ["| Refused | Instead |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {instead} |" for name, instead in BY_PROJECT.items())])


PARTS = {
    **{name: (lambda model=model: fields_of(model)) for name, model in MODELS.items()},
    "sampling parameters": sampling_parameters,
    "refused parameters": refused_parameters,
    "parameters of transformers": lambda: fields_of(GenerationSettings),
}


def test_the_page_about_files_says_what_the_models_say() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in PARTS if f"<!-- {name} -->" not in page] == []
    assert page == with_parts(page, PARTS)


@pytest.mark.parametrize("model", MODELS.values())
def test_every_field_stands_in_the_page_with_its_meaning(model: type[BaseModel]) -> None:
    page = PAGE.read_text("utf-8")
    described = {(name, field.description) for name, field in model.model_fields.items()}
    assert [name for name, said in described if f"| `{name}` |" not in page or str(said) not in page] == []


def test_every_variable_of_the_environment_stands_in_the_page() -> None:
    page = PAGE.read_text("utf-8")
    names = [value for name, value in vars(settings).items() if name.endswith(("_VARIABLE", "_PREFIX"))]
    assert len(names) > 4
    assert [name for name in names if name not in page] == []


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text("utf-8"), PARTS), "utf-8")
