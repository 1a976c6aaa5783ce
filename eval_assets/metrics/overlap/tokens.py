"""Texts to tokens. How overlap metrics share them is in `coding`."""

import re
import string
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from eval_assets.metrics.overlap.marks import with_marks_kept

Tokenizer = Callable[[str], list[str]]

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def ascii_tokens(text: str) -> list[str]:
    """Split a text as rouge_score does without a stemmer: runs of lower-case a-z and 0-9, nothing else.

    >>> ascii_tokens("Zürich's 2 trams")
    ['z', 'rich', 's', '2', 'trams']
    """
    return _ASCII_WORD.findall(text.lower())


def stemmed_tokens(text: str) -> list[str]:
    """Split a text as rouge_score does with its stemmer: words of more than three letters without their endings.

    >>> stemmed_tokens("The running cats")
    ['the', 'run', 'cat']
    """
    return [stem for word in ascii_tokens(text) for stem in _stems(word)]


def unicode_tokens(text: str) -> list[str]:
    """Split a text in any script: words with their combining marks, and single signs where words have no spaces.

    Each Han, Kana, Thai, Lao, Khmer or Burmese letter and each emoji or symbol is a token of its own. Compatibility
    forms are folded (NFKC), case too; punctuation is dropped.

    >>> unicode_tokens("Café 東京🙂")
    ['café', '東', '京', '🙂']
    """
    if text.isascii():
        return ascii_tokens(text)
    return _unicode_word().findall(unicodedata.normalize("NFKC", text).casefold())


def squad_tokens(text: str) -> list[str]:
    """Normalise an answer as the SQuAD evaluation script does, and split it at white space.

    Lower case, no ASCII punctuation, no English articles.

    >>> squad_tokens("The U.S. Senate")
    ['us', 'senate']
    """
    return _ARTICLE.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split()


def answer_words(text: str) -> list[str]:
    """Split as `squad_tokens`, and keep what normalising would erase of a meaning, in letters of no language.

    Kept are the sign and decimal mark of a number and marks between digits, signs such as + and <, a letter A that is
    no article, and all of a text that would vanish.

    >>> answer_words("The U.S. Senate, 1,000 seats"), answer_words("?!"), answer_words("A.") == []
    (['us', 'senate', '1000', 'seats'], ['?!'], False)
    >>> answer_words("1.5") == answer_words("1,5"), answer_words("1.5") == answer_words("15")
    (True, False)
    """
    return squad_tokens(with_marks_kept(text)) or text.casefold().split()


def unicode_answer_words(text: str) -> list[str]:
    """Split as `unicode_tokens`, drop English articles, and keep what `answer_words` keeps.

    >>> unicode_answer_words("The Tōkyō “Tower”"), unicode_answer_words("C") == unicode_answer_words("C++")
    (['tōkyō', 'tower'], False)
    """
    words = [token for token in unicode_tokens(with_marks_kept(text)) if token not in {"a", "an", "the"}]
    return words or text.casefold().split()


@lru_cache(maxsize=200_000)
def _stems(word: str) -> list[str]:
    """The stem of a word, in a list as rouge_score gives it."""
    stems: list[str] = _porter().tokenize(word)
    return stems


@cache
def _porter() -> Any:
    from rouge_score.tokenizers import DefaultTokenizer

    return DefaultTokenizer(use_stemmer=True)


@cache
def _unicode_word() -> re.Pattern[str]:
    r"""Compile the pattern of a token once: Python's `\w` has neither combining marks nor emoji."""
    marks = _characters(lambda sign: unicodedata.category(sign).startswith("M"))
    symbols = _characters(lambda sign: unicodedata.category(sign) in {"So", "Sk", "Sc", "Sm"})
    unspaced = (
        "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Burmese, Khmer
        "\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff"  # Kana
        "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    )
    return re.compile(f"[{unspaced}][{marks}]*|[{symbols}]|(?:(?![{unspaced}])[^\\W_][{marks}]*)+")


def _characters(wanted: Callable[[str], bool]) -> str:
    """Write the wanted characters of the first two planes as ranges of a character class."""
    codes = [code for code in range(0x80, 0x20000) if wanted(chr(code))]
    ranges = list[list[int]]()
    for code in codes:
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)
