"""The one JSON of hashes, request keys and table cells: which value becomes which text. What is hashed, callers say.

| value | in a hash or a table cell | in a request key |
| --- | --- | --- |
| date, time, datetime | ISO 8601 text | the same |
| decimal | its digits as text, `1.50` | refused: it can't be sent |
| duration | text, `1 day, 2:00:00` | refused |
| bytes | the text they encode in UTF-8; others are refused | refused |
| NaN, infinity | the words `NaN`, `Infinity`; readers of rows let neither through | refused |
| half a surrogate pair | itself; hashed as the three bytes that stand for it | refused |
| whole number | all its digits; above 4,300 of them refused | the same |
| fraction that is whole | `1.0` | `1`, up to 2^53 |
| key that is no text | its text; two keys with one text are refused | the same |
| set | refused: it has no order | refused |
"""

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

import pydantic_core

from eval_assets.errors import ConfigError

LARGEST_EXACT = 2**53


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no whitespace and one spelling per number: what request keys are hashes of.

    >>> canonical_json({"top_p": 1.0, "messages": ({"b": True, "a": "é"},)})
    '{"messages":[{"a":"é","b":true}],"top_p":1}'

    Raises:
        ConfigError: The value has no JSON form, a number is NaN or infinite, or text holds half a surrogate pair.
    """
    if type(value) is dict and (flat := _flat(value, value.values())) is not None:
        return flat
    try:
        text = _written(value)
        text.encode()
    except UnicodeEncodeError as error:
        found = text[max(error.start - 20, 0) : error.end]
        raise ConfigError(f"expected text that UTF-8 can encode, got half a surrogate pair in {found!r}") from error
    except (RecursionError, ValueError) as error:
        raise _unwritable(error) from error
    return text


def canonical_messages(messages: Sequence[Mapping[str, Any]]) -> str:
    """As `canonical_json`, in a third of its time where every message is a role and a text.

    >>> canonical_messages([{"role": "user", "content": "Why?"}])
    '[{"content":"Why?","role":"user"}]'
    """
    texts = []
    for message in messages:
        role, content = message.get("role"), message.get("content")
        if message.keys() != _OF_TEXTS or type(role) is not str or type(content) is not str:
            return canonical_json(messages)
        try:
            said, by = pydantic_core.to_json(content).decode(), pydantic_core.to_json(role).decode()
        except ValueError:  # half a surrogate pair
            return canonical_json(messages)
        texts.append(f'{{"content":{said},"role":{by}}}')
    return f"[{','.join(texts)}]"


def quoted(text: str) -> str:
    r"""JSON of a text, as it stands in hashes, table cells and request keys.

    >>> quoted('say "é"'), quoted("half \ud83d") == '"half \ud83d"'
    ('"say \\"é\\""', True)
    """
    try:
        return pydantic_core.to_json(text).decode()  # as the standard library writes it, and several times as fast
    except ValueError:  # it holds half a surrogate pair
        return encode_basestring(text)


_quoted_name = lru_cache(maxsize=1024)(quoted)


def json_text(value: Any, *, sort_keys: bool = False, compact: bool = False) -> str:
    r"""JSON as it stands in table cells.

    Args:
        value: What JSON knows, and what the table of this module adds.
        sort_keys: Write equal mappings alike.
        compact: Write no space after commas and colons.

    Raises:
        ConfigError: The value has no JSON form.

    >>> from datetime import date
    >>> json_text({"on": date(2026, 1, 2), "price": Decimal("1.50"), "name": b"Z\xc3\xbcrich"})
    '{"on": "2026-01-02", "price": "1.50", "name": "Zürich"}'
    """
    try:
        try:
            return _dumps(value, sort_keys, compact)
        except TypeError:  # keys that JSON doesn't know, or that can't be sorted
            return _dumps(_with_text_keys(value), sort_keys, compact)
    except (RecursionError, ValueError) as error:
        raise _unwritable(error) from error


def json_sha256(value: Any, *, compact: bool = True) -> str:
    """SHA-256, in hexadecimal, of a value's JSON, whatever the order of its keys; raises as `json_text` does.

    Only hashes of rows are taken over JSON that isn't compact, and data versions keep them so.

    >>> json_sha256({"a": 1, "b": 2}) == json_sha256({"b": 2, "a": 1})
    True
    """
    text = json_text(value, sort_keys=True, compact=compact)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def stand_in(value: Any) -> Any:
    """What stands for a value that JSON doesn't know.

    >>> stand_in(dt.datetime(2026, 1, 2, 3, 4))
    '2026-01-02T03:04:00'

    Raises:
        ConfigError: Nothing does.
    """
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal | dt.timedelta):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise ConfigError(f"expected text, got {len(value)} bytes that are not UTF-8: {value[:20]!r}") from error
    raise ConfigError(
        f"expected text, numbers, booleans, dates, lists and mappings, got {value!r:.80} ({type(value).__name__})"
    )


def _dumps(value: Any, sort_keys: bool, compact: bool) -> str:  # noqa: FBT001
    if type(value) is list and compact and (flat := _flat(value, value)) is not None:
        return flat
    if type(value) is list and all(type(item) in _PLAIN for item in value):
        return f"[{(',' if compact else ', ').join([_written(item) for item in value])}]"
    return _IN_CELLS[sort_keys, compact].encode(value)


def _flat(value: dict[Any, Any] | list[Any], items: Iterable[Any]) -> str | None:
    """Canonical JSON of a list or mapping of texts and small whole numbers, written as a whole; null for any other."""
    if any(type(item) not in _PLAIN or (type(item) is int and abs(item) >= LARGEST_EXACT) for item in items):
        return None
    if isinstance(value, dict):
        if not {*map(type, value)} <= _TEXT:
            return None
        value = {name: value[name] for name in sorted(value)}
    try:
        return pydantic_core.to_json(value).decode()
    except ValueError:  # half a surrogate pair
        return None


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = [(_text_key(key), _with_text_keys(item)) for key, item in value.items()]
        return _as_mapping(sorted(pairs, key=itemgetter(0)), value)
    if isinstance(value, list | tuple):
        return [_with_text_keys(item) for item in value]
    return value


def _text_key(key: Any) -> str:
    return str(key if isinstance(key, str | int | float | None) else stand_in(key))


def _as_mapping(pairs: list[tuple[str, Any]], value: Mapping[Any, Any]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ConfigError(f"expected keys that differ as text, got {sorted(map(repr, value))}")
    return mapping


def _written(value: Any) -> str:
    """Canonical JSON, but for texts that can't be encoded."""
    # Tuples, and the plain types first: this is asked of every value of every request.
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, (bool, int, float)):
        return _scalar(value)
    if isinstance(value, (dict, Mapping)):
        fields = value
        if not {*map(type, value)} <= _TEXT:
            fields = _as_mapping([(str(key), item) for key, item in value.items()], value)
        return "{" + ",".join([f"{_quoted_name(name)}:{_written(fields[name])}" for name in sorted(fields)]) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join([_written(item) for item in value])}]"
    if isinstance(value, dt.date | dt.time):
        return quoted(value.isoformat())
    raise ConfigError(
        f"expected text, numbers, booleans, lists and mappings in a request, got {value!r} ({type(value).__name__})"
    )


def _scalar(value: float | None) -> str:
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int):
        return int.__repr__(value)
    if not math.isfinite(value):
        raise ConfigError(f"expected finite numbers in a request, got {value!r}; use null for a missing value")
    is_exact = value.is_integer() and abs(value) < LARGEST_EXACT
    return repr(int(value)) if is_exact else float.__repr__(value)


def _unwritable(error: RecursionError | ValueError) -> ConfigError:
    """Why a value that is made of what JSON knows can't be written."""
    if isinstance(error, RecursionError) or "Circular" in str(error):
        return ConfigError("expected values nested a few levels deep, got hundreds of levels; flatten the value")
    return ConfigError(f"expected numbers of at most 4,300 digits: {error}")


# Made once: making an encoder takes as long as writing a row.
_COMPACT = (",", ":")
_WORDS = {None: "null", True: "true", False: "false"}
_TEXT = frozenset({str})
_OF_TEXTS = frozenset({"role", "content"})
_PLAIN = frozenset({str, int, bool, type(None)})
_IN_CELLS = {
    (sort_keys, compact): json.JSONEncoder(
        sort_keys=sort_keys, ensure_ascii=False, separators=_COMPACT if compact else None, default=stand_in
    )
    for sort_keys in (True, False)
    for compact in (True, False)
}
