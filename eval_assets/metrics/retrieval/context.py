"""How well retrieved text covers the targets, by shared words instead of a judge.

A chunk is one item of the context when it is a list, else one paragraph. Of an object its text counts, never the names
of its fields. Words are those of any script, without English stop words, numbers with sign and decimal mark; the best
over several targets. Paraphrases go unseen: read both as lower bounds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval_assets.metrics.definition import Metric, Parameter, Score
from eval_assets.metrics.overlap.tokens import unicode_answer_words
from eval_assets.metrics.prediction_rows import Rows

_STOP_WORDS = frozenset(
    {"a", "an", "the", "and", "or", "but", "if", "of", "in", "on", "at", "to", "from", "by", "for", "with", "as", "is"}
    | {"are", "was", "were", "be", "been", "being", "it", "its", "this", "that", "these", "those", "he", "she", "they"}
    | {"we", "you", "i", "his", "her", "their", "our", "your", "not", "no", "do", "does", "did", "has", "have", "had"}
    | {"will", "would", "can", "could", "so", "than", "then", "there"}
)


def words_of(text: str) -> frozenset[str]:
    """List the words of a text that carry meaning; all of them when it has stop words only.

    >>> sorted(words_of("The capital of France"))
    ['capital', 'france']
    """
    words = frozenset(unicode_answer_words(text))
    return words - _STOP_WORDS or words


def coverage(words: frozenset[str], chunks: Iterable[frozenset[str]]) -> float:
    """Share of the words found in some chunk; 0 without words.

    >>> coverage(words_of("capital of France"), [words_of("France is a country")])
    0.5
    """
    found = words & frozenset[str]().union(*chunks)
    return len(found) / len(words) if words else 0.0


def context_recall(rows: Rows, _: Mapping[str, Any]) -> Sequence[float | Score]:
    """Share of the words of the target found anywhere in the context, in [0, 1]; 0 for an empty context."""
    return [
        max((coverage(words_of(target), chunks) for target in targets), default=0.0)
        for chunks, targets in zip(_chunks(rows), rows.targets, strict=True)
    ]


def context_precision(rows: Rows, parameters: Mapping[str, Any]) -> Sequence[float | Score]:
    """Mean over the relevant chunks of the share of relevant ones up to there: 1 when all relevant ones come first.

    A chunk is relevant if it has at least `threshold` of the words of a target; 0 when no chunk is.
    """
    scores = []
    for chunks, targets in zip(_chunks(rows), rows.targets, strict=True):
        wanted = [words_of(target) for target in targets]
        relevant = [any(coverage(words, [chunk]) >= parameters["threshold"] for words in wanted) for chunk in chunks]
        places = [place for place, is_relevant in enumerate(relevant, 1) if is_relevant]
        scores.append(sum(nth / place for nth, place in enumerate(places, 1)) / len(places) if places else 0.0)
    return scores


def _chunks(rows: Rows) -> list[list[frozenset[str]]]:
    return rows.shared("chunks", lambda: [_words_of_chunks(context) for context in rows.value("context")])


def _words_of_chunks(context: Any) -> list[frozenset[str]]:
    texts = context.split("\n\n") if isinstance(context, str) else map(chunk_text, _items(context))
    return [words_of(text) for text in texts if text.strip()]


def _items(context: Any) -> list[Any]:
    return context if isinstance(context, list) else [context]


def chunk_text(chunk: Any) -> str:
    """Give the text of a chunk: of an object its field `text` or one of that meaning, else the texts of all its fields.

    >>> chunk_text({"text": "Paris is a city.", "doc_id": "france"}), chunk_text({"title": "Paris", "rank": 1})
    ('Paris is a city.', 'Paris')
    >>> chunk_text([{"content": "One."}, None, "Two."]), chunk_text(1972)
    ('One. Two.', '1972')
    """
    texts, pending = list[str](), [chunk]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            named = next((item[name] for name in _TEXT_FIELDS if isinstance(item.get(name), str | list | dict)), None)
            fields = item.values() if named is None else [named]
            pending += [value for value in reversed(list(fields)) if isinstance(value, str | list | dict)]
        elif isinstance(item, list):
            pending += reversed(item)
        elif item is not None and not isinstance(item, bool):
            texts.append(str(item))
    return " ".join(filter(None, texts))


_TEXT_FIELDS = ("text", "content", "page_content", "passage", "body", "chunk")
_NEEDS = ("context", "targets")


METRICS = (
    Metric(
        "context_precision",
        context_precision,
        version="v2",
        needs=_NEEDS,
        parameters={"threshold": Parameter(0.5, (int, float), minimum=0)},
    ),
    Metric("context_recall", context_recall, version="v2", needs=_NEEDS),
)
