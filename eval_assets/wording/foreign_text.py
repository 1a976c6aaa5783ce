"""Text of models, files and providers, made harmless where it is shown: control characters, Markdown, length.

HTML is escaped by its template.
"""

import json
import re
import unicodedata

_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji are spelled with them
_SHOWN_AS_CODE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_NONCHARACTERS = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")  # no XML document may hold them
_SUSPECT = re.compile(r"[^\t\n\x20-\x7e\xa0-\xac\xae-\u02ff]")
_MARKUP = re.compile(r"([\\`*\[\]|~$])|(?<!\w)(_)|(_)(?!\w)")
# What Markdown dialects make a link, a mention or an issue of without being asked.
_LINKED = re.compile(
    r"(?:\w{1,20}://|www\.|mailto:|xmpp:)[^\s|`<>]*|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+|(?<!\w)[@#]\w[\w/-]*",
    re.IGNORECASE,
)
_BACKTICKS = re.compile(r"`+")


def visible_text(text: str) -> str:
    r"""Text with everything that would speak to a terminal, or turn what follows round, shown as its code.

    Line ends and tabs stay. The codes are those of JSON, so that a JSON text stays the same text.

    >>> visible_text("\x1b[31mred\a \u202eright\r\nto left")
    '\\u001b[31mred\\u0007 \\u202eright\nto left'
    """
    return _SUSPECT.sub(_visible, text.replace("\r\n", "\n"))


def markdown_text(text: str) -> str:
    r"""Text that Markdown prints as it stands, in one line: no markup, no table cell ended early, no HTML, no link.

    Addresses stand as code: escaping them would not keep them from becoming links.

    >>> print(markdown_text("a|b <i>*c*</i> ![](https://example.org/?q)"))
    a\|b &lt;i&gt;\*c\*&lt;/i&gt; !\[\](`https://example.org/?q)`
    """
    plain = " ".join(visible_text(text).split())
    parts, end = [], 0
    for linked in _LINKED.finditer(plain):
        parts += [_escaped(plain[end : linked.start()]), f"`{linked.group()}`"]
        end = linked.end()
    return "".join([*parts, _escaped(plain[end:])])


def code_text(text: str) -> str:
    r"""Text as code within a line or a table cell of Markdown.

    >>> print(code_text("a `b` | c"))
    ``a `b` \| c``
    """
    plain = " ".join(visible_text(text).split())
    fence = "`" * (1 + _longest_fence(plain))
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{padding}{plain}{padding}{fence}".replace("|", "\\|")


def fenced_text(text: str) -> str:
    """Text as a block of code, in a fence longer than any in it.

    >>> print(fenced_text("a"))
    ```
    a
    ```
    """
    fence = "`" * max(3, 1 + _longest_fence(text))
    return f"{fence}\n{visible_text(text)}\n{fence}"


def targets_text(targets: str | None) -> str | None:
    """Write targets for reading: a JSON list of acceptable answers becomes one line.

    >>> targets_text('["bigrams", "word pairs"]')
    'bigrams / word pairs'
    """
    if targets is None or not targets.startswith("["):
        return targets
    try:
        values = json.loads(targets)
    except ValueError:  # a text that happens to begin with a bracket
        return targets
    return " / ".join(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)


def shortened(text: str | None, length: int) -> str:
    """Text cut to a length, with a sign where something is missing.

    >>> shortened("one two three", 8)
    'one two…'
    """
    joined = " ".join((text or "").split())
    return joined if len(joined) <= length else joined[: length - 1].rstrip() + "…"


def _visible(found: re.Match[str]) -> str:
    character = found.group()
    if character in _JOINERS or not (
        unicodedata.category(character) in _SHOWN_AS_CODE or _NONCHARACTERS.match(character)
    ):
        return character
    return json.dumps(character)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"  # noqa: PLR2004


def _escaped(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\g<0>", escaped)


def _longest_fence(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
