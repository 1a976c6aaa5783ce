"""Markdown as nodes of a few tags: headings, lists, code, tables, emphasis, links with their target in sight.

HTML in it is text; images are not loaded, their address is shown; a link leads to the web or a mailbox or is text.
"""

import re
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Node = str | tuple[str, dict[str, str], list["Node"]]
"""A text, or a tag with attributes and what is inside."""

TAGS = frozenset(
    {
        "a", "b", "blockquote", "br", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "span", "strong",
        "table", "tbody", "td", "th", "thead", "tr", "ul",
    }
)  # fmt: skip
EMPTY_TAGS = frozenset({"br", "hr"})
SCHEMES = ("http", "https", "mailto")
LEADS_OUT = {"rel": "noopener noreferrer nofollow", "target": "_blank"}

_TAG_OF: Mapping[str, str] = {
    "paragraph": "p", "bullet_list": "ul", "ordered_list": "ol", "list_item": "li", "blockquote": "blockquote",
    "strong": "strong", "em": "em", "s": "del", "hr": "hr", "softbreak": "br", "hardbreak": "br",
    "table": "table", "thead": "thead", "tbody": "tbody", "tr": "tr", "th": "th", "td": "td",
}  # fmt: skip
_SIGNS = re.compile(
    r"^ {0,3}#{1,6} \S"  # a heading
    r"|^ {0,3}(?:```|~~~)"  # code
    r"|^ {0,3}>\s?\S"  # a quotation
    r"|\*\*\S[^\n]{0,400}?\*\*|(?<!\w)__\S[^\n]{0,400}?__(?!\w)"  # strong
    r"|`[^`\n]{1,400}`"
    r"|\[[^\[\]\n]{1,400}\]\([^)\s]{1,2000}\)"  # a link
    r"|\|[^\n]*\n {0,3}\|?[ :]*-+[ :]*\|",  # a table
    re.MULTILINE,
)
_ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d{1,3}[.)]) \S", re.MULTILINE)


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "linkify": False, "typographer": False, "breaks": True}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def looks_like_markdown(text: str) -> bool:
    """Whether a text has signs that mean something in Markdown and little elsewhere.

    >>> looks_like_markdown("**Paris** is it"), looks_like_markdown("2 * 3 is 6, a_b_c"), looks_like_markdown("- one")
    (True, False, False)
    """
    return _SIGNS.search(text) is not None or len(_ITEM.findall(text)) > 1


def markdown_nodes(text: str) -> list[Node]:
    """The nodes of a text in Markdown.

    >>> markdown_nodes("# Hm")
    [('p', {'class': 'heading h1'}, ['Hm'])]
    >>> markdown_nodes("[here](/elsewhere)")
    [('p', {}, ['here (/elsewhere)'])]
    """
    return _joined(_inside(SyntaxTreeNode(_parser().parse(text))))


def _inside(node: SyntaxTreeNode) -> list[Node]:
    return [made for child in node.children for made in _made(child)]


def _made(node: SyntaxTreeNode) -> list[Node]:
    inside = _joined(_inside(node))
    if node.type == "inline" or (node.type == "paragraph" and node.hidden):  # of a list without space between its items
        return inside
    if node.type in _TAG_OF:
        start = {"start": str(node.attrs["start"])} if "start" in node.attrs else {}
        return [(_TAG_OF[node.type], start, inside)]
    return _special(node, inside)


def _special(node: SyntaxTreeNode, inside: list[Node]) -> list[Node]:
    match node.type:
        case "heading":
            return [("p", {"class": f"heading {node.tag}"}, inside)]
        case "fence" | "code_block":
            return [("pre", {}, [node.content])]
        case "code_inline":
            return [("code", {}, [node.content])]
        case "link":
            return _link(inside, str(node.attrs.get("href", "")))
        case "image":
            return [f"[image {node.content} {node.attrs.get('src', '')}]"]
        case _:
            return inside or [node.content]


def _link(said: list[Node], target: str) -> list[Node]:
    """A link whose target is in sight, and that leads somewhere only if that is the web or a mailbox."""
    shown = "" if said == [target] else f" ({target})"
    if _scheme(target) not in SCHEMES:
        return [*said, shown]
    return [("a", {"href": target, **LEADS_OUT}, said), shown]


def _scheme(target: str) -> str:
    try:
        return urlsplit(target).scheme.lower()
    except ValueError:
        return ""


def _joined(nodes: list[Node]) -> list[Node]:
    """Texts that follow each other as one, empty ones left out."""
    found: list[Node] = []
    for node in nodes:
        if isinstance(node, str) and found and isinstance(found[-1], str):
            found[-1] += node
        elif node != "":
            found.append(node)
    return found
