"""What endpoints were found to call parameters, and not to take: asked once, kept in a file, said once."""

import logging
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from eval_assets.config.model import Model
from eval_assets.providers.dialects.families import AS_THEY_STAND, Names, known_names, not_honoured, spelled
from eval_assets.providers.dialects.not_taken import OTHER_NAME
from eval_assets.storage.atomic_files import read_json, write_json

LOG = logging.getLogger("eval_assets")
DIALECTS_FILE = "dialects.json"
"""In the state directory."""

FORMAT, SCHEMA, JSON_MODE = "response_format", "json_schema", "json_object"


class DialectMemory:
    """Names of parameters by lane and reasoning effort, on which some models make sampling depend.

    Args:
        path: JSON file in the state directory, created at the first finding; null remembers within the process only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, str | None]] = self._read()
        self._found: dict[str, dict[str, str | None]] = {}
        self._said: set[str] = set()

    def names(self, place: str) -> Names:
        """What was found out about a place, in this process or before."""
        found = self._found if place in self._found else self._kept
        return found.get(place, AS_THEY_STAND)

    def learn(self, place: str, name: str, at_endpoint: str | None) -> None:
        """Take another name from now on, or none."""
        with self._lock:
            self._found[place] = {**self.names(place), name: at_endpoint}

    def keep(self, place: str) -> None:
        """Write down what was found, once a reply has confirmed it."""
        if place not in self._found:
            return
        with self._lock:
            found = self._found.pop(place, None)
            if found is None:
                return
            self._kept = {**self._kept, **self._read(), place: found}
            self._write()

    def forget(self, lane: str) -> None:
        """Find out about a lane again."""
        with self._lock:
            kept = {**self._kept, **self._read()}
            self._found = {place: names for place, names in self._found.items() if place.split()[0] != lane}
            self._kept = {place: names for place, names in kept.items() if place.split()[0] != lane}
            if self._kept != kept:
                self._write()

    def say_once(self, text: str) -> None:
        """Log a remark, unless it was logged."""
        if text not in self._said:
            self._said.add(text)
            LOG.warning(text)

    def _write(self) -> None:
        if self._path is not None:
            write_json(self._path, self._kept)

    def _read(self) -> dict[str, dict[str, str | None]]:
        return {place: names for place, names in read_json(self._path).items() if isinstance(names, dict)}


class Dialect:
    """How one model's parameters are spelled: as its file says, else as was found out, else as its family's are.

    Args:
        called: How remarks name the model.
        lane: Its lane.
        known: Names of its family and its file.
        stated: Names that its file states: these are never found to be otherwise.
        memory: What was found out, and where new findings go.
    """

    def __init__(
        self,
        called: str,
        lane: str,
        known: Names = AS_THEY_STAND,
        stated: Names = AS_THEY_STAND,
        memory: DialectMemory | None = None,
    ) -> None:
        self._called, self._lane, self._known, self._stated = called, lane, known, stated
        self._memory = memory or DialectMemory()

    @classmethod
    def of(cls, model: Model, lane: str, memory: DialectMemory | None = None) -> "Dialect":
        """The dialect of a model file."""
        return cls(f"model {model.name!r}", lane, known_names(model.file), model.file.dialect, memory)

    def names(self, parameters: Mapping[str, Any]) -> Names:
        """The names that hold for a request with these parameters."""
        found = self._memory.names(self._place(parameters))
        return {**self._known, **found, **self._stated} if found else self._known

    def spelled(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Parameters as they are sent; what is left out is said once."""
        names = self.names(parameters)
        sent = spelled(parameters, names)
        if sent is not parameters and (missing := not_honoured(parameters, names)):
            self._memory.say_once(f"{self._called} {left_out(missing)}")
        return sent

    def refused(self, parameters: Mapping[str, Any], name: str) -> bool:
        """Do without a name that was sent and refused; false if nothing else may be sent.

        Args:
            parameters: Of the request, as asked.
            name: As it was sent.
        """
        names = self.names(parameters)
        asked = next((known for known in parameters if names.get(known, known) == name), None)
        if asked is None:  # another request found out meanwhile
            return True
        other = OTHER_NAME.get(name)
        if asked in self._stated or other in parameters or (asked in OTHER_NAME and asked != name):
            return False
        self._memory.learn(self._place(parameters), asked, other)
        return True

    def format_sent(self, wanted: Mapping[str, Any] | None, formats: Collection[str]) -> Mapping[str, Any] | None:
        """The reply format to ask in: as wanted, else the strictest weaker one that wasn't refused, else none.

        Args:
            wanted: The format of the request.
            formats: Types of formats that the API has; one of another type isn't sent, which is said once.
        """
        if wanted is None:
            return None
        asked = wanted["type"]
        if asked not in formats:
            self._say_weaker(asked, None)
            return None
        found = self._memory.names(self._format_place).get(FORMAT, asked)
        return wanted if found == asked else {"type": found} if found else None

    def format_refused(
        self, wanted: Mapping[str, Any] | None, sent: Mapping[str, Any], formats: Collection[str]
    ) -> None:
        """Ask in a weaker format from now on, unless another request found that out meanwhile.

        Args:
            wanted: The format of the request.
            sent: The one that was refused.
            formats: Types of formats that the API has.
        """
        if self.format_sent(wanted, formats) != sent:
            return
        weaker = JSON_MODE if sent["type"] != JSON_MODE and JSON_MODE in formats else None
        self._memory.learn(self._format_place, FORMAT, weaker)
        self._say_weaker(sent["type"], weaker)

    def _say_weaker(self, asked: str, weaker: str | None) -> None:
        instead = "in JSON mode" if weaker else "as plain text"
        self._memory.say_once(
            f"{self._called} takes no reply format {asked}: it is asked {instead}; what the prompt says of the "
            "format is all it knows"
        )

    @property
    def _format_place(self) -> str:
        return f"{self._lane} {FORMAT}"

    def accepted(self, parameters: Mapping[str, Any]) -> None:
        """Keep what was found out: a request spelled so was answered."""
        self._memory.keep(self._format_place)
        self._memory.keep(self._place(parameters))

    def _place(self, parameters: Mapping[str, Any]) -> str:
        effort = parameters.get("reasoning_effort")
        return self._lane if effort is None else f"{self._lane} reasoning_effort={effort}"


def left_out(names: list[str]) -> str:
    """The words for parameters that a model doesn't take.

    >>> left_out(["temperature", "top_p"])
    'takes no temperature, top_p: they are not sent'
    """
    return f"takes no {', '.join(names)}: {'it is' if len(names) == 1 else 'they are'} not sent"
