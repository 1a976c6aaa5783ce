"""Images in messages: by address, as data, and as files that are known by their content."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from eval_assets.config.datasets import image_files
from eval_assets.providers.batches.openai_batches import OpenAIBatches
from eval_assets.providers.clients.openai_client import OpenAIClient
from eval_assets.providers.dispatch.costs import expected_prompt_tokens, most_prompt_tokens
from eval_assets.providers.failures import RequestFailed
from eval_assets.providers.images import with_image_data
from eval_assets.requests.exchange import Request
from eval_assets.stages.file_versions import FileVersions
from tests.loopback import LoopbackProvider
from tests.small_project import compute_everything, problems_of, project_with

PNG, GIF = b"\x89PNG\r\n\x1a\n cat", b"GIF89a dog"
ADDRESS = "https://example.com/cat.png"


def asked(*urls: Any, example_id: str = "a") -> dict[str, Any]:
    """A row that asks about images."""
    images = [{"type": "image_url", "image_url": url if isinstance(url, dict) else {"url": url}} for url in urls]
    return {
        "example_id": example_id,
        "inputs": [{"role": "user", "content": [{"type": "text", "text": "What?"}, *images]}],
    }


def files(base_url: str, *rows: dict[str, Any], model: str = "") -> dict[str, str | bytes]:
    return {
        "datasets/qa.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "datasets/images/cat.png": PNG,
        "prompts/ask.md": "## user\n{{ messages }}\n",
        "models/echo.yaml": model or f"provider: openai\nmodel: tiny\nbase_url: {base_url}\n",
        "evaluations/e.yaml": "dataset: qa\nmodels: [echo]\nprompts: [ask]\nmetrics: [latency]\n"
        "without_metrics: [toxicity, ari_grade_level, flesch_kincaid_grade_level, token_count, exact_match]\n",
    }


def test_a_file_is_sent_as_data_and_kept_as_its_hash(tmp_path: Path) -> None:
    row = asked(ADDRESS, {"url": "images/cat.png", "detail": "low"}, "data:image/png;base64,AAAA")
    with LoopbackProvider(answer=lambda _: "A cat.") as provider:
        assert problems_of(project_with(tmp_path, **files(provider.base_url, row))) == []
        warehouse = compute_everything(tmp_path, run_id="run-1")
        (body,) = provider.bodies
    data = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    sent = [part["image_url"] for part in body["messages"][0]["content"] if part["type"] == "image_url"]
    assert sent == [{"url": ADDRESS}, {"url": data, "detail": "low"}, {"url": "data:image/png;base64,AAAA"}]
    (prediction,) = warehouse.scan("predictions").collect().to_dicts()
    assert prediction["outcome"] == "ok"
    kept = [*prediction.values(), *warehouse.scan("responses").collect().row(0)]
    assert not any(base64.b64encode(PNG).decode() in str(value) for value in kept)
    assert "images/cat.png" in prediction["messages"]


def test_another_picture_under_the_same_name_is_asked_anew(tmp_path: Path) -> None:
    with LoopbackProvider() as provider:
        project_with(tmp_path, **files(provider.base_url, asked("images/cat.png"), asked(ADDRESS, example_id="b")))
        compute_everything(tmp_path, run_id="run-1")
        compute_everything(tmp_path, run_id="run-2")
        assert provider.requests == 2
        (tmp_path / "data/datasets/images/cat.png").write_bytes(GIF)
        rows = compute_everything(tmp_path, run_id="run-3").scan("predictions").collect()
        assert (provider.requests, rows["outcome"].to_list()) == (3, ["ok", "ok"])
        assert "data:image/gif;base64," in str(provider.bodies[-1])


def test_the_version_of_a_dataset_follows_its_images(tmp_path: Path) -> None:
    project = project_with(tmp_path, **files("http://localhost/v1", asked("images/cat.png")))
    versions = FileVersions(project)
    before = [versions.sha256("datasets", "qa") for _ in range(3)]
    assert len(set(before)) == 1
    (tmp_path / "data/datasets/images/cat.png").write_bytes(GIF)
    assert versions.sha256("datasets", "qa") != before[0]


def test_a_picture_that_was_edited_meanwhile_fails_its_row(tmp_path: Path) -> None:
    picture = tmp_path / "cat.png"
    picture.write_bytes(PNG)
    columns = asked("cat.png")
    assert image_files.know_images(columns, tmp_path, file="qa.jsonl", line=1) == []
    request = Request(messages=tuple(columns["inputs"]))
    assert "base64" in str(with_image_data(request, tmp_path))
    picture.write_bytes(GIF)
    with pytest.raises(RequestFailed, match=r"'cat\.png' was edited since the dataset was read; run again"):
        with_image_data(request, tmp_path)
    picture.unlink()
    with pytest.raises(RequestFailed, match=r"there is no file .*/cat.png"):
        with_image_data(request, tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("images/dog.png", "there is no file datasets/images/dog.png"),
        ("../models/echo.yaml", "expected an image below datasets/, got '../models/echo.yaml'"),
        ("/etc/passwd", "expected an image below datasets/, got '/etc/passwd'"),
        ("qa.jsonl", "expected an image of png, jpeg, gif, webp, 'qa.jsonl' is none by its first bytes"),
        ("images/big.png", "expected an image of at most 0 MiB, 'images/big.png' has 0.0"),
    ],
)
def test_what_is_no_image_below_the_datasets_is_refused_with_its_row(url, said, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(image_files, "MOST_BYTES", 1_000)
    written = files("http://localhost/v1", asked(ADDRESS), asked(url, example_id="b"))
    written["datasets/images/big.png"] = PNG + bytes(2_000)
    found = problems_of(project_with(tmp_path, **written))
    assert any(problem.startswith("data/datasets/qa.jsonl:2: inputs: ") and said in problem for problem in found), found


def test_a_link_that_leads_out_of_the_datasets_is_refused(tmp_path: Path) -> None:
    project = project_with(tmp_path, **files("http://localhost/v1", asked("images/link.png")))
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "data/datasets/images/link.png").symlink_to(tmp_path / "secret.png")
    assert any("expected an image below datasets/, got 'images/link.png'" in said for said in problems_of(project))


def test_who_takes_no_images_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    embedded = "provider: embedded\nmodel: smollm2-135m-instruct\n"
    (said,) = problems_of(project_with(tmp_path, **files("", asked(ADDRESS), model=embedded)))
    assert "e.yaml:2: models[0]: model 'echo' of provider 'embedded' takes no images; those of openai, " in said


def test_a_function_is_given_the_data(tmp_path: Path) -> None:
    (tmp_path / "apps.py").write_text("def look(messages):\n    return messages[0]['content'][1]['image_url']['url']\n")
    model = "provider: callable\ncallable: apps:look\n"
    project_with(tmp_path, **files("", asked("images/cat.png"), model=model))
    (row,) = compute_everything(tmp_path, run_id="run-1").scan("predictions").collect().to_dicts()
    assert row["output"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def test_images_count_in_what_a_prompt_may_cost() -> None:
    row = asked(ADDRESS)
    plain = Request(messages=({"role": "user", "content": row["inputs"][0]["content"][:1]},))
    seen = Request(messages=tuple(row["inputs"]))
    assert most_prompt_tokens(seen) - most_prompt_tokens(plain) >= 50_000
    assert expected_prompt_tokens(seen) - expected_prompt_tokens(plain) >= 1_000


def test_a_line_of_a_batch_holds_the_data(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(PNG)
    columns = asked("cat.png")
    image_files.know_images(columns, tmp_path, file="qa.jsonl", line=1)
    client = OpenAIClient(model_id="tiny", base_url="http://localhost/v1")
    line = OpenAIBatches(client, tmp_path).line("key", Request(messages=tuple(columns["inputs"])))
    assert base64.b64encode(PNG) in line
    assert b"sha256" not in line
