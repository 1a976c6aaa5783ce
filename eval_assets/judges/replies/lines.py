"""Verdicts on lines of text, such as `Score: 4`. What a judge quotes is not searched."""

import re
from collections.abc import Iterator

from eval_assets.config.judge import Scale
from eval_assets.judges.replies.candidates import Candidate
from eval_assets.judges.replies.values import plain_text, read_value
from eval_assets.judges.replies.words import FINAL_WORDS, JUSTIFICATION_WORDS, QUALIFIERS, VERDICT_WORDS, words_of

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


def announced_verdicts(prose: str, scale: Scale, judged: tuple[str, ...]) -> Iterator[Candidate]:
    """Lines such as `Score: 4`, one by one."""
    for line in _lines_of(prose):
        announced = ANNOUNCED.match(line)
        if announced is None or _repeats_a_line(line, judged):
            continue
        is_final = bool(FINAL_WORDS & set(words_of(announced["before"])))
        try:
            if STATED.search(announced["value"]):
                raise ValueError(f"expected one verdict on a line, got {line[:80]!r}")  # noqa: TRY301
            value = read_value(announced["value"].strip(" |"), scale)
        except ValueError as error:
            yield Candidate(None, str(error), is_final, "text")
        else:
            if value is not None:
                yield Candidate(value, None, is_final, "text")


def bare_verdicts(prose: str, scale: Scale, judged: tuple[str, ...]) -> Iterator[Candidate]:
    """The first and the last line, where they are nothing but a value."""
    lines = _lines_of(prose)
    for line in dict.fromkeys([*lines[:1], *lines[-1:]]):
        if len(lines) > 1 and _repeats_a_line(line, judged):
            continue
        try:
            value = read_value(line, scale, alone=True)
        except ValueError as error:
            yield Candidate(None, str(error), False, "text")
        else:
            if value is not None:
                yield Candidate(value, None, False, "text")


def _is_bare(line: str, scale: Scale) -> bool:
    try:
        return read_value(line, scale, alone=True) is not None
    except ValueError:
        return True


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
        if lines and HEADING.match(lines[-1]):
            lines[-1] = f"{lines[-1].rstrip(':')}: {line}"
        else:
            lines.append(line)
    return lines


def reason_in(prose: str, scale: Scale) -> str | None:
    """What the lines say beside the verdict; null if nothing."""
    kept = [line for line in _lines_of(prose) if not ANNOUNCED.match(line) and not _is_bare(line, scale)]
    return JUSTIFIED.sub("", "\n".join(kept)).strip() or None


def _repeats_a_line(line: str, judged: tuple[str, ...]) -> bool:
    return any(line.casefold() == theirs.casefold() for text in judged for theirs in _lines_of(text))
