"""Texts laid out by what they are: Markdown, JSON, conversations, calls of tools. What can be written is built here.

A text becomes nodes of a few tags with attributes of our own, so that nothing of it can run or load; which tags there
are is `TAGS`, and whatever has another is its text. Finding out what Markdown means is in `markdown_nodes`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from eval_assets.requests.conversations import conversation_in, turns_in
from eval_assets.viewer.markdown_nodes import EMPTY_TAGS, TAGS, Node, looks_like_markdown, markdown_nodes
from eval_assets.wording.foreign_text import visible_text

LONGEST_LAID_OUT = 20_000
"""Characters of a text that is laid out; a longer one is shown as it stands."""
_KEY = re.compile(r'"(?:[^"\\]|\\.)*"(?=: )')


def laid_out(text: str, *, most: int = LONGEST_LAID_OUT, is_dense: bool = False) -> list[Node] | None:
    """The nodes of a text that is more than lines; null for one that is best shown as it stands.

    Args:
        text: Of whomever.
        most: Characters of it that can be seen.
        is_dense: Whether JSON stays on one line, for few lines of a cell.

    >>> laid_out("plain"), laid_out('{"a": 1}', is_dense=True)
    (None, [('code', {'class': 'json'}, ['{', ('span', {'class': 'key'}, ['"a"']), ': 1}'])])
    """
    value = _json_in(text)
    if value is not None:
        messages = conversation_in(value)
        return turn_nodes(messages, most=most) if messages else [_json_node(value, most, is_dense=is_dense)]
    if not looks_like_markdown(text[:most]):
        return None
    return markdown_nodes(visible_text(text[:most]))


def turn_nodes(messages: Sequence[Mapping[str, Any]], *, most: int = LONGEST_LAID_OUT) -> list[Node]:
    """A conversation, turn by turn: who speaks, and what is said, laid out itself."""
    found: list[Node] = []
    for who, said in turns_in(messages):
        who_says: Node = ("b", {"class": "who"}, [visible_text(who)])
        found.append(("div", {"class": "turn"}, [who_says, *_said(who, said[:most])]))
        most -= len(said)
        if most <= 0:
            break
    return found


def call_nodes(calls: str) -> list[Node]:
    """Calls of tools, a line each."""
    return [("div", {"class": "call"}, [("code", {}, [visible_text(call)])]) for call in calls.splitlines()]


def markup(nodes: Iterable[Node]) -> Markup:
    """Nodes as HTML; every text is escaped.

    >>> markup([("p", {}, ["1 < 2"]), ("script", {}, ["x"])])
    Markup('<p>1 &lt; 2</p>x')
    """
    return Markup("").join(map(_written, nodes))


def _written(node: Node) -> Markup:
    if isinstance(node, str):
        return Markup.escape(node)
    tag, attributes, children = node
    inside = markup(children)
    if tag not in TAGS:
        return inside
    said = Markup("").join(Markup(' {}="{}"').format(name, value) for name, value in attributes.items())
    if tag in EMPTY_TAGS:
        return Markup("<{}>").format(tag)
    return Markup("<{}{}>{}</{}>").format(tag, said, inside, tag)


def _said(who: str, said: str) -> list[Node]:
    if who.endswith(" calls"):
        return call_nodes(said)
    return markdown_nodes(visible_text(said)) if looks_like_markdown(said) else [("p", {}, [visible_text(said)])]


def _json_in(text: str) -> Any:
    """The object or list that a text is; null for any other."""
    if text[:1] not in ("{", "[") or len(text) > LONGEST_LAID_OUT:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value or None


def _json_node(value: Any, most: int, *, is_dense: bool) -> Node:
    written = visible_text(json.dumps(value, indent=None if is_dense else 2, ensure_ascii=False))[:most]
    parts: list[Node] = []
    at = 0
    for key in _KEY.finditer(written):
        parts += [written[at : key.start()], ("span", {"class": "key"}, [key[0]])]
        at = key.end()
    return ("code" if is_dense else "pre", {"class": "json"}, [part for part in (*parts, written[at:]) if part])
