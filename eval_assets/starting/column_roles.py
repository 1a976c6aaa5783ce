"""Which column of a table is what: ids, questions, expected answers, context, and columns to break results down by."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from eval_assets.config.datasets.dataset import TaskType
from eval_assets.config.datasets.examples import id_text
from eval_assets.config.problems import nearest
from eval_assets.errors import ConfigError
from eval_assets.starting.table_columns import Row, TableColumns, words

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
LONGEST_NAME = 60
"""Characters of a column's name; what is longer is a text."""


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

    def task(self, rows: Sequence[Row]) -> TaskType:
        """What kind of task the columns are of."""
        if self.targets is None:
            return "text"
        columns = TableColumns(rows)
        asked, expected = (mean(columns.lengths(name) or [0]) for name in (self.inputs, self.targets))
        names_a_summary = not SUMMARIES.isdisjoint(words(self.targets))
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
    columns = TableColumns(rows)
    found = dict(chosen or {})
    for name in (*found.values(), *slices):
        if name not in columns.names:
            raise ConfigError(f"the table has no column {name!r}; {nearest(name, columns.names)}")
    for role in NAMES:
        free = [name for name in columns.names if name not in found.values() and _can_be(role, name, columns)]
        full = [name for name in free if role != "inputs" or columns.filled(name) >= MOSTLY_FILLED]
        if role not in found and (named := _named(role, full) or _named(role, free)):
            found[role] = named
    guesses = list(_nameless(columns.names))
    if "inputs" not in found:
        found["inputs"] = _longest_text(columns, besides=found.values())
        guesses.append(
            f"no column is called a question: {found['inputs']!r}, the longest text, is taken for it; "
            "--inputs names another"
        )
    if "targets" not in found:
        guesses.append("no column is called an answer: nothing is expected of the outputs; --targets names one")
    if fault := _no_ids(columns, found.get("example_id")):
        guesses.append(f"{found.pop('example_id')!r} is no id, {fault}: each row is known by what it asks instead")
    return ColumnRoles(
        example_id=found.get("example_id"),
        inputs=found["inputs"],
        targets=found.get("targets"),
        context=found.get("context"),
        slices=tuple(slices) or _slices(columns, besides=found.values()),
        guesses=tuple(guesses),
    )


def _named(role: str, names: Sequence[str]) -> str | None:
    """The column whose whole name is the likeliest, else the one with the likeliest word in it."""
    whole = {"_".join(words(name)): name for name in reversed(names)}
    parts = {part: name for name in reversed(names) for word in words(name) for part in (word, *word.split("_"))}
    for known in (whole, parts if role != "example_id" else {}):
        for likely in NAMES[role].split():
            if likely in known:
                return known[likely]
    return next((name for name in names if role == "example_id" and "_".join(words(name)).endswith("_id")), None)


def _can_be(role: str, name: str, columns: TableColumns) -> bool:
    """Whether what a column holds can be read in a role."""
    values = columns.values(name)
    if role == "inputs":
        # An object that holds one field is asked by that field.
        is_asked = all(isinstance(value, str | list | Mapping) for value in values)
        return is_asked and columns.filled(name) >= LEAST_FILLED
    if role == "context":
        return bool(values) and all(isinstance(value, str | list) for value in values)
    if role == "targets":
        return bool(values) and not any(isinstance(value, Mapping) for value in values)
    return bool(values)


def _no_ids(columns: TableColumns, name: str | None) -> str | None:
    """Why a column can't be one of ids; null if it can, or there is none."""
    if name is None:
        return None
    ids = Counter(id_text(value) or "" for value in columns.all_of(name))
    if ids[""]:
        return f"{ids['']} of {columns.n_rows} rows have none"
    ((likeliest, count),) = ids.most_common(1)
    return f"{likeliest!r} stands {count} times" if count > 1 else None


def _nameless(names: Sequence[str]) -> list[str]:
    """Say that a table seems to have no names of columns: the first line is a row like the others."""
    odd = [name for name in names if len(name) > LONGEST_NAME or "?" in name or re.fullmatch(r"[\d.,\s]+", name)]
    if len(odd) * 2 < len(names):
        return []
    return [f"the first line seems to hold a row, not names: {odd[0]!r:.80}; put a line with names above it"]


def _longest_text(columns: TableColumns, besides: Collection[str]) -> str:
    free = [name for name in columns.names if name not in besides]
    texts = {name: mean(lengths) for name in free if (lengths := columns.lengths(name))}
    if not texts:
        shown = ", ".join(map(repr, columns.names))
        raise ConfigError(f"expected a column with questions or texts, got {shown}; name it by --inputs")
    return max(texts, key=lambda name: texts[name])


def _slices(columns: TableColumns, besides: Collection[str]) -> tuple[str, ...]:
    found = [name for name in columns.names if name not in besides and _splits(name, columns)]
    return tuple(sorted(found, key=lambda name: SLICE_WORDS.isdisjoint(words(name)))[:MOST_SLICES])


def _splits(name: str, columns: TableColumns) -> bool:
    """Whether a column has few values, each in several rows."""
    values = columns.values(name)
    if columns.filled(name) < LEAST_FILLED or not all(isinstance(value, str | int | bool) for value in values):
        return False
    distinct = set(values)
    is_short = all(len(str(value)) <= LONGEST_VALUE for value in distinct)
    return is_short and 1 < len(distinct) <= min(MOST_VALUES, columns.n_rows // ROWS_A_VALUE)
