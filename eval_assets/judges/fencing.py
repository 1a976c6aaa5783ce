"""Fences around text that nobody vouches for, so that it can't speak as the judge. What is fenced is in `messages`."""

import hashlib
from collections.abc import Iterable
from typing import Any

from eval_assets.requests.canonical_json import json_text
from eval_assets.requests.conversations import conversation_in, conversation_text

CODE_LENGTH = 6
CONSONANTS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrstv")
"""Codes have no digits and no vowels: fewer tokens than hexadecimal, and never a word."""


def shown_text(value: Any) -> str:
    """How a column's value is shown to a judge: text as it stands, a conversation turn by turn, the rest as JSON.

    >>> shown_text(["a", 1]), shown_text([{"role": "user", "content": "Why?"}])
    ('["a", 1]', 'user: Why?')
    """
    if isinstance(value, str):
        return value
    found = conversation_in(value)
    return json_text(value) if found is None else conversation_text(found)


def fence_code(texts: Iterable[str]) -> str:
    """A code that occurs in none of the texts, so none of them can close its own fence.

    It is a hash of the texts: the same content gives the same request, which is then paid once.

    >>> fence_code(["The output."]) == fence_code(["The output."])
    True
    """
    joined = "\0".join(texts)
    salt = 0
    while True:
        digest = hashlib.sha256(f"{salt}\0{joined}".encode(errors="surrogatepass")).hexdigest()
        code = digest[:CODE_LENGTH].translate(CONSONANTS)
        if code not in joined.casefold():
            return code
        salt += 1


def fenced(name: str, text: str, code: str) -> str:
    """The text between tags that carry the code.

    >>> print(fenced("output", "Paris", "bcdfgh"))
    <output-bcdfgh>
    Paris
    </output-bcdfgh>
    """
    return f"<{name}-{code}>\n{text}\n</{name}-{code}>"
