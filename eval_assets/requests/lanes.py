"""Lanes: where replies of one model at one provider are stored, and what one run at a time may write."""

import hashlib
import re

from eval_assets.requests.keys import ModelIdentity

SLUG_LENGTH = 48


def lane_of(identity: ModelIdentity) -> str:
    """Name of the lane: readable first, then eight hexadecimal digits that make it unique.

    The implementation is left out: an edited callable keeps its lane and changes its keys.

    >>> lane_of(ModelIdentity("openai", "https://api.openai.com/v1", "gpt-4o-mini"))
    'openai-api.openai.com-gpt-4o-mini-277dd624'
    """
    host = identity.endpoint.split("://")[1].split("/")[0].split("?")[0] if "://" in identity.endpoint else ""
    words = "-".join(part for part in (identity.provider, host, identity.model_id) if part)
    slug = re.sub(r"[^a-z0-9._]+", "-", words.lower()).strip("-.")[:SLUG_LENGTH].strip("-.")
    unique = f"{identity.provider}\0{identity.endpoint}\0{identity.model_id}"
    return f"{slug}-{hashlib.sha256(unique.encode()).hexdigest()[:8]}"
