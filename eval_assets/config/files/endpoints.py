"""Where a model is asked: addresses that can't be right, and secrets that would lie in tables and logs."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from eval_assets.config.files.secrets import WRITTEN_KEY, names_a_secret
from eval_assets.config.model import ModelFile
from eval_assets.config.problems import Location, Problem, field_path, line_of

HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
BEYOND_BASE = re.compile(r"/(chat/completions|completions|responses|embeddings|messages)/*$")


def endpoint_problems(model: ModelFile, *, file: str, lines: Mapping[Location, int]) -> Iterator[Problem]:
    """What is wrong with the address and the query of a model file. No secret is repeated."""

    def problem(place: Location, said: str) -> Problem:
        return Problem(file, said, line_of(place, lines), field_path(place))

    for said in [] if model.base_url is None else _address_faults(model.base_url):
        yield problem(("base_url",), said)
    for name, value in model.query.items():
        if names_a_secret(name) or WRITTEN_KEY.search(value):
            said = "queries are stored and shown; write `query_env` instead: name → name of an environment variable"
            yield problem(("query", name), said)
    for name in model.query.keys() & model.query_env.keys():
        yield problem(("query_env", name), f"expected {name!r} in `query` or in `query_env`, got it in both")
    for name in model.headers_env:
        if not HEADER_NAME.fullmatch(name):
            said = f"expected the name of a header, such as X-Api-Key, got {name!r}"
            yield problem(("headers_env", name), said)
    headers = [name.lower() for name in model.headers_env]
    for name in sorted({name for name in headers if headers.count(name) > 1}):
        yield problem(("headers_env",), f"expected each header once, got {name!r} in more than one spelling")


def _address_faults(base_url: str) -> Iterator[str]:
    try:
        parts = urlsplit(base_url)
        parts.port  # noqa: B018  a port that is no number shows when it is asked for
    except ValueError as error:
        yield f"expected an address such as https://host/v1, got one that can't be read: {error}"
        return
    if "@" in parts.netloc:
        yield (
            "expected an address without user name and password, which would be stored and shown; write `headers_env` "
            "instead, as in `headers_env: {Authorization: NAME_OF_A_VARIABLE}` for a variable that holds 'Basic …'"
        )
        return
    if any(names_a_secret(name) or WRITTEN_KEY.search(value) for name, value in parse_qsl(parts.query)):
        yield "expected an address without a key, which would be stored and shown; write `query_env` instead"
        return
    yield from _form_faults(base_url, parts)


def _form_faults(base_url: str, parts: SplitResult) -> Iterator[str]:
    if re.search(r"\s", base_url) or not base_url.isprintable():
        yield f"expected an address without spaces and control characters, got {base_url!r}"
    elif parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        yield f"expected an address that begins with http:// or https://, got {base_url!r}; {_with_scheme(base_url)}"
    elif parts.fragment:
        yield f"expected an address without '#', got {base_url!r}"
    elif found := BEYOND_BASE.search(parts.path):
        shorter = base_url.replace(found[0], "", 1)
        yield f"expected an address without {found[0]!r}, which is added to it; write {shorter!r}"


def _with_scheme(base_url: str) -> str:
    """What was probably meant by an address without a scheme.

    >>> _with_scheme("localhost:8000/v1")
    "did you mean 'http://localhost:8000/v1'?"
    """
    rest = base_url.partition("://")[2] if "://" in base_url else base_url.lstrip("/")
    is_local = re.match(r"(localhost|127\.|10\.|192\.168\.|\[::1\])", rest)
    return f"did you mean {('http://' if is_local else 'https://') + rest!r}?"
