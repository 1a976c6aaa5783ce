"""Verdicts in JSON objects. Text inside their strings is never searched."""

import json
import re
from typing import Any

from eval_assets.config.scales import Scale
from eval_assets.judges.replies.quotation import Stated, announces_a_quotation, own_verdicts
from eval_assets.judges.replies.stated_values import StatedVerdict, value_on
from eval_assets.judges.replies.verdict_words import FINAL_WORDS, JUSTIFICATION_WORDS, VERDICT_WORDS, folded_words

MAX_OBJECTS = 50
INTRODUCES = ("", ":", "!", ".", "\uff1a", "。")


def objects_of(reply: str, judged: tuple[str, ...]) -> tuple[list[tuple[dict[str, Any], bool]], str]:
    """The JSON objects that hold a verdict, each with whether it is announced as final, and the text without them."""
    found: list[Stated[tuple[dict[str, Any], bool]]] = []
    prose: list[str] = []
    done = 0
    for _ in range(MAX_OBJECTS):
        start = reply.find("{", done)
        if start < 0:
            break
        value, end = _decoded(reply, start)
        before, after = _same_line(reply, start, end)
        prose.append(reply[done:start])
        if value is None:
            if re.match(r"\{\s*[\"']", reply[start:]):  # a broken object: what stands inside it is not to be trusted
                done = start
                break
            prose.append("{")
            done = start + 1
            continue
        holder = _verdict_holder(value)
        stands_alone = before[-1:] in INTRODUCES and not after.strip(" .;*`")
        if holder is not None and stands_alone:
            announced = "".join(prose).strip().rpartition("\n")[2]
            verdict = (holder, bool(FINAL_WORDS & set(folded_words(announced))))
            opens, closes = _is_nothing(reply[:start]), _is_nothing(reply[end:])
            closes = closes and not announces_a_quotation(announced)
            found.append(Stated(verdict, _repeats(reply[start:end], judged), opens, closes))
        done = end
    prose.append(reply[done:])
    return own_verdicts(found), "".join(prose)


def _is_nothing(around: str) -> bool:
    return not re.sub(r"```\w*", "", around).strip(" .;*`\n\r\t")


def _same_line(reply: str, start: int, end: int) -> tuple[str, str]:
    before = reply[:start].rpartition("\n")[2]
    after = reply[end:].partition("\n")[0]
    return re.sub(r"```(json)?|[`*\s]+", "", before), after


def _decoded(reply: str, start: int) -> tuple[dict[str, Any] | None, int]:
    """The object that begins at `start` and where it ends; a trailing comma and single quotes are forgiven."""
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, strict=False)
    try:
        value, end = decoder.raw_decode(reply, start)
    except (ValueError, RecursionError):
        end = reply.rfind("}") + 1
        source = re.sub(r",(\s*[}\]])", r"\1", reply[start:end])
        value = loaded(source if '"' in source else source.replace("'", '"'))
    return (value, end) if isinstance(value, dict) else (None, start)


def loaded(source: str) -> Any:
    """The JSON value of a text; null if it has none."""
    try:
        return json.loads(source, object_pairs_hook=_pairs, strict=False)
    except (ValueError, RecursionError):
        return None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice with different values has no value: whichever a parser took would be a guess."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        values[key] = f"{values[key]} and {value}" if key in values and values[key] != value else value
    return values


def _verdict_holder(value: dict[str, Any]) -> dict[str, Any] | None:
    """The object that names a verdict: this one, or the one that is all it holds; its keys in lower case."""
    inner = next(iter(value.values()), None)
    for holder in (value, inner if len(value) == 1 and isinstance(inner, dict) else {}):
        named = _pairs([(key.strip().casefold(), item) for key, item in holder.items()])
        if named.keys() & VERDICT_WORDS:
            return named
    return None


def verdict_in(holder: dict[str, Any], scale: Scale, *, is_final: bool) -> StatedVerdict:
    """The verdict of an object that `objects_of` found."""
    field = scale.verdict_field
    stated = [holder[field]] if field in holder else [holder[key] for key in holder if key in VERDICT_WORDS]
    reasons = (holder[key] for key in holder if key in JUSTIFICATION_WORDS)
    justification = next((reason for reason in reasons if isinstance(reason, str) and reason.strip()), None)
    try:
        values = {value_on(scale, value) for value in stated}
        if len(values) > 1:
            raise ValueError(f"expected one verdict, got {stated}")  # noqa: TRY301
    except (ValueError, OverflowError, RecursionError) as error:
        return StatedVerdict(None, str(error), is_final, "json", justification)
    return StatedVerdict(values.pop(), None, is_final, "json", justification)


def _repeats(source: str, judged: tuple[str, ...]) -> bool:
    squeezed = re.sub(r"\s+", "", source)
    return any(squeezed in re.sub(r"\s+", "", text) for text in judged)
