"""Labels to and from CSV files: what was exported can be imported again, anywhere, any number of times.

The columns are those that files of labels beside a dataset card have, and a few more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from eval_assets.calibration.given_labels import PLACE, GivenLabel, stored_labels, used_labels
from eval_assets.calibration.labelling import Labelling
from eval_assets.config.candidate import Candidate
from eval_assets.config.datasets.examples import id_text
from eval_assets.config.datasets.row_files import file_rows, is_blank
from eval_assets.config.problems import Problem, RowProblems, nearest, raise_problems
from eval_assets.errors import DatasetError
from eval_assets.tables.label_tables import GIVEN_LABELS

MOST_PROBLEMS = 20
NEEDED = ("example_id", "model", "prompt", "label")
COLUMNS = (
    "example_id", "sample_index", "model", "prompt", "other_model", "other_prompt", "judge", "rater", "label", "note",
    "is_chosen", "given_at", "evaluation", "output", "output_sha256", "other_output", "other_output_sha256",
)  # fmt: skip
"""Of a file that is exported; an imported one needs no more than `NEEDED`, and a rater."""

TRUTHS: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False, "": False}
MOST_DIGITS = 10
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of a file.

    Args:
        n_added: Labels that were added.
        n_known: Rows that say what the rater's last label of that output says already.
        n_outdated: Of the added ones, those of outputs that no candidate gives now: they count for nothing.
    """

    n_added: int
    n_known: int
    n_outdated: int


def export_labels(stored: pl.DataFrame, *, only_used: bool = False) -> str:
    """Labels as the text of a CSV file.

    Args:
        stored: Rows of `GIVEN_LABELS`, in the order in which they were given.
        only_used: Leave out those that were replaced or taken back.
    """
    rows = used_labels(stored) if only_used else stored
    # A text without characters stands in quotes, nothing does not.
    return rows.with_columns(pl.col("given_at").dt.to_string("iso:strict")).select(COLUMNS).write_csv()


def import_labels(labelling: Labelling, path: Path, *, rater: str | None = None) -> Imported:
    """Add the labels of a CSV file, all in one commit, or none of them.

    A row without `output` is of what the candidate says now, one with an `output` of that text, whatever is said now.

    Args:
        labelling: Takes them; rows that name another evaluation are refused.
        path: The file; other formats of rows will do.
        rater: Who labelled, where the file has no such column.

    Raises:
        DatasetError: With file and line of what can't be used; nothing was added.
    """
    problems = RowProblems(limit=MOST_PROBLEMS)
    file = str(path)
    labels: list[tuple[int, GivenLabel]] = []
    for line, row in file_rows(path, file=file):
        if is_blank(row):
            continue
        label, found = _label_of(row, labelling.evaluation, rater, file=file, line=line)
        for problem in found:
            problems.add(problem)
        if label is not None and not found:
            labels.append((line, label))
        if problems.is_full:
            break
    made = labelling.rows_of([label for _, label in labels])
    for (line, _), row_or_fault in zip(labels, made, strict=True):
        if isinstance(row_or_fault, str):
            problems.add(Problem(file, row_or_fault, line))
    raise_problems(problems.listed(), kind=DatasetError)
    rows = [row for row in made if not isinstance(row, str)]
    return _added(labelling, [label for _, label in labels], rows)


def _added(labelling: Labelling, labels: Sequence[GivenLabel], rows: Sequence[Row]) -> Imported:
    """Add the rows that say something new."""
    stored = stored_labels(labelling.warehouse, labelling.dataset).to_dicts()
    known = {(_place(row), _said(row), row["given_at"]) for row in stored}
    last = {_place(row): _said(row) for row in stored}
    new: list[Row] = []
    for label, row in zip(labels, rows, strict=True):
        # A row without a time says what holds now, one with a time what was said then.
        is_known = last.get(_place(row)) == _said(row)
        if label.given_at is not None:
            is_known = (_place(row), _said(row), row["given_at"]) in known
        if not is_known:
            known.add((_place(row), _said(row), row["given_at"]))
            last[_place(row)] = _said(row)
            new.append(row)
    added = pl.DataFrame(new, schema=GIVEN_LABELS)
    labelling.append(added)
    return Imported(len(new), len(rows) - len(new), len(new) - labelling.present(added).height)


def _place(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in PLACE)


def _said(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("label", "note", "is_chosen"))


def _label_of(
    row: Mapping[str, Any], evaluation: str, rater: str | None, *, file: str, line: int
) -> tuple[GivenLabel | None, list[Problem]]:
    """The label in a row, or what is wrong with it."""
    found = [
        Problem(file, "the column is absent", line, column, nearest(column, row))
        for column in NEEDED
        if column not in row
    ]
    found += [
        Problem(file, "expected a value, got none", line, column)
        for column in NEEDED[:-1]
        if column in row and row[column] in (None, "")
    ]
    texts = {column: _text(row.get(column)) for column in COLUMNS}
    who = texts["rater"] or rater
    if not who:
        said = "expected the name of the rater, the file has none here"
        found.append(Problem(file, said, line, "rater", "name her for all rows with --rater"))
    if texts["evaluation"] not in (None, "", evaluation):
        found.append(Problem(file, f"expected labels of {evaluation}, got {texts['evaluation']!r}", line, "evaluation"))
    sample, is_sample = _whole(texts["sample_index"])
    if not is_sample:
        found.append(Problem(file, f"expected a whole number, got {texts['sample_index']!r:.80}", line, "sample_index"))
    chosen = TRUTHS.get((texts["is_chosen"] or "").lower())
    if chosen is None:
        found.append(Problem(file, f"expected true or false, got {texts['is_chosen']!r:.80}", line, "is_chosen"))
    given_at, is_time = _moment(texts["given_at"])
    if not is_time:
        said = f"expected an ISO time such as 2026-11-28T12:00:00Z, got {texts['given_at']!r:.80}"
        found.append(Problem(file, said, line, "given_at"))
    if found:
        return None, found
    other = Candidate.of(texts["other_model"], texts["other_prompt"] or "") if texts["other_model"] else None
    label = GivenLabel(
        example_id=texts["example_id"] or "",
        candidate=Candidate.of(texts["model"] or "", texts["prompt"] or ""),
        rater=who or "",
        label=texts["label"] or None,
        judge=texts["judge"] or None,
        sample_index=sample,
        other=other,
        note=texts["note"] or "",
        is_chosen=bool(chosen),
        shown=texts["output_sha256"] or None,
        other_shown=texts["other_output_sha256"] or None,
        output=texts["output"],
        other_output=texts["other_output"],
        given_at=given_at,
    )
    return label, []


def _text(value: Any) -> str | None:
    """A value as text; formats other than CSV have numbers."""
    return value if value is None or isinstance(value, str) else id_text(value) or str(value)


def _whole(text: str | None) -> tuple[int, bool]:
    """A number of a sample, 0 where there is none, and whether it is one."""
    if not text:
        return 0, True
    return (int(text), True) if text.isdecimal() and len(text) < MOST_DIGITS else (0, False)


def _moment(text: str | None) -> tuple[datetime | None, bool]:
    """A time with its zone, UTC where it says none, and whether it is one."""
    if not text:
        return None, True
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None, False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), True
