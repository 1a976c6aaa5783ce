"""Honest baselines that are no models: what a language model has to beat. Called through provider `callable`."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

NO_ANSWER = "I don't know."

STOP_WORD_LIST = (
    "a about after all also am an and any are as at be because been before being between both but by can "
    "could did do does doing down during each few for from further had has have having he her here hers him "
    "his how i if in into is it its just me more most my no nor not of off on once only or other our out over "
    "own s same she should so some such t than that the their theirs them then there these they this those "
    "through to too under until up very was we were what when where which while who whom why will with would "
    "you your"
)
STOP_WORDS = frozenset(STOP_WORD_LIST.split())

BM25_K1 = 1.2
BM25_B = 0.75


def best_sentence(inputs: Any, context: str | Sequence[str] | None = None) -> str:
    """Answer with the sentence of the context that shares most content words with the question.

    Args:
        inputs: The question; of structured inputs, all text in them.
        context: Text or several texts.

    Returns:
        A sentence of the context, the first of several equally good ones; "I don't know." without a context.

    >>> best_sentence("What closes the valve?", "A spring opens the valve. A magnet closes the valve.")
    'A magnet closes the valve.'
    >>> best_sentence("What closes the valve?")
    "I don't know."
    """
    texts = [context] if isinstance(context, str) else context or []
    sentences = [sentence for text in texts for sentence in _sentences(text)]
    question = set(_content_words(_text_of(inputs)))
    return max(sentences, key=lambda sentence: len(question & set(_content_words(sentence))), default=NO_ANSWER)


def lead_sentence(inputs: Any) -> str:
    """Summarise a document by its first sentence; empty text gives empty text.

    Args:
        inputs: The document; of structured inputs, all text in them.

    >>> lead_sentence("Version 2.1 is out. It starts faster.")
    'Version 2.1 is out.'
    """
    return next(iter(_sentences(_text_of(inputs))), "")


def keyword_search(
    inputs: Any,
    documents: Sequence[Mapping[str, str]],
    k: int = 5,
    weighting: Literal["bm25", "overlap"] = "bm25",
) -> list[str]:
    """Find the documents that share content words with the question.

    Args:
        inputs: The question; of structured inputs, all text in them.
        documents: What is searched: `id` and `text` of each.
        k: How many are returned at most.
        weighting: `bm25` weighs rare words more and long documents less; `overlap` counts distinct shared words.

    Returns:
        Ids, best first; of equally good documents the earlier one first. Documents that share nothing are left out.

    Raises:
        ValueError: Another weighting, or a negative k.

    Source:
        Robertson and Zaragoza 2009, https://doi.org/10.1561/1500000019; k1 = 1.2, b = 0.75, and the document weight
        ln(1 + (N - n + 0.5) / (n + 0.5)), never negative, as in Lucene.

    >>> documents = [{"id": "a", "text": "A fast start."}, {"id": "b", "text": "Slow, slow start."}]
    >>> keyword_search("slow start", documents, k=1)
    ['b']
    """
    if k < 0:
        raise ValueError(f"expected k of 0 or more, got {k!r}")
    query = set(_content_words(_text_of(inputs)))
    texts = [Counter(_content_words(document["text"])) for document in documents]
    if weighting == "bm25":
        scores = _bm25(query, texts)
    elif weighting == "overlap":
        scores = [float(len(query & text.keys())) for text in texts]
    else:
        raise ValueError(f"expected weighting 'bm25' or 'overlap', got {weighting!r}")
    ranked = sorted(range(len(documents)), key=lambda index: -scores[index])
    return [documents[index]["id"] for index in ranked[:k] if scores[index] > 0]


def _bm25(query: Iterable[str], texts: Sequence[Counter[str]]) -> list[float]:
    """The BM25 score of each text, 0 for one that shares no word."""
    lengths = [text.total() for text in texts]
    mean_length = sum(lengths) / len(lengths) if any(lengths) else 1.0
    scores = [0.0] * len(texts)
    for word in sorted(query):
        n_with = sum(word in text for text in texts)
        weight = math.log(1 + (len(texts) - n_with + 0.5) / (n_with + 0.5))
        for index, text in enumerate(texts):
            saturation = text[word] + BM25_K1 * (1 - BM25_B + BM25_B * lengths[index] / mean_length)
            scores[index] += weight * text[word] * (BM25_K1 + 1) / saturation
    return scores


def _content_words(text: str) -> list[str]:
    """Lower-case words and numbers without those that carry grammar only."""
    return [word for word in re.findall(r"\w+", text.lower()) if word not in STOP_WORDS]


def _sentences(text: str) -> list[str]:
    """Text up to `.`, `!` or `?` before a space that a small letter doesn't follow, or up to a blank line."""
    parts = re.split(r"(?<=[.!?])\s+(?![a-z])|\n\s*\n", text)
    return [part.strip() for part in parts if part.strip()]


def _text_of(value: Any) -> str:
    """All text in a value of any shape."""
    if isinstance(value, Mapping):
        return " ".join(_text_of(item) for item in value.values())
    if isinstance(value, list | tuple):
        return " ".join(_text_of(item) for item in value)
    return "" if value is None else str(value)
