"""Which column of a table is what: ids, questions, expected answers, context, and columns to break results down by."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.datasets.examples import id_text
from eval_assets.config.datasets.formats.paths import value_at
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError

NAMES: Mapping[str, str] = {
    "example_id": "example_id id uid uuid guid qid question_id row_id record_id idx index key nr nummer",
    "targets": (
        "targets target expected_response expected_output expected_answer expected ground_truth groundtruth gold "
        "gold_answer reference_answer reference references correct_answer ideal answer answers antwort antworten "
        "respuesta resposta reponse risposta antwoord final_decision summary zusammenfassung highlights tldr label "
        "solution output completion response"
    ),
    "context": (
        "context contexts kontext contexto contexte contesto passage passages evidence background retrieved_context "
        "retrieved_contexts source_text paragraph knowledge documents"
    ),
    "inputs": (
        "inputs input question questions query frage fragen pregunta pergunta domanda vraag prompt instruction "
        "user_input user_query user_message message messages request anfrage utterance problem article document source "
        "text sentence body title"
    ),
}
"""Our column → what others call it, likeliest first, in the order in which columns are given away."""
SLICE_NAMES = (
    "language lang sprache idioma langue locale topic thema category kategorie type domain difficulty level subject "
    "section product channel country region intent source split team year"
)
SLICE_WORDS = frozenset(SLICE_NAMES.split())
ASKED_OR_EXPECTED = frozenset(["inputs", "input", "expectations", "expected"])
SUMMARIES = frozenset(["summary", "zusammenfassung", "highlights", "tldr"])

MOST_SLICES = 3
MOST_VALUES = 12
ROWS_A_VALUE = 5
"""On average, for a column to be one to break results down by."""
LONGEST_VALUE = 40
LEAST_FILLED = 0.8
MOSTLY_FILLED = 0.95
LONG_TEXT = 800
"""Characters on average, from which an input is rather a text to summarize, if what is expected is far shorter."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Columns of a table by what they are; a dot reaches into objects.

    Args:
        example_id: Ids, present and different in every row; null if there are none.
        inputs: What is asked.
        targets: What is expected, if anything is.
        context: What may be used to answer, if anything.
        slices: Columns whose values results are split by.
        guesses: What was decided without a name that says so.
    """

    example_id: str | None
    inputs: str
    targets: str | None
    context: str | None
    slices: tuple[str, ...]
    guesses: tuple[str, ...] = ()

    @property
    def used(self) -> set[str]:
        """All of them but the slices."""
        return {name for name in (self.example_id, self.inputs, self.targets, self.context) if name is not None}

    def task(self, rows: Sequence[Row]) -> TaskType:
        """What kind of task the columns are of."""
        if self.targets is None:
            return "text"
        names_a_summary = bool(SUMMARIES & set(_words(self.targets)))
        asked, expected = (mean(_lengths(rows, name) or [0]) for name in (self.inputs, self.targets))
        looks_like_one = self.context is None and asked > max(LONG_TEXT, 4 * expected)
        is_a_summary = asked > expected and (names_a_summary or looks_like_one)
        return "text-summarization" if is_a_summary else "question-answering"


def roles_of(rows: Sequence[Row], chosen: Mapping[str, str] | None = None, slices: Sequence[str] = ()) -> ColumnRoles:
    """Tell the columns of a table from their names, and from what they hold where names say nothing.

    Args:
        rows: Its rows.
        chosen: Our column → the table's, where somebody says so.
        slices: Columns to break results down by, where somebody says so.

    Raises:
        ConfigError: A chosen column doesn't exist, or no column can hold questions.

    >>> roles_of([{"Nr": "1", "Frage": "Warum?", "Antwort": "Darum."}, {"Nr": "2", "Frage": "Wo?", "Antwort": "Da."}])
    ColumnRoles(example_id='Nr', inputs='Frage', targets='Antwort', context=None, slices=(), guesses=())
    """
    columns = _columns(rows)
    given = dict(chosen or {})
    for name in (*given.values(), *slices):
        if name not in columns:
            raise ConfigError(f"the table has no column {name!r}; {nearest(name, columns)}")
    found: dict[str, str] = dict(given)
    for role in NAMES:
        free = [name for name in columns if name not in found.values() and _can_be(role, name, rows)]
        whole = [name for name in free if role != "inputs" or len(_values(rows, name)) >= MOSTLY_FILLED * len(rows)]
        if role not in found and (named := _named(role, whole) or _named(role, free)):
            found[role] = named
    guesses: list[str] = []
    if "inputs" not in found:
        found["inputs"] = _longest_text(rows, [name for name in columns if name not in found.values()], columns)
        guesses.append(
            f"no column is called a question: {found['inputs']!r}, the longest text, is taken for it; "
            "--inputs names another"
        )
    if "targets" not in found:
        guesses.append("no column is called an answer: nothing is expected of the outputs; --targets names one")
    if repeated := _not_unique(rows, found.get("example_id")):
        guesses.append(f"{found.pop('example_id')!r} is no id, {repeated}: each row is known by what it asks instead")
    rest = [name for name in columns if name in rows[0] and name not in found.values()]
    return ColumnRoles(
        example_id=found.get("example_id"),
        inputs=found["inputs"],
        targets=found.get("targets"),
        context=found.get("context"),
        slices=tuple(slices) or _slices(rows, rest),
        guesses=tuple(guesses),
    )


def _columns(rows: Sequence[Row]) -> list[str]:
    """Names of all columns, and of the fields in those whose objects say what is asked or expected."""
    names: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            names[name] = None
            if isinstance(value, Mapping) and ASKED_OR_EXPECTED & set(_words(name)):
                names.update(dict.fromkeys(f"{name}.{field}" for field in value))
    return list(names)


def _words(name: str) -> list[str]:
    """The words in a column's name, without accents.

    >>> _words("Réponse attendue"), _words("expectations.expected_response")
    (['reponse', 'attendue'], ['expected_response'])
    """
    last = name.rpartition(".")[2]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode().lower()
    return [word for word in re.split(r"[^a-z0-9_]+", re.sub(r"^_+", "", plain)) if word]


def _named(role: str, names: Sequence[str]) -> str | None:
    """The column whose whole name is the likeliest, else the one with the likeliest word in it."""
    whole = {"_".join(_words(name)): name for name in reversed(names)}
    parts = {part: name for name in reversed(names) for word in _words(name) for part in (word, *word.split("_"))}
    for known in (whole, parts if role != "example_id" else {}):
        for likely in NAMES[role].split():
            if likely in known:
                return known[likely]
    return next((name for name in names if role == "example_id" and "_".join(_words(name)).endswith("_id")), None)


def _can_be(role: str, name: str, rows: Sequence[Row]) -> bool:
    """Whether what a column holds can be read in a role."""
    values = _values(rows, name)
    if role == "inputs":
        # An object that holds one field is asked by that field.
        is_asked = all(isinstance(value, str | list | Mapping) for value in values)
        return is_asked and len(values) >= LEAST_FILLED * len(rows)
    if role == "context":
        return bool(values) and all(isinstance(value, str | list) for value in values)
    if role == "targets":
        return bool(values) and not any(isinstance(value, Mapping) for value in values)
    return bool(values)


def _not_unique(rows: Sequence[Row], name: str | None) -> str | None:
    """Why a column can't be one of ids; null if it can, or there is none."""
    if name is None:
        return None
    ids = [id_text(value_at(row, name)) for row in rows]
    if (n_absent := ids.count(None) + ids.count("")) > 0:
        return f"{n_absent} of {len(ids)} rows have none"
    repeated = next((value for value in ids if ids.count(value) > 1), None) if len(set(ids)) < len(ids) else None
    return None if repeated is None else f"{repeated!r} stands {ids.count(repeated)} times"


def _longest_text(rows: Sequence[Row], names: Sequence[str], columns: Sequence[str]) -> str:
    texts = {name: mean(lengths) for name in names if (lengths := _lengths(rows, name))}
    if not texts:
        raise ConfigError(
            f"expected a column with questions or texts, got {', '.join(map(repr, columns))}; name it by --inputs"
        )
    return max(texts, key=lambda name: texts[name])


def _slices(rows: Sequence[Row], names: Sequence[str]) -> tuple[str, ...]:
    found = [name for name in names if _splits(_values(rows, name), len(rows))]
    return tuple(sorted(found, key=lambda name: SLICE_WORDS.isdisjoint(_words(name)))[:MOST_SLICES])


def _splits(values: Sequence[Any], n_rows: int) -> bool:
    """Whether a column has few values, each in several rows."""
    if len(values) < LEAST_FILLED * n_rows or not all(isinstance(value, str | int | bool) for value in values):
        return False
    distinct = set(values)
    is_short = all(len(str(value)) <= LONGEST_VALUE for value in distinct)
    return is_short and 1 < len(distinct) <= min(MOST_VALUES, n_rows // ROWS_A_VALUE)


def _values(rows: Iterable[Row], name: str) -> list[Any]:
    return [value for row in rows if (value := value_at(row, name)) not in (None, "", [], {})]


def _lengths(rows: Iterable[Row], name: str) -> list[int]:
    """Characters of each text in a column; none if it holds anything else."""
    values = _values(rows, name)
    if not all(isinstance(value, str | list) for value in values):
        return []
    return [len(value) if isinstance(value, str) else sum(len(str(item)) for item in value) for value in values]
