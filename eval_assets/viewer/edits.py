"""What makes an edit one: it comes from a page of this very server, and is no more than a form may hold.

Names and origins are held to by `guard`; what an edit says is read by those who take it.
"""

import secrets
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from eval_assets.errors import EditError, LabelError

MOST_BYTES = 64 * 1024
"""Of a form: the longest note has 24 kB, each of its characters written as four escaped bytes."""

MOST_FIELDS = 40
FORM = "application/x-www-form-urlencoded"


class Edits:
    """Knows the forms that this server has written, by a token in each and a cookie beside it.

    Both are drawn anew for every server. No other site can read the token, and the browser sends the cookie along with
    nothing that another site began (`SameSite`). Cookies are shared between ports of a host, so its name is drawn too.
    """

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(32)
        self._cookie, self._secret = f"eval-assets-{secrets.token_hex(4)}", secrets.token_urlsafe(32)

    def marked(self, response: Response) -> Response:
        """A page with a form, with the cookie that has to come back with it."""
        response.set_cookie(self._cookie, self._secret, httponly=True, samesite="strict")
        return response

    async def fields(self, request: Request) -> dict[str, str]:
        """The fields of a form of this server, without its token.

        Raises:
            EditError: It isn't from a page of this server.
            LabelError: It is no form, or too long, or no text.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != FORM:
            raise LabelError(f"expected a form ({FORM}), got {kind!r:.80}")
        fields = _fields_of(await _body(request))
        token, secret = fields.pop("token", ""), request.cookies.get(self._cookie, "")
        if not (_is_same(token, self.token) and _is_same(secret, self._secret)):
            raise EditError(
                "expected an edit from a page of this viewer, got one without its token or cookie: "
                "the viewer was started anew meanwhile, or cookies are refused; open the page again"
            )
        return fields


async def _body(request: Request) -> bytes:
    found = bytearray()
    try:
        async for part in request.stream():
            found += part
            if len(found) > MOST_BYTES:
                raise LabelError(f"expected a form of at most {MOST_BYTES:,} bytes, got more; shorten the note")
    except ClientDisconnect as error:
        raise LabelError("the form broke off before its end") from error
    return bytes(found)


def _fields_of(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS, encoding="utf-8", errors="strict"
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise LabelError(f"expected the fields of a form in UTF-8: {error}") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise LabelError("expected each field of the form once, got one of them twice")
    return fields


def _is_same(given: str, known: str) -> bool:
    return secrets.compare_digest(given.encode(), known.encode())
