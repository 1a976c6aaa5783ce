"""Templates of the viewer, compiled once: those of the report with pages of its own around them."""

import json
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment

from eval_assets.calibration.given_labels import fingerprint
from eval_assets.reports.rendered.page.html import page_environment, page_style
from eval_assets.requests.conversations import readable
from eval_assets.viewer.laid_out import markup
from eval_assets.viewer.page_places import SERVED, Places
from eval_assets.viewer.trial import is_trial
from eval_assets.wording.foreign_text import visible_text

LONGEST = 20_000
"""Characters of one text on a page; the rest is in the table, and in the JSON of the trace."""
LONGEST_ERROR = 2_000
LONGEST_REASON = 4_000


@cache
def templates() -> Environment:
    """The environment of all pages: everything escaped, control characters shown as their codes."""
    environment = page_environment("eval_assets.viewer")
    environment.filters.update(
        {"cut": cut, "shaped": shaped, "readable": readable, "markup": markup, "fingerprint": fingerprint}
    )
    environment.globals.update(LONGEST_ERROR=LONGEST_ERROR, LONGEST_REASON=LONGEST_REASON, is_trial=is_trial)
    return environment


def rendered(template: str, *, places: Places = SERVED, **shown: Any) -> str:
    """Write a page.

    Args:
        template: Its name.
        places: Where it links to.
        shown: What it shows.
    """
    return templates().get_template(template).render(places=places, **shown)


@cache
def asset(name: str) -> str:
    """A script or style sheet of the viewer; the latter comes after that of the report, whose parts it shows."""
    own = (resources.files("eval_assets.viewer") / "static" / name).read_text(encoding="utf-8")
    return page_style() + own if name == "viewer.css" else own


def cut(text: str | None, most: int = LONGEST) -> str:
    """Text as long as a page can bear, saying how much is left out.

    >>> cut("abcdef", 4)
    'abcd … (2 more characters)'
    """
    if text is None or len(text) <= most:
        return text or ""
    return f"{text[:most]} … ({len(text) - most:,} more characters)"


def shaped(text: str | None) -> str:
    """Text for reading: JSON objects and lists with a line per value, anything else as it stands.

    >>> print(shaped('{"a": [1]}'))
    {
      "a": [
        1
      ]
    }
    """
    if text is None or text[:1] not in ("{", "[") or len(text) > LONGEST:
        return cut(text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return cut(text)
    return cut(visible_text(json.dumps(value, indent=2, ensure_ascii=False)))
