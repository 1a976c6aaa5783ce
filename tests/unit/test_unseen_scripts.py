"""Texts in scripts that a tokenizer doesn't see: the score is the reference's, and it is said."""

import json

import pytest

from eval_assets.checking.remarks import unseen_targets
from eval_assets.config.project import Project
from eval_assets.config.settings import Settings
from eval_assets.metrics.overlap.scripts import unseen_notes
from eval_assets.reports.rendered.markdown import report_markdown
from eval_assets.stages.edges import compute
from eval_assets.stages.engine_room import EngineRoom
from eval_assets.stages.file_versions import FileVersions
from eval_assets.stages.input_files import write_dataset, write_named_file
from eval_assets.stages.report_reading import read_report
from eval_assets.stages.spending import Spending
from tests.small_project import project_with
from tests.unit.test_metric_rows import resolved, scores

TEXTS = [
    "今天天气很好我们去公园",
    "आज मौसम अच्छा है",
    "الطقس جميل اليوم",
    "Сегодня хорошая погода",
    "オッケー",
    "오늘 날씨",
    "🙂🎉",
    "Γειά σου Κόσμε",
    "გამარჯობა",
]

REMEDY = ", so equal ones may score 0; `tokenizer: unicode` counts words of every script"
ROUGE = "rouge1, rouge2, rougeL, rougeLsum"


@pytest.mark.parametrize("text", TEXTS)
def test_equal_texts_keep_the_score_of_the_reference_and_it_is_said_that_no_words_were_seen(text):
    assert scores("rouge1", [text], [text]) == [0.0]
    [note] = unseen_notes(resolved("rouge1"), [text])
    assert note == f"rouge1: the tokenizer 'ascii' sees no words in 1 of 1 texts{REMEDY}"
    assert scores("rouge1", [text], [text], tokenizer="unicode") == [1.0]
    assert list(unseen_notes(resolved("rouge1", tokenizer="unicode"), [text])) == []


@pytest.mark.parametrize(
    ("metric", "parameters", "text", "is_said"),
    [
        ("bleu", {}, "今天天气很好我们去公园", True),
        ("bleu", {}, "วันนี้อากาศดีมาก", True),
        ("bleu", {}, "Сегодня очень хорошая погода", False),  # words between spaces are words to 13a
        ("token_f1", {}, "今天天气很好", True),
        ("token_f1", {"tokenizer": "squad"}, "今天天气很好", True),
        ("rouge2", {}, "Zürich, Genève, 2 Küchen", False),
        ("rouge2", {}, "", False),
        ("exact_match", {}, "今天天气很好", False),
    ],
)
def test_a_tokenizer_is_told_of_only_where_it_sees_no_words(metric, parameters, text, is_said):
    assert bool(list(unseen_notes(resolved(metric, **parameters), [text]))) == is_said


def test_it_is_said_that_an_index_made_for_english_says_nothing_of_other_scripts():
    metrics = (*resolved("smog_index"), *resolved("flesch_reading_ease"))
    [note] = unseen_notes(metrics, [*TEXTS, "Nice weather.", "Zürich"])
    assert note == (
        "smog_index, flesch_reading_ease: made for English, and 9 of 11 texts are in other scripts; "
        "their numbers say nothing"
    )
    assert list(unseen_notes(metrics, ["Nice weather.", ""])) == []


def project_of(folder) -> Project:
    rows = [{"example_id": str(number), "inputs": text, "targets": text} for number, text in enumerate(TEXTS[:2])]
    rows.append({"example_id": "en", "inputs": "Nice weather.", "targets": ["Nice weather.", "Sun."]})
    return project_with(
        folder,
        **{
            "datasets/qa.yaml": "task: text-summarization\n",
            "datasets/qa.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
            "evaluations/e.yaml": "dataset: qa\nmodels: [echo]\nprompts: [ask]\nwithout_metrics: [toxicity]\n"
            "metrics: [{metric: bleu, parameters: {tokenizer: unicode}}]\n",
        },
    )


def test_check_says_how_many_targets_a_tokenizer_does_not_see(tmp_path):
    project = project_of(tmp_path)
    [note] = unseen_targets(project, FileVersions(project), "e")
    assert note == f"evaluation e: {ROUGE}: the tokenizer 'ascii' sees no words in 2 of 4 texts{REMEDY}"


def test_the_report_says_how_many_outputs_and_targets_a_tokenizer_does_not_see(tmp_path):
    project_of(tmp_path)
    settings = Settings(tmp_path / "data", str(tmp_path / "warehouse"), tmp_path / "state")
    with EngineRoom.from_settings(settings) as bench:
        write_dataset(bench.project, bench.warehouse, "qa", run_id="r", scratch=bench.scratch)
        for table, name in (("prompts", "ask"), ("models", "echo"), ("evaluations", "e")):
            write_named_file(bench.versions, bench.warehouse, table, name, run_id="r")
        for table in ("predictions", "heuristic_metrics", "judge_scores", "aggregate_reports"):
            compute(bench, table, "e:echo@ask", Spending(), run_id="r")
        report = read_report(bench, "e")
    # 3 outputs and 4 targets, 2 of each in scripts of no a-z
    (note,) = report.notes
    assert str(note) == f"{ROUGE}: the tokenizer 'ascii' sees no words in 4 of 7 texts{REMEDY}."
    assert "sees no words in 4 of 7 texts" in report_markdown(report)
