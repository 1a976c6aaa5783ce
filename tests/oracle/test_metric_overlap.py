"""ROUGE, BLEU, chrF, readability and token counts against the published implementations, over real texts."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyphen import Pyphen
from rouge_score.rouge_scorer import RougeScorer

from benchmarks.public_judgements import DATASETS
from eval_assets.metrics.text.readability import ari_grades, flesch_kincaid_grades, text_counts
from eval_assets.metrics.text.syllables import cmu_syllables, n_hyphens
from eval_assets.metrics.text.textstat_indices import offline_textstat
from eval_assets.metrics.text.token_counts import TokenCounts
from tests.oracle.datasets import OWN, sources
from tests.unit.test_metric_rows import scores

INDICES = [
    "flesch_reading_ease",
    "gunning_fog",
    "smog_index",
    "coleman_liau_index",
    "dale_chall_readability_score",
    "linsear_write_formula",
]
ROUGE_TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"]

lines = st.lists(
    st.lists(st.sampled_from(["a", "b", "cats", "cat.", "É", "\u0130", ""]), max_size=6).map(" ".join), max_size=4
)
texts = lines.map("\n".join)


def json_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module", params=sources("gsm8k", "scitldr"))
def pairs(request):
    """Outputs and targets: 28 pairs of this repository, or every third of 2,638 public solutions and 618 abstracts."""
    if request.param == "own":
        found = [(row["output"], row["target"]) for row in json_lines(OWN / "texts.jsonl")]
        assert len(found) == 28
    else:
        found = [
            (row[system]["solution"], row["ground_truth"])
            for row in json_lines(DATASETS / "gsm8k" / "example_model_solutions.jsonl")
            for system in ("6b_finetuning", "175b_verification")
        ]
        abstracts = json_lines(DATASETS / "scitldr" / "SciTLDR-A.test.jsonl")
        found += [("\n".join(row["source"]), row["target"][0]) for row in abstracts]
        assert len(found) == 3256
        found = found[::3]
    return [list(side) for side in zip(*found, strict=True)]


@pytest.fixture(scope="module", params=[False, True], ids=["words", "stems"])
def rouge_score_of_pairs(request, pairs):
    """Whether words are stemmed, pairs, and what rouge_score says of them then: of every second pair with stems."""
    outputs, targets = (side[:: 2 if request.param else 1] for side in pairs)
    scorer = RougeScorer(ROUGE_TYPES, use_stemmer=request.param)
    expected = [scorer.score(target, output) for output, target in zip(outputs, targets, strict=True)]
    return request.param, outputs, targets, expected


@pytest.mark.parametrize("metric", ROUGE_TYPES)
def test_rouge_equals_rouge_score_on_real_texts(rouge_score_of_pairs, metric):
    use_stemmer, outputs, targets, expected = rouge_score_of_pairs
    wanted = [row[metric].fmeasure for row in expected]
    assert scores(metric, outputs, targets, use_stemmer=use_stemmer) == wanted
    by_itself = {"use_stemmer": use_stemmer, "implementation": "reference"}
    assert scores(metric, outputs[:50], targets[:50], **by_itself) == wanted[:50]


@settings(max_examples=100)
@given(texts, texts.filter(str.strip), st.booleans(), st.sampled_from(["fast", "reference"]))  # an empty target is none
def test_rouge_equals_rouge_score_on_odd_texts(output, target, use_stemmer, implementation):
    expected = RougeScorer(ROUGE_TYPES, use_stemmer=use_stemmer).score(target, output)
    chosen = {"use_stemmer": use_stemmer, "implementation": implementation}
    for metric in ROUGE_TYPES:
        assert scores(metric, [output], [target], **chosen) == [expected[metric].fmeasure]


@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("metric", ROUGE_TYPES)
def test_the_best_of_several_targets_is_that_of_rouge_score(metric, use_stemmer):
    output, targets = "the cats were running\nhome", ["a cat ran home", "dogs\nrun home", "running\ncats"]
    expected = RougeScorer([metric], use_stemmer=use_stemmer).score_multi(targets, output)[metric].fmeasure
    for implementation in ("fast", "reference"):
        found = scores(metric, [output], [targets], use_stemmer=use_stemmer, implementation=implementation)
        assert found == [expected]


def test_bleu_equals_sacrebleu_on_real_texts(pairs):
    from sacrebleu.metrics import BLEU

    outputs, targets = pairs
    reference = BLEU(smooth_method="none", effective_order=False)
    expected = [
        reference.sentence_score(output, [target]).score / 100 for output, target in zip(outputs, targets, strict=True)
    ]
    assert scores("bleu", outputs, targets) == pytest.approx(expected, abs=1e-9)
    assert sum(score > 0 for score in expected) > len(expected) / 4


@settings(max_examples=100)
@given(
    st.text(st.sampled_from("ab1.,-'&;lt\n <>é東"), max_size=25),
    st.text(st.sampled_from("ab1.,- é東"), max_size=25).filter(str.strip),
)
def test_bleu_equals_sacrebleu_on_odd_texts(output, target):
    from sacrebleu.metrics import BLEU

    expected = BLEU(smooth_method="none", effective_order=False).sentence_score(output, [target]).score / 100
    assert scores("bleu", [output], [target]) == [pytest.approx(expected, abs=1e-9)]


def chrf(output: str, target: str) -> float:
    """chrF2 as Popović 2015 defines it: an F-score of mean precision and mean recall of 1- to 6-grams of characters."""
    precisions, recalls = [], []
    for n in range(1, 7):
        found, wanted = (
            Counter(text[at : at + n] for at in range(len(text) - n + 1))
            for text in ("".join(output.split()), "".join(target.split()))
        )
        if found and wanted:
            precisions.append((found & wanted).total() / found.total())
            recalls.append((found & wanted).total() / wanted.total())
    if not sum(precisions):
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 5 * precision * recall / (4 * precision + recall)


def test_chrf_is_the_f_score_of_its_paper(pairs):
    outputs, targets = (side[:100] for side in pairs)
    expected = [chrf(output, target) for output, target in zip(outputs, targets, strict=True)]
    assert scores("chrf", outputs, targets) == pytest.approx(expected, abs=1e-12)


def test_readability_equals_textstat_on_real_texts(pairs):
    textstat = offline_textstat()
    both = [text for side in pairs for text in side]
    counts = text_counts(both)
    assert ari_grades(counts).tolist() == [textstat.automated_readability_index(text) for text in both]
    assert flesch_kincaid_grades(counts).tolist() == [textstat.flesch_kincaid_grade(text) for text in both]


@settings(max_examples=100)
@given(
    text=st.one_of(st.text(max_size=40), st.text(st.sampled_from("aB1 .!?'-tsdve\n\u2019é東_\u0130\x1f"), max_size=40))
)
def test_readability_equals_textstat_on_odd_texts(text):
    textstat = offline_textstat()
    counts = text_counts([text])
    assert ari_grades(counts).tolist() == [textstat.automated_readability_index(text)]
    assert flesch_kincaid_grades(counts).tolist() == [textstat.flesch_kincaid_grade(text)]


@pytest.mark.parametrize("metric", INDICES)
def test_an_index_is_that_of_textstat_on_real_texts(pairs, metric):
    outputs = pairs[0][:300]
    assert scores(metric, outputs) == [getattr(offline_textstat(), metric)(text) for text in outputs]


@settings(max_examples=100)
@given(text=st.text(st.sampled_from("aB1 .!?'-tsdve\n\u2019é東_\u0130\x1f"), max_size=40))
def test_an_index_is_that_of_textstat_on_odd_texts_and_of_none_without_words(text):
    textstat = offline_textstat()
    for metric in INDICES:
        expected = getattr(textstat, metric)(text) if textstat.lexicon_count(text) else None
        assert scores(metric, [text]) == [expected]


def test_hyphens_are_those_of_pyphen():
    hyphenation = Pyphen(lang="en_US")
    letters = random.Random(0)
    words = [word for number, word in enumerate(cmu_syllables()) if number % 10 == 0]
    words += ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz09.'é_", k=number % 25)) for number in range(5000)]
    assert [n_hyphens(word) for word in words] == [len(hyphenation.positions(word)) for word in words]


def test_tokens_equal_those_of_the_texts_encoded_whole(pairs):
    counts = TokenCounts()
    for side in pairs:
        assert scores("token_count", side) == [counts.encoded(text) for text in side]
