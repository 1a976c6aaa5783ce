"""The words in which two texts differ. Escaping is left to whoever prints them."""

import difflib
import re
from dataclasses import dataclass
from typing import Literal

MAX_WORDS = 2000  # beyond it the comparison takes seconds and nobody reads it

Kind = Literal["same", "removed", "added"]

_WORD = re.compile(r"\S+\s*|^\s+")


@dataclass(frozen=True, slots=True)
class DiffPart:
    """A run of words of one kind; `removed` stands in the first text only, `added` in the second only."""

    kind: Kind
    text: str


def word_diff(before: str | None, after: str | None) -> tuple[DiffPart, ...]:
    """Mark the words in which two texts differ.

    Args:
        before: The first text; null counts as empty.
        after: The second text.

    Returns:
        Parts in reading order, white space kept with the word before it. The words of all parts but the added ones
        are those of `before`, of all but the removed ones those of `after`. Texts of more than 2,000 words come back
        as one removed and one added part.

    >>> [(part.kind, part.text) for part in word_diff("It costs two dollars", "It costs five dollars")]
    [('same', 'It costs '), ('removed', 'two '), ('added', 'five '), ('same', 'dollars')]
    """
    old, new = _WORD.findall(before or ""), _WORD.findall(after or "")
    if max(len(old), len(new)) > MAX_WORDS:
        return _parts(("removed", before or ""), ("added", after or ""))
    matcher = difflib.SequenceMatcher(
        None, [word.strip() for word in old], [word.strip() for word in new], autojunk=False
    )
    runs: list[tuple[Kind, str]] = []
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        removed, added = old[old_from:old_to], new[new_from:new_to]
        if tag == "equal":
            # The last word of one text has no space after it that the other may need.
            runs.append(("same", "".join(max(pair, key=len) for pair in zip(removed, added, strict=True))))
        else:
            runs += [("removed", "".join(removed)), ("added", "".join(added))]
    return _parts(*runs)


def _parts(*runs: tuple[Kind, str]) -> tuple[DiffPart, ...]:
    return tuple(DiffPart(kind, text) for kind, text in runs if text)
