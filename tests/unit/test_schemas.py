"""The JSON schemas are the models in `config`; they accept this repository's files and refuse what people mistype.

After a change of a model: python -m tests.unit.test_schemas
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from eval_assets.cli.main import commands
from eval_assets.config.alert import AlertFile
from eval_assets.config.datasets.dataset import DatasetCard
from eval_assets.config.datasets.row_source import RowSource
from eval_assets.config.evaluation import EvaluationFile, Gate, MetricChoice
from eval_assets.config.fields import SLUG_PATTERN
from eval_assets.config.files.parameter_names import BY_PROJECT, HARMLESS, KNOWN_PARAMETERS, Numbers, Types
from eval_assets.config.files.yaml_documents import parse_yaml
from eval_assets.config.inline import InlinePrompt, lifted
from eval_assets.config.judge import NEEDED_BY_KIND, JudgeFile
from eval_assets.config.model import NEEDED_FIELD, ModelFile
from eval_assets.metrics.registry import METRICS
from eval_assets.providers.traits import PROVIDERS
from eval_assets.schemas.copies import FILE_NAMES, SHIPPED, keeps_schemas, outdated_schemas, schema_line, write_schemas
from tests.small_project import FILES, problems_of, project_with

CHECKOUT = Path(__file__).parents[2]
KINDS: Mapping[str, tuple[type[BaseModel], str]] = {
    "datasets": (DatasetCard, "An eval dataset"),
    "models": (ModelFile, "A model"),
    "judges": (JudgeFile, "A judge"),
    "evaluations": (EvaluationFile, "An evaluation"),
    "alerts": (AlertFile, "An alert"),
}
JSON_TYPES = {str: "string", list: "array", dict: "object", bool: "boolean", int: "integer"}
NAME = {"type": "string", "pattern": SLUG_PATTERN, "description": "Its name, under which results are kept."}
INLINE: Mapping[str, type[BaseModel]] = {"dataset": DatasetCard, "models": ModelFile, "prompts": InlinePrompt}
"""Field of an evaluation → what may stand there in place of a name."""
SHIPPED_METRIC = {"enum": sorted(METRICS)}


def sampling_parameters() -> dict[str, Any]:
    """What stands under `parameters` of a model whose endpoint knows the common ones; others are let through."""
    properties = {name: values_of(known) for name, known in KNOWN_PARAMETERS.items()}
    properties |= {name: {"enum": [harmless, None]} for name, harmless in HARMLESS.items()}
    refused = sorted(set(BY_PROJECT) - set(HARMLESS))
    return {"properties": properties, "propertyNames": {"not": {"enum": refused}}}


def values_of(known: Numbers | Types) -> dict[str, Any]:
    if isinstance(known, Types):
        return {"type": [*(JSON_TYPES[kind] for kind in known.types), "null"]}
    bounds = {"minimum": known.low, "maximum": known.high}
    said = {name: bound for name, bound in bounds.items() if abs(bound) < 2**53}
    return {"type": ["integer" if known.whole else "number", "null"], **said}


def where(field: str, values: list[str], then: dict[str, Any]) -> dict[str, Any]:
    """Say what follows where a field has one of some values."""
    return {"if": {"properties": {field: {"enum": values}}, "required": [field]}, "then": then}


SAMPLED = [name for name, provider in PROVIDERS.items() if provider.has_sampling_parameters]
NOT_A_JURY = {"if": {"properties": {"kind": {"enum": ["jury"]}}, "required": ["kind"]}, "else": {"required": ["model"]}}
CONDITIONS: Mapping[type[BaseModel], list[dict[str, Any]]] = {
    ModelFile: [
        *(where("provider", [provider], {"required": [field]}) for provider, field in NEEDED_FIELD.items()),
        where("provider", SAMPLED, {"properties": {"parameters": sampling_parameters()}}),
    ],
    JudgeFile: [
        *(where("kind", [kind], {"required": [field]}) for kind, field in NEEDED_BY_KIND.items()),
        {"if": {"not": {"required": ["kind"]}}, "then": {"required": [NEEDED_BY_KIND["rubric"]]}},
        NOT_A_JURY,
        {"properties": {"parameters": sampling_parameters()}},
    ],
    AlertFile: [{"oneOf": [{"required": ["webhook_env"]}, {"required": ["command"]}]}],
    RowSource: [{"minProperties": 1, "maxProperties": 1}],
    Gate: [{"anyOf": [{"required": [name]} for name in (*Gate.OF_SCORES, *Gate.OF_COST)]}],
    MetricChoice: [{"if": {"not": {"required": ["function"]}}, "then": {"properties": {"metric": SHIPPED_METRIC}}}],
}
"""What a model's validators ask for beyond its fields."""


class EditorSchema(GenerateJsonSchema):
    """Schemas that know what validators ask for."""

    def model_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().model_schema(schema)
        conditions = [each for model, each in CONDITIONS.items() if issubclass(schema["cls"], model)]
        return {**made, "allOf": [one for each in conditions for one in each]} if conditions else made


def in_draft_7(node: Any) -> Any:
    """The same in the draft that editors know best, without titles that repeat the name of a field."""
    if isinstance(node, list):
        return [in_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {name: in_draft_7(value) for name, value in node.items()}
    if isinstance(made.get("title"), str):
        del made["title"]
    if made.get("default", ...) is None or (isinstance(made.get("default"), dict) and "description" in made):
        del made["default"]
    made.pop("discriminator", None)
    if isinstance(said := made.get("description"), str) and "`" in said:
        made["markdownDescription"] = said  # editors show the other with its marks
    for new, old in (("$defs", "definitions"), ("prefixItems", "items")):
        if new in made:
            made[old] = made.pop(new)
    if "$ref" in made:
        reference = {"$ref": made.pop("$ref").replace("#/$defs/", "#/definitions/")}
        made = {"allOf": [reference], **made} if made else reference
    return made


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """The schema of a kind of file."""
    model, title = KINDS[kind]
    made = in_draft_7(model.model_json_schema(schema_generator=EditorSchema))
    if kind == "evaluations":
        chosen = made["properties"]["metrics"]
        chosen["items"] = {"anyOf": [{"type": "string", **SHIPPED_METRIC}, chosen["items"]]}
        made["properties"]["without_metrics"]["items"] = {"type": "string", **SHIPPED_METRIC}
        for name, inline in INLINE.items():
            let_it_be_defined(made, name, inline)
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **made}


def let_it_be_defined(made: dict[str, Any], name: str, inline: type[BaseModel]) -> None:
    """Let a definition stand in a field of an evaluation where others write a name."""
    part = in_draft_7(inline.model_json_schema(schema_generator=EditorSchema))
    made["definitions"] |= part.pop("definitions", {})
    part["properties"] = {"name": NAME, **part["properties"]}
    if name != "dataset":  # one without a name has the evaluation's
        part["required"] = ["name", *part.get("required", [])]
    made["definitions"][f"{name} in an evaluation"] = part
    defined = {"$ref": f"#/definitions/{name} in an evaluation"}
    field = made["properties"][name]
    if "items" in field:
        field["items"] = {"anyOf": [field["items"], defined]}
    else:
        made["properties"][name] = {"description": field.pop("description"), "anyOf": [field, defined]}


def written(kind: str) -> str:
    """The text of a schema file."""
    return json.dumps(schema_of(kind), indent=1, ensure_ascii=False) + "\n"


def values_in(text: str) -> dict[str, Any]:
    """A YAML text as it is read here, and by editors, to whom `yes` is a text."""
    return parse_yaml(text, file="any.yaml").values


def faults(kind: str, text: str) -> list[str]:
    """What an editor would underline."""
    return [error.message for error in Draft7Validator(schema_of(kind)).iter_errors(values_in(text))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_shipped_schema_is_what_the_models_say(kind: str) -> None:
    assert (SHIPPED / FILE_NAMES[kind]).read_text("utf-8") == written(kind)
    Draft7Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("path", sorted((CHECKOUT / "data").glob("*/*.yaml")), ids=lambda path: path.name)
def test_every_file_of_this_repository_conforms(path: Path) -> None:
    assert faults(path.parent.name, path.read_text("utf-8")) == []


MISTAKES = [  # kind of file, what it says in place of the sound one
    ("datasets", "task: qa\n"),
    ("datasets", "task: text\ncolumns: {Question text: inputs}\n"),
    ("datasets", "task: text\nrows: {delta: a, parquet: b}\n"),
    ("datasets", "task: text\ndelimiter: ';;'\n"),
    ("models", "provider: opnai\nmodel: m\n"),
    ("models", "provider: openai\n"),
    ("models", "provider: callable\nmodel: m\n"),
    ("models", "provider: openai\nmodel: m\ntemperature: 0\n"),
    ("models", "provider: openai\nmodel: m\nparameters: {temperature: low}\n"),
    ("models", "provider: openai\nmodel: m\nparameters: {max_tokens: -5}\n"),
    ("models", "provider: openai\nmodel: m\nparameters: {stream: true}\n"),
    ("models", "provider: openai\nmodel: m\nparameters: {timeout: 3}\n"),
    ("models", "provider: openai\nmodel: m\nlimits: {max_concurrency: 0}\n"),
    ("models", "provider: openai\nmodel: m\napi_key_env: sk-123\n"),
    ("judges", "rubric: r\nmodel: echo\n"),
    ("judges", "definition: d\n"),
    ("judges", "kind: jury\nmodel: echo\n"),
    ("judges", "definition: d\nmodel: echo\nscale: {type: stars}\n"),
    ("judges", "definition: d\nmodel: echo\nscale: {type: labels, labels: {good: 1}}\n"),
    ("judges", "kind: tree\nmodel: echo\ntree: {question: q, yes: 1}\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "sample: 2\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "metrics: [f1]\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "gates: [{metric: token_f1}]\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "gates: [{metric: token_f1, min: 0.5, tier: hard}]\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "metrics: [{metric: mine, function: m:f, range: [0]}]\n"),
    ("evaluations", FILES["evaluations/e.yaml"].replace("[echo]", "echo")),
    ("evaluations", FILES["evaluations/e.yaml"].replace("[echo]", "[{provider: embedded, model: m}]")),
    ("evaluations", FILES["evaluations/e.yaml"].replace("[echo]", "[{name: m, provider: openai}]")),
    ("evaluations", FILES["evaluations/e.yaml"].replace("[ask]", "[{name: short, usr: hi}]")),
    ("evaluations", FILES["evaluations/e.yaml"].replace("[ask]", "[]")),
]
NAMES = {"datasets": "qa", "models": "echo", "judges": "right", "evaluations": "e"}


@pytest.mark.parametrize(("kind", "text"), MISTAKES)
def test_what_check_refuses_an_editor_underlines(tmp_path: Path, kind: str, text: str) -> None:
    assert faults(kind, text) != []
    assert problems_of(project_with(tmp_path, **{f"{kind}/{NAMES[kind]}.yaml": text})) != []


ALLOWED = [
    ("models", "provider: openai\nmodel: m\nparameters: {top_k: 3, typical_p: 0.2, n: 1, seed: null}\n"),
    ("models", "provider: callable\ncallable: m:f\nparameters: {n: many, temperature: hot}\n"),
    ("judges", "definition: d\nmodel: echo\nscale: {max: 3}\n"),
    ("judges", "kind: jury\njurors: [a, b, c]\n"),
    ("judges", "kind: tree\nmodel: m\ntree: {question: q, yes: {question: p, yes: 5, no: 3}, no: 1}\n"),
    ("evaluations", FILES["evaluations/e.yaml"] + "metrics: [rougeL, {metric: mine, function: m:f, range: [0, 9]}]\n"),
    (
        "evaluations",
        "dataset: {task: text}\nmodels: [{name: m, provider: embedded, model: n}]\nprompts: [a, {name: b, user: c}]\n",
    ),
    ("evaluations", FILES["evaluations/e.yaml"] + "slice: {first: 3, where: {lang: [en, de]}}\nschedule: null\n"),
]


@pytest.mark.parametrize(("kind", "text"), ALLOWED)
def test_what_the_loader_takes_an_editor_does_not_underline(kind: str, text: str) -> None:
    document = parse_yaml(text, file="any.yaml")
    if kind == "evaluations":
        document, _ = lifted(document, text, evaluation="any")
    KINDS[kind][0].model_validate(document.values)
    assert faults(kind, text) == []


def test_a_project_keeps_copies_that_its_files_name(tmp_path: Path) -> None:
    assert not keeps_schemas(tmp_path)
    assert len(write_schemas(tmp_path)) == len(KINDS)
    assert keeps_schemas(tmp_path)
    for kind in KINDS:
        folder = tmp_path / "data" / kind
        folder.mkdir(parents=True)
        named = schema_line(kind, folder / "x.yaml", tmp_path).removeprefix("# yaml-language-server: $schema=")
        assert json.loads((folder / named).read_text("utf-8")) == schema_of(kind)


def test_copies_of_another_version_are_brought_up_to_date_and_no_others(tmp_path: Path) -> None:
    write_schemas(tmp_path)
    former = tmp_path / ".eval-assets" / "schemas" / "judge.json"
    former.write_text("{}")
    assert outdated_schemas(tmp_path) == write_schemas(tmp_path) == [former]
    assert outdated_schemas(tmp_path) == []


def test_the_command_writes_them_and_check_says_when_they_are_of_another_version(tmp_path: Path) -> None:
    data = project_with(tmp_path).data_dir

    def said(command: str) -> str:
        return CliRunner().invoke(commands, ["--data", str(data), command], catch_exceptions=False).output

    assert ".eval-assets" not in said("check")
    assert "wrote .eval-assets/schemas/evaluation.json" in said("schemas")
    assert "$schema=../../.eval-assets/schemas/judge.json" in said("schemas")
    assert ".eval-assets" not in said("check")
    (tmp_path / ".eval-assets" / "schemas" / "model.json").unlink()
    assert "note: .eval-assets/schemas is of another version" in said("check")


if __name__ == "__main__":
    for each, name in FILE_NAMES.items():
        (SHIPPED / name).write_text(written(each), "utf-8")
