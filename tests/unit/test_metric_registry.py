"""The registry: what is shipped, what a task brings, and what an evaluation makes of it."""

import pickle

import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.errors import MetricError
from eval_assets.metrics.registry import METRICS, TASK_DEFAULTS, metric_fingerprint, resolve_metrics
from tests.unit.test_metric_rows import resolved

LABELS = {
    "question-answering": [
        "exact_match",
        "toxicity",
        "ari_grade_level",
        "flesch_kincaid_grade_level",
        "token_count",
    ],
    "text-summarization": [
        "rouge1",
        "rouge2",
        "rougeL",
        "rougeLsum",
        "toxicity",
        "ari_grade_level",
        "flesch_kincaid_grade_level",
        "token_count",
    ],
    "text": ["toxicity", "ari_grade_level", "flesch_kincaid_grade_level", "token_count"],
    "retriever": ["precision_at_3", "recall_at_3", "ndcg_at_3"],
}
VERSIONS = {
    "token_count": "",
    "latency": "",
    "normalized_exact_match": "v2",
    "token_f1": "v2",
    "numeric_match": "v2",
    "refusal": "v2",
    "context_precision": "v2",
    "context_recall": "v2",
}
REQUIRED = {"regex_match": {"pattern": "x"}, "json_schema": {"schema": {}}}


@pytest.mark.parametrize("task", TASK_DEFAULTS)
def test_a_task_brings_the_metrics_of_mlflow(task):
    assert [metric.label for metric in resolve_metrics(task)] == LABELS[task]


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_resolves_pickles_and_signs(name):
    assert METRICS[name].name == name
    metric = next(metric for metric in resolved(name, **REQUIRED.get(name, {})) if metric.definition.name == name)
    assert metric.version == VERSIONS.get(name, "v1")
    assert ":" in metric.signature
    assert "absent" not in metric.signature
    assert metric_fingerprint(pickle.loads(pickle.dumps(metric))) == metric_fingerprint(metric)  # noqa: S301


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    with pytest.raises(MetricError, match=r"got 'rouge_1'; did you mean 'rouge1'\?"):
        resolve_metrics("text", (MetricChoice(metric="rouge_1"),))


def test_names_are_known_whatever_their_case():
    assert [metric.label for metric in resolved("rougelsum")] == ["rougeLsum"]


def test_defaults_can_be_left_out_by_name_or_label():
    kept = resolve_metrics("retriever", without=("precision_at_k", "ndcg_at_3"))
    assert [metric.label for metric in kept] == ["recall_at_3"]
    with pytest.raises(
        MetricError, match=r"expected defaults of task 'retriever' to leave out, got 'recal_at_k'; did you"
    ):
        resolve_metrics("retriever", without=("recal_at_k",))


def test_a_choice_replaces_the_default_of_its_name_and_a_labelled_one_stands_beside_it():
    unicode = {"tokenizer": "unicode"}
    metrics = resolve_metrics("text-summarization", (MetricChoice(metric="rouge1", parameters=unicode),))
    assert [(metric.label, metric.version) for metric in metrics if metric.definition.name == "rouge1"] == [
        ("rouge1", "v1-unicode")
    ]
    beside = MetricChoice(metric="rouge1", label="rouge1-unicode", parameters=unicode)
    metrics = resolve_metrics("text-summarization", (beside,))
    assert [metric.label for metric in metrics if metric.definition.name == "rouge1"] == ["rouge1", "rouge1-unicode"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"metric": "rouge1", "parameters": {"stemmer": True}},
            "expected parameters of metric 'rouge1' .'tokenizer'.*'stemmer'",
        ),
        ({"metric": "rouge1", "parameters": {"tokenizer": "porter"}}, "among 'ascii', 'unicode', got 'porter'"),
        ({"metric": "regex_match"}, "expected parameter 'pattern' of metric 'regex_match', which has no default"),
        ({"metric": "precision_at_k", "parameters": {"k": 0}}, "to be at least 1, got 0"),
        ({"metric": "precision_at_k", "parameters": {"k": True}}, "as 'int', got True"),
        ({"metric": "rouge1", "version": "v2"}, "shipped metrics carry their own"),
        ({"metric": "rouge1", "parameters": {"aggregates": ["p95"]}}, "expected `aggregates` of metric 'rouge1'"),
        ({"metric": "rouge1", "function": "statistics:fmean"}, "'rouge1' is shipped"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(choice, message):
    with pytest.raises(MetricError, match=message):
        resolve_metrics("text", (MetricChoice(**choice),))


def test_two_metrics_of_one_label_are_refused():
    with pytest.raises(MetricError, match="expected each metric once, got 'contains' twice"):
        resolve_metrics("text", (MetricChoice(metric="contains"), MetricChoice(metric="contains")))


def test_the_fingerprint_follows_what_decides_the_score_and_nothing_else():
    def fingerprint(**parameters):
        return metric_fingerprint(resolved("toxicity", **parameters)[0])

    assert fingerprint() == fingerprint(device="cuda", batch_size=8)
    assert fingerprint() != fingerprint(toxic_label="toxic")
    assert fingerprint() != fingerprint(aggregates=["median"])
    assert resolved("toxicity")[0].aggregates == ("ratio",)
