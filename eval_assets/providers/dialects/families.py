"""Model families whose parameters differ from those that most endpoints take, written out, told by the model id.

What isn't written here, the first request finds out: `found_out`. A model file has the last word, with `dialect`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from eval_assets.config.model import ModelFile

Names = Mapping[str, str | None]
"""Parameter as files name it → its name at the endpoint; null: it isn't taken."""

AS_THEY_STAND: Names = MappingProxyType({})

_COMPLETION_LIMIT = {"max_tokens": "max_completion_tokens"}
_UNSAMPLED = dict.fromkeys(("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias"))

API_NAMES: Mapping[str, Names] = MappingProxyType(
    {
        "responses": {
            "max_tokens": "max_output_tokens",
            "max_completion_tokens": "max_output_tokens",
            "reasoning_effort": "reasoning.effort",
            "verbosity": "text.verbosity",
            "response_format": "text.format",
            **dict.fromkeys(("seed", "presence_penalty", "frequency_penalty", "logit_bias")),
        },
        "completions": {
            "max_tokens": "max_tokens",
            "max_completion_tokens": "max_tokens",
            **dict.fromkeys(("reasoning_effort", "verbosity")),
        },
        "messages": {
            "max_completion_tokens": "max_tokens",
            "stop": "stop_sequences",
            "user": "metadata.user_id",
            "reasoning_effort": "output_config.effort",
            "response_format": "output_config.format",
            **dict.fromkeys(("seed", "presence_penalty", "frequency_penalty", "logit_bias")),
        },
    }
)
"""API → what it calls parameters of chat completions, whatever model it serves; a dot leads into an object."""

FORCED_TOOL = "forced_tool"
"""The name that a reply format goes by where a model takes none: a tool that it has to call."""

OF_THIS_PROJECT = ("prompt_cache_key", "cache_control")
"""Parameters that no file asks for: nobody misses one that isn't taken."""

WITHOUT_EFFECT: Mapping[str, Any] = MappingProxyType(
    {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logit_bias": {}}
)
"""Values that ask for what an endpoint does anyway: not to send them is to honour them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that take the same parameters.

    Args:
        called: How the documentation names it.
        model_ids: Pattern that their ids begin with, in lower case, without what a gateway puts before the last slash.
        host: Of the only endpoint where it holds; null for wherever the model is served.
        api: The only API where it holds; null for all.
        names: Parameters with another name, and those that aren't taken; all others are sent as they stand.
        thinks: It thinks before it answers, and its thoughts count against the limit of tokens.
    """

    called: str
    model_ids: str = ""
    host: str | None = None
    api: str | None = None
    names: Names = field(default_factory=dict)
    thinks: bool = False

    def has(self, file: ModelFile) -> bool:
        """Whether a model is of this family, as it is served."""
        own_id = str(file.model).lower().rpartition("/")[2].rpartition("anthropic.")[2]
        host = urlsplit(file.base_url or "").hostname
        is_here = self.host in (None, host) and self.api in (None, file.spoken_api)
        return is_here and re.match(self.model_ids, own_id) is not None


FAMILIES: tuple[Family, ...] = (
    Family(
        called="OpenAI o-series",
        model_ids=r"o\d+(?![a-z0-9])",
        names={**_COMPLETION_LIMIT, **_UNSAMPLED},
        thinks=True,
    ),
    # From 5.1 on, sampling depends on the reasoning effort: whether it is taken, the first request finds out.
    Family(called="GPT-5.1 and later", model_ids=r"gpt-(5\.\d|[6-9])(?!.*chat)", names=_COMPLETION_LIMIT, thinks=True),
    Family(
        called="GPT-5",
        model_ids=r"gpt-5(?![0-9.])(?!.*chat)",
        names={**_COMPLETION_LIMIT, **_UNSAMPLED},
        thinks=True,
    ),
    Family(
        called="Grok, reasoning",
        model_ids=r"grok-(3-mini|4|code)(?!.*non-reasoning)",
        names=dict.fromkeys(("presence_penalty", "frequency_penalty")),
        thinks=True,
    ),
    Family(
        called="Claude 4.0 and earlier, in its own API",
        model_ids=r"claude-(instant|2|3|(opus|sonnet)-4-(0|20\d{6}))",
        api="messages",
        names={"response_format": FORCED_TOOL},
    ),
    Family(
        called="Claude 4.7 and later",
        model_ids=r"claude-[a-z]+-(4[-.][7-9]|[5-9]|[1-9]\d)(?!\d)",
        names=dict.fromkeys(("temperature", "top_p", "top_k")),
    ),
    Family(called="Mistral's own endpoint", host="api.mistral.ai", names={"seed": "random_seed"}),
    Family(
        called="open models that think",
        model_ids=r"deepseek-(r\d|reasoner)|magistral|qwq|gpt-oss|.*[-_]thinking|.*[-_]reasoning$",
        thinks=True,
    ),
    Family(called="Gemini 2.5 and later", model_ids=r"gemini-(2\.5|[3-9])(?!.*lite)", thinks=True),
)
"""The first that has a model is its family."""


def family_of(file: ModelFile) -> Family | None:
    """The family of a model file; null if it is none of those written out.

    >>> family_of(ModelFile(provider="openai", model="openai/o3-mini", base_url="https://gateway.example/v1")).called
    'OpenAI o-series'
    >>> family_of(ModelFile(provider="openai", model="gpt-4o-mini"))
    """
    return next((family for family in FAMILIES if family.has(file)), None)


def known_names(file: ModelFile) -> Names:
    """What is known of a model's parameters before it was asked: of its family, its API, and as its file says.

    What a family doesn't take, it takes in no API.

    >>> known_names(ModelFile(provider="openai", model="o3", api="responses"))["temperature"]
    >>> known_names(ModelFile(provider="openai", model="o3", api="responses"))["max_tokens"]
    'max_output_tokens'
    """
    family = family_of(file)
    of_family = family.names if family else {}
    of_api = API_NAMES.get(file.spoken_api, {})
    # What is known of some models in an API is known better than what holds for all of them.
    of_both = of_family if family and family.api else {}
    return {**of_family, **of_api, **of_both, **file.dialect}


def thinks(file: ModelFile) -> bool:
    """Whether a model thinks before it answers: as its file says or asks for, else as its family does.

    >>> thinks(ModelFile(provider="openai", model="gpt-5-mini")), thinks(ModelFile(provider="openai", model="gpt-4o"))
    (True, False)
    """
    if file.thinks is not None:
        return file.thinks
    if file.spoken_api == "messages" and is_asked_to_think(file.parameters):
        return True
    family = family_of(file)
    return family is not None and family.thinks


def is_asked_to_think(parameters: Mapping[str, Any]) -> bool:
    """Whether a parameter `thinking`, as Anthropic has it, asks for thoughts.

    >>> is_asked_to_think({"thinking": {"type": "adaptive"}}), is_asked_to_think({"thinking": {"type": "disabled"}})
    (True, False)
    """
    thinking = parameters.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def spelled(parameters: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
    """Parameters as an endpoint takes them.

    >>> spelled({"max_tokens": 9, "temperature": 0, "stop": "."}, {"max_tokens": "limit", "temperature": None})
    {'limit': 9, 'stop': '.'}
    """
    if names.keys().isdisjoint(parameters):
        return parameters
    sent = ((names.get(name, name), value) for name, value in parameters.items())
    return {name: value for name, value in sent if name is not None}


def not_honoured(parameters: Mapping[str, Any], names: Names) -> list[str]:
    """Parameters that are asked for and not sent, except where that makes no difference.

    >>> not_honoured({"temperature": 0, "top_p": 1, "seed": 7}, {"temperature": None, "top_p": None})
    ['temperature']
    """
    left_out = (name for name in parameters if name in names and names[name] is None and name not in OF_THIS_PROJECT)
    return [name for name in left_out if name not in WITHOUT_EFFECT or parameters[name] != WITHOUT_EFFECT[name]]
