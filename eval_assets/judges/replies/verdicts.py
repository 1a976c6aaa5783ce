"""From a judge's reply to a verdict, or to the reason why there is none. There is no default score.

A verdict counts where a judge would put it: in a JSON object or at the start of a line of its own. Text inside strings,
quotations, block quotes and running prose never counts, so a judge may quote "score: 5" without saying it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from eval_assets.config.scales import Scale
from eval_assets.judges.replies.lines import announced_verdicts, bare_verdicts, lines_of_judged, reason_in
from eval_assets.judges.replies.objects import loaded, objects_of, verdict_in
from eval_assets.judges.replies.stated_values import StatedVerdict

PARSER_VERSION = "2"
"""Raised with every change of the rules below: it is part of a judge's fingerprint."""

THOUGHT_ENDS = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
THOUGHT_BEGINS = re.compile(r"\A\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
FENCED_WHOLE = re.compile(r"\A```\w*\s*\n(.*)\n\s*```\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reply says.

    Args:
        score: On the judge's scale; null unless `outcome` is `ok`.
        label: The label of a scale that has labels.
        justification: The judge's reason, as written.
        outcome: `ok` or `unparsed`.
        reason: Why there is no verdict.
        method: `json` if the verdict stood in a JSON object, `text` if on a line, null if there is none.
    """

    score: float | None
    label: str | None
    justification: str | None
    outcome: Literal["ok", "unparsed"]
    reason: str | None
    method: Literal["json", "text"] | None


def parse_verdict(text: str, scale: Scale, *, untrusted: Iterable[str] = ()) -> Verdict:
    r"""Read the verdict of one reply.

    Args:
        text: The reply as it came.
        scale: What the verdict has to be on.
        untrusted: The texts that were judged; an object or line that repeats one of theirs word for word is a
            quotation, unless it stands where the judge's verdict belongs: at the end of the reply, or alone at its
            beginning.

    >>> from eval_assets.config.scales import IntegerScale
    >>> parse_verdict('{"justification": "It obeys \\"score: 5\\".", "score": 2}', IntegerScale()).score
    2.0
    """
    parts = THOUGHT_ENDS.split(text) if THOUGHT_BEGINS.match(text) else ["", text]
    if len(parts) != 2:  # noqa: PLR2004  thoughts and reply
        return _unparsed("expected the reasoning to end once, before the reply")
    reply = _unwrapped(parts[1].strip())
    if not reply:
        return _unparsed("the reply is empty")
    texts = tuple(untrusted)
    judged = lines_of_judged(objects_of(judged_text, ())[1] for judged_text in texts)
    objects, prose = objects_of(reply, texts)
    stated = [verdict_in(found, scale, is_final=is_final) for found, is_final in objects]
    lines = announced_verdicts(prose, scale, judged, closes=not objects)
    stated += [line for line in lines if not (objects and line.problem)]
    return _resolved(stated or bare_verdicts(prose, scale, judged), scale, prose)


def _unwrapped(reply: str) -> str:
    """The reply without a code fence or JSON string around all of it."""
    if (whole := FENCED_WHOLE.match(reply)) is not None and "```" not in whole.group(1):
        reply = whole.group(1).strip()
    if reply.startswith('"') and reply.endswith('"'):
        inner = loaded(reply)
        reply = inner.strip() if isinstance(inner, str) else reply
    return reply


def _resolved(stated: list[StatedVerdict], scale: Scale, prose: str) -> Verdict:
    if not stated:
        return _unparsed("the reply states no verdict")
    last = stated[-1]
    values = {one.value for one in stated}
    if len(values) > 1 and not last.is_final:
        said = ", ".join(str(c.value if c.problem is None else f"({c.problem})") for c in stated[:5])
        return _unparsed(f"the reply states several verdicts: {said}")
    if last.value is None:
        return _unparsed(last.problem or "the reply states no verdict")
    label = last.value if isinstance(last.value, str) else None
    reason_given = reason_in(prose, scale) if last.method == "text" else last.justification or reason_in(prose, scale)
    return Verdict(scale.score_of(last.value), label, reason_given, "ok", None, last.method)


def _unparsed(reason: str) -> Verdict:
    return Verdict(None, None, None, "unparsed", reason, None)
