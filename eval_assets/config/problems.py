"""What can be wrong with a file, said with file, line and field. Finding it is the business of the loaders."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from eval_assets.errors import ConfigError

Location = tuple[str | int, ...]

SHOWN_LINES = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.

    Args:
        file: The file, as the user would type it.
        message: What was expected, what came, what to do.
        line: Line in the file, from 1; null if the problem is about the whole file.
        field: Path of the field, such as `gates[0].metric`.
        remedy: What to do, where the message leaves it out.
    """

    file: str
    message: str
    line: int | None = None
    field: str | None = None
    remedy: str = ""

    def __str__(self) -> str:
        """`file:line: field: message`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        said = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{place}: {self.field}: {said}" if self.field else f"{place}: {said}"


class RowProblems:
    """Problems of the rows of a file; what is wrong with one column in many rows is kept once, with their lines.

    Args:
        limit: How many different problems are listed.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._found: dict[tuple[str | int | None, str], tuple[Problem, list[int]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def is_full(self) -> bool:
        """Whether no further problem would be listed."""
        return len(self._found) >= self._limit

    def add(self, problem: Problem) -> None:
        """Keep a problem; rows have it in common if column and message are the same."""
        _, lines = self._found.setdefault((problem.field or problem.line, problem.message), (problem, []))
        lines.append(problem.line or 0)

    def listed(self) -> list[Problem]:
        """Each problem, at the first row that has it."""
        return [_in_lines(problem, lines) for problem, lines in list(self._found.values())[: self._limit]]


def _in_lines(problem: Problem, lines: Sequence[int]) -> Problem:
    """Say in which lines, or rows of a file without lines, a problem was found.

    >>> str(_in_lines(Problem("qa.jsonl", "the column is absent", 2, "inputs"), [2, 3, 5, 6, 9]))
    'qa.jsonl:2: inputs: the column is absent in lines 2, 3, 5 and 2 more'
    """
    if len(lines) == 1:
        return problem
    return replace(problem, message=f"{problem.message} in {places_text(problem.file, lines)}")


def places_text(file: str, places: Sequence[int | str]) -> str:
    """Name a few places in a file, and count the others.

    >>> places_text("qa.csv", [2]), places_text("qa.csv", [2, 3, 5]), places_text("qa.parquet", [2, 3, 5, 8, 9])
    ('line 2', 'lines 2, 3 and 5', 'rows 2, 3, 5 and 2 more')
    """
    shown = [str(place) for place in places[:SHOWN_LINES]]
    n_more = len(places) - SHOWN_LINES
    end = [f"{n_more} more"] if n_more > 0 else [shown.pop()]
    listed = " and ".join(filter(None, [", ".join(shown), *end]))
    return f"{line_word(file)}{'s' if len(places) > 1 else ''} {listed}"


def line_word(file: str) -> str:
    """What a place in a file is called: Parquet and tables have no lines."""
    return "line" if file.lower().endswith((".jsonl", ".ndjson", ".json", ".csv", ".tsv")) else "row"


def raise_problems(problems: Sequence[Problem | str], *, kind: type[ConfigError] = ConfigError) -> None:
    """Raise one error that lists all problems; do nothing if there are none.

    Raises:
        ConfigError: Of the given kind, with every problem on its own line.
    """
    if problems:
        raise kind("\n".join(str(problem) for problem in problems))


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the valid name the writer may have meant, or the list of valid names.

    >>> nearest("promts", ["prompts", "models"])
    "did you mean 'prompts'?"
    >>> nearest("x", [])
    'there is none yet'
    """
    return _nearest(name, tuple(sorted(names)))


@lru_cache(maxsize=256)
def _nearest(name: str, valid: tuple[str, ...]) -> str:
    """As `nearest`; every row of a file may ask the same."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid names: {', '.join(valid)}" if valid else "there is none yet"


def hint_at(name: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The end of a message: the valid name the writer may have meant; empty if none is close.

    >>> hint_at("opnai", ["openai", "callable"]), hint_at("x", ["openai"])
    ("; did you mean 'openai'?", '')
    """
    close = difflib.get_close_matches(name, sorted(names), n=1, cutoff=cutoff)
    return f"; did you mean {close[0]!r}?" if close else ""


def field_path(location: Location) -> str:
    """Write a location as a path.

    >>> field_path(("gates", 0, "metric"))
    'gates[0].metric'
    """
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def line_of(location: Location, lines: Mapping[Location, int]) -> int | None:
    """Line of a field, or of the nearest field around it."""
    for length in range(len(location), -1, -1):
        if location[:length] in lines:
            return lines[location[:length]]
    return None


def relative(path: Path, root: Path) -> str:
    """A path as the user would type it: from the folder that holds `data/`."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
