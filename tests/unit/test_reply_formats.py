"""What prompts ask answers to look like, whether answers do, and the fields that metrics read of them."""

import json
from types import SimpleNamespace

import polars as pl
import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.config.files.reply_formats import SchemaFiles, is_strict, reply_format
from eval_assets.config.prompt import parse_prompt
from eval_assets.errors import ConfigError
from eval_assets.metrics.answers.valid_output import field_of, form_fault
from eval_assets.metrics.registry import metric_fingerprint, resolve_metrics
from eval_assets.metrics.scoring.prediction_scores import score_predictions
from eval_assets.stages.content_hash import content_sha256
from eval_assets.stages.file_changes import version_change
from eval_assets.stages.file_versions import FileVersions
from tests.small_project import problems_of, project_with
from tests.unit.test_metric_rows import CELL, prediction_frame

CITY = {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False,
}  # fmt: skip


def prompt_with(declared: str, **options):
    return parse_prompt("p", f"---\nresponse_format: {declared}\n---\n## user\nWhere?\n", file="p.md", **options)


def test_a_schema_may_stand_in_the_prompt_or_beside_it(tmp_path):
    (tmp_path / "city.json").write_text(json.dumps(CITY))
    (tmp_path / "city.yaml").write_text(json.dumps(CITY))
    schemas = SchemaFiles(tmp_path, tmp_path)
    inline = prompt_with(json.dumps(CITY)).response_format
    assert inline == {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": CITY}}
    for declared in ("city.json", "city.yaml", json.dumps({"type": "json_schema", "json_schema": {"schema": CITY}})):
        assert prompt_with(declared, schemas=schemas).response_format == inline
    for declared in ("json", "{type: json_object}"):
        assert prompt_with(declared).response_format == {"type": "json_object"}


def test_a_prompt_without_one_is_what_it_was():
    prompt = parse_prompt("p", "## user\nWhere?\n", file="p.md")
    assert prompt.response_format is None
    assert "response_format" not in prompt.model_dump(mode="json")


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("yaml", "expected `json`, a JSON schema, or a file that holds one, such as `answer.schema.json`, got 'yaml'"),
        ("none.json", "none.json: the file doesn't exist"),
        ("../out.json", "../out.json: expected a file inside the project folder"),
        ("broken.json", "broken.json: not valid JSON: Expecting value"),
        ("{type: objekt}", "not a JSON schema: $.type: 'objekt' is not valid"),
        ("{}", "expected `json`, a JSON schema, or a file that holds one, got {}"),
    ],
)
def test_what_is_no_format_is_refused_with_its_line(tmp_path, declared, said):
    (tmp_path / "broken.json").write_text("?")
    with pytest.raises(ConfigError) as caught:
        prompt_with(declared, schemas=SchemaFiles(tmp_path, tmp_path))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"p.md:2: response_format: {said}")


def test_only_a_schema_without_openings_is_asked_to_be_enforced_strictly():
    inner = {"type": "object", "properties": {"where": CITY}, "required": ["where"], "additionalProperties": False}
    assert is_strict(inner)
    assert is_strict({"type": "array", "items": inner})
    assert not is_strict({**inner, "required": []})
    assert not is_strict({**inner, "properties": {"where": {**CITY, "additionalProperties": True}}})
    assert reply_format({**CITY, "required": []})["json_schema"]["strict"] is False


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        ('{"city": "Paris"}', ""),
        ('{"city": 7}', "$.city: 7 is not of type 'string'"),
        ("{}", "$: 'city' is a required property"),
        ("Paris", "no JSON: Expecting value: line 1 column 1 (char 0)"),
        ('```json\n{"city": "Paris"}\n```', "no JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_an_answer_of_another_form_says_what_keeps_it_from_it(output, fault):
    assert form_fault(output, reply_format(CITY)) == fault


def test_json_mode_asks_for_an_object():
    assert form_fault('{"a": 1}', reply_format("json")) == ""
    assert form_fault("[1]", reply_format("json")) == "expected a JSON object"


@pytest.mark.parametrize(
    ("output", "path", "text"),
    [
        ('{"answer": "Paris"}', "answer", "Paris"),
        ('```json\n{"answer": "Paris"}\n```', "answer", "Paris"),
        ('{"answer": {"cities": ["Paris", "Rome"]}}', "answer.cities.1", "Rome"),
        ('{"answer": 7}', "answer", "7"),
        ('{"answer": ["é"]}', "answer", '["é"]'),
    ],
)
def test_a_field_is_read_as_text(output, path, text):
    assert field_of(output, path) == text


def scored(frame, *choices):
    metrics = resolve_metrics("retriever", choices, ("precision_at_k", "recall_at_k", "ndcg_at_k"))
    frames = score_predictions([frame], metrics, previous=None, cell=CELL, run_id="r1")
    return pl.concat(list(frames)).sort("metric", "position").select("metric", "score", "outcome", "reason").rows()


def test_a_metric_of_a_field_scores_it_and_an_answer_without_it_is_no_wrong_answer():
    outputs = ['{"answer": "Paris"}', '{"answer": "Rome"}', '{"city": "Paris"}', "Paris"]
    assert scored(prediction_frame(outputs, ["Paris"] * 4), MetricChoice(metric="exact_match", field="answer")) == [
        ("exact_match.answer", 1.0, "ok", None),
        ("exact_match.answer", 0.0, "ok", None),
        ("exact_match.answer", None, "error", "no field 'answer': the object has 'city'"),
        (
            "exact_match.answer", None, "error",
            "no field 'answer': the output is no JSON: Expecting value: line 1 column 1 (char 0)",
        ),
    ]  # fmt: skip
    none = scored(prediction_frame(["x"], ["x"]), MetricChoice(metric="exact_match", field="answer"))
    assert [(score, outcome) for _, score, outcome, _ in none] == [(None, "error")]


def test_the_field_decides_the_identity_of_a_metric_and_replaces_the_default_of_its_name():
    plain, of_field, other = (
        resolve_metrics("question-answering", choices)[-1]
        for choices in (
            (MetricChoice(metric="contains"),),
            (MetricChoice(metric="contains", field="answer", label="contains"),),
            (MetricChoice(metric="contains", field="city", label="contains"),),
        )
    )
    assert len({metric_fingerprint(metric) for metric in (plain, of_field, other)}) == 3
    assert len({metric.parameters_sha256 for metric in (plain, of_field, other)}) == 3
    chosen = (MetricChoice(metric="exact_match", field="a"),)
    labels = [metric.label for metric in resolve_metrics("question-answering", chosen)]
    assert "exact_match.a" in labels
    assert "exact_match" not in labels


def test_valid_output_is_the_share_of_answers_of_the_form_that_was_asked_for():
    frame = prediction_frame(["a", "b", "c"], output_fault=["", "no JSON", None])
    assert scored(frame, MetricChoice(metric="valid_output")) == [
        ("valid_output", 1.0, "ok", None),
        ("valid_output", 0.0, "ok", "no JSON"),
        ("valid_output", None, "skipped", "no output_fault"),
    ]


def test_log_probabilities_are_scores():
    frame = prediction_frame(["a", "b"], mean_logprob=[-0.5, None])
    found = scored(frame, MetricChoice(metric="mean_logprob"), MetricChoice(metric="perplexity"))
    assert [row[:3] for row in found] == [
        ("mean_logprob", -0.5, "ok"),
        ("mean_logprob", None, "skipped"),
        ("perplexity", pytest.approx(1.6487212707), "ok"),  # e ** 0.5
        ("perplexity", None, "skipped"),
    ]


def test_an_edited_schema_file_is_another_version_of_its_prompt_and_brings_a_metric(tmp_path):
    asking = "---\nresponse_format: city.json\n---\n## user\nAnswer: {{ inputs }}\n"
    versions = []
    for name, schema in (("one", CITY), ("two", {**CITY, "required": []})):
        project = project_with(tmp_path / name, **{"prompts/ask.md": asking, "prompts/city.json": json.dumps(schema)})
        assert problems_of(project) == []
        versions.append(FileVersions(project).sha256("prompts", "ask"))
        labels = [metric.label for metric in FileVersions(project).metrics(project.evaluation("e"))]
        assert labels[-1] == "valid_output"
    plain = project_with(tmp_path / "plain")
    assert len({*versions, FileVersions(plain).sha256("prompts", "ask")}) == 3
    # as it was before prompts could ask for a form
    asked = [{"role": "user", "template": "Answer: {{ inputs }}"}]
    assert FileVersions(plain).sha256("prompts", "ask") == content_sha256(asked)
    without = "dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity, valid_output]\n"
    files = {"prompts/ask.md": asking, "prompts/city.json": json.dumps(CITY), "evaluations/e.yaml": without}
    project = project_with(tmp_path / "without", **files)
    assert problems_of(project) == []
    assert "valid_output" not in [metric.label for metric in FileVersions(project).metrics(project.evaluation("e"))]


def test_a_plan_says_what_changed_in_the_form_that_is_asked_for():
    def content(**fields):
        return SimpleNamespace(version=1, content=prompt_with(json.dumps({**CITY, **fields})).model_dump(mode="json"))

    said = version_change("prompts", "p", content(), content(required=[]), 2)
    schema = "response_format.json_schema.schema"
    assert said == (
        f'prompt p v1 → v2: {schema}.required ["city"] → []; response_format.json_schema.strict true → false'
    )
    plain = SimpleNamespace(version=1, content=parse_prompt("p", "## user\nWhere?\n", file="p").model_dump(mode="json"))
    assert version_change("prompts", "p", plain, plain, 2) == "prompt p v1 → v2"


def test_a_prompt_within_an_evaluation_may_ask_for_a_form_too(tmp_path):
    inline = "dataset: qa\nmodels: [echo]\nprompts: [{name: here, user: '{{ inputs }}', response_format: json}]\n"
    project = project_with(tmp_path, **{"evaluations/e.yaml": inline + "without_metrics: [toxicity]\n"})
    assert problems_of(project) == []
    assert project.prompt("here").response_format == {"type": "json_object"}
    broken = inline.replace("format: json", "format: jsno")
    said = problems_of(project_with(tmp_path / "broken", **{"evaluations/e.yaml": broken}))
    assert any("data/evaluations/e.yaml:3" in line and "expected `json`, a JSON schema" in line for line in said), said
