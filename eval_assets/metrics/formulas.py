"""What each shipped metric computes, as a formula, and where that is from: for people who ask. The code is beside each
metric; one that is not listed is explained by its docstring.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """One metric on paper.

    Args:
        text: Of one row.
        source: Who defined it; this project where nobody else did.
    """

    text: str
    source: str = "this project"


_SQUAD = "Rajpurkar et al. 2016, https://aclanthology.org/D16-1264"
_ROUGE = "Lin 2004, https://aclanthology.org/W04-1013; words as google's rouge_score"
_RANKED = "Manning, Raghavan and Schütze 2008, chapter 8, https://nlp.stanford.edu/IR-book"
_TEXTSTAT = "textstat, which computes it"
_F = "F = 2PR / (P + R)"

FORMULAS: Mapping[str, Formula] = {
    "exact_match": Formula("1 if output = a target, character by character, else 0", "MLflow"),
    "normalized_exact_match": Formula("1 if words(output) = words(target) for a target, else 0", _SQUAD),
    "contains": Formula("1 if a target stands within the output, else 0"),
    "regex_match": Formula("1 if `pattern` is found in the output (matches all of it with `full`), else 0"),
    "numeric_match": Formula(
        "1 if |last number of output - last number of target| <= max(tolerance, relative_tolerance · |target|)"
    ),
    "json_validity": Formula("1 if the output parses as JSON, else 0", "RFC 8259"),
    "json_schema": Formula(
        "1 if the output is JSON that conforms to `schema`, else 0", "JSON Schema, https://json-schema.org"
    ),
    "refusal": Formula("1 if a declining phrase stands within the first 300 characters, else 0"),
    "token_f1": Formula(
        f"{_F}; P = common words / words of output, R = common words / words of target; the best target counts", _SQUAD
    ),
    "rouge1": Formula(f"{_F} of common words; the best target counts", _ROUGE),
    "rouge2": Formula(f"{_F} of common pairs of neighbouring words; the best target counts", _ROUGE),
    "rougeL": Formula(
        f"{_F}; P = LCS / words of output, R = LCS / words of target, LCS the longest common subsequence", _ROUGE
    ),
    "rougeLsum": Formula(f"{_F} of the union of longest common subsequences, line by line", _ROUGE),
    "bleu": Formula(
        "BP · exp(mean of log p1..p4), pn the share of n-grams of the output that a target has, BP = exp(1 - r/c) if "
        "shorter",
        "Papineni et al. 2002, https://aclanthology.org/P02-1040",
    ),
    "chrf": Formula("F2 of character n-grams up to 6, mean over n", "Popović 2015, https://aclanthology.org/W15-3049"),
    "levenshtein_similarity": Formula("1 - edits / length of the longer text", "Levenshtein 1966"),
    "embedding_similarity": Formula(
        "cos(embedding of output, embedding of target)", "Reimers and Gurevych 2019, https://aclanthology.org/D19-1410"
    ),
    "toxicity": Formula(
        "P(toxic | output) by the classifier", "Vidgen et al. 2021, https://aclanthology.org/2021.acl-long.132"
    ),
    "ari_grade_level": Formula("4.71 · characters/words + 0.5 · words/sentences - 21.43", "Smith and Senter 1967"),
    "flesch_kincaid_grade_level": Formula(
        "0.39 · words/sentences + 11.8 · syllables/words - 15.59", "Kincaid et al. 1975"
    ),
    "flesch_reading_ease": Formula(
        "206.835 - 1.015 · words/sentences - 84.6 · syllables/words", f"Flesch 1948; {_TEXTSTAT}"
    ),
    "gunning_fog": Formula("0.4 · (words/sentences + 100 · hard words/words)", f"Gunning 1952; {_TEXTSTAT}"),
    "smog_index": Formula(
        "1.043 · sqrt(30 · words of 3 syllables/sentences) + 3.1291", f"McLaughlin 1969; {_TEXTSTAT}"
    ),
    "coleman_liau_index": Formula(
        "0.0588 · L - 0.296 · S - 15.8, L letters and S sentences per 100 words", f"Coleman and Liau 1975; {_TEXTSTAT}"
    ),
    "dale_chall_readability_score": Formula(
        "0.1579 · percent of hard words + 0.0496 · words/sentences", f"Dale and Chall 1948; {_TEXTSTAT}"
    ),
    "linsear_write_formula": Formula(
        "(easy words + 3 · hard words of the first 100) / sentences, halved", f"Linsear; {_TEXTSTAT}"
    ),
    "token_count": Formula("number of tokens of cl100k_base in the output", "MLflow"),
    "response_length": Formula("number of words, or of characters, in the output"),
    "latency": Formula("seconds from the request to the whole reply", "MLflow"),
    "precision_at_k": Formula("relevant ones among the first k / min(k, retrieved)", "MLflow"),
    "recall_at_k": Formula("relevant ones among the first k / relevant ones", "MLflow"),
    "ndcg_at_k": Formula(
        "sum of 1/log2(place + 1) over relevant ones among the first k / the same of the best order",
        "Järvelin and Kekäläinen 2002, https://doi.org/10.1145/582415.582418, as MLflow",
    ),
    "hit_rate": Formula("1 if a relevant one is among the first k, else 0", _RANKED),
    "mrr": Formula("1 / place of the first relevant one, 0 if there is none", _RANKED),
    "map": Formula("sum of precision at the place of each relevant one / relevant ones", _RANKED),
    "context_precision": Formula("mean over relevant chunks of the share of relevant chunks up to there"),
    "tool_call_match": Formula(
        "1 if the calls made = the calls expected (names alone, or in order, as chosen), else 0"
    ),
    "tool_call_precision": Formula("calls made that were expected / calls made"),
    "tool_call_recall": Formula("calls expected that were made / calls expected"),
    "tool_call_validity": Formula("1 if each call has a name and a JSON object as arguments, else 0"),
    "expectations": Formula("expectations of the row that hold / expectations of the row"),
    "context_recall": Formula("words of the target found in the context / words of the target"),
}
"""Shipped metric → its formula."""
