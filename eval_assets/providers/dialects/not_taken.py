"""Reading from an error which parameter an endpoint doesn't take, and what may be done about it."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from eval_assets.providers.dialects.families import FORCED_TOOL
from eval_assets.providers.http.statuses import error_of

STATUSES = (400, 422)

OTHER_NAME: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": "max_completion_tokens",
        "max_completion_tokens": "max_tokens",
        "output_config.format": FORCED_TOOL,
    }
)
"""Parameters that are never left out, since they bound what a reply costs or shape it → the other name they have."""

MAY_BE_LEFT_OUT = (
    "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty",
    "reasoning_effort", "reasoning.effort", "seed", "verbosity", "text.verbosity", "prompt_cache_key",
    "output_config.effort", "cache_control",
)  # fmt: skip
"""Parameters without which the same is asked, sampled otherwise. Of others (`stop`, `tools`, `logprobs`) it isn't."""

EFFORTS = ("reasoning_effort", "reasoning.effort", "output_config.effort")

SAID_AS: Mapping[str, str] = MappingProxyType(
    {
        "output_config.format": r"output_config\.format|output[ _]format|structured outputs?",
        "output_config.effort": r"output_config\.effort|effort",
    }
)
"""Parameters that refusals call otherwise → a pattern of how."""

NOT_TAKEN = re.compile(
    r"unsupported|not support|n't support|unrecogni[sz]ed|not recogni[sz]ed|not permitted|deprecated|only the default"
    r"|only be set to 1|cannot both|unknown (?:name|field|parameter|argument)"
    r"|unexpected (?:keyword|field|parameter|argument)",
    re.IGNORECASE,
)
"""Words of an endpoint that takes no such parameter; a value that is out of bounds is called otherwise."""

LISTS_VALUES = re.compile(r"supported values|must be one of|one of:", re.IGNORECASE)


def refused_name(body: Any, sent: Mapping[str, Any]) -> str | None:
    """The parameter of a request that its endpoint doesn't take, by the name it was sent under; null if none is.

    Args:
        body: Of the error, a JSON value or text.
        sent: The parameters of the request, as sent.

    >>> said = {"message": "Unsupported value: 'temperature' does not support 0 with this model."}
    >>> refused_name({"error": said}, {"temperature": 0, "stop": "."})
    'temperature'
    >>> refused_name({"error": {"message": "temperature must be between 0 and 1"}}, {"temperature": 2})
    """
    code, message = error_of(body)
    said = f"{code.replace('_', ' ')} {message}"
    if not NOT_TAKEN.search(said):
        return None
    error = body.get("error") if isinstance(body, Mapping) else None
    named = error.get("param") if isinstance(error, Mapping) else None
    text = named if isinstance(named, str) and named else message
    places = {name: re.search(rf"(?<![\w.])(?:{SAID_AS.get(name, re.escape(name))})(?!\w)", text) for name in sent}
    first = min((found.start(), name) for name, found in places.items() if found) if any(places.values()) else None
    if first is None or (first[1] not in OTHER_NAME and first[1] not in MAY_BE_LEFT_OUT):
        return None
    # One that is taken with other values is a mistake of the file, which its author can mend.
    return None if first[1] in EFFORTS and LISTS_VALUES.search(message) else first[1]
