"""What people write who know other tools, or have read no page yet: told how it is written here."""

from pathlib import Path

import pytest

from eval_assets.checking.remarks import endpoint_remarks
from tests.small_project import FILES, problems_of, project_with

EVALUATION = FILES["evaluations/e.yaml"]
JUDGE = FILES["judges/right.yaml"]
SERVED = "provider: openai\nmodel: m\n"
ENDPOINT = "write `provider: openai` with the `base_url` of its OpenAI-compatible endpoint"

IN_A_FILE = [  # file, content, field, the end of what is said
    ("evaluations/e.yaml", EVALUATION.replace("[echo]", "echo"), "models", "got 'echo'; as in `models: [echo]`"),
    ("evaluations/e.yaml", EVALUATION + "gates: {metric: x, min: 0}\n", "gates", "; write `- ` before each entry"),
    ("evaluations/e.yaml", EVALUATION + "gates: ['x > 1']\n", "gates[0]", "got 'x > 1'; as in `{metric: …}`"),
    ("evaluations/e.yaml", EVALUATION + "slice: 10\n", "slice", "got 10; as in `slice: {first: …}`"),
    ("evaluations/e.yaml", EVALUATION + "schedule: '@daily'\n", "schedule", "as in `schedule: {cron: …}`"),
    ("evaluations/e.yaml", EVALUATION + "limit: 10\n", "limit", "unknown field; write `slice: {first: …}`"),
    ("evaluations/e.yaml", EVALUATION + "cron: '@daily'\n", "cron", "unknown field; it belongs under `schedule`"),
    ("evaluations/e.yaml", EVALUATION + "repetitions: 3\n", "repetitions", "unknown field; write `samples`"),
    ("evaluations/e.yaml", EVALUATION + "confidence: 95\n", "confidence", "got 95; it is a share, did you mean 0.95?"),
    (
        "evaluations/e.yaml",
        EVALUATION.replace("qa", "data/datasets/qa.yaml"),
        "dataset",
        "got 'data/datasets/qa.yaml'; write its name without folder and ending, 'qa'",
    ),
    (
        "evaluations/e.yaml",
        EVALUATION + "metrics: ['mine:f']\n",
        "metrics[0]",
        "got 'mine:f'; a function of yours is written {metric: f, function: 'mine:f'}",
    ),
    (
        "evaluations/e.yaml",
        EVALUATION + "metrics: [{metric: recall_at_k, k: 3}]\n",
        "metrics[0].k",
        "unknown field; parameters of a metric stand under `parameters`, as in `parameters: {k: …}`",
    ),
    (
        "evaluations/e.yaml",
        EVALUATION + "gates: [{metric: x, threshold: 1}]\n",
        "gates[0].threshold",
        "unknown field; write `min`, `max` or `max_drop`",
    ),
    ("models/echo.yaml", "provider: azure\nmodel: m\n", "provider", f"got 'azure'; {ENDPOINT}"),
    ("models/echo.yaml", "provider: Ollama\nmodel: m\n", "provider", f"got 'Ollama'; {ENDPOINT}"),
    ("models/echo.yaml", "provider: hf\nmodel: m\n", "provider", "got 'hf'; write `provider: transformers`"),
    ("models/echo.yaml", SERVED + "limits: 5\n", "limits", "got 5; as in `limits: {max_concurrency: …}`"),
    ("models/echo.yaml", SERVED + "limits: {rpm: 9}\n", "limits.rpm", "unknown field; write `requests_per_minute`"),
    ("models/echo.yaml", SERVED + "max_retries: 9\n", "max_retries", "unknown field; it belongs under `limits`"),
    (
        "models/echo.yaml",
        SERVED + "limits: {prices: 9}\n",
        "limits.prices",
        "unknown field; it belongs further out, beside `limits`",
    ),
    ("models/echo.yaml", SERVED + "endpoint: http://h\n", "endpoint", "unknown field; write `base_url`"),
    (
        "judges/right.yaml",
        "prompt: Is {{ output }} right?\nmodel: echo\n",
        None,
        "needs the field 'definition'; with 'prompt' write `kind: template`",
    ),
    (
        "judges/right.yaml",
        JUDGE + "scale: 1-5\n",
        "scale",
        "got '1-5'; did you mean {type: integer, min: 1, max: 5}?",
    ),
    (
        "judges/right.yaml",
        JUDGE + "scale: [0, 0.5]\n",
        "scale",
        "got [0, 0.5]; did you mean {type: number, min: 0, max: 0.5}?",
    ),
    ("judges/right.yaml", JUDGE + "scale: {min: 5, max: 1}\n", "scale", "expected min below max, got min 5 and max 1"),
    (
        "judges/right.yaml",
        JUDGE + "examples: [{output: o, score: 9, justification: j}]\n",
        None,
        "examples[0].score: expected a whole number from 1 to 5, got 9.0",
    ),
    (
        "judges/right.yaml",
        "kind: tree\nmodel: echo\ntree: {question: q, yes: 9, no: 1}\n",
        None,
        "a score of the tree: expected a whole number from 1 to 5, got 9.0",
    ),
    (
        "datasets/qa.yaml",
        "description: x\n",
        "task",
        "absent; expected 'question-answering', 'text-summarization', 'text', 'retriever'",
    ),
    ("prompts/ask.md", "# user\n{{ inputs }}\n", None, "before any text; write '## user' in place of '# user'"),
    ("prompts/ask.md", "Human: {{ inputs }}\n", None, "before any text; write '## user' in place of 'Human:'"),
]


@pytest.mark.parametrize(("file", "content", "field", "said"), IN_A_FILE)
def test_a_mistake_is_answered_with_how_it_is_written(
    tmp_path: Path, file: str, content: str, field: str | None, said: str
) -> None:
    (first, *_) = [
        line for text in problems_of(project_with(tmp_path, **{file: content})) for line in text.splitlines()
    ]
    assert first.startswith(f"data/{file}:")
    assert f": {field}: " in first or field is None
    assert first.endswith(said)


def test_a_secret_in_an_unknown_field_is_not_repeated(tmp_path: Path) -> None:
    said = problems_of(
        project_with(tmp_path, **{"evaluations/e.yaml": EVALUATION + "metrics: [{metric: f, token: sk-secret}]\n"})
    )
    assert "metrics[0].token: unknown field" in said[0]
    assert "sk-secret" not in "".join(said)


def test_rows_in_a_spreadsheet_are_to_be_saved_as_csv(tmp_path: Path) -> None:
    (said, *_) = problems_of(project_with(tmp_path, **{"datasets/qa.jsonl": None, "datasets/qa.xlsx": b"PK"}))
    assert said.endswith("found 0; save qa.xlsx as CSV")


JURY = "kind: jury\njurors: [juror]\nscale: {type: pass_fail}\n"
JUROR = "definition: d\nrubric: r\nmodel: echo\n"


def test_jurors_are_judges_with_a_model_on_the_scale_of_their_jury(tmp_path: Path) -> None:
    files = {"judges/right.yaml": JURY, "judges/juror.yaml": JUROR}
    (said,) = problems_of(project_with(tmp_path / "a", **files))
    assert said.startswith(
        "data/judges/right.yaml:2: jurors[0]: expected jurors on the scale of the jury, pass, fail, got "
    )
    assert said.endswith("got 'juror' with 1 to 5; write the same `scale` in both files")
    files["judges/juror.yaml"] = JUROR + "scale: {type: pass_fail}\n"
    assert problems_of(project_with(tmp_path / "b", **files)) == []
    files["judges/right.yaml"] = JURY.replace("[juror]", "[juror, right, other]")
    files["judges/other.yaml"] = JURY
    assert problems_of(project_with(tmp_path / "c", **files)) == [
        "data/judges/right.yaml:2: jurors[1]: expected judges with a model of their own, got the jury itself",
        "data/judges/right.yaml:2: jurors[2]: expected judges with a model of their own, got 'other', which is a jury",
    ]


@pytest.mark.parametrize(("base_url", "is_remarked"), [("https://h.example", True), ("https://h.example/v1", False)])
def test_an_address_without_a_path_is_remarked(tmp_path: Path, base_url: str, *, is_remarked: bool) -> None:
    project = project_with(tmp_path, **{"models/echo.yaml": SERVED + f"base_url: {base_url}\n"})
    said = "evaluation e: the `base_url` of model 'echo' has no path; that of most endpoints ends in `/v1`"
    assert (said in list(endpoint_remarks(project, "e"))) == is_remarked
