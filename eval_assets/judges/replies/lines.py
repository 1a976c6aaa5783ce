"""Verdicts on lines of text, such as `Score: 4`. What a judge quotes is not searched."""

import re
from collections.abc import Iterable

from eval_assets.config.scales import Scale
from eval_assets.judges.replies.quotation import JudgedLines, Stated, own_verdicts
from eval_assets.judges.replies.stated_values import StatedVerdict, plain_text, read_value
from eval_assets.judges.replies.verdict_words import (
    FINAL_WORDS,
    JUSTIFICATION_WORDS,
    QUALIFIERS,
    VERDICT_WORDS,
    folded_words,
)

VERDICT = "|".join(map(re.escape, sorted(VERDICT_WORDS, key=len, reverse=True)))
FENCE_MARK = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
FENCED_PART = re.compile(r"^\s*```.*?^\s*```", re.DOTALL | re.MULTILINE)
QUOTATION = re.compile(r'"[^"]*"')
BULLET = re.compile(r"^(?:[-+•]\s+|\d+[.)]\s+(?=\S)|#+\s*|\|\s*)*")
TAGGED = re.compile(r"^<(\w+)>\s*(.*?)\s*</\1>$")
ANNOUNCED = re.compile(
    rf"^(?P<before>(?:(?:{'|'.join(map(re.escape, sorted(QUALIFIERS)))})[,:]?\s*)*)(?P<quote>[\"']?)"
    rf"(?P<word>{VERDICT})(?P=quote)(?:\s*\([^()]*\)(?=\s*[:=]))?"
    r"\s*(?P<sign>[:=|]|[–—-]+>?(?=\s)|\b(?:is|ist|est|es|è|é|of)\b|是|为|は|\s)\s*(?P<value>\S.*)$",
    re.IGNORECASE,
)
HEADING = re.compile(rf"^(?:\w+ )?(?:{VERDICT})\s*:?$", re.IGNORECASE)
STATED = re.compile(rf"(?:{VERDICT})\s*[:=]", re.IGNORECASE)
JUSTIFIED = re.compile(rf"^(?:{'|'.join(map(re.escape, sorted(JUSTIFICATION_WORDS)))})\s*[:=]\s*", re.IGNORECASE)


def announced_verdicts(prose: str, scale: Scale, judged: JudgedLines, *, closes: bool) -> list[StatedVerdict]:
    """Lines such as `Score: 4`, in their order.

    Args:
        prose: What the judge wrote beside JSON objects.
        scale: What the verdict has to be on.
        judged: Lines of the judged texts.
        closes: The reply ends with the prose, so its last line may be the verdict.
    """
    lines = _lines_of(prose)
    stated = [
        _stated(verdict, place, lines, judged, closes=closes)
        for place, line in enumerate(lines)
        if (verdict := _announced(line, scale)) is not None
    ]
    return own_verdicts(stated)


def bare_verdicts(prose: str, scale: Scale, judged: JudgedLines) -> list[StatedVerdict]:
    """The first and the last line, where they are nothing but a value."""
    lines = _lines_of(prose)
    stated = [
        _stated(verdict, place, lines, judged, closes=True)
        for place in dict.fromkeys([*range(len(lines))[:1], *range(len(lines))[-1:]])
        if (verdict := _bare(lines[place], scale)) is not None
    ]
    return own_verdicts(stated)


def reason_in(prose: str, scale: Scale) -> str | None:
    """What the lines say beside the verdict, the reason on its own line included; null if nothing."""
    kept = []
    for line in _lines_of(prose):
        verdict = _announced(line, scale) or _bare(line, scale)
        if verdict is None or verdict.justification:
            kept.append(JUSTIFIED.sub("", line if verdict is None else str(verdict.justification)))
    while kept and kept[-1].endswith(":"):  # what led to the verdict
        kept.pop()
    return "\n".join(kept).strip() or None


def lines_of_judged(texts: Iterable[str]) -> JudgedLines:
    """The judged texts, without JSON objects, as a reply would repeat them line by line."""
    return JudgedLines(map(_lines_of, texts))


def _stated(
    verdict: StatedVerdict, place: int, lines: list[str], judged: JudgedLines, *, closes: bool
) -> Stated[StatedVerdict]:
    is_quoted = judged.are_quoted_at_the_end_of(lines[: place + 1])
    return Stated(
        verdict,
        repeats=judged.repeated_by(lines[place]),
        opens=closes and place == 0 and not is_quoted,
        closes=closes and place == len(lines) - 1 and not is_quoted,
    )


def _announced(line: str, scale: Scale) -> StatedVerdict | None:
    """The verdict of a line such as `Score: 4`; null if it is none."""
    announced = ANNOUNCED.match(line)
    if announced is None:
        return None
    is_final = bool(FINAL_WORDS & set(folded_words(announced["before"])))
    try:
        if STATED.search(announced["value"]):
            raise ValueError(f"expected one verdict on a line, got {line[:80]!r}")  # noqa: TRY301
        read = read_value(announced["value"].strip(" |"), scale)
    except ValueError as error:
        return StatedVerdict(None, str(error), is_final, "text")
    return None if read is None else StatedVerdict(read.value, None, is_final, "text", read.reason)


def _bare(line: str, scale: Scale) -> StatedVerdict | None:
    """The verdict of a line that is nothing but a value; null if it is more."""
    try:
        read = read_value(line, scale, alone=True)
    except ValueError as error:
        return StatedVerdict(None, str(error), False, "text")
    return None if read is None else StatedVerdict(read.value, None, False, "text")


def _lines_of(prose: str) -> list[str]:
    """Lines that the judge wrote in its own name, without Markdown; a heading is joined with the line below it."""
    unfenced = FENCE_MARK.sub("", FENCED_PART.sub("", plain_text(prose)))
    own = QUOTATION.sub(lambda quoted: " " if "\n" in quoted.group() else quoted.group(), unfenced)
    lines: list[str] = []
    for raw in own.splitlines():
        line = BULLET.sub("", re.sub(r"\*|`|__", "", raw).strip()).strip(" {},|")
        line = TAGGED.sub(r"\1: \2", line)
        if not line or raw.lstrip().startswith(">"):
            continue
        if lines and HEADING.match(lines[-1]) and not ANNOUNCED.match(line):
            lines[-1] = f"{lines[-1].rstrip(':')}: {line}"
        else:
            lines.append(line)
    return lines
