"""Toxicity and embedding similarity on tiny models that the tests build; what is said when a model is absent."""

import json

import pytest

from eval_assets.metrics.aggregations import extra_aggregates
from eval_assets.metrics.availability import UNAVAILABLE, unavailable
from tests.unit.test_metric_rows import resolved, score_rows

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("torch")]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "you", "idiot", "friend", "dear"]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tokenizer(torch):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({word: place for place, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=16,
    )


def bert_config(**options):
    from transformers import BertConfig

    size = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    return BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=16, **size, **options)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory, tokenizer, torch):
    from transformers import BertForSequenceClassification

    folder = tmp_path_factory.mktemp("classifier")
    torch.manual_seed(0)
    labels = {"id2label": {0: "nothate", 1: "hate"}, "label2id": {"nothate": 0, "hate": 1}}
    BertForSequenceClassification(bert_config(**labels)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory, tokenizer, torch):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertModel

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(0)
    BertModel(bert_config()).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    parts = Transformer(str(folder / "bert")), Pooling(8)
    SentenceTransformer(modules=list(parts), device="cpu").save(str(folder / "model"))
    return str(folder / "model")


def probability(folder, text):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", truncation=True)
    tokens.pop("token_type_ids", None)
    with torch.no_grad():
        logits = AutoModelForSequenceClassification.from_pretrained(folder)(**tokens).logits[0]
    return torch.softmax(logits, 0)[1].item()


def test_toxicity_is_the_probability_of_the_toxic_label(classifier):
    texts = ["you idiot", "dear friend", "", "you " * 100]
    rows = score_rows("toxicity", texts, model=classifier)
    assert rows["outcome"].to_list() == ["ok"] * 4
    assert rows["score"].to_list() == pytest.approx([probability(classifier, text) for text in texts], abs=1e-6)
    assert rows["signature"][0].startswith("learned.toxicity:toxicity (transformers ")


def test_batches_change_no_more_than_the_last_digits(classifier):
    texts = ["you idiot", "dear friend dear friend", "you"]
    one = score_rows("toxicity", texts, model=classifier)["score"].to_list()
    assert score_rows("toxicity", texts, model=classifier, batch_size=3)["score"].to_list() == pytest.approx(
        one, abs=1e-6
    )


def test_a_label_the_model_does_not_have_skips_the_metric(classifier):
    rows = score_rows("toxicity", ["x"], model=classifier, toxic_label="toxic")
    expected = f"{UNAVAILABLE}expected `toxic_label` among ['hate', 'nothate'], got 'toxic'"
    assert rows.select("outcome", "reason").rows() == [("skipped", expected)]


def test_a_folder_without_a_model_skips_the_metric(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    rows = score_rows("toxicity", ["x"], model=str(tmp_path))
    assert rows["outcome"].to_list() == ["skipped"]
    assert rows["reason"][0].startswith(f"{UNAVAILABLE}the model {str(tmp_path)!r} can't be loaded: ")


@pytest.mark.parametrize(
    ("parameters", "remedy"),
    [
        ({}, "download it once with `hf download facebook/roberta-hate-speech-dynabench-r4-target`"),
        ({"model": "./nowhere"}, "expected the model of 'toxicity' in the folder './nowhere', which does not exist"),
        ({"model": "some/model"}, "the model 'some/model' is not on this machine"),
    ],
)
def test_an_absent_model_is_said_beforehand(parameters, remedy, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert remedy in unavailable(resolved("toxicity", **parameters)[0])
    rows = score_rows("toxicity", ["x"], **parameters)
    assert rows["outcome"].to_list() == ["skipped"]


def test_a_hub_model_that_the_evaluation_names_may_be_downloaded(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert unavailable(resolved("toxicity", model="some/model")[0]) is None


def test_without_torch_the_remedy_is_the_extra(monkeypatch):
    from eval_assets.metrics import availability

    monkeypatch.setattr(availability, "find_spec", lambda module: None if module == "torch" else module)
    assert (
        unavailable(resolved("toxicity")[0]) == f"{UNAVAILABLE}install torch: pip install 'eval-assets[transformers]'"
    )


def test_the_ratio_is_the_share_of_half_and_more():
    [metric] = resolved("toxicity")
    assert extra_aggregates(metric.aggregates, [0.5, 0.49, 0.9, 0.1]) == {"ratio": 0.5}


def test_embedding_similarity_is_a_cosine(encoder):
    rows = score_rows(
        "embedding_similarity", ["dear friend", "you", "you"], ["dear friend", "idiot", ["idiot", "you"]], model=encoder
    )
    same, other, best = rows["score"].to_list()
    assert same == pytest.approx(1, abs=1e-6)
    assert -1 <= other < 1
    assert best == pytest.approx(1, abs=1e-6)
