"""The registry: what is shipped, what a task brings, and what an evaluation makes of it."""

import pickle

import pytest

from eval_assets.config.evaluation import MetricChoice
from eval_assets.errors import MetricError
from eval_assets.metrics.registry import _MODULES, METRICS, TASK_DEFAULTS, metric_fingerprint, resolve_metrics
from tests.unit.test_metric_rows import resolved

LABELS = {
    "question-answering": [
        "token_f1",  # ours; MLflow has the others
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
    "time_to_first_token": "",
    "normalized_exact_match": "v2",
    "token_f1": "v2",
    "numeric_match": "v2",
    "refusal": "v2",
    "context_precision": "v2",
    "context_recall": "v2",
}
VERSIONS |= dict.fromkeys(
    (
        "flesch_reading_ease",
        "gunning_fog",
        "smog_index",
        "coleman_liau_index",
        "dale_chall_readability_score",
        "linsear_write_formula",
    ),
    "v1-textstat-0.7.13",
)
REQUIRED = {"regex_match": {"pattern": "x"}, "json_schema": {"schema": {}}}

PARAMETERS_THEN = {"regex_match": {"pattern": "x"}, "json_schema": {"schema": {"type": "object"}}}
# Of each metric by itself, labelled `m`, as they were before a parameter was added to one.
FINGERPRINTS = {
    "exact_match": "b01a33164bcc215b",
    "normalized_exact_match": "262f3adb084751eb",
    "contains": "dfe698b0583474be",
    "regex_match": "0f1d56c0cdafea94",
    "numeric_match": "b1d0bb3797d98614",
    "json_validity": "0750e18b3452e426",
    "json_schema": "5d29a752dc8e40ad",
    "refusal": "7b3b6e0f41deffab",
    "token_f1": "4378801f91d3b4e9",
    "rouge1": "76bb02d98b0cda2b",
    "rouge2": "a5027719d1307f8b",
    "rougeL": "2a6d4e5201d13e62",
    "rougeLsum": "938123257d97c76d",
    "bleu": "bce54ab6c01d086a",
    "chrf": "428554f443b36bab",
    "levenshtein_similarity": "559773e929fd697a",
    "embedding_similarity": "1ae79bfd00c3f4a4",
    "toxicity": "97e541ae586800f3",
    "ari_grade_level": "8436d63e9df421c9",
    "flesch_kincaid_grade_level": "e8f54558148b0904",
    "token_count": "5a0923e445ac53c7",
    "response_length": "1d1f0af719bc00e3",
    "latency": "d33027e9a1976ad9",
    "precision_at_k": "ee76e4f41fd684e3",
    "recall_at_k": "ed872381057b01ee",
    "ndcg_at_k": "c6154d5758c9277f",
    "hit_rate": "c042889b50a687da",
    "mrr": "52bd973c1412780f",
    "map": "0ed86cbe58576ca0",
    "context_precision": "02e1eef10a7bce8a",
    "context_recall": "fa7599732a845dac",
}
UNICODE_FINGERPRINTS = {
    "rouge1": "6edc04e539fd26e6",
    "rouge2": "a98456b490356a0c",
    "rougeL": "546969a1e8c83036",
    "rougeLsum": "32b057b7f8c9cd7a",
    "bleu": "7b882bf9314a167d",
    "token_f1": "66ef473841b27acc",
    "normalized_exact_match": "f703c01cc7dd50c6",
}


def fingerprint_of(name, **parameters):
    """First digits of the fingerprint of a metric labelled `m`."""
    return metric_fingerprint(resolved(name, label="m", **parameters)[-1])[:16]


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


def test_no_fingerprint_changes_when_a_parameter_is_added():
    found = {name: fingerprint_of(name, **PARAMETERS_THEN.get(name, {})) for name in FINGERPRINTS}
    assert found == FINGERPRINTS
    assert {name: fingerprint_of(name, tokenizer="unicode") for name in UNICODE_FINGERPRINTS} == UNICODE_FINGERPRINTS
    spelled_out = {"tokenizer": "ascii", "implementation": "fast", "use_stemmer": False}
    assert fingerprint_of("rouge1", **spelled_out) == FINGERPRINTS["rouge1"]
    assert fingerprint_of("rouge1", use_stemmer=True) != FINGERPRINTS["rouge1"]
    assert fingerprint_of("rouge1", implementation="reference") != FINGERPRINTS["rouge1"]


def test_no_two_metrics_have_one_name():
    assert len(METRICS) == sum(len(module.METRICS) for module in _MODULES)


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
            "expected parameters of metric 'rouge1' .'implementation', 'tokenizer', 'use_stemmer'.*'stemmer'",
        ),
        (
            {"metric": "rouge1", "parameters": {"implementation": "slow"}},
            "parameter 'implementation' of metric 'rouge1' among 'fast', 'reference', got 'slow'",
        ),
        ({"metric": "rouge1", "parameters": {"use_stemmer": "yes"}}, "'use_stemmer' of metric 'rouge1' as 'bool', got"),
        (
            {"metric": "rougeL", "parameters": {"use_stemmer": True, "tokenizer": "unicode"}},
            "expected `tokenizer: ascii` beside `use_stemmer: true`.* got 'unicode'",
        ),
        (
            {"metric": "rouge2", "parameters": {"implementation": "reference", "tokenizer": "unicode"}},
            "expected `tokenizer: ascii` beside `implementation: reference`.* got 'unicode'",
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
