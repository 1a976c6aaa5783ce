"""Thoughts that a model writes into its reply between tags, taken apart from the answer."""

import re
from bisect import bisect_left
from functools import cache
from typing import NamedTuple

from eval_assets.config.model import ReasoningTags

NAMES = r"think|thinking|thoughts?|reasoning|reason|seed:think|mm:think|longcat_think|scratchpad|inner_monologue"
ATTRIBUTES = r"[^<>\s][^<>]{0,200}(?<!/)"


class Tags(NamedTuple):
    """Patterns of an opening tag and of the one that closes it."""

    opening: re.Pattern[str]
    closing: re.Pattern[str]


def _tags(opening: str, closing: str) -> Tags:
    return Tags(re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))


PAIRS = (
    *(_tags(rf"<\s*{name}(?:\s+{ATTRIBUTES}|\s*)>", rf"<\s*/\s*{name}\s*>") for name in NAMES.split("|")),
    _tags(r"\[THINK\]", r"\[/THINK\]"),
    _tags("◁think▷", "◁/think▷"),
    _tags(r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    _tags(r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    _tags(r"<\|channel>thought", r"<channel\|>"),
    _tags(
        r"(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>",
        r"(?:<\|end\|>)?<\|start\|>assistant<\|channel\|>final<\|message\|>",
    ),
)
"""Tags of the models that think aloud, each as it is written at the head of a thought and at its end."""

FIRST_CHARACTERS = "<[◁"
"""One of these begins every tag: most replies hold none."""

ANY_CLOSING = re.compile(rf"<\s*/\s*(?:{NAMES})\s*>", re.IGNORECASE)
SPACE = re.compile(r"[\s\u200b-\u200f\ufeff]*")
BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)+|[^\S\n]+")


Span = tuple[int, int]


class Split(NamedTuple):
    """A reply in two; `thoughts` is null without any, `answer` is the reply as it came then."""

    thoughts: str | None
    answer: str


def split_thoughts(text: str, tags: ReasoningTags = "at_start") -> Split:
    r"""Part the thoughts of a reply from its answer.

    A tag that is never closed holds all that follows: the reply ended before the answer. One that no other of its
    name closes is closed by the next of another name.

    Args:
        text: The reply as it came.
        tags: `at_start`: tags count at the very start, and a tag mentioned later is text; where nothing but a closing
            tag came, at the end or beginning of a line, all before it is thought. `opened_by_template`: the
            prompt ends with the opening tag, so that all up to the closing one is thought. `anywhere`: tags count
            wherever they stand. `ignored`: none counts.

    >>> split_thoughts("<think>London? No.</think>\n\nParis")
    Split(thoughts='London? No.', answer='Paris')
    >>> split_thoughts("The tag <think>x</think> opens a thought.").thoughts
    >>> split_thoughts("London? No.</think>Paris", "opened_by_template")
    Split(thoughts='London? No.', answer='Paris')
    """
    if tags == "ignored" or (tags != "opened_by_template" and not any(first in text for first in FIRST_CHARACTERS)):
        return Split(None, text)
    thoughts, rest = _anywhere(text) if tags == "anywhere" else _at_start(text)
    if not thoughts and tags == "opened_by_template":
        thoughts, rest = _up_to_closing(text)
    if not thoughts and tags == "at_start":
        thoughts, rest = _up_to_lone_closing(text)
    if not thoughts:
        return Split(None, text)
    return Split("\n\n".join(thought.strip() for thought in thoughts), _without_blank_lines(rest))


def _at_start(text: str) -> tuple[list[str], str]:
    thoughts: list[str] = []
    spans = cache(lambda tags: _spans(text, tags))
    at = 0
    while opened := _opening(text, at):
        tags, inside = opened
        ends = spans(tags).get(inside) or _closed_otherwise(text, inside)
        if ends is None:
            return [*thoughts, text[inside:]], ""
        thoughts.append(text[inside : ends[0]])
        at = ends[1]
    return thoughts, text[at:]


def _up_to_closing(text: str) -> tuple[list[str], str]:
    found = [closing for tags in PAIRS if (closing := tags.closing.search(text))]
    if not found:
        return [text], ""
    first = min(found, key=lambda closing: closing.start())
    return [text[: first.start()]], text[first.end() :]


def _up_to_lone_closing(text: str) -> tuple[list[str], str]:
    """Split at the closing tag of a thought that the prompt opened; a tag told of, or shown as code, is text."""
    closing = ANY_CLOSING.findall(text)
    if len(closing) != 1:
        return [], text
    found = next(ANY_CLOSING.finditer(text))
    before, after = text[: found.start()], text[found.end() :]
    line_ends = after[: len(after) - len(after.lstrip())].count("\n") > 0 or before.rstrip(" \t").endswith("\n")
    is_told_of = any(tags.opening.search(text) for tags in PAIRS) or before.count("```") % 2
    return ([before], after) if line_ends and after.strip() and before.strip() and not is_told_of else ([], text)


def _closed_otherwise(text: str, inside: int) -> Span | None:
    found = ANY_CLOSING.search(text, inside)
    return found.span() if found else None


def _anywhere(text: str) -> tuple[list[str], str]:
    thoughts: list[str] = []
    said: list[str] = []
    at = 0
    openings = [(found.span(), tags) for tags in PAIRS for found in tags.opening.finditer(text)]
    spans = cache(lambda tags: _spans(text, tags))
    for (start, inside), tags in sorted(openings, key=lambda opening: opening[0]):
        if start < at:
            continue
        ends = spans(tags).get(inside) or _closed_otherwise(text, inside)
        said.append(text[at:start])
        if ends is None:
            return [*thoughts, text[inside:]], "".join(said)
        thoughts.append(text[inside : ends[0]])
        at = ends[1]
    return thoughts, "".join([*said, text[at:]])


def _opening(text: str, at: int) -> tuple[Tags, int] | None:
    """The tags that open here, space aside, and where their inside begins."""
    space = SPACE.match(text, at)
    start = space.end() if space else at
    return next(((tags, found.end()) for tags in PAIRS if (found := tags.opening.match(text, start))), None)


def _spans(text: str, tags: Tags) -> dict[int, Span]:
    """Where the inside of each opening tag begins → the tag that closes it, tags within the thought left aside.

    Where a thought merely mentions an opening tag, none is left to close it, and the next closing tag ends it.
    """
    openings = [(found.span(), True) for found in tags.opening.finditer(text)]
    closings = [found.span() for found in tags.closing.finditer(text)]
    closed: dict[int, Span] = {}
    waiting: list[int] = []
    for span, opens in sorted([*openings, *((span, False) for span in closings)]):
        if opens:
            waiting.append(span[1])
        elif waiting:
            closed[waiting.pop()] = span
    for inside in waiting:
        following = bisect_left(closings, (inside, inside))
        if following < len(closings):
            closed[inside] = closings[following]
    return closed


def _without_blank_lines(text: str) -> str:
    """The text without the blank lines before it; what is indented stays indented."""
    leading = BLANK_LINES.match(text)
    return text[leading.end() :] if leading else text
